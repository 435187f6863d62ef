//! Promotes by an approval, a tag or a branch of which it is not sure what they did, or that are not wanted any more: nothing is
//! done twice, nothing is done for another commit, and a run that still comes is found and ended.

use trunkline::domain::command::Command;
use trunkline::domain::deployment::{Deployment, DeploymentState};
use trunkline::domain::event::Outcome;
use trunkline::domain::ids::{DeploymentId, Environment};
use trunkline::domain::remote::{FoundBy, RunKey};
use trunkline::domain::snapshot::ServiceSnapshot;
use trunkline_testing::engine::QUICK;
use trunkline_testing::github::{FakeReview, GitHub, RunOf};

use crate::github::Actions;
use crate::github_ways::{
    APPROVE, BRANCH, RAJ, RELEASE, TAG, goes_out, merged, open, people, promoted, raj, refused,
    sent_and_found, waits,
};

/// How each way asks for what it does.
const MAKES: [(&str, &str, &str); 3] =
    [(TAG, "POST", "/git/refs"), (RELEASE, "POST", "/releases"), (BRANCH, "PATCH", "/git/refs/")];

/// A service whose production waits for the gate before it is deployed in this way.
fn behind_a_gate(way: &str) -> String {
    let start = QUICK.find("[[rollback.steps]]").expect("it has a rollback");
    let at = r#"engine = "github", repository = "acme/shop", workflow = "deploy.yml""#;
    format!(
        "{}[[production.steps]]\nname = \"way\"\ngithub = {{ {at}, {way} }}\n{}",
        &QUICK[..start],
        &QUICK[start..]
    )
}

/// Opens it with the branch at a commit of the trunk, which is returned.
async fn opened(way: &str) -> (Actions, String) {
    let all = open(way).await;
    let (_, first) = merged(&all).await;
    let at = first.clone();
    all.github.git(|git| git.refs.extend([("heads/production".to_owned(), at)]));
    (all, first)
}

/// Runs that begin go on, and no list shows them.
fn runs_unseen(github: &GitHub) {
    github.on_dispatch(|run| {
        run.is_listed = false;
        run.runs("deploy", "release");
    });
}

/// The one run appears in the lists, and nobody wants it.
async fn turns_up_and_is_cancelled(github: &GitHub) {
    let run = github.run().await;
    github.change(run, |run| run.is_listed = true);
    github.until("it is cancelled", |github| github.runs()[0].cancels > 0).await;
}

async fn sent(all: &Actions, id: DeploymentId, times: u32) -> RunKey {
    let sent = |snapshot: &ServiceSnapshot| {
        let row = snapshot.deployments.iter().find(|row| row.deployment.id == id)?;
        let sent = row.deployment.sent(0).filter(|sent| sent.times >= times);
        sent.map(|sent| sent.key.clone())
    };
    all.world.until("it is recorded as sent", sent).await
}

/// Cancels it. When this returns, whoever sends it knows.
async fn cancel(all: &Actions, id: DeploymentId) {
    let cancel = Command::Cancel { deployment: id, reason: "a test".into() };
    all.world.command("raj", cancel).await.unwrap();
    // The engine takes one command after the other.
    let hold = Command::Hold { environment: Environment::Production, reason: "a test".into() };
    all.world.command("raj", hold).await.unwrap();
}

fn interrupted(deployment: &Deployment) -> String {
    let Outcome::Interrupted(why) = deployment.ended.clone().unwrap().outcome else {
        panic!("{deployment:#?}")
    };
    why
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_need_not_be_of_the_commit_is_never_approved() {
    let all = open(APPROVE).await;
    all.github.on_review(goes_out);
    let (build, sha) = merged(&all).await;
    let of = |event| {
        let workflow = "deploy.yml";
        let run = all.github.push_run(RunOf { workflow, sha: &sha, event, ..RunOf::default() });
        all.github.change(run, |run| run.job_waits_for("production", "production", &[RAJ]));
        run
    };
    let dispatched = of("workflow_dispatch");
    let why = refused(&all, build).await;
    let said = format!(
        "only run {dispatched} of deploy.yml waits for a review of production, and workflow_dispatch started it: it need not be of this commit"
    );
    assert!(why.contains(&said), "{why}");
    people(&all, "");
    let why = refused(&all, build).await;
    assert!(!why.contains("/actions/runs/"), "{why}");
    people(&all, &raj(&all));
    let ours = waits(&all.github, &sha, &[RAJ]);
    for event in ["workflow_run", "schedule", "pull_request", "an event of tomorrow"] {
        of(event);
    }
    let deployment = promoted(&all, build).await;
    assert_eq!(deployment.state(), DeploymentState::Succeeded, "{deployment:#?}");
    let reviewed: Vec<_> =
        all.github.runs().into_iter().filter(|run| !run.reviews.is_empty()).collect();
    assert_eq!(reviewed.iter().map(|run| run.id).collect::<Vec<_>>(), [ours]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_of_a_run_that_need_not_be_of_the_commit_is_not_taken_for_ours() {
    let all = open(APPROVE).await;
    let (build, sha) = merged(&all).await;
    waits(&all.github, &sha, &[RAJ]);
    let (workflow, event) = ("deploy.yml", "workflow_dispatch");
    let other = all.github.push_run(RunOf { workflow, sha: &sha, event, ..RunOf::default() });
    all.github.hold_next("POST", "/pending_deployments");
    all.github.refuse_next(1, "POST", "/pending_deployments", 502);
    let id = all.world.promote(build).await;
    let key = sent(&all, id, 1).await;
    all.github.until("it is asked", GitHub::holds).await;
    all.github.change(other, |run| {
        let (state, by, comment) = ("approved".into(), RAJ.into(), format!("trunkline ({key})"));
        run.reviews.push(FakeReview { state, by, comment, environments: Vec::new() });
        goes_out(run);
    });
    all.github.let_go();
    let why = interrupted(&all.world.ended(id).await);
    assert!(why.contains("no approval with the key"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_send_that_does_nothing_loses_no_run_of_the_first() {
    for (status, is_cancelled) in [(403, false), (500, true)] {
        let (all, _) = opened(TAG).await;
        let (build, _) = merged(&all).await;
        runs_unseen(&all.github);
        all.github.lose_next(1, "POST", "/git/refs", 502);
        // The first look finds no such tag. No look of the second send gets an answer to use.
        all.github.refuse_next(1, "GET", "/git/ref/", 404);
        all.github.refuse_next(100, "GET", "/git/ref/", status);
        let id = all.world.promote(build).await;
        sent(&all, id, 2).await;
        if is_cancelled {
            cancel(&all, id).await;
        }
        let why = interrupted(&all.world.ended(id).await);
        let said = if is_cancelled {
            "it was cancelled, and github knows no run"
        } else {
            "an earlier request may still start a run at github"
        };
        assert!(why.contains(said), "{why}");
        assert_eq!(all.github.count("POST", "/git/refs"), 1);
        turns_up_and_is_cancelled(&all.github).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_a_tag_or_a_branch_is_looked_for() {
    for (way, method, part) in MAKES {
        let (all, _) = opened(way).await;
        let (build, _) = merged(&all).await;
        all.github.lose_next(1, method, part, 502);
        let deployment = promoted(&all, build).await;
        assert_eq!(deployment.state(), DeploymentState::Succeeded, "{way} {deployment:#?}");
        assert_eq!((all.github.runs().len(), all.github.count(method, part)), (1, 1), "{way}");
        assert_eq!(sent_and_found(&all, deployment.id).await, (1, Some(FoundBy::Search)), "{way}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_goes_out_once_more_only_if_it_is_surely_not_there() {
    for (way, method, part) in MAKES.into_iter().filter(|(way, ..)| *way != BRANCH) {
        let all = open(way).await;
        // It was not done: it goes out once more.
        let (build, _) = merged(&all).await;
        all.github.refuse_next(1, method, part, 502);
        let deployment = promoted(&all, build).await;
        assert_eq!(deployment.state(), DeploymentState::Succeeded, "{way} {deployment:#?}");
        assert_eq!((all.github.runs().len(), all.github.count(method, part)), (1, 2), "{way}");
        assert_eq!(sent_and_found(&all, deployment.id).await.0, 2, "{way}");
        // It was done, and somebody deletes the release: the tag is there.
        let (build, _) = merged(&all).await;
        all.github.lose_next(1, method, part, 502);
        runs_unseen(&all.github);
        let id = all.world.promote(build).await;
        all.github.until("it is done", |github| github.runs().len() > 1).await;
        all.github.git(|git| git.releases.clear());
        let why = interrupted(&all.world.ended(id).await);
        assert!(why.contains("no run of deploy.yml began at github"), "{way}: {why}");
        assert_eq!((all.github.runs().len(), all.github.count(method, part)), (2, 3), "{way}");
        assert_eq!(sent_and_found(&all, id).await, (2, None), "{way}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_is_never_moved_again_after_a_lost_answer() {
    let part = "/git/refs/";
    for is_done in [true, false] {
        let (all, first) = opened(BRANCH).await;
        let (build, _) = merged(&all).await;
        runs_unseen(&all.github);
        if is_done {
            all.github.lose_next(1, "PATCH", part, 502);
        } else {
            all.github.refuse_next(1, "PATCH", part, 502);
        }
        let id = all.world.promote(build).await;
        let asked = move |github: &GitHub| github.count("PATCH", part) > 0;
        all.github.until("it is asked", asked).await;
        // A person takes it back.
        let back = first.clone();
        all.github.git(|git| git.refs.extend([("heads/production".to_owned(), back)]));
        let why = interrupted(&all.world.ended(id).await);
        assert!(why.contains("no run of deploy.yml began at github"), "{why}");
        assert_eq!(all.github.reference("heads/production"), Some(first));
        assert_eq!(all.github.count("PATCH", part), 1);
        assert_eq!(sent_and_found(&all, id).await, (1, None));
        if is_done {
            turns_up_and_is_cancelled(&all.github).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_github_acknowledged_is_never_done_again() {
    for (way, method, part) in MAKES {
        let (all, first) = opened(way).await;
        let (build, _) = merged(&all).await;
        runs_unseen(&all.github);
        let id = all.world.promote(build).await;
        all.github.run().await;
        // A person takes it back.
        all.github.git(|git| {
            git.refs.retain(|name, _| !name.starts_with("tags/"));
            git.refs.extend([("heads/production".to_owned(), first)]);
            git.releases.clear();
        });
        let why = interrupted(&all.world.ended(id).await);
        assert!(why.contains("no run of deploy.yml began at github"), "{way}: {why}");
        assert_eq!(all.github.count(method, part), 1, "{way}");
        assert_eq!(sent_and_found(&all, id).await, (1, None), "{way}");
        turns_up_and_is_cancelled(&all.github).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_is_heard_until_the_request_leaves() {
    for (way, look, method, part) in [
        (APPROVE, "/pending_deployments", "POST", "/pending_deployments"),
        (TAG, "/git/ref/", "POST", "/git/refs"),
        (RELEASE, "/git/ref/", "POST", "/releases"),
        (BRANCH, "/git/ref/", "PATCH", "/git/refs/"),
    ] {
        let (all, _) = opened(way).await;
        all.world.repository.write("trunkline.toml", &behind_a_gate(way));
        let (build, sha) = merged(&all).await;
        waits(&all.github, &sha, &[RAJ]);
        // The looks of its plan are over.
        let id = all.world.promote_and_hold(build).await;
        all.github.hold_next("GET", look);
        all.world.open_gate();
        all.github.until("it is looked at", GitHub::holds).await;
        cancel(&all, id).await;
        all.github.let_go();
        let deployment = all.world.ended(id).await;
        assert_eq!(deployment.ended.unwrap().outcome, Outcome::Cancelled, "{way}");
        assert_eq!(all.github.count(method, part), 0, "{way}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_loses_its_record_while_it_looks_sends_nothing() {
    let mut all = open(TAG).await;
    let (build, _) = merged(&all).await;
    // The tag has the number of its deployment, so its plan does not look.
    all.github.hold_next("GET", "/git/ref/");
    let id = all.world.promote(build).await;
    all.github.until("it is looked at", GitHub::holds).await;
    let aside = all.world.folder().join("aside");
    std::fs::rename(all.world.data(), &aside).unwrap();
    all.github.let_go();
    all.world.handle().lost().await;
    all.world.stop().await;
    assert_eq!(all.github.count("POST", "/git/refs"), 0);
    std::fs::rename(&aside, all.world.data()).unwrap();
    all.world.start_by_file_as_it_is().await;
    assert_eq!(all.world.ended(id).await.state(), DeploymentState::Succeeded);
    assert_eq!(all.github.count("POST", "/git/refs"), 1);
}
