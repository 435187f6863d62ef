//! An old build is deployed as its own commit says, whatever the settings of today are; what cannot be deployed is not offered.

use trunkline::domain::command::{Action, Command};
use trunkline::domain::deployment::DeploymentState;
use trunkline::domain::event::{DeploymentRequest, Fact, Outcome, Run};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, Seq, Sha};
use trunkline::domain::people::Actor;
use trunkline::domain::plan::{Guard, Severity};
use trunkline::domain::recipe::{Recipe, RecordedPipeline};
use trunkline::domain::remedy::Remedy;
use trunkline::domain::schema::Outlook;
use trunkline::domain::snapshot::{BuildRow, ServiceSnapshot};
use trunkline::store::{KnownService, NewEvent, Store};
use trunkline_testing::engine::{QUICK, World};
use trunkline_testing::record::{commit, found, request, step};

/// A step that says where it runs.
fn says_where(file: &str) -> String {
    file.replace("echo back to $TRUNKLINE_BUILD", "basename $PWD; cat page.txt")
}

fn shop_file(folder: &str, file: &str) -> (String, String) {
    (format!("{folder}/trunkline.toml"), says_where(file))
}

fn offers(snapshot: &ServiceSnapshot) -> Option<(BuildNumber, Outlook, bool)> {
    let offer = snapshot.rollback.as_ref()?;
    Some((offer.to, offer.verdict.outlook, offer.unchecked))
}

async fn verified(world: &World, sha: &Sha) -> BuildNumber {
    let is = |row: &BuildRow| row.build.sha == *sha && !row.build.verifications.is_empty();
    world.until_build("it is verified", is).await.build.number
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_from_before_its_folder_moved_is_deployed_in_the_folder_that_it_has() {
    let mut world = World::with_file(QUICK);
    let (path, file) = shop_file("web", &QUICK.replace("./release", "true"));
    world.repository.write(&path, &file);
    world.repository.write("web/page.txt", "the old page");
    world.repository.commit_all("Ann", "ann@example.com", "web");
    world.start_folders(&[Some("web")]).await;
    let first = verified(&world, &world.repository.head()).await;
    world.live(first).await;
    world.stop().await;

    world.repository.git(["mv", "web", "app"]);
    let moved = world.repository.commit_all("Ann", "ann@example.com", "move the folder");
    world.start_folders(&[Some("app")]).await;
    let second = verified(&world, &moved).await;
    world.live(second).await;

    let offered = world.until("a rollback is offered", offers).await;
    assert_eq!(offered, (first, Outlook::Safe, false));
    let back = world.rollback().await;
    let deployment = world.ended(back).await;
    assert_eq!(deployment.state(), DeploymentState::Succeeded, "{deployment:#?}");
    assert_eq!(world.log(back, 0).await, ["web", "the old page"]);
}

/// Two builds that were live, recorded with this as what they need.
fn record_of_before(world: &World, folder: &str, builds: [&Sha; 2], recipe: Option<&Recipe>) {
    std::fs::create_dir_all(world.data()).unwrap();
    let mut store = Store::open(&world.data().join("trunkline.db")).unwrap();
    let (name, folder) = (world.service.clone(), folder.to_owned());
    let repository = world.repository.address().to_owned();
    store.know(&KnownService { name: name.clone(), repository, folder }).unwrap();
    let mut facts = Vec::new();
    for (number, sha) in (1..).zip(builds) {
        let mut own = commit(number, "ann");
        own.sha = sha.clone();
        let mut build = found(number, vec![own]);
        if let Fact::BuildFound { recipe: recorded, .. } = &mut build {
            *recorded = recipe.cloned().map(Box::new);
        }
        facts.push(build);
        for environment in [Environment::Staging, Environment::Production] {
            let deployment = DeploymentId::from(Seq(facts.len() as u64 + 1));
            let (sha, steps) = (sha.clone(), vec![step("release")]);
            let request = DeploymentRequest { sha, steps, ..request(environment, number) };
            facts.push(Fact::DeploymentRequested(request));
            facts.push(Fact::DeploymentStarted { deployment, variables: None });
            let (step, took) = (0, std::time::Duration::from_secs(1));
            facts.push(Fact::StepStarted { deployment, step, target: None });
            let outcome = trunkline::domain::event::StepOutcome::Succeeded;
            facts.push(Fact::StepEnded {
                deployment,
                step,
                target: None,
                outcome,
                took,
                ended_at: None,
            });
            facts.push(Fact::DeploymentEnded { deployment, outcome: Outcome::Succeeded });
        }
    }
    let event = |fact| NewEvent { service: name.clone(), actor: Actor::System, fact };
    store.append(chrono::Utc::now(), facts.into_iter().map(event).collect(), None).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_of_an_old_record_that_cannot_be_deployed_any_more_is_never_offered() {
    let mut world = World::with_file(QUICK);
    let (path, file) = shop_file("web", QUICK);
    world.repository.git(["rm", "--quiet", "trunkline.toml"]);
    world.repository.write(&path, &file);
    let first = world.repository.commit_all("Ann", "ann@example.com", "web");
    world.repository.git(["mv", "web", "app"]);
    let second = world.repository.commit_all("Ann", "ann@example.com", "move the folder");
    // At the first one the folder was somewhere else.
    record_of_before(&world, "app", [&first, &second], None);
    world.start_folders(&[Some("app")]).await;

    let skipped = world
        .until("the first build is checked", |snapshot| {
            let offer = snapshot.rollback.as_ref();
            assert!(offer.is_none_or(|offer| offer.unchecked), "{offer:?} is not known to work");
            snapshot.skipped.first().cloned()
        })
        .await;
    assert_eq!(skipped.build, BuildNumber(1));
    assert!(skipped.why.contains("has no app/trunkline.toml"), "{}", skipped.why);
    let refused = world.plan("raj", Action::Rollback { to: None }).await.unwrap_err().to_string();
    assert!(refused.contains("no build that was live before is good"), "{refused}");
    let stated = Command::Adopt { commit: first.to_string(), reason: "by hand".into() };
    world.command("ann", stated).await.unwrap();
    let read = |seen: &ServiceSnapshot| seen.rules_in_doubt.as_ref()?.is_empty().then_some(());
    world.until("the service file is read", read).await;
    let chosen = Action::Promote { build: BuildNumber(2) };
    let plan = world.plan("ann", chosen).await.unwrap();
    assert_eq!(plan.undo_remedy, Some(Remedy::RollBack { to: BuildNumber(1) }), "{}", plan.undo);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_whose_service_file_is_gone_runs_without_the_values_that_it_set_and_says_so() {
    let mut world = World::with_file(QUICK);
    world.repository.git(["rm", "--quiet", "trunkline.toml"]);
    let first = world.repository.commit_all("Ann", "ann@example.com", "no file any more");
    let file = format!("{QUICK}[env]\nset = {{ ZONE = \"b\" }}\n");
    world.repository.write("trunkline.toml", &file);
    let second = world.repository.commit_all("Ann", "ann@example.com", "a file again");
    let mut print = step("release");
    print.run = Run::Shell("echo zone $ZONE, region $REGION.".to_owned());
    let pipeline = RecordedPipeline {
        staging: vec![step("smoke")],
        production: vec![step("release")],
        rollback: vec![print],
        pass: Vec::new(),
        set: vec!["REGION".to_owned(), "ZONE".to_owned()],
        secrets: Vec::new(),
    };
    let recipe = Recipe { folder: None, pipeline: Some(pipeline) };
    record_of_before(&world, "", [&first, &second], Some(&recipe));
    world.start().await;

    let why = "has no value of REGION: the steps of a rollback run without it";
    let is_said = |s: &ServiceSnapshot| s.problems.iter().any(|p| p.what.contains(why));
    let said = |s: &ServiceSnapshot| s.rollback.clone().filter(|_| is_said(s));
    let offer = world.until("it is said before anybody needs it", said).await;
    assert!(offer.unchecked && offer.blocked.is_none(), "{offer:?}");
    let plan = world.plan("raj", Action::Rollback { to: None }).await.unwrap();
    let about = plan.findings.iter().filter(|finding| finding.guard == Guard::Variables);
    let about: Vec<_> = about.map(|found| (found.severity, &*found.sentence)).collect();
    assert_eq!(about.len(), 2, "{about:?}");
    assert!(about.iter().all(|(severity, _)| *severity == Severity::Warn), "{about:?}");
    assert!(about[0].1.contains(why) && about[1].1.contains("ZONE may have another value"));
    let back = world.rollback().await;
    let deployment = world.ended(back).await;
    assert_eq!(deployment.state(), DeploymentState::Succeeded, "{deployment:#?}");
    assert_eq!(world.log(back, 0).await, ["zone b, region ."]);
    // What a promote of it needs stays needed.
    let plan = world.plan("raj", Action::Promote { build: BuildNumber(1) }).await.unwrap();
    let refused = plan.findings.iter().any(|f| f.severity == Severity::Refuse);
    assert!(refused, "{plan:#?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_git_to_hear_that_the_trunk_is_not_known() {
    let mut world = World::with_file(QUICK);
    let first = world.repository.head();
    let second = world.repository.commit("second");
    record_of_before(&world, "", [&first, &second], None);
    let away = world.folder().join("away");
    std::fs::rename(world.repository.path(), &away).unwrap();
    world.start().await;
    let refused = world.command("raj", Command::BuildTip {}).await.unwrap_err().to_string();
    assert!(refused.starts_with("it is not known yet which branch is the trunk"), "{refused}");
    world.stop().await;
    std::fs::rename(&away, world.repository.path()).unwrap();
}
