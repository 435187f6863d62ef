//! What the loop promises: to draw seldom, to sleep while nothing moves, and to take keys first.

use std::time::Duration;

use ratatui::layout::Size;
use tokio::time::Instant;
use trunkline::backend::Backend;
use trunkline::backend::scripted::{Fault, Scripted};
use trunkline::console::effect::{Effect, Outside};
use trunkline::console::message::{Message, TimedMessage};
use trunkline::console::model::Model;
use trunkline::console::model::log::LogSource;
use trunkline::console::{Options, update};
use trunkline::domain::event::DeploymentKind;
use trunkline::domain::ids::Environment;
use trunkline::domain::log::LogFrom;
use trunkline::domain::people::Actor;

use trunkline_testing::console::{Console, checkout, monday, options, ready};

#[tokio::test(start_paused = true)]
async fn an_idle_hour_draws_once() {
    let console = Console::open(&Scripted::new(monday()));
    console.until("nothing live yet").await.rest(Duration::from_secs(10)).await;
    let before = console.draws();
    console.rest(Duration::from_hours(1)).await;
    assert!(console.draws() - before <= 1, "{} frames", console.draws() - before);
}

#[tokio::test(start_paused = true)]
async fn ages_alone_cost_a_frame_a_minute_each() {
    let console = Console::open(&ready());
    console.until("#3").await.rest(Duration::from_secs(10)).await;
    let before = console.draws();
    console.rest(Duration::from_mins(10)).await;
    let frames = console.draws() - before;
    assert!((10..=60).contains(&frames), "{frames} frames in ten minutes");
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_queued_events_draw_a_handful_of_frames() {
    let console = Console::open(&ready());
    console.until("#3").await.settled().await;
    let before = console.draws();
    for _ in 0..10_000 {
        console.inbox.try_send(Message::Wake).expect("there is room for them");
    }
    console.settled().await;
    let frames = console.draws() - before;
    assert!((1..=8).contains(&frames), "{frames} frames");
}

#[tokio::test(start_paused = true)]
async fn a_key_is_handled_before_any_backlog() {
    let backend = ready();
    let fleet = backend.fleet(None, Duration::ZERO).await.expect("it answers");
    let titled = Message::Fleet(Ok(fleet.map(Box::new)));
    let console = Console::with(&backend, (80, 24), options(), |console| {
        console.inbox.try_send(titled).expect("there is room for it");
        for _ in 0..10_000 {
            console.inbox.try_send(Message::Wake).expect("there is room for them");
        }
        console.press(&["ctrl-z"]);
    });
    console.until("#3").await;
    let asked = console.asked();
    assert!(matches!(asked.as_slice(), [Outside::Suspend, Outside::Title(_), ..]), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_running_deployment_counts_its_seconds_and_then_is_still() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await;
    backend.change(|world| {
        let build = world.merge(&checkout(), "ada", "Next");
        let (environment, kind) = (Environment::Staging, DeploymentKind::Auto);
        world.request(&checkout(), build, environment, kind, Actor::System);
        world.advance(&checkout());
    });
    console.until("DEPLOYING").await.until("3s").await.until("4s").await;
    let before = console.draws();
    console.rest(Duration::from_secs(10)).await;
    let frames = console.draws() - before;
    assert!((9..=24).contains(&frames), "{frames} frames in ten seconds");
}

#[tokio::test(start_paused = true)]
async fn the_first_frame_is_a_whole_one() {
    let console = Console::open(&ready());
    console.until("#3").await;
    assert_eq!(console.draws(), 1);
    let first = console.text();
    console.settled().await;
    assert_eq!(console.text(), first, "nothing was missing");
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_is_slow_does_not_keep_the_screen_empty() {
    let backend = ready();
    backend.fault(Fault::Slow(Duration::from_secs(3)));
    let console = Console::open(&backend);
    console.rest(Duration::from_millis(100)).await;
    assert!(console.text().contains("trunkline"), "{}", console.text());
    console.until("#3").await;
}

#[tokio::test(start_paused = true)]
async fn a_log_that_was_read_to_its_end_is_asked_for_more_a_frame_later() {
    let backend = ready();
    backend.change(|world| {
        let build = world.merge(&checkout(), "ada", "Next");
        let (environment, kind) = (Environment::Staging, DeploymentKind::Auto);
        let id = world.request(&checkout(), build, environment, kind, Actor::System);
        world.advance(&checkout());
        world.advance(&checkout());
        world.write(&checkout(), id, 0, "the first line");
    });
    let at = Instant::now();
    let size = Size { width: 80, height: 24 };
    let options = Options { service: Some(checkout()), ..options() };
    let mut model = Model::new(options, uuid::Uuid::nil(), size, at);
    let snapshot = backend.service(&checkout(), None, Duration::ZERO).await;
    let message = Message::Service(checkout(), snapshot.map(|snapshot| snapshot.map(Box::new)));
    let (source, from, due) = reading(&update(&mut model, TimedMessage { at, message }));
    assert_eq!((from, due), (LogFrom::End, at), "the end is read at once");
    let LogSource { service, deployment, step } = &source;
    let answer = backend.log(service, *deployment, *step, from, 1 << 16, Duration::ZERO).await;
    let end = answer.as_ref().expect("it is read").next;
    let message = Message::Log { source, from, answer };
    let (_, from, due) = reading(&update(&mut model, TimedMessage { at, message }));
    assert_eq!((from, due), (LogFrom::After(end), at + Duration::from_millis(16)));
}

/// What is to be read of which log, and when.
fn reading(effects: &[Effect]) -> (LogSource, LogFrom, Instant) {
    let reading = effects.iter().find_map(|effect| match effect {
        Effect::ReadLog { source, from, due, .. } => Some((source.clone(), *from, *due)),
        _ => None,
    });
    reading.unwrap_or_else(|| panic!("no log is read: {effects:?}"))
}
