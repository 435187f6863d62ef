//! Promotes that approve a waiting job, make a tag or a release, or move a branch: each is done once, and as it was confirmed.

use trunkline::domain::command::Action;
use trunkline::domain::deployment::{Deployment, DeploymentState};
use trunkline::domain::event::{Fact, Outcome, StepOutcome};
use trunkline::domain::ids::{BuildNumber, DeploymentId};
use trunkline::domain::plan::{Guard, Severity};
use trunkline::domain::remote::FoundBy;
use trunkline_testing::engine::QUICK;
use trunkline_testing::faulty_proxy::Fault;
use trunkline_testing::github::{FakeRun, GITHUB_LOGIN, GitHub, RunOf};

use crate::github::{Actions, GH, settings};

/// Raj's own token, and whose it is there.
const RAJ_TOKEN: &str = "github_pat_11RAJRAJ_1f2e3d4c5b6a7988";
pub(crate) const RAJ: &str = "raj-gh";

pub(crate) const APPROVE: &str = r#"approve = "production", job = "production""#;
pub(crate) const TAG: &str = r#"tag = "v{build}-{deployment}""#;
const BUILD_TAG: &str = r#"tag = "v{build}", job = "deploy""#;
pub(crate) const RELEASE: &str = r#"tag = "v{build}", release = true"#;
pub(crate) const BRANCH: &str = r#"branch = "production", job = "deploy""#;

/// A service whose production is deployed in this way, and rolled back by a dispatch.
pub(crate) fn file(way: &str) -> String {
    let start = QUICK.find("[[production.steps]]").expect("it has production");
    let at = r#"engine = "github", repository = "acme/shop", workflow = "deploy.yml""#;
    format!(
        "{}[[production.steps]]\nname = \"release\"\ngithub = {{ {at}, {way} }}\nstart_within = \"10s\"\n\
         [[rollback.steps]]\nname = \"release\"\ngithub = {{ {at}, ref = \"main\", job = \"deploy\" }}\n\
         inputs = {{ sha = \"{{sha}}\", kind = \"rollback\", trunkline = \"{{run}}\" }}\n",
        &QUICK[..start]
    )
}

/// One promote that goes out in every way, one step after the other, at a GitHub whose API is below this path.
pub(crate) async fn one_promote_in_every_way(all: &Actions, path: &str) {
    let start = QUICK.find("[[production.steps]]").expect("it has production");
    let at = r#"engine = "github", repository = "acme/shop""#;
    let steps = [
        ("approve", "deploy.yml", APPROVE),
        ("tag", "tagged.yml", r#"tag = "v{deployment}""#),
        ("release", "released.yml", r#"tag = "r{build}", release = true"#),
        ("branch", "moved.yml", BRANCH),
    ];
    let step = |(name, workflow, way): (&str, &str, &str)| {
        format!(
            "[[production.steps]]\nname = {name:?}\ngithub = {{ {at}, workflow = {workflow:?}, {way} }}\n"
        )
    };
    let back = "[[rollback.steps]]\nname = \"release\"\nrun = \"true\"\n";
    let text = format!("{}{}{back}", &QUICK[..start], steps.map(step).concat());
    let api = format!("{}{path}", all.line.url());
    let settings = settings(&all.world, &api, "[\"acme/shop\"]");
    all.world.write_user_file(&format!("{settings}{}login = {RAJ:?}\n", raj(all)));
    let github = &all.github;
    github.add_token(RAJ_TOKEN, RAJ);
    github.on_review(goes_out);
    github.on_dispatch(|run| run.succeeds("deploy", "deployed"));
    github.workflow("acme/shop", "tagged.yml", |one| one.tags = ["v".to_owned()].into());
    github.workflow("acme/shop", "released.yml", |one| one.on_release = true);
    github
        .workflow("acme/shop", "moved.yml", |one| one.branches = ["production".to_owned()].into());
    let before = all.world.repository.head().to_string();
    github.commit(&before);
    github.git(|git| git.refs.extend([("heads/production".to_owned(), before)]));
    all.world.repository.write("trunkline.toml", &text);
    let (build, sha) = merged(all).await;
    waits(github, &sha, &["ann", RAJ]);
    let deployment = promoted(all, build).await;
    assert_eq!(deployment.state(), DeploymentState::Succeeded, "{deployment:#?}");
    assert_eq!(deployment.runs.len(), 4);
}

/// With Raj's own token in the operator's file, and workflows that a tag, a release and the branch start.
pub(crate) async fn open(way: &str) -> Actions {
    of_file(&file(way)).await
}

async fn of_file(file: &str) -> Actions {
    let all = Actions::with(file, "").await;
    all.github.add_token(RAJ_TOKEN, RAJ);
    people(&all, &raj(&all));
    all.github.workflow("acme/shop", "deploy.yml", |workflow| {
        let is_release = file.contains("release = true");
        workflow.on_release = is_release;
        workflow.tags = if is_release { [].into() } else { ["v".to_owned()].into() };
        workflow.branches = ["production".to_owned()].into();
    });
    all
}

pub(crate) fn raj(all: &Actions) -> String {
    let token = all.world.folder().join("token-of-raj");
    std::fs::write(&token, RAJ_TOKEN).unwrap();
    format!("[engines.github.people.raj]\ntoken = {{ file = {:?} }}\n", token.display().to_string())
}

/// Says who acts at GitHub in their own names.
pub(crate) fn people(all: &Actions, text: &str) {
    let settings = settings(&all.world, &all.line.url(), "[\"acme/shop\"]");
    all.world.write_user_file(&format!("{settings}{text}"));
}

/// A merge that staging has verified, and that GitHub knows.
pub(crate) async fn merged(all: &Actions) -> (BuildNumber, String) {
    let build = all.world.verified(&uuid::Uuid::new_v4().to_string()).await;
    let sha = all.world.repository.head().to_string();
    all.github.commit(&sha);
    (build, sha)
}

/// The run of a merge, which waits for a review after it has deployed staging.
pub(crate) fn waits(github: &GitHub, sha: &str, reviewers: &[&str]) -> u64 {
    let run = github.push_run(RunOf { workflow: "deploy.yml", sha, ..RunOf::default() });
    github.change(run, |run| {
        run.job_ends("staging", "success", Some("staged"));
        run.job_waits_for("production", "production", reviewers);
    });
    run
}

/// The job of production has succeeded, and the run goes on.
pub(crate) fn goes_out(run: &mut FakeRun) {
    run.job_ends("production", "success", Some("deployed"));
    run.runs("announce", "tell everybody");
}

pub(crate) async fn promoted(all: &Actions, build: BuildNumber) -> Deployment {
    let id = all.world.promote(build).await;
    all.world.ended(id).await
}

/// Why nobody can promote it.
pub(crate) async fn refused(all: &Actions, build: BuildNumber) -> String {
    let plan = all.world.plan("raj", Action::Promote { build }).await.unwrap();
    let of = plan.findings.iter().filter(|found| found.guard == Guard::Engine);
    let of: Vec<_> = of.filter(|found| found.severity == Severity::Refuse).collect();
    assert_eq!(of.len(), 1, "{:#?}", plan.findings);
    assert!(all.world.execute("raj", &plan).await.is_err());
    of[0].sentence.clone()
}

fn not_started(deployment: &Deployment) -> String {
    let trouble = deployment.trouble().unwrap_or_default().to_owned();
    let failed = matches!(deployment.ended.as_ref().unwrap().outcome, Outcome::Failed(_));
    assert!(failed, "{deployment:#?}");
    trouble
}

async fn outcome(all: &Actions, id: DeploymentId) -> StepOutcome {
    let of = |fact: &Fact| match fact {
        Fact::StepEnded { deployment, outcome, .. } if *deployment == id => Some(outcome.clone()),
        _ => None,
    };
    all.events().await.iter().find_map(|event| of(&event.fact)).expect("its step ended")
}

pub(crate) async fn sent_and_found(all: &Actions, id: DeploymentId) -> (usize, Option<FoundBy>) {
    let facts = all.facts(id).await;
    let sent = facts.iter().filter(|fact| matches!(fact, Fact::RunSent { .. })).count();
    let found = facts.iter().find_map(|fact| match fact {
        Fact::RunFound { how, .. } => Some(*how),
        _ => None,
    });
    (sent, found)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_job_is_approved_once_with_the_token_of_whoever_promotes() {
    let all = open(APPROVE).await;
    all.github.on_review(goes_out);
    let (build, sha) = merged(&all).await;
    let run = waits(&all.github, &sha, &["ann", RAJ]);
    // An older run of the commit has ended, and a run of another commit waits too.
    let other = waits(&all.github, &"a".repeat(40), &[RAJ]);
    let deployment = promoted(&all, build).await;
    assert_eq!(deployment.state(), DeploymentState::Succeeded, "{deployment:#?}");
    let of = |id| all.github.runs().into_iter().find(|run| run.id == id).unwrap();
    let review = of(run).reviews.into_iter().next().unwrap();
    assert_eq!((review.by.as_str(), of(run).reviews.len(), of(other).reviews.len()), (RAJ, 1, 0));
    let sent = deployment.sent(0).unwrap();
    assert!(review.comment.contains(sent.key.as_str()), "{}", review.comment);
    assert_eq!(sent.run.as_ref().unwrap().id, run.to_string());
    assert_eq!(sent_and_found(&all, deployment.id).await, (1, Some(FoundBy::Answer)));
    assert!(!of(run).is_over(), "what comes after its job is not waited for");
    assert_eq!(all.log(deployment.id).await.0, ["deployed"], "only of its job");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_an_approval_is_looked_for_and_nothing_is_approved_twice() {
    let all = open(APPROVE).await;
    all.github.on_review(goes_out);
    for (status, line) in [(Some(502), Fault::Pass), (None, Fault::LoseAnswer)] {
        let (build, sha) = merged(&all).await;
        let run = waits(&all.github, &sha, &[RAJ]);
        let plan = all.world.plan("raj", Action::Promote { build }).await.unwrap();
        let before = all.github.count("POST", "/pending_deployments");
        if let Some(status) = status {
            all.github.lose_next(1, "POST", "/pending_deployments", status);
        }
        let id = all.world.execute("raj", &plan).await.unwrap().deployment.unwrap();
        if line != Fault::Pass {
            // The next answer is that to the approval, or to a look before it.
            all.line.set(line);
        }
        let deployment = all.world.ended(id).await;
        assert_eq!(deployment.state(), DeploymentState::Succeeded, "{status:?} {deployment:#?}");
        assert_eq!(all.github.count("POST", "/pending_deployments") - before, 1, "{status:?}");
        let runs = all.github.runs();
        assert_eq!(runs.iter().find(|one| one.id == run).unwrap().reviews.len(), 1);
        if status.is_some() {
            assert_eq!(sent_and_found(&all, id).await, (1, Some(FoundBy::Search)));
        }
    }
    // It was lost before it was done: nobody approves it a second time.
    let (build, sha) = merged(&all).await;
    let run = waits(&all.github, &sha, &[RAJ]);
    all.github.refuse_next(1, "POST", "/pending_deployments", 502);
    let before = all.github.count("POST", "/pending_deployments");
    let deployment = promoted(&all, build).await;
    let Outcome::Interrupted(why) = deployment.ended.clone().unwrap().outcome else {
        panic!("{deployment:#?}")
    };
    assert!(why.contains("no approval with the key"), "{why}");
    assert_eq!(all.github.count("POST", "/pending_deployments") - before, 1);
    let runs = all.github.runs();
    assert!(runs.iter().find(|one| one.id == run).unwrap().reviews.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_of_their_own_nobody_approves_and_the_plan_says_so() {
    let all = open(APPROVE).await;
    let (build, sha) = merged(&all).await;
    let run = waits(&all.github, &sha, &[RAJ, GITHUB_LOGIN]);
    let token = |login: &str| format!("{}login = {login:?}\n", raj(&all));
    let login = |login: &str| format!("[engines.github.people.raj]\nlogin = {login:?}\n");
    let ann = raj(&all).replace("people.raj", "people.ann");
    for (text, said) in [
        (String::new(), "has no token of raj in [engines.github.people]".to_owned()),
        (ann.clone(), "has no token of raj".to_owned()),
        (format!("{ann}logins = [\"ann\", \"kim\"]\n"), "has no token of raj".to_owned()),
        (token("ann-gh"), format!("the token of raj is @{RAJ}'s, and raj is @ann-gh")),
        (login(RAJ), format!("the token of github is @{GITHUB_LOGIN}'s, and raj is @{RAJ}")),
    ] {
        people(&all, &text);
        let why = refused(&all, build).await;
        assert!(why.contains(&said), "{text}: {why}");
        assert!(why.contains("a reviewer has to approve at GitHub"), "{why}");
        assert!(why.ends_with(&format!("/acme/shop/actions/runs/{run}")), "{why}");
    }
    // An App is nobody.
    let app = "token = { app = 12345, key = '/nowhere/key.pem' }\nmay = [\"acme/shop\"]";
    let url = all.line.url();
    all.world.write_user_file(&format!(
        "poll = \"50ms\"\n[engines.github]\nkind = \"github\"\nurl = \"{url}\"\n{app}\n{}",
        login(GITHUB_LOGIN)
    ));
    assert!(refused(&all, build).await.contains("that of an App"));
    assert_eq!(all.github.count("POST", "/pending_deployments"), 0);
    // The token of the engine is theirs: then it counts.
    people(&all, &login(GITHUB_LOGIN));
    all.github.on_review(goes_out);
    assert_eq!(promoted(&all, build).await.state(), DeploymentState::Succeeded);
    let runs = all.github.runs();
    assert_eq!(runs.iter().find(|one| one.id == run).unwrap().reviews[0].by, GITHUB_LOGIN);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_wait_for_this_person_cannot_be_promoted_and_the_plan_says_why() {
    let all = open(APPROVE).await;
    let (build, sha) = merged(&all).await;
    assert!(refused(&all, build).await.contains("there is no run of deploy.yml for"));
    let run = waits(&all.github, &sha, &["ann"]);
    let why = refused(&all, build).await;
    assert!(why.contains("does not let the owner of this token approve production"), "{why}");
    assert!(why.contains("a review by @ann"), "{why}");
    for (change, said) in [
        (
            (|run| {
                run.pending.clear();
                run.job("production").status = "queued".into();
            }) as fn(&mut FakeRun),
            "it has not come to it",
        ),
        (|run| run.runs("production", "release"), "its job has gone on already"),
        (|run| run.ends("failure"), "has ended as failure"),
        (
            |run| run.ends("cancelled"),
            "has ended as cancelled: by somebody there, or by a newer merge",
        ),
    ] {
        all.github.change(run, change);
        let why = refused(&all, build).await;
        assert!(why.contains(said), "{said}: {why}");
    }
    assert_eq!(all.github.count("POST", "/pending_deployments"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_github_refuses_to_approve_is_not_started() {
    let all = open(APPROVE).await;
    for status in [403, 404, 422] {
        let (build, sha) = merged(&all).await;
        waits(&all.github, &sha, &[RAJ]);
        all.github.refuse_next(1, "POST", "/pending_deployments", status);
        let deployment = promoted(&all, build).await;
        let why = not_started(&deployment);
        assert!(why.contains(&status.to_string()) && why.contains("Deployments: write"), "{why}");
        assert!(matches!(outcome(&all, deployment.id).await, StepOutcome::NotStarted(_)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_attempt_that_was_approved_counts_and_no_later_one() {
    let all = open(APPROVE).await;
    all.github.on_review(|run| run.runs("production", "release"));
    let (build, sha) = merged(&all).await;
    let run = waits(&all.github, &sha, &[RAJ]);
    all.github.change(run, |run| {
        run.ends("failure");
        run.again();
        run.job_waits_for("production", "production", &[RAJ]);
    });
    let id = all.world.promote(build).await;
    all.github.until("it is approved", |github| !github.runs()[0].reviews.is_empty()).await;
    all.github.change(run, |run| {
        run.job_ends("production", "failure", Some("no table"));
        run.ends("failure");
        run.again();
        run.succeeds("production", "somebody else's");
    });
    let deployment = all.world.ended(id).await;
    assert_eq!(deployment.state(), DeploymentState::Failed, "{deployment:#?}");
    assert_eq!(deployment.sent(0).unwrap().run.as_ref().unwrap().attempt(), 2);
    assert!(deployment.trouble().unwrap().contains("job production"), "{deployment:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_or_a_release_starts_its_workflow_once() {
    for way in [TAG, RELEASE] {
        let all = open(way).await;
        let (build, sha) = merged(&all).await;
        let deployment = promoted(&all, build).await;
        assert_eq!(deployment.state(), DeploymentState::Succeeded, "{way} {deployment:#?}");
        let runs = all.github.runs();
        assert_eq!((runs.len(), &runs[0].sha), (1, &sha), "{way}");
        let tag = &runs[0].branch;
        assert_eq!(all.github.reference(&format!("tags/{tag}")), Some(sha));
        let is_release = way == RELEASE;
        let expected = if is_release {
            format!("v{}", build.0)
        } else {
            format!("v{}-{}", build.0, deployment.id)
        };
        assert_eq!(
            (tag, runs[0].event.as_str()),
            (&expected, if is_release { "release" } else { "push" })
        );
        assert_eq!(all.github.releases().len(), usize::from(is_release));
        assert_eq!(sent_and_found(&all, deployment.id).await, (1, Some(FoundBy::Answer)), "{way}");
        assert_eq!(deployment.sent(0).unwrap().run.as_ref().unwrap().id, runs[0].id.to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_is_there_already_is_never_taken_for_a_deployment() {
    let all = open(BUILD_TAG).await;
    let (build, sha) = merged(&all).await;
    let tag = format!("tags/v{}", build.0);
    all.github.git(|git| git.refs.extend([(tag.clone(), "b".repeat(40))]));
    let why = refused(&all, build).await;
    assert!(why.contains(&format!("the tag v{} is there already, at bbbbbbb", build.0)), "{why}");
    all.github.git(|git| drop(git.refs.remove(&tag)));
    // Somebody else makes it after the plan.
    let plan = all.world.plan("raj", Action::Promote { build }).await.unwrap();
    all.github.refuse_next(1, "POST", "/git/refs", 422);
    let id = all.world.execute("raj", &plan).await.unwrap().deployment.unwrap();
    assert!(not_started(&all.world.ended(id).await).contains("Contents: write"));
    // What its first promote deployed is no success of a second one.
    assert_eq!(promoted(&all, build).await.state(), DeploymentState::Succeeded);
    assert_eq!(all.github.reference(&tag), Some(sha));
    let why = refused(&all, build).await;
    assert!(why.contains("starts nothing a second time"), "{why}");
    assert_eq!(all.github.runs().len(), 1);
    // A rule of the repository.
    let (build, _) = merged(&all).await;
    all.github.git(|git| git.protected = Some("tags/".into()));
    let why = not_started(&promoted(&all, build).await);
    assert!(why.contains("Repository rule violations found"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_is_moved_forwards_only() {
    let all = open(BRANCH).await;
    let (build, sha) = merged(&all).await;
    assert!(refused(&all, build).await.contains("there is no branch production"));
    let at = |sha: &str| {
        let sha = sha.to_owned();
        all.github.git(move |git| git.refs.extend([("heads/production".to_owned(), sha)]));
    };
    at(&sha);
    assert!(refused(&all, build).await.contains("moving it starts nothing"));
    at(&"b".repeat(40));
    let why = refused(&all, build).await;
    assert!(why.contains("it is only ever moved forwards"), "{why}");
    // The plan could not look, and GitHub refuses the move.
    all.github.refuse_next(20, "GET", "/compare/", 500);
    let why = not_started(&promoted(&all, build).await);
    assert!(why.contains("it is only ever moved forwards"), "{why}");
    assert_eq!(all.github.reference("heads/production"), Some("b".repeat(40)));
    at(&sha);
    let (next, to) = merged(&all).await;
    let plan = all.world.plan("raj", Action::Promote { build: next }).await.unwrap();
    all.github.git(|git| git.protected = Some("heads/production".into()));
    let id = all.world.execute("raj", &plan).await.unwrap().deployment.unwrap();
    assert!(not_started(&all.world.ended(id).await).contains("Repository rule violations"));
    all.github.git(|git| git.protected = None);
    assert_eq!(all.github.reference("heads/production"), Some(sha));
    let deployment = promoted(&all, next).await;
    assert_eq!(deployment.state(), DeploymentState::Succeeded, "{deployment:#?}");
    assert_eq!(all.github.reference("heads/production"), Some(to.clone()));
    let runs = all.github.runs();
    assert_eq!((runs.len(), runs[0].branch.as_str(), &runs[0].sha), (1, "production", &to));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_out_in_another_way_and_is_rolled_back_goes_back_by_its_own_steps() {
    let all = open(APPROVE).await;
    all.github.on_review(goes_out);
    for _ in 0..2 {
        let (build, sha) = merged(&all).await;
        waits(&all.github, &sha, &[RAJ]);
        assert_eq!(promoted(&all, build).await.state(), DeploymentState::Succeeded);
    }
    all.github.on_dispatch(|run| run.succeeds("deploy", "back"));
    let id = all.world.rollback().await;
    assert_eq!(all.world.ended(id).await.state(), DeploymentState::Succeeded);
    let runs = all.github.runs();
    assert_eq!(runs.last().unwrap().inputs["kind"], "rollback");
    assert_eq!(all.github.count("POST", "/pending_deployments"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_by_a_tag_makes_a_new_one_and_so_do_its_commands_by_hand() {
    let at = r#"engine = "github", repository = "acme/shop", workflow = "deploy.yml""#;
    let text = file(BUILD_TAG);
    let start = text.find("[[rollback.steps]]").unwrap();
    let back = format!(
        "[[rollback.steps]]\nname = \"release\"\ngithub = {{ {at}, tag = \"v{{deployment}}-back\", job = \"deploy\" }}\n"
    );
    let mut all = of_file(&format!("{}{back}", &text[..start])).await;
    let (first, sha) = merged(&all).await;
    assert_eq!(promoted(&all, first).await.state(), DeploymentState::Succeeded);
    let (second, _) = merged(&all).await;
    assert_eq!(promoted(&all, second).await.state(), DeploymentState::Succeeded);
    let plan = all.world.plan("raj", Action::Rollback { to: None }).await.unwrap();
    let id = all.world.execute("raj", &plan).await.unwrap().deployment.unwrap();
    assert_eq!(all.world.ended(id).await.state(), DeploymentState::Succeeded);
    assert_eq!(all.github.reference(&format!("tags/v{id}-back")), Some(sha.clone()));
    assert_eq!(all.github.runs().last().unwrap().sha, sha);
    all.world.stop().await;

    let script = plan.by_hand.unwrap().text(chrono::DateTime::UNIX_EPOCH, "this machine", &[]);
    let folder = all.world.folder().join("bin");
    std::fs::create_dir(&folder).unwrap();
    trunkline_testing::write_script(&folder.join("gh"), GH);
    std::fs::write(folder.join("state"), "completed success").unwrap();
    std::fs::write(folder.join("deployed"), "true").unwrap();
    std::fs::write(folder.join("script"), script.join("\n")).unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let mut sh = std::process::Command::new("sh");
    let done = sh.arg(folder.join("script")).env("PATH", &path).output().unwrap();
    assert!(done.status.success(), "{done:?}\n{script:#?}");
    let asked = std::fs::read_to_string(folder.join("asked")).unwrap();
    let host = all.line.url().replace("http://", "");
    let made = format!("api --hostname {host} repos/acme/shop/git/refs -f ref=refs/tags/vby-hand-");
    let line = asked.lines().find_map(|line| line.strip_prefix(&made)).expect("it makes a tag");
    let (key, rest) = line.split_once("-back ").unwrap();
    assert_eq!(rest, format!("-f sha={sha}"));
    assert!(asked.contains(&format!("-e push -b vby-hand-{key}-back -L 50")), "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_approval_waits_until_its_job_comes_to_it() {
    let text = file(APPROVE);
    let second =
        text.split("[[production.steps]]").nth(1).unwrap().split("[[rollback").next().unwrap();
    let second = second.replace("release", "canada").replace("\"production\"", "\"canada\"");
    let text = text
        .replace("[[rollback.steps]]", &format!("[[production.steps]]{second}[[rollback.steps]]"));
    let all = of_file(&text).await;
    all.github.on_review(|run| {
        let is_first = run.reviews.len() == 1;
        run.job_ends(if is_first { "production" } else { "canada" }, "success", Some("deployed"));
        run.runs("between", "tests");
    });
    let (build, sha) = merged(&all).await;
    let run = waits(&all.github, &sha, &[RAJ]);
    let id = all.world.promote(build).await;
    all.github.until("it is approved", |github| !github.runs()[0].reviews.is_empty()).await;
    let looks = all.github.count("GET", "/pending_deployments");
    let more = move |github: &GitHub| github.count("GET", "/pending_deployments") > looks + 2;
    all.github.until("the second is looked for", more).await;
    all.github.change(run, |run| run.job_waits_for("canada", "canada", &[RAJ]));
    let deployment = all.world.ended(id).await;
    assert_eq!(deployment.state(), DeploymentState::Succeeded, "{deployment:#?}");
    let of: Vec<_> =
        all.github.runs()[0].reviews.iter().map(|one| one.environments.clone()).collect();
    assert_eq!(of, [["production".to_owned()], ["canada".to_owned()]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_pushes_after_a_move_was_given_up_is_theirs() {
    let all = open(BRANCH).await;
    let (_, first) = merged(&all).await;
    all.github.git(|git| git.refs.extend([("heads/production".to_owned(), first)]));
    let (build, sha) = merged(&all).await;
    all.github.refuse_next(1, "PATCH", "/git/refs/", 502);
    let deployment = promoted(&all, build).await;
    let Outcome::Interrupted(why) = deployment.ended.clone().unwrap().outcome else {
        panic!("{deployment:#?}")
    };
    assert!(why.contains("no run of deploy.yml began"), "{why}");
    all.github.freeze_lists(true);
    let of = RunOf { workflow: "deploy.yml", branch: "production", sha: &sha, ..RunOf::default() };
    let run = all.github.push_run(of);
    all.github.change(run, |run| run.created_at += chrono::TimeDelta::minutes(6));
    all.github.freeze_lists(false);
    let looks = all.github.count("GET", "head_sha=");
    let more = move |github: &GitHub| github.count("GET", "head_sha=") > looks + 2;
    all.github.until("it is still looked for", more).await;
    let run = all.github.runs().into_iter().find(|one| one.id == run).unwrap();
    assert_eq!((run.cancels, run.is_over()), (0, false));
}
