//! How little the console writes to its terminal: what an ssh connection at the far end of the world has to carry.

use std::num::NonZeroU16;
use std::time::Duration;

use trunkline::backend::scripted::{Scripted, ScriptedWorld};
use trunkline::domain::event::DeploymentKind;
use trunkline::domain::ids::{DeploymentId, Environment};
use trunkline::domain::people::Actor;

use trunkline_testing::console::{Console, checkout, ready};

const SIZE: (u16, u16) = (120, 40);
/// What one line may cost.
const LIMIT: usize = 2_500;

/// Something as long and as different from the line before as a log's lines are.
fn line(n: u64) -> String {
    let words =
        ["released", "asset", "migrating", "table", "retrying", "upstream", "cache", "warm"];
    let word =
        |k: u64| words[usize::try_from((n * 7 + k * k * 5 + n / 3) % 8).expect("it is small")];
    let text: Vec<_> = (0..12).map(|k| format!("{}={}", word(k), n * (k + 3) % 977)).collect();
    format!("\u{1b}[32m{n:06}\u{1b}[0m {}", text.join(" "))
}

/// A deployment whose first step runs and has written lines.
fn running(world: &mut ScriptedWorld) -> DeploymentId {
    let build = world.merge(&checkout(), "ada", "Next");
    let (environment, kind) = (Environment::Production, DeploymentKind::Promote);
    let id = world.request(&checkout(), build, environment, kind, Actor::System);
    world.advance(&checkout());
    world.advance(&checkout());
    for n in 0..200 {
        world.write(&checkout(), id, 0, &line(n));
    }
    id
}

/// What the bytes draw on a real terminal.
fn emulated(console: &Console) -> String {
    let some = |cells| NonZeroU16::new(cells).expect("the screen has cells");
    let mut emulator = vt100::Parser::new(some(SIZE.1), some(SIZE.0), 0);
    emulator.process(&console.bytes());
    let contents = emulator.screen().contents();
    contents.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// The bytes for each of some lines that arrive one by one.
async fn costs(backend: &Scripted, console: &Console, id: DeploymentId) -> Vec<usize> {
    let mut costs = Vec::new();
    for n in 200..240 {
        let before = console.bytes().len();
        backend.change(|world| world.write(&checkout(), id, 0, &line(n)));
        console.until(&format!("{n:06}")).await.settled().await;
        costs.push(console.bytes().len() - before);
        assert_eq!(emulated(console), console.text().trim_end(), "line {n}");
    }
    costs
}

#[tokio::test(start_paused = true)]
async fn a_line_that_arrives_costs_less_than_2500_bytes_in_the_pane() {
    let backend = ready();
    let id = backend.change(running);
    let console = Console::sized(&backend, SIZE);
    console.until("000199").await.settled().await;
    let costs = costs(&backend, &console, id).await;
    assert!(costs.iter().all(|bytes| *bytes < LIMIT), "{costs:?}");
}

#[tokio::test(start_paused = true)]
async fn a_line_that_arrives_costs_less_than_2500_bytes_on_the_whole_screen() {
    let backend = ready();
    let id = backend.change(running);
    let console = Console::sized(&backend, SIZE);
    console.until("000199").await.press(&["4", "z"]).settled().await;
    let costs = costs(&backend, &console, id).await;
    assert!(costs.iter().all(|bytes| *bytes < LIMIT), "{costs:?}");
}

#[tokio::test(start_paused = true)]
async fn scrolling_by_a_line_costs_about_a_line() {
    let backend = ready();
    backend.change(running);
    let console = Console::sized(&backend, SIZE);
    console.until("000199").await.press(&["4", "z"]).settled().await;
    for key in ["k", "k", "k", "j", "j"] {
        let before = console.bytes().len();
        console.press(&[key]).settled().await;
        let bytes = console.bytes().len() - before;
        assert!((1..LIMIT).contains(&bytes), "{key}: {bytes}");
        assert_eq!(emulated(&console), console.text().trim_end(), "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_minute_writes_nothing() {
    let backend = ready();
    backend.change(|world| world.pass(Duration::from_hours(48)));
    let console = Console::sized(&backend, SIZE);
    console.until("#3").await.rest(Duration::from_secs(40)).await;
    let before = console.bytes();
    console.rest(Duration::from_mins(1)).await;
    let after = console.bytes();
    assert_eq!(String::from_utf8_lossy(&after[before.len()..]), "");
}
