//! Keys that come together are a paste that the terminal does not mark as one, or noise: they start nothing.

use std::time::Duration;

use crossterm::event::Event;
use trunkline::console::actions::ACTIONS;
use trunkline::console::actions::action::KeyAction;
use trunkline::console::effect::Outside;
use trunkline::console::{Exit, Options};
use trunkline::domain::event::DeploymentKind;

use trunkline_testing::console::{Console, checkout, options, ready};

const SAYS: &str = "keys came together, as in a paste; press one alone";

/// How many deployments of this kind were asked for.
fn count(console: &Console, kind: DeploymentKind) -> usize {
    console.backend.change(|world| {
        let service = world.service(&checkout()).expect("it is there");
        service.state.deployments.values().filter(|d| d.request.kind == kind).count()
    })
}

#[tokio::test(start_paused = true)]
async fn no_key_that_acts_does_so_among_others() {
    for entry in ACTIONS.iter().filter(|entry| entry.action.acts()) {
        for key in entry.keys {
            let console = Console::open(&ready());
            console.until("#3").await.burst(&["k", key, "h"]).settled().await;
            assert!(console.text().contains(SAYS), "{key}: {}", console.text());
            console.rest(Duration::from_secs(9)).await;
            let screen = console.text();
            let title = ["PRODUCTION", "STAGING again", "Verify #", "Hold production", "PAUSED"];
            assert!(!title.iter().any(|title| screen.contains(title)), "{key}: {screen}");
            assert!(console.is_running(), "{key} left the console to the rest of a paste");
            let beyond = console.asked().into_iter().filter(|o| !matches!(o, Outside::Title(_)));
            assert_eq!(beyond.count(), 0, "{key}");
            assert_eq!(count(&console, DeploymentKind::Rollback), 0, "{key}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_says_so_is_not_hidden_by_the_keys_after_it() {
    let console = Console::open(&ready());
    console.until("#3").await.burst(&["n", "e", "!", "t", "h", "a", "n", "k", "s", "r"]);
    console.until(SAYS).await.press(&["!"]).until("ROLLING BACK PRODUCTION").await;
}

#[tokio::test(start_paused = true)]
async fn what_a_key_opened_is_closed_again_by_what_comes_right_behind_it() {
    for key in ["!", "P", "R", "H", "F"] {
        let console = Console::open(&ready());
        console.until("#3").await.press(&[key]).burst(&["o", "h", "n", "o"]);
        console.until("closed again, nothing was started").await;
        console.rest(Duration::from_secs(10)).await;
        assert!(!console.text().contains("Esc cancel"), "{key}: {}", console.text());
        assert_eq!(count(&console, DeploymentKind::Rollback), 0, "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dialog_that_was_looked_at_outlives_keys_that_a_slow_line_brings_together() {
    let console = Console::open(&ready());
    console.until("#3").await.press(&["H"]).until("Hold production").await.settled().await;
    console.rest(Duration::from_secs(1)).await.burst(&["e", "r", "r", "o", "r", "s"]);
    console.until("[errors_").await.until("Hold production").await;
}

#[tokio::test(start_paused = true)]
async fn a_paste_presses_no_button_and_its_digits_go_into_the_number() {
    let options = Options { service: Some(checkout()), ..options() };
    let console = Console::with(&ready(), (80, 24), options, |_| {});
    let before = count(&console, DeploymentKind::Promote);
    console.until("#3").await.press(&["P"]).until("[> Cancel <]").await.press(&["right"]);
    console.quiet().await.burst(&["enter", "x", "enter"]).settled().await;
    console.until("Promote #3 to PRODUCTION").await;
    assert_eq!(count(&console, DeploymentKind::Promote), before);
    console.quiet().await.press(&["enter"]).until_gone("Promote #3 to").await;
    assert_eq!(count(&console, DeploymentKind::Promote), before + 1);

    let backend = ready();
    backend.change(|world| world.verified_build(&checkout(), "sam"));
    let console = Console::open(&backend);
    console.until("#4").await.press(&["P"]).until("[!!]").await.press(&["tab"]).quiet().await;
    let before = count(&console, DeploymentKind::Promote);
    console.press(&["tab"]).quiet().await.press(&["shift-tab", "shift-tab"]);
    console.type_text("known").press(&["tab"]).quiet().await;
    console.burst(&["#", "4", "enter", "enter"]).until("[4").await.settled().await;
    assert_eq!(count(&console, DeploymentKind::Promote), before);
    console.press(&["shift-tab"]).event(Event::Paste("no 4".into()));
    console
        .until("[44")
        .await
        .press(&["backspace", "tab", "tab", "tab"])
        .quiet()
        .await
        .press(&["enter"]);
    console.until_gone("Promote #4 to").await;
    assert_eq!(count(&console, DeploymentKind::Promote), before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_paste_into_the_help_runs_nothing_that_acts() {
    let console = Console::open(&ready());
    let letters: Vec<_> = "?freeze production".split("").filter(|key| !key.is_empty()).collect();
    console.until("#3").await.burst(&letters).burst(&["enter"]).until(SAYS).await;
    assert!(!console.text().contains("Freeze PRODUCTION"), "{}", console.text());
}

#[tokio::test(start_paused = true)]
async fn on_the_smallest_screen_a_paste_neither_rolls_back_nor_leaves() {
    let console = Console::sized(&ready(), (50, 5));
    console.until("PROD checkout").await.burst(&["q", "!", "q"]);
    console.rest(Duration::from_secs(10)).await;
    assert!(console.is_running());
    assert_eq!(count(&console, DeploymentKind::Rollback), 0);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_held_down_may_leave_but_not_roll_back() {
    let console = Console::open(&ready());
    console.until("#3").await.hold_down("!", 3).until(SAYS).await;
    console.rest(Duration::from_secs(10)).await;
    assert_eq!(count(&console, DeploymentKind::Rollback), 0);
    console.hold_down("q", 3);
    assert_eq!(console.ended().await, Exit::Left);
}

#[test]
fn what_is_on_the_screen_alone_needs_no_key_of_its_own() {
    let looks = [KeyAction::Help, KeyAction::Messages, KeyAction::Changes, KeyAction::Interrupt];
    assert!(looks.iter().all(|action| !action.acts()));
}
