//! What is wrong, said in words where nobody can miss it: with production, with a build, with the backend.

use trunkline::console::Error;
use trunkline::domain::event::{DeploymentKind, Fact, StepOutcome};
use trunkline::domain::ids::{Environment, Seq, ServiceName};
use trunkline::domain::people::Actor;
use trunkline::domain::snapshot::Problem;

use trunkline::backend::scripted::{Scripted, ScriptedWorld};
use trunkline_testing::console::{Console, checkout, monday, options, ready};

/// Fails at its second step.
fn fail(world: &mut ScriptedWorld, environment: Environment, kind: DeploymentKind) {
    let build = match environment {
        Environment::Production => world.verified_build(&checkout(), "kim"),
        Environment::Staging => world.merge(&checkout(), "kim", "Does not start"),
    };
    let id = world.request(&checkout(), build, environment, kind, Actor::System);
    world.advance(&checkout());
    world.advance(&checkout());
    world.write(&checkout(), id, 0, "the first step was fine");
    world.advance(&checkout());
    world.advance(&checkout());
    world.write(&checkout(), id, 1, "the second was not");
    world.advance_with(&checkout(), StepOutcome::Exited(1));
    world.finish(&checkout());
}

/// Begins what will fail in staging.
fn fail_slowly(world: &mut ScriptedWorld) {
    let build = world.merge(&checkout(), "kim", "Does not start");
    let (to, kind) = (Environment::Staging, DeploymentKind::Auto);
    world.request(&checkout(), build, to, kind, Actor::System);
    world.advance(&checkout());
    world.advance(&checkout());
}

#[tokio::test(start_paused = true)]
async fn a_promote_that_failed_midway_leaves_production_in_doubt_with_the_key_that_helps() {
    let backend = ready();
    backend.change(|world| fail(world, Environment::Production, DeploymentKind::Promote));
    let console = Console::sized(&backend, (120, 40));
    console.until("production is in doubt: promote of #4 failed at step").await;
    console.until("→ ! puts #2 back").await;
    console.press(&["2", "j"]).until("what      promote of #4").await.settled().await;
    let details = console.text();
    assert!(details.contains("│ production is in doubt"), "{details}");
}

#[tokio::test(start_paused = true)]
async fn after_a_restore_every_place_says_that_nobody_knows_what_runs() {
    let backend = ready();
    let console = Console::sized(&backend, (120, 40));
    console.until("PROD checkout #2").await;
    backend.change(|world| {
        let (head, at) = (Seq(1), monday());
        let ann = Actor::Person("ann".into());
        world.record(&checkout(), ann, Fact::RecordRestored { head, at });
    });
    console.until("RESTORED, NOT KNOWN").await;
    console.until("! puts #2 back, or state what runs: trunkline adopt SHA").await;
    let screen = console.press(&["2", "j"]).settled().await.text();
    let staging = screen.lines().find(|line| line.contains("STG")).unwrap();
    assert!(staging.contains("NOT KNOWN"), "{screen}");
    assert!(screen.contains("ann restored the record from a copy"), "{screen}");
    assert!(screen.contains("! RESTORED"), "{screen}");
    assert!(!screen.contains("external") && !screen.contains("interrupted"), "{screen}");
    assert!(screen.contains("what      restore ! RESTORED"), "{screen}");
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_is_under_way_is_not_called_blocked() {
    let backend = ready();
    let console = Console::sized(&backend, (120, 40));
    let id = backend.change(|world| {
        let build = world.verified_build(&checkout(), "kim");
        let promote = DeploymentKind::Promote;
        world.request(&checkout(), build, Environment::Production, promote, Actor::System);
        world.advance(&checkout());
        world.finish(&checkout());
        let to = trunkline::domain::ids::BuildNumber(2);
        let rollback = DeploymentKind::Rollback;
        world.request(&checkout(), to, Environment::Production, rollback, Actor::System)
    });
    console.until("UNDER WAY").await;
    console.press(&["2", "g", "down", "down"]).until(&format!("under way ({id})")).await;
    assert!(!console.text().contains("BLOCKED"), "{}", console.text());
}

#[tokio::test(start_paused = true)]
async fn enter_on_a_failed_build_shows_the_log_of_the_step_that_failed() {
    let backend = ready();
    backend.change(|world| fail(world, Environment::Staging, DeploymentKind::Auto));
    let console = Console::open(&backend);
    console.until("FAILED").await.press(&["enter"]).until("the second was not").await;
    assert!(console.line("4 Log").contains("2/2"), "{}", console.text());
}

#[tokio::test(start_paused = true)]
async fn trouble_of_the_whole_backend_shows_under_a_service_and_goes_with_it() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await;
    let problem = Problem {
        since: monday(),
        what: "nothing can be recorded: disk full".into(),
        remedy: "free disk space".into(),
    };
    backend.change(|world| world.trouble(vec![problem]));
    console.until("nothing can be recorded: disk full → free disk space").await;
    backend.change(|world| world.trouble(Vec::new()));
    console.until_gone("nothing can be recorded").await;
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_exist_ends_the_console_and_names_those_there_are() {
    let name: ServiceName = "chekout".parse().expect("the name is a good one");
    let mut options = options();
    options.service = Some(name);
    let console = Console::with(&ready(), (80, 24), options, |_| {});
    let Error::NoService(why) = console.failed().await else { panic!("another error") };
    assert!(why.contains("chekout"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn the_only_service_opens_by_itself_also_when_it_appears_late() {
    let backend = Scripted::new(monday());
    backend.change(|world| world.remove_service(&checkout()));
    let console = Console::open(&backend);
    console.until("no services yet").await;
    backend.change(|world| world.add_service(&checkout()));
    console.until("PROD checkout").await;
}

#[tokio::test(start_paused = true)]
async fn the_first_of_several_services_does_not_open_by_itself() {
    let backend = Scripted::new(monday());
    let several = trunkline::console::Options { several: true, ..options() };
    let console = Console::with(&backend, (80, 24), several, |_| {});
    console.until("1 service").await.until("checkout").await.settled().await;
    assert!(console.text().contains("Services"), "{}", console.text());
}

#[tokio::test(start_paused = true)]
async fn what_ended_is_said_as_what_is_true_now() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await;
    let build = backend.change(|world| {
        let build = world.merge(&checkout(), "kim", "One more");
        let (to, kind) = (Environment::Staging, DeploymentKind::Auto);
        world.request(&checkout(), build, to, kind, Actor::System);
        world.advance(&checkout());
        build
    });
    console.until("DEPLOYING").await;
    backend.change(|world| world.finish(&checkout()));
    console.until(&format!("{build} is in staging")).await;
    backend.change(fail_slowly);
    console.until("DEPLOYING").await;
    backend.change(|world| {
        world.advance_with(&checkout(), StepOutcome::Exited(1));
        world.finish(&checkout());
    });
    console.until("#5 failed in staging at step").await;
}

#[tokio::test(start_paused = true)]
async fn every_trouble_is_read_in_full_on_the_fleet_and_in_the_messages() {
    let backend = ready();
    let long =
        "a sentence that is far too long for one line of a small screen and goes on to its end";
    let problem = |what: &str| Problem {
        since: monday(),
        what: what.to_owned(),
        remedy: format!("mend {what}"),
    };
    backend.change(|world| world.trouble(vec![problem(long), problem("the second")]));
    let console = Console::open(&backend);
    console.until("1 of 2, M shows all").await.press(&["M"]).until("mend the second").await;
    console.until("on to its end").await;
    backend.change(|world| world.remove_service(&checkout()));
    console.press(&["esc"]).until("no service could be read yet").await;
    console.until("mend the second").await;
}

#[tokio::test(start_paused = true)]
async fn what_failed_stays_on_screen_until_it_is_seen_or_over() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await;
    let fails = || {
        backend.change(fail_slowly);
        backend.change(|world| {
            world.advance_with(&checkout(), StepOutcome::Exited(1));
            world.finish(&checkout());
        });
    };
    let minute = std::time::Duration::from_mins(1);
    backend.change(fail_slowly);
    console.until("DEPLOYING").await;
    backend.change(|world| {
        world.advance_with(&checkout(), StepOutcome::Exited(1));
        world.finish(&checkout());
    });
    console.until("#4 failed in staging at step").await.rest(minute).await;
    console.until("#4 failed in staging at step").await.press(&["esc"]).settled().await;
    assert!(!console.text().contains("#4 failed in staging"), "{}", console.text());
    fails();
    console.settled().await;
    backend.change(|world| {
        let build = world.merge(&checkout(), "kim", "The fix");
        let (to, kind) = (Environment::Staging, DeploymentKind::Auto);
        world.request(&checkout(), build, to, kind, Actor::System);
        world.advance(&checkout());
    });
    console.until("DEPLOYING").await;
    backend.change(|world| world.finish(&checkout()));
    console.until("#6 is in staging").await.rest(minute).await;
    assert!(!console.text().contains("#5 failed"), "it is over: {}", console.text());
}
