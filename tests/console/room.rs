//! How the room of a screen is used: what opens the details, the three columns, and the sizes that a person chose.

use std::time::Duration;

use proptest::prelude::*;
use ratatui::layout::{Rect, Size};
use tokio::time::Instant;
use trunkline::backend::engine_place::EnginePlace;
use trunkline::backend::last_state::LastStates;
use trunkline::backend::scripted::Scripted;
use trunkline::console::Options;
use trunkline::console::message::{Message, TimedMessage};
use trunkline::console::model::Model;
use trunkline::console::model::pane::Pane;
use trunkline::console::model::sizes::PaneSizes;
use trunkline::console::update;
use trunkline::domain::event::{DeploymentKind, StepOutcome};
use trunkline::domain::ids::Environment;
use trunkline::domain::people::Actor;
use trunkline_testing::console::{Console, checkout, options, ready};

/// #4 failed in staging at its second step, and its log says why.
fn failed() -> Scripted {
    let backend = ready();
    backend.change(|world| {
        let build = world.merge(&checkout(), "raj", "Does not start");
        let (to, kind) = (Environment::Staging, DeploymentKind::Auto);
        let id = world.request(&checkout(), build, to, kind, Actor::System);
        world.advance(&checkout());
        world.write(&checkout(), id, 0, "installing 214 packages");
        world.write(&checkout(), id, 0, "ERROR: no matching version of left-pad");
        world.write(&checkout(), id, 0, "3 warnings");
        world.advance(&checkout());
        world.advance_with(&checkout(), StepOutcome::Exited(1));
        world.finish(&checkout());
    });
    backend
}

#[tokio::test(start_paused = true)]
async fn the_details_open_with_the_error_and_the_keys_that_help() {
    let console = Console::sized(&failed(), (120, 40));
    console.until("✗ FAILED").await.until("│ ▏ ERROR: no matching version of").await;
    let text = console.text();
    let at = |what: &str| {
        text.lines().position(|line| line.contains(what)).unwrap_or_else(|| panic!("{what} {text}"))
    };
    let details = at(" 3 Details ");
    assert_eq!(at("#4 failed in staging at step"), details + 1, "{text}");
    assert!(at("T retry  Enter log") < at("│ build     #4"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_wide_screen_has_three_columns_from_top_to_bottom() {
    for size in [(200, 60), (200, 40), (300, 80)] {
        let console = Console::sized(&failed(), size);
        console.until(" 6 Activity ").await.settled().await;
        let text = console.text();
        let line = |at: usize| text.lines().nth(at).unwrap_or_default().to_owned();
        let first = [" 1 Staging ", " 3 Details ", " 6 Activity "];
        assert!(first.iter().all(|title| line(2).contains(title)), "{text}");
        let last = line(usize::from(size.1) - 3);
        assert_eq!(last.matches('╯').count() + last.matches('┛').count(), 3, "{text}");
        for part in ["of 4 failed", "median 0s"] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
    let console = Console::sized(&failed(), (200, 60));
    console.until("next seven days").await.until("▸Mon 23").await;
    console.until("│ 1 file ").await.until("src/file4.rs").await;
}

/// The places of the panes on a screen of this size.
fn places(size: (u16, u16), sizes: PaneSizes, focus: Pane) -> (Rect, Vec<(Pane, Rect)>) {
    let (at, (width, height)) = (Instant::now(), size);
    let options = Options { sizes, service: Some(checkout()), ..options() };
    let mut model = Model::new(options, uuid::Uuid::nil(), Size { width, height }, at);
    model.focus = focus;
    if !matches!(focus, Pane::Staging | Pane::Production) {
        model.bottom = focus;
    }
    let message = Message::Service(checkout(), Ok(None));
    update(&mut model, TimedMessage { at: at + Duration::from_secs(1), message });
    (model.areas.body, model.areas.panes)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_panes_fill_the_screen_at_every_size_and_none_covers_another(
        size in (60u16..300, 12u16..80),
        changes in prop::collection::vec((0usize..6, -1i8..=1), 0..24),
        focus in 0usize..6,
    ) {
        let mut sizes = PaneSizes::default();
        for (pane, by) in changes {
            sizes.change(Pane::ALL[pane], by);
        }
        let (body, panes) = places(size, sizes, Pane::ALL[focus]);
        let area: u32 = panes.iter().map(|(_, place)| place.area()).sum();
        prop_assert_eq!(area, body.area(), "{:?} {:?}", body, panes);
        for (at, (pane, place)) in panes.iter().enumerate() {
            prop_assert_eq!(place.intersection(body), *place, "{:?} is outside", pane);
            prop_assert!(place.height >= 3, "{:?} has no row: {:?}", pane, panes);
            let list = matches!(pane, Pane::Staging | Pane::Production);
            prop_assert!(!list || size.0 < 74 || place.width >= 74, "{:?}: {:?}", pane, panes);
            prop_assert!(!list || place.width < 180, "a row is torn apart: {:?}", panes);
            for (_, other) in &panes[at + 1..] {
                prop_assert!(!place.intersects(*other), "{:?}", panes);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pane_grows_and_shrinks_and_is_as_large_the_next_time() {
    let folder = tempfile::TempDir::new().expect("a folder can be made");
    let place = EnginePlace { profile: Some("prod".into()), address: String::new(), demo: false };
    let states = LastStates::in_folder(folder.path().join("prod"), place.clone());
    let height = |console: &Console| {
        let text = console.text();
        let at = |title: &str| text.lines().position(|line| line.contains(title)).unwrap();
        at(" 2 Production ") - at(" 1 Staging ")
    };
    let open = |states: &LastStates| {
        let sizes = PaneSizes::parse(&states.sizes().unwrap_or_default());
        let options = Options { last: Some(states.clone()), sizes, ..options() };
        Console::with(&ready(), (80, 40), options, |_| {})
    };
    let console = open(&states);
    console.until("#3").await;
    let usual = height(&console);
    console.press(&["+", "+"]).settled().await;
    let larger = height(&console);
    assert!(larger > usual, "{usual} {larger}");
    console.press(&["z", "+"]).until("has the whole screen; z gives it back").await.press(&["z"]);
    console.press(&["q", "q"]);
    console.ended().await;
    let again = open(&states);
    again.until("#3").await;
    assert_eq!(height(&again), larger);
    again.press(&["_", "_"]).settled().await;
    assert_eq!(height(&again), usual);
    // Another profile has sizes of its own.
    let other = open(&LastStates::in_folder(folder.path().join("other"), place));
    other.until("#3").await;
    assert_eq!(height(&other), usual);
}

#[tokio::test(start_paused = true)]
async fn the_changed_panes_with_their_styles() {
    for size in [(80, 24), (120, 40), (200, 60)] {
        let console = Console::sized(&failed(), size);
        console.until("✗ FAILED").await.until("3 warnings").await.settled().await;
        insta::assert_snapshot!(format!("styles_at_{}x{}", size.0, size.1), console.styled());
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_behind_a_dialog_is_dimmed_with_its_borders() {
    let console = Console::open(&ready());
    console.until("#3").await.press(&["P"]).until("Promote #3").await.quiet().await;
    insta::assert_snapshot!(console.styled());
}
