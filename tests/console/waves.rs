//! What the console says of a deployment that waits between two waves, and what its key asks for.

use std::time::Duration;

use trunkline::backend::scripted::{Scripted, ScriptedWorld};
use trunkline::console::effect::Outside;
use trunkline::domain::event::{DeploymentRequest, Fact, StepOutcome};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment};
use trunkline::domain::people::Actor;
use trunkline::domain::watch::{
    CheckSummary, SampleVerdict, WatchBegan, WatchSampled, WatchTurned,
};
use trunkline::domain::wave::{WavePause, WaveWaits};
use trunkline_testing::console::{Console, checkout, ready};
use trunkline_testing::record::{request, waves};

const PAUSE: WavePause = WavePause::For { time: Duration::from_mins(10) };
const WAVES: [(&str, &[&str], Option<WavePause>); 2] =
    [("canary", &["h1"], Some(PAUSE)), ("others", &["h2", "h3"], None)];

fn told(world: &mut ScriptedWorld, fact: Fact) {
    world.record(&checkout(), Actor::System, fact);
}

/// [`ready`], in which #3 came to the first wave.
fn waiting() -> (Scripted, DeploymentId) {
    let backend = ready();
    let id = backend.change(|world| {
        let asked =
            DeploymentRequest { steps: waves(&WAVES), ..request(Environment::Production, 3) };
        world.record(&checkout(), Actor::Person("sam".into()), Fact::DeploymentRequested(asked));
        let state = &world.service(&checkout()).expect("it is there").state;
        let deployment = DeploymentId::from(state.last_seq);
        told(world, Fact::DeploymentStarted { deployment, variables: None });
        told(world, Fact::StepStarted { deployment, step: 0, target: None });
        let (outcome, took) = (StepOutcome::Succeeded, Duration::from_secs(4));
        told(
            world,
            Fact::StepEnded { deployment, step: 0, target: None, outcome, took, ended_at: None },
        );
        told(
            world,
            Fact::WaveWaits(WaveWaits {
                deployment,
                wave: "canary".parse().expect("a good name"),
                number: 1,
                of: 2,
                targets: vec!["h1".parse().expect("a good name")],
                pause: PAUSE,
            }),
        );
        told(
            world,
            Fact::WatchBegan(WatchBegan {
                deployment,
                environment: Environment::Production,
                build: BuildNumber(3),
                checks: vec!["errors".to_owned()],
                until: world.now() + chrono::TimeDelta::hours(24),
                every: Duration::from_secs(15),
                wave: Some(1),
            }),
        );
        turn(world, deployment, SampleVerdict::Good);
        world.pass(Duration::from_mins(2));
        deployment
    });
    (backend, id)
}

fn turn(world: &mut ScriptedWorld, deployment: DeploymentId, to: SampleVerdict) {
    let (check, says) = ("errors".to_owned(), "0.12; has to be below 0.01".to_owned());
    told(world, Fact::WatchTurned(WatchTurned { deployment, check, to, says, value: None }));
}

fn continued(backend: &Scripted) -> usize {
    backend.change(|world| {
        let state = &world.service(&checkout()).expect("it is there").state;
        let of = |made: &trunkline::domain::deployment::Deployment| {
            made.wave.as_ref().is_some_and(|wait| wait.continued)
        };
        state.deployments.values().filter(|made| of(made)).count()
    })
}

#[tokio::test(start_paused = true)]
async fn the_header_says_at_every_size_that_a_wave_waits_and_more_where_there_is_room() {
    let (backend, _) = waiting();
    let wide = Console::sized(&backend, (160, 40));
    wide.until("#2 → #3 wave 1 of 2 (h1), waits for 8m, watched: good so far").await;
    for size in [(80, 24), (60, 12)] {
        let small = Console::sized(&backend, size);
        small.until("#3 wave 1 of 2 waits").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_wave_that_is_bad_rings_and_continuing_it_wants_a_reason() {
    let (backend, id) = waiting();
    let console = Console::sized(&backend, (120, 40));
    console.until("good so far").await;
    console.press(&["C"]).until("begins wave 2 of 2, others (h2 h3), at once").await;
    console.until("note (optional)").await;
    let before = console.asked().len();
    backend.change(|world| turn(world, id, SampleVerdict::Bad));
    // What it asked for no longer holds.
    console.until("DISARMED").await.until("how it waits changed: look again").await;
    let asked = console.asked().split_off(before);
    assert!(asked.contains(&Outside::Bell), "{asked:?}");
    let title = Outside::Title("BAD: checkout - trunkline".into());
    assert!(asked.contains(&title), "{asked:?}");
    console.press(&["esc"]).until("wave 1 of 2").await;
    console.press(&["C"]).until("does not go on by itself: watched: errors BAD").await;
    console.until("off: type a reason").await;
    console.type_text("it is of another service");
    console.press(&["tab", "tab"]).until("[> Continue <]").await.quiet().await;
    assert_eq!(continued(&backend), 0);
    console.press(&["enter"]).until("continues after wave 1 of 2").await;
    assert_eq!(continued(&backend), 1);
}

#[tokio::test(start_paused = true)]
async fn a_reason_that_was_typed_for_one_thing_does_not_continue_against_another() {
    let (backend, id) = waiting();
    backend.change(|world| turn(world, id, SampleVerdict::Bad));
    let console = Console::sized(&backend, (120, 40));
    console.until("errors BAD").await;
    console.press(&["C"]).until("off: type a reason").await;
    console.type_text("it is of another service");
    console.press(&["tab", "tab"]).until("[> Continue <]").await;
    backend.change(|world| {
        told(
            world,
            Fact::HoldPlaced {
                environment: Environment::Production,
                reason: "payments are down".to_owned(),
                rollback: None,
                all: false,
            },
        );
    });
    console.until("DISARMED").await.until("how it waits changed: look again").await;
    console.press(&["enter"]).quiet().await;
    assert_eq!(continued(&backend), 0);
}

#[tokio::test(start_paused = true)]
async fn a_release_says_that_the_next_wave_begins_with_it() {
    let (backend, deployment) = waiting();
    backend.change(|world| {
        let check = CheckSummary {
            check: "errors".to_owned(),
            good: 4,
            bad: 0,
            unknown: 0,
            last: SampleVerdict::Good,
            says: "fine".to_owned(),
            value: None,
        };
        for _ in 0..5 {
            let checks = vec![check.clone()];
            told(world, Fact::WatchSampled(WatchSampled { deployment, checks }));
            world.pass(Duration::from_mins(2));
        }
        let (environment, reason) = (Environment::Production, "it burns".to_owned());
        told(world, Fact::HoldPlaced { environment, reason, rollback: None, all: false });
    });
    let console = Console::sized(&backend, (120, 40));
    console.until("STOPPED").await;
    console.press(&["H"]).until("Release the hold on production").await;
    console.until("then #3 goes on with wave 2 of 2").await;
}
