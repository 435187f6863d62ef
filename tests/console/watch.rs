//! What the console says of the watch of production: in the header, in the details, aloud, and in the emergency dialog.

use std::time::Duration;

use trunkline::backend::scripted::{Scripted, ScriptedWorld};
use trunkline::console::Options;
use trunkline::console::effect::Outside;
use trunkline::console::theme::Theme;
use trunkline::domain::event::Fact;
use trunkline::domain::ids::{DeploymentId, Environment};
use trunkline::domain::people::Actor;
use trunkline::domain::watch::{
    CheckSummary, SampleVerdict, WatchBegan, WatchEnd, WatchEnded, WatchSampled, WatchTurned,
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
