//! A log that a person reads stays, whatever starts meanwhile, and all of it can be read and copied.

use std::time::Duration;

use trunkline::backend::scripted::{Scripted, ScriptedWorld};
use trunkline::console::effect::Outside;
use trunkline::domain::event::DeploymentKind;
use trunkline::domain::ids::{DeploymentId, Environment};
use trunkline::domain::people::Actor;

use trunkline_testing::console::{Console, checkout, ready};

/// A new build on its way to staging, whose first step has written something.
fn begin(world: &mut ScriptedWorld, line: &str) -> DeploymentId {
    let build = world.merge(&checkout(), "kim", "One more");
    let (to, kind) = (Environment::Staging, DeploymentKind::Auto);
    let id = world.request(&checkout(), build, to, kind, Actor::System);
    world.advance(&checkout());
    world.advance(&checkout());
    for at in 0..40 {
        world.write(&checkout(), id, 0, &format!("{line} {at}"));
    }
    id
}

/// A console on the log of #4, which has ended.
async fn reading(keys: &[&str]) -> (Scripted, Console) {
    let backend = ready();
    backend.change(|world| begin(world, "the old"));
    let console = Console::open(&backend);
    console.until("the old 39").await.press(keys).settled().await;
    backend.change(|world| {
        world.finish(&checkout());
        begin(world, "the new");
    });
    (backend, console)
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_read_is_not_replaced_and_says_what_started() {
    for keys in [&["4", "k", "k"][..], &["4"], &["4", "k", "1"], &["4", "/", "o", "l", "d"]] {
        let (_, console) = reading(keys).await;
        console.until("#5 started (L shows it)").await.until("the old").await;
        console.rest(Duration::from_secs(30)).await.until("the old").await;
        console.press(&["enter", "L"]).until("the new 39").await.until_gone("(L shows it)").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_nobody_reads_follows_what_runs() {
    let (backend, console) = reading(&["4", "k", "G", "1"]).await;
    console.until("the new 39").await;
    backend.change(|world| world.finish(&checkout()));
    console.until("#5 staging 2/2 smoke").await;
}

#[tokio::test(start_paused = true)]
async fn whoever_follows_a_deployment_goes_on_to_its_next_step_and_whoever_stopped_does_not() {
    let backend = ready();
    backend.change(|world| begin(world, "released"));
    let console = Console::open(&backend);
    console.until("released 39").await.press(&["4"]).settled().await;
    backend.change(|world| {
        world.advance(&checkout());
        world.advance(&checkout());
    });
    console.until("2/2 smoke").await.press(&["[", "k"]).until("1/2 release").await;
    let console = Console::open(&backend);
    console.until("2/2 smoke").await;
}

#[tokio::test(start_paused = true)]
async fn what_started_is_shown_also_after_it_ended() {
    let (backend, console) = reading(&["4", "k"]).await;
    console.until("#5 started (L shows it)").await;
    backend.change(|world| world.finish(&checkout()));
    console.until("#5 is in staging").await.until("#5 started (L shows it)").await;
    console.press(&["L"]).until("#5 staging").await.until_gone("(L shows it)").await;
}

/// A console on a log with a line that is longer than the screen is wide.
fn with_a_long_line() -> Console {
    let backend = ready();
    backend.change(|world| {
        let id = begin(world, "short");
        world.write(&checkout(), id, 0, &format!("{} the end of it", "long ".repeat(100)));
        world.write(&checkout(), id, 0, "after it");
    });
    Console::open(&backend)
}

#[tokio::test(start_paused = true)]
async fn a_line_that_is_cut_is_opened_whole() {
    let console = with_a_long_line();
    console.until("after it").await.press(&["enter"]).settled().await;
    assert!(!console.text().contains("the end of it"), "{}", console.text());
    console.until("Enter whole line").await.press(&["enter"]).until("the end of it").await;
    console.until("Line of").await.press(&["esc"]).until_gone("the end of it").await;
    console.press(&["w"]).until("the end of it").await.press(&["enter"]);
    console.until("every line here is whole").await;
}

#[tokio::test(start_paused = true)]
async fn plain_leaves_nothing_but_the_text() {
    let console = with_a_long_line();
    console.until("after it").await.press(&["4", "x"]).until_gone("PROD").await;
    let screen = console.text();
    assert!(screen.contains("the end of it"), "{screen}");
    let expected = |line: &str| {
        ["short ", "long ", "ong ", "ng ", "g "].iter().any(|text| line.starts_with(text))
    };
    let strange: Vec<_> = screen.lines().filter(|l| !expected(l) && !l.contains("it")).collect();
    assert!(strange.len() <= 1, "{strange:?} in\n{screen}");
    // What must not be missed is seen all the same.
    console.press(&["!"]).until("ROLLING BACK PRODUCTION").await.press(&["esc"]);
    for leaves in ["x", "esc", "q"] {
        console.until_gone("ROLLING BACK").await.until_gone("PROD").await.press(&[leaves]);
        console.until("PROD checkout").await.press(&["x"]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_copied_is_what_the_focused_pane_shows() {
    let backend = ready();
    backend.change(|world| begin(world, "the log"));
    let console = Console::sized(&backend, (200, 60));
    console.until("the log 39").await;
    let last = |console: &Console| {
        let asked = console.asked();
        asked.into_iter().rev().find_map(|asked| match asked {
            Outside::Copy(text) => Some(text),
            _ => None,
        })
    };
    let wanted = [
        ("1", "0000000000000000000000000000000000000004"),
        ("2", "0000000000000000000000000000000000000002"),
        ("3", "promote of #2"),
        ("4", "the log 39\nthe log"),
        ("5", "OPEN"),
        ("6", "#2 promote"),
    ];
    for (pane, text) in wanted {
        console.press(&[pane, "y"]).until("clipboard").await.settled().await;
        let copied = last(&console).unwrap_or_default();
        let text = text.split('\n').next().unwrap_or_default();
        assert!(copied.contains(text), "{pane} {text}: {copied}");
        assert!(!copied.contains('│') && !copied.contains('┃'), "{copied}");
    }
    assert!(last(&console).is_some_and(|text| text.lines().count() > 3));
}
