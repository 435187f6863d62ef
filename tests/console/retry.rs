//! Deploying again what failed, with the key that does it.

use trunkline::backend::scripted::{Scripted, ScriptedWorld};
use trunkline::domain::event::{DeploymentKind, DeploymentRequest, Fact, StepOutcome};
use trunkline::domain::ids::{BuildNumber, Environment, Sha};
use trunkline::domain::people::Actor;

use trunkline_testing::console::{Console, checkout, ready};

const STAGING: Environment = Environment::Staging;
const PRODUCTION: Environment = Environment::Production;

/// Fails at its first step.
fn fails(world: &mut ScriptedWorld, to: Environment, build: BuildNumber, kind: DeploymentKind) {
    world.request(&checkout(), build, to, kind, Actor::Person("kim".into()));
    world.advance(&checkout());
    world.advance(&checkout());
    world.advance_with(&checkout(), StepOutcome::Exited(1));
    world.finish(&checkout());
}

/// With the build 4, which failed in staging.
fn with_failed_4() -> Scripted {
    let backend = ready();
    backend.change(|world| {
        let build = world.merge(&checkout(), "ada", "Does not start");
        fails(world, STAGING, build, DeploymentKind::Auto);
    });
    backend
}

fn requests(console: &Console) -> Vec<DeploymentRequest> {
    console.backend.change(|world| {
        let service = world.service(&checkout()).expect("it is there");
        service.state.deployments.values().map(|d| d.request.clone()).collect()
    })
}

#[tokio::test(start_paused = true)]
async fn a_build_that_failed_is_deployed_to_staging_again() {
    let console = Console::sized(&with_failed_4(), (120, 40));
    console.until("FAILED").await.press(&["1", "g"]).until("T retry").await;
    console.until("T tries it again").await;
    let before = requests(&console).len();
    console.press(&["T"]).until("Deploy #4 to STAGING again").await;
    console.until("Its steps run again from the first").await.until("Undo: retry #3").await;
    console.press(&["right"]).quiet().await.press(&["enter"]);
    console.until_gone("Deploy #4 to STAGING again").await.until("DEPLOYING").await;
    let all = requests(&console);
    let made = all.last().expect("there are some");
    assert_eq!((all.len(), made.kind), (before + 1, DeploymentKind::Retry));
    assert!(made.retries.is_some(), "{made:?}");
    console.backend.change(|world| world.finish(&checkout()));
    console.until("#4 is in staging").await.until_gone("FAILED").await;
    console.press(&["T"]).until("staging runs #4 already").await;
}

#[tokio::test(start_paused = true)]
async fn a_promote_that_failed_opens_its_plan_again_for_its_row() {
    let backend = ready();
    let three = BuildNumber(3);
    backend.change(|world| fails(world, PRODUCTION, three, DeploymentKind::Promote));
    let console = Console::sized(&backend, (120, 40));
    console.until("production is in doubt").await.press(&["2", "j"]).until("T retry").await;
    console.press(&["T"]).until("Promote #3 to PRODUCTION again").await;
    console.until("promote of #3, failed").await.until("[  Promote  ]").await;
    console.press(&["right"]).quiet().await.press(&["enter"]);
    console.until_gone("PRODUCTION again").await;
    let made = requests(&console).pop().expect("there are some");
    assert_eq!((made.kind, made.environment), (DeploymentKind::Promote, PRODUCTION));
    assert!(made.retries.is_some(), "{made:?}");
    console.backend.change(|world| world.finish(&checkout()));
    console.until("PROD checkout #3 live").await.press(&["g", "T"]);
    console.until("succeeded; there is nothing to try again").await;
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_failed_and_goes_elsewhere_than_the_header_says_wants_its_number() {
    let backend = ready();
    backend.change(|world| {
        fails(world, PRODUCTION, BuildNumber(1), DeploymentKind::Rollback);
        // The next emergency passes over it.
        let sha = Sha::try_from(format!("{:040x}", 1)).expect("forty hex digits");
        let build = BuildNumber(1);
        let subject = "Change by kim".to_owned();
        let bad = vec![trunkline::domain::quarantine::BadCommit { sha, build, subject }];
        let fact = Fact::CommitsQuarantined { bad, reason: "leaks".into() };
        world.record(&checkout(), Actor::Person("kim".into()), fact);
    });
    let console = Console::sized(&backend, (120, 40));
    console.until("in doubt").await.press(&["2", "j", "T"]);
    console.until("Roll PRODUCTION back to #1 again").await.until("type build number").await;
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_waits_for_another_deployment_offers_to_watch_it() {
    let backend = with_failed_4();
    backend.change(|world| {
        let build = world.merge(&checkout(), "ada", "Runs now");
        world.request(&checkout(), build, STAGING, DeploymentKind::Auto, Actor::System);
        world.advance(&checkout());
        world.advance(&checkout());
    });
    let console = Console::sized(&backend, (120, 40));
    console.until("#5").await.press(&["1", "g", "j", "T"]);
    console.until("Deploy #4 to STAGING again").await.until("Watch #5").await;
    console.press(&["right"]).quiet().await.press(&["enter"]).until_gone("STAGING again").await;
    console.settled().await;
    assert!(console.line("4 Log").contains("#5"), "{}", console.text());
}

#[tokio::test(start_paused = true)]
async fn a_paste_tries_nothing_again() {
    let console = Console::sized(&with_failed_4(), (120, 40));
    console.until("FAILED").await.press(&["1", "g"]).settled().await;
    let before = requests(&console).len();
    console.burst(&["T", "right", "enter"]).until("T started nothing").await;
    console.press(&["T"]).burst(&["right", "enter", "enter"]);
    console.until("closed again, nothing was started").await.quiet().await;
    assert_eq!(requests(&console).len(), before);
}
