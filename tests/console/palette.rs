//! Every action by its name, and what can be done with a row: a pick does what the key does, and no more.

use std::time::Duration;

use crossterm::event::Event;
use ratatui::layout::Size;
use tokio::time::Instant;
use trunkline::backend::scripted::Scripted;
use trunkline::console::Options;
use trunkline::console::actions::action::KeyAction;
use trunkline::console::actions::context::InputContext;
use trunkline::console::actions::offer::Pick;
use trunkline::console::actions::offers::found;
use trunkline::console::actions::{ACTIONS, Entry};
use trunkline::console::effect::Outside;
use trunkline::console::model::Model;
use trunkline::domain::event::DeploymentKind;

use trunkline_testing::console::{Console, checkout, options, ready};

/// How many deployments of this kind were asked for.
fn count(backend: &Scripted, kind: DeploymentKind) -> usize {
    backend.change(|world| {
        let service = world.service(&checkout()).expect("it is there");
        service.state.deployments.values().filter(|d| d.request.kind == kind).count()
    })
}

fn entry(name: &str) -> &'static Entry {
    ACTIONS.iter().find(|entry| entry.name == name).expect("it is there")
}

/// Whether it is pressed in the panes. The palette does not list itself.
fn is_of_panes(entry: &Entry) -> bool {
    let panes = [InputContext::Lists, InputContext::Log, InputContext::Everywhere];
    panes.contains(&entry.context) && entry.action != KeyAction::Palette
}

async fn opened() -> Console {
    let options = Options { service: Some(checkout()), ..options() };
    let console = Console::with(&ready(), (100, 30), options, |_| {});
    console.until("#3").await;
    console
}

#[test]
fn every_action_of_the_panes_is_found_by_its_name() {
    let size = Size { width: 100, height: 30 };
    let at = Instant::from_std(std::time::Instant::now());
    let model = Model::new(options(), uuid::Uuid::nil(), size, at);
    let missing: Vec<_> = ACTIONS
        .iter()
        .filter(|entry| is_of_panes(entry))
        .filter(|entry| {
            let wanted = Pick::Act(entry.action.clone());
            let found = found(&model, entry.name);
            !found.iter().take(3).any(|found| found.offer.pick == wanted)
        })
        .map(|entry| entry.name)
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    let listed = found(&model, "");
    for entry in ACTIONS.iter().filter(|entry| is_of_panes(entry)) {
        assert!(listed.iter().any(|found| found.offer.name == entry.name), "{}", entry.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pick_shows_what_its_key_shows() {
    for name in ["promote", "roll-back", "hold", "freeze", "changes", "preview", "messages", "zoom"]
    {
        let (by_key, by_name) = (opened().await, opened().await);
        by_key.press(&[entry(name).keys[0]]).settled().await;
        by_name.press(&[":"]).type_text(name).press(&["enter"]).settled().await;
        assert_eq!(by_key.text(), by_name.text(), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pick_that_acts_opens_its_dialog_and_confirms_nothing() {
    let console = opened().await;
    let before = count(&console.backend, DeploymentKind::Promote);
    console.press(&[":"]).type_text("promote").press(&["enter", "enter", "right", "enter"]);
    console.until("Promote #3 to PRODUCTION").await.settled().await;
    assert_eq!(count(&console.backend, DeploymentKind::Promote), before);
    console
        .press(&["right"])
        .quiet()
        .await
        .press(&["enter"])
        .until_gone("Promote #3 to PRODUCTION")
        .await;
    assert_eq!(count(&console.backend, DeploymentKind::Promote), before + 1);
}

#[tokio::test(start_paused = true)]
async fn the_emergency_by_its_name_has_its_countdown() {
    let console = opened().await;
    console.press(&[":"]).type_text("emergency").press(&["enter"]).until("in 3").await;
    console.press(&["esc"]).until_gone("ROLLING BACK").await.rest(Duration::from_secs(9)).await;
    assert_eq!(count(&console.backend, DeploymentKind::Rollback), 0);
    // What was run last stands first, but never what counts down.
    console.press(&[":"]).until("Commands").await.press(&["enter"]).settled().await;
    assert!(!console.text().contains("ROLLING BACK"), "{}", console.text());
}

#[tokio::test(start_paused = true)]
async fn a_verb_lists_what_it_can_be_done_with() {
    let console = opened().await;
    console.press(&[":"]).type_text("chang").press(&["tab"]).until(": changes _").await;
    console.until("changes 1").await.type_text("1").press(&["enter"]).until("Changes").await;
    console.press(&["esc", ":"]).until("again: ").await;
    console.press(&["ctrl-p"]).until(": changes 1_").await.press(&["esc"]);
    console.press(&[":"]).type_text("by ada").press(&["enter"]).until("filter \"ada\"").await;
    console.press(&[":"]).type_text("service checkout").press(&["enter"]).until("#3").await;
    console.press(&[":"]).type_text("rehearse").press(&["enter"]);
    console.until("trunkline rehearse --service checkout").await;
    assert!(
        console.asked().contains(&Outside::Copy("trunkline rehearse --service checkout".into()))
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_off_says_why_in_the_palette_and_in_the_menu() {
    let options = Options { read_only: true, service: Some(checkout()), ..options() };
    let console = Console::with(&ready(), (120, 30), options, |_| {});
    console.until("#3").await.press(&[":"]).type_text("promote");
    console.until("off: this console is read-only").await.press(&["enter"]);
    console
        .until("read-only; open another to promote")
        .await
        .press(&["a"])
        .until("Actions #3")
        .await;
    console.until("promote  off: this console is read-only").await;
}

#[tokio::test(start_paused = true)]
async fn a_paste_into_the_palette_or_the_menu_starts_nothing() {
    for keys in [
        &[":", "p", "r", "o", "m", "enter"][..],
        &[":", "p", "r", "o", "m", "enter", "right", "enter"],
        &["a", "P"],
        &["a", "P", "right", "enter"],
    ] {
        let console = opened().await;
        console.burst(keys).settled().await.rest(Duration::from_secs(5)).await;
        assert!(!console.text().contains("PRODUCTION"), "{keys:?}: {}", console.text());
    }
    let console = opened().await;
    console.press(&[":"]).event(Event::Paste("emergency\r\n".into()));
    console.until(": emergency_").await.rest(Duration::from_secs(5)).await;
    assert_eq!(count(&console.backend, DeploymentKind::Rollback), 0);
}

#[tokio::test(start_paused = true)]
async fn the_menu_of_a_row_says_what_it_does_to_this_row_and_takes_its_keys() {
    let console = opened().await;
    console.press(&["a"]).until("promote #3 to production").await.until("Actions #3").await;
    // What comes meanwhile does not become what it is about.
    console.backend.change(|world| world.verified_build(&checkout(), "kim"));
    console.until("#4").await.press(&["P"]).until("Promote #3 to PRODUCTION").await;
    console.press(&["esc", "2", "a"]).until("roll production back to #1").await;
    console.press(&["V"]).until("V is not in this menu").await;
    console.press(&["R"]).until("Roll back").await;
}

#[tokio::test(start_paused = true)]
async fn what_was_done_here_is_a_command_line_to_copy() {
    let console = opened().await;
    console.press(&["@"]).until("this console did nothing yet").await.press(&["esc", "H"]);
    console.until("Hold production").await.type_text("it's slow").press(&["tab", "tab"]);
    console.quiet().await.press(&["enter"]).until_gone("Hold production").await.press(&["@"]);
    let line = "trunkline hold --reason 'it'\\''s slow' --service checkout";
    console.until(line).await.until("recorded").await.press(&["y"]).settled().await;
    assert!(console.asked().contains(&Outside::Copy(line.into())), "{:?}", console.asked());
}
