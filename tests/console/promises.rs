//! What the loop promises: to draw seldom, to sleep while nothing moves, and to take keys first.

use std::time::Duration;

use trunkline::backend::scripted::Scripted;
use trunkline::console::Exit;
use trunkline::console::message::News;
use trunkline::domain::event::DeploymentKind;
use trunkline::domain::ids::Environment;
use trunkline::domain::people::Actor;

use super::harness::{Console, checkout, monday, options, ready};

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
        console.inbox.try_send(News::Wake).expect("there is room for them");
    }
    console.settled().await;
    let frames = console.draws() - before;
    assert!((1..=8).contains(&frames), "{frames} frames");
}

#[tokio::test(start_paused = true)]
async fn a_key_is_handled_before_any_backlog() {
    let console = Console::with(&ready(), (80, 24), options(), |console| {
        for _ in 0..10_000 {
            console.inbox.try_send(News::Wake).expect("there is room for them");
        }
        console.press(&["q"]);
    });
    let inbox = console.inbox.clone();
    assert_eq!(console.ended().await, Exit::Left);
    assert!(inbox.max_capacity() - inbox.capacity() <= 1, "the backlog was taken in first");
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
