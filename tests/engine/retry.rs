//! Builds that are deployed again without a new commit.

use std::path::Path;

use trunkline::domain::build::BuildState;
use trunkline::domain::caller::Caller;
use trunkline::domain::command::{Action, Command, Receipt, Refusal};
use trunkline::domain::deployment::{Deployment, DeploymentState};
use trunkline::domain::event::DeploymentKind;
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, IdempotencyKey};
use trunkline::domain::snapshot::BuildRow;
use trunkline_testing::engine::{QUICK, World, refusal};

fn again(number: u64, environment: Environment) -> Action {
    Action::Retry { build: BuildNumber(number), environment }
}

/// Steps that fail without a network, which is a file here.
fn needs(network: &Path) -> String {
    let run = format!("run = \"test -e {} || {{ echo no network; exit 7; }}\"", network.display());
    let file = QUICK.replace("run = \"echo staging $TRUNKLINE_BUILD\"", &run);
    file.replace("run = \"./release\"", &run)
}

async fn retry(world: &World, number: u64, environment: Environment) -> Receipt {
    let plan = world.plan("raj", again(number, environment)).await.unwrap();
    world.execute("raj", &plan).await.unwrap()
}

async fn ended(world: &World, receipt: &Receipt) -> Deployment {
    world.ended(receipt.deployment.unwrap()).await
}

async fn until_state(world: &World, number: u64, state: BuildState) -> BuildRow {
    let is = |row: &BuildRow| row.build.number == BuildNumber(number) && row.state == state;
    world.until_build(state.as_str(), is).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_tried_again_until_it_goes_well() {
    let folder = tempfile::tempdir().unwrap();
    let network = folder.path().join("network");
    let mut world = World::open(&needs(&network)).await;
    let first = until_state(&world, 1, BuildState::Failed).await.build.staging;
    let receipt = retry(&world, 1, Environment::Staging).await;
    let second = receipt.deployment.unwrap();
    let said = format!("retry of #1 to staging requested ({second}, retry of {})", first.unwrap());
    assert_eq!(receipt.said, said);
    let failed = ended(&world, &receipt).await;
    assert_eq!((failed.state(), failed.request.retries), (DeploymentState::Failed, first));
    assert_eq!(world.log(second, 0).await, ["no network"]);

    std::fs::write(&network, "").unwrap();
    let good = ended(&world, &retry(&world, 1, Environment::Staging).await).await;
    assert_eq!(good.state(), DeploymentState::Succeeded, "{good:#?}");
    assert_eq!((good.request.kind, good.request.retries), (DeploymentKind::Retry, Some(second)));
    until_state(&world, 1, BuildState::Verified).await;
    let plan = world.plan("raj", again(1, Environment::Staging)).await.unwrap();
    let Refusal::Policy { sentence, .. } = refusal(world.execute("raj", &plan).await) else {
        panic!("it runs there");
    };
    assert!(sentence.contains("there is nothing to try again"), "{sentence}");

    std::fs::remove_file(&network).unwrap();
    let promote = world.promote(BuildNumber(1)).await;
    assert_eq!(world.ended(promote).await.state(), DeploymentState::Failed);
    std::fs::write(&network, "").unwrap();
    let good = ended(&world, &retry(&world, 1, Environment::Production).await).await;
    assert_eq!(good.state(), DeploymentState::Succeeded, "{good:#?}");
    assert_eq!((good.request.kind, good.request.retries), (DeploymentKind::Promote, Some(promote)));
    assert_eq!(world.live_now(), Some(BuildNumber(1)));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_was_passed_over_goes_to_staging_until_the_next_one_comes() {
    let mut world = World::open(QUICK).await;
    until_state(&world, 1, BuildState::Verified).await;
    world.stop().await;
    for change in ["two", "three"] {
        world.repository.commit(change);
    }
    world.start().await;
    until_state(&world, 3, BuildState::Verified).await;
    until_state(&world, 2, BuildState::Superseded).await;
    let plan = world.plan("raj", again(2, Environment::Staging)).await.unwrap();
    let subjects: Vec<_> = plan.range.commits.iter().map(|c| c.subject.as_str()).collect();
    assert_eq!((plan.goes_back(), subjects), (true, vec!["three"]));
    let deployed = ended(&world, &retry(&world, 2, Environment::Staging).await).await;
    assert_eq!(world.log(deployed.id, 0).await, ["staging 2"]);
    let build = until_state(&world, 2, BuildState::Verified).await.build;
    assert_eq!(build.superseded_by, None);
    let next = world.verified("four").await;
    let staging = |s: &trunkline::domain::snapshot::ServiceSnapshot| {
        s.live.get(&Environment::Staging).map(|live| live.build)
    };
    assert_eq!(world.until("staging has the next", staging).await, next);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubled_retry_is_one_and_an_engine_that_goes_in_its_middle_runs_nothing_twice() {
    let staged = "run = \"echo staging $TRUNKLINE_BUILD\"";
    let mut world = World::open(&QUICK.replace(staged, "run = \"./release\"")).await;
    until_state(&world, 1, BuildState::Verified).await;
    world.close_gate();
    world.repository.commit("two");
    let cancelled = until_state(&world, 2, BuildState::Deploying).await.build.staging.unwrap();
    world.running(cancelled).await;
    let cancel = Command::Cancel { deployment: cancelled, reason: String::new() };
    world.command("raj", cancel).await.unwrap();
    world.ended(cancelled).await;

    let plan = world.plan("raj", again(2, Environment::Staging)).await.unwrap();
    assert_eq!(plan.retries, Some(cancelled));
    let command = Command::Execute {
        action: plan.action,
        fingerprint: plan.fingerprint,
        overrides: [].into(),
    };
    let key = IdempotencyKey::try_from(uuid::Uuid::new_v4().to_string()).unwrap();
    let caller = Caller::in_process("raj");
    let send = || world.handle().command(&world.service, &caller, command.clone(), key.clone());
    let (one, other) = tokio::join!(send(), send());
    let id: DeploymentId = one.as_ref().unwrap().deployment.unwrap();
    assert_eq!(one, other);
    world.running(id).await;
    let busy = world.plan("raj", again(1, Environment::Staging)).await.unwrap();
    let Refusal::Policy { sentence, .. } = refusal(world.execute("raj", &busy).await) else {
        panic!("staging has only one at a time")
    };
    assert!(sentence.contains(&format!("retry of #2 by raj ({id}) is running")), "{sentence}");
    world.stop().await;
    world.open_gate();
    world.start().await;
    assert_eq!(world.ended(id).await.state(), DeploymentState::Succeeded);
    assert_eq!(world.ran(), ["ran 1 auto", "ran 2 auto", "ran 2 retry"]);
    world.stop().await;
}
