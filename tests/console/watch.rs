//! What the console says of the watch of production: in the header, in the details, aloud, and in the emergency dialog.

use std::time::Duration;

use trunkline::backend::scripted::{Scripted, ScriptedWorld};
use trunkline::console::Options;
use trunkline::console::effect::Outside;
use trunkline::console::theme::Theme;
use trunkline::domain::event::{DeploymentKind, Fact};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment};
use trunkline::domain::people::Actor;
use trunkline::domain::watch::{
    AutoDecision, AutoRollback, CheckSummary, SampleVerdict, WatchBegan, WatchEnd, WatchEnded,
    WatchSampled, WatchTurned,
};
use trunkline::terminal::capabilities::{Charset, Depth};
use trunkline_testing::console::{Console, checkout, options, put_live, ready};

use SampleVerdict::{Bad, Good};

fn told(world: &mut ScriptedWorld, fact: Fact) {
    world.record(&checkout(), Actor::System, fact);
}

/// The watch of what is live begins.
fn begin(world: &mut ScriptedWorld) -> DeploymentId {
    let state = &world.service(&checkout()).expect("it is there").state;
    let live = state.live(Environment::Production).expect("something is live").clone();
    let began = WatchBegan {
        deployment: live.deployment,
        environment: Environment::Production,
        build: live.build,
        checks: vec!["errors".to_owned()],
        until: world.now() + chrono::TimeDelta::minutes(15),
        every: Duration::from_secs(15),
        wave: None,
    };
    told(world, Fact::WatchBegan(began));
    live.deployment
}

fn turn(world: &mut ScriptedWorld, deployment: DeploymentId, to: SampleVerdict, value: &str) {
    let (check, says) = ("errors".to_owned(), format!("{value}; has to be below 0.01"));
    let count = |of| if of == to { 4 } else { 0 };
    let summary = CheckSummary {
        check: check.clone(),
        good: count(Good),
        bad: count(Bad),
        unknown: 0,
        last: to,
        says: says.clone(),
        value: Some(value.to_owned()),
    };
    told(world, Fact::WatchSampled(WatchSampled { deployment, checks: vec![summary] }));
    let turned = WatchTurned { deployment, check, to, says, value: Some(value.to_owned()) };
    told(world, Fact::WatchTurned(turned));
}

/// [`ready`], whose live build is watched for two minutes and good so far.
fn watched() -> (Scripted, DeploymentId) {
    let backend = ready();
    let id = backend.change(|world| {
        let build = world.service(&checkout()).expect("it is there").state.live
            [&Environment::Production]
            .last()
            .expect("it is live")
            .build;
        put_live(world, build);
        let id = begin(world);
        turn(world, id, Good, "0.002");
        world.pass(Duration::from_mins(2));
        id
    });
    (backend, id)
}

fn header(console: &Console) -> String {
    console.line(" PROD ")
}

#[tokio::test(start_paused = true)]
async fn the_header_says_what_was_looked_at_and_never_that_all_is_ok() {
    let console = Console::sized(&ready(), (140, 40));
    console.until("#3").await;
    assert!(header(&console).contains(", not watched"), "{}", header(&console));
    assert!(!header(&console).contains(" ok"), "{}", header(&console));
    let (backend, id) = watched();
    let console = Console::sized(&backend, (140, 40));
    console.until("#2 live 2m").await.until("watched: good so far").await;
    backend.change(|world| {
        turn(world, id, Bad, "0.12");
        world.pass(Duration::from_secs(40));
    });
    console.until("watched: errors BAD").await;
    assert!(!header(&console).contains("good"), "{}", header(&console));
    for size in [(80, 24), (60, 12)] {
        let small = Console::sized(&backend, size);
        small.until("WATCH BAD").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_turns_bad_rings_and_its_evidence_stands_in_the_emergency_dialog() {
    let (backend, id) = watched();
    let console = Console::sized(&backend, (120, 40));
    console.until("good so far").await;
    let before = console.asked().len();
    backend.change(|world| turn(world, id, Bad, "0.12"));
    console.until("its watch says BAD").await;
    let asked = console.asked().split_off(before);
    assert!(asked.contains(&Outside::Bell), "{asked:?}");
    let title = Outside::Title("BAD: checkout - trunkline".into());
    assert!(asked.contains(&title), "{asked:?}");
    console.press(&["!"]).until("ROLLING BACK PRODUCTION").await;
    console.until("#2 is watched: errors BAD").await.until("0.12; has to be below 0.01").await;
    console.until("Enter rolls back now").await.press(&["enter"]).settled().await;
    assert_eq!(console.rollbacks(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_details_draw_each_check_with_and_without_unicode() {
    let (backend, id) = watched();
    backend.change(|world| turn(world, id, Bad, "0.12"));
    let console = Console::sized(&backend, (120, 40));
    console.until("▁█").await.until("4 bad of 8 samples").await;
    let ascii = Options { theme: Theme::terminal(Depth::Ansi16, Charset::Ascii), ..options() };
    let console = Console::with(&backend, (120, 40), ascii, |_| {});
    console.until("_#").await;
}

#[tokio::test(start_paused = true)]
async fn an_end_that_nobody_saw_is_said_and_a_key_tells_that_somebody_did() {
    let (backend, id) = watched();
    backend.change(|world| {
        world.pass(Duration::from_mins(13));
        told(world, Fact::WatchEnded(WatchEnded { deployment: id, end: WatchEnd::Good }));
        world.pass(Duration::from_mins(12));
    });
    let seen = |backend: &Scripted| {
        backend.change(|world| {
            let state = &world.service(&checkout()).expect("it is there").state;
            let watch = state.watches.last(Environment::Production).expect("it is watched");
            watch.seen.as_ref().map(|seen| seen.by.to_string())
        })
    };
    let console = Console::sized(&backend, (120, 40));
    console.until("watch of #2 ended good 12m ago, not seen by anyone").await;
    console.rest(Duration::from_secs(30)).await;
    assert_eq!(seen(&backend), None, "a console that stands open is no person");
    console.press(&["j"]).settled().await;
    assert_eq!(seen(&backend).as_deref(), Some("sam"));
    let next = Console::sized(&backend, (120, 40));
    next.until("watched 15m: good").await;
    assert!(!next.text().contains("not seen by anyone"), "{}", next.text());
}

/// Production is rolled back by itself, as the engine records it.
fn decide(world: &mut ScriptedWorld, deployment: DeploymentId, decision: AutoDecision) {
    let (check, says, since) = ("errors".to_owned(), "0.12".to_owned(), world.now());
    let decided = AutoRollback { deployment, check, since, says, value: None, decision };
    told(world, Fact::AutoRollback(decided));
}

#[tokio::test(start_paused = true)]
async fn a_rollback_by_itself_rings_and_stays_in_the_title_until_its_hold_is_released() {
    let (backend, id) = watched();
    let console = Console::sized(&backend, (140, 40));
    console.until("good so far").await;
    let before = console.asked().len();
    backend.change(|world| {
        turn(world, id, Bad, "0.12");
        decide(world, id, AutoDecision::RollsBack { to: BuildNumber(1) });
    });
    console.until("rolling back to #1 by itself").await;
    let rings = |asked: &[Outside]| asked.iter().filter(|of| **of == Outside::Bell).count();
    assert_eq!(rings(&console.asked()[before..]), 1);

    let before = console.asked().len();
    backend.change(|world| {
        let (production, rollback) = (Environment::Production, DeploymentKind::Rollback);
        let rollback =
            world.request(&checkout(), BuildNumber(1), production, rollback, Actor::System);
        let reason = "rolled back from #2 to #1 by itself: errors BAD".to_owned();
        let (environment, rollback) = (production, Some(rollback));
        told(world, Fact::HoldPlaced { environment, reason, rollback, all: false });
        world.finish(&checkout());
    });
    let said = "by itself: errors BAD";
    console.until("production is on hold by trunkline").await.until(said).await;
    console.until("#1 live").await.settled().await;
    let asked = console.asked().split_off(before);
    let title = Outside::Title("ROLLED BACK: checkout - trunkline".into());
    assert!(rings(&asked) > 0 && asked.last() == Some(&title), "{asked:?}");
    let next = Console::sized(&backend, (140, 40));
    next.until("production is on hold by trunkline").await;
    assert!(next.asked().contains(&title), "who comes later is told too");

    let (environment, reason) = (Environment::Production, "read".to_owned());
    backend.change(|world| {
        told(world, Fact::HoldReleased { environment, reason, bad: Vec::new(), open: Vec::new() });
    });
    console.until_gone("ON HOLD").await;
    assert_eq!(console.asked().last(), Some(&Outside::Title("checkout - trunkline".into())));
}

#[tokio::test(start_paused = true)]
async fn what_lacks_for_a_rollback_by_itself_is_said_when_the_watch_turns_bad() {
    let (backend, id) = watched();
    let console = Console::sized(&backend, (160, 40));
    console.until("good so far").await;
    backend.change(|world| {
        turn(world, id, Bad, "0.12");
        let why = "production is on hold".to_owned();
        decide(world, id, AutoDecision::Stays { why });
    });
    console.until("not rolled back by itself: production is on hold").await;
}
