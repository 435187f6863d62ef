//! The emergency rollback: one key, a countdown, nothing in its way.

use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEvent};
use ratatui::layout::Size;
use tokio::time::Instant;
use trunkline::backend::Backend as _;
use trunkline::backend::scripted::Scripted;
use trunkline::console::effect::Effect;
use trunkline::console::message::{Message, TimedMessage};
use trunkline::console::model::Model;
use trunkline::console::{Options, drawn, update};
use trunkline::domain::command::Action;
use trunkline::domain::ids::Environment;
use trunkline::terminal::input::Crowd;

use trunkline_testing::console::{Console, checkout, monday, options, put_live, ready};

#[tokio::test(start_paused = true)]
async fn one_key_rolls_back_after_the_countdown() {
    let console = Console::open(&ready());
    console.until("#3").await.press(&["!"]).until("ROLLING BACK PRODUCTION  #2 → #1  in 3").await;
    console.until("in 1").await;
    assert_eq!(console.rollbacks(), 0);
    console.until_gone("ROLLING BACK PRODUCTION").await.until("ON HOLD").await;
    assert_eq!(console.rollbacks(), 1);
    console.rest(Duration::from_secs(20)).await;
    assert_eq!(console.rollbacks(), 1);
}

#[tokio::test(start_paused = true)]
async fn enter_starts_it_at_once() {
    let console = Console::open(&ready());
    console.until("#3").await.press(&["!"]).until("Enter rolls back now").await;
    console.until("in 3").await.press(&["enter"]).settled().await;
    assert_eq!(console.rollbacks(), 1);
}

#[tokio::test(start_paused = true)]
async fn enter_that_is_held_down_or_typed_ahead_does_not_start_it() {
    let console = Console::open(&ready());
    console.until("#3").await.press(&["!", "enter", "enter"]);
    for _ in 0..60 {
        console.rest(Duration::from_millis(30)).await.press(&["enter"]);
    }
    assert_eq!(console.rollbacks(), 0);
    console.until("in 2").await.until("Enter rolls back now").await.press(&["esc"]);
    console.rest(Duration::from_secs(10)).await;
    assert_eq!(console.rollbacks(), 0);
}

#[tokio::test(start_paused = true)]
async fn enter_that_lay_in_the_pipe_while_a_frame_was_drawn_does_not_start_it() {
    let console = Console::open(&ready());
    let before = Instant::now();
    console.until("#3").await.press(&["!"]).until("Enter rolls back now").await;
    let event = Event::Key(KeyEvent::from(KeyCode::Enter));
    let late = Message::Input { event, crowd: Crowd::Alone, keys_out: before };
    console.inbox.send(late).await.expect("the console listens");
    console.settled().await;
    assert_eq!(console.rollbacks(), 0);
    console.until("Enter rolls back now").await.press(&["enter"]).settled().await;
    assert_eq!(console.rollbacks(), 1);
}

#[tokio::test(start_paused = true)]
async fn it_counts_anew_after_the_console_was_suspended() {
    let console = Console::open(&ready());
    console.until("#3").await.press(&["!"]).until("in 1").await.press(&["ctrl-z"]);
    console.until("in 3").await;
    assert_eq!(console.rollbacks(), 0);
    console.until_gone("ROLLING BACK").await;
    assert_eq!(console.rollbacks(), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_stands_in_front_of_the_countdown() {
    let console = Console::open(&ready());
    console.until("#3").await.press(&["!"]).until("in 2").await.press(&["d"]).until("in 1").await;
    assert!(console.text().contains("ROLLING BACK PRODUCTION"), "{}", console.text());
}

#[tokio::test(start_paused = true)]
async fn what_comes_in_at_its_very_instant_does_not_keep_it() {
    let backend = ready();
    let at = Instant::now();
    let options = Options { service: Some(checkout()), ..options() };
    let size = Size { width: 80, height: 24 };
    let mut model = Model::new(options, uuid::Uuid::nil(), size, at);
    let snapshot = backend.service(&checkout(), None, Duration::ZERO).await.unwrap();
    update(
        &mut model,
        TimedMessage { at, message: Message::Service(checkout(), Ok(snapshot.map(Box::new))) },
    );
    let event = Event::Key(KeyEvent::from(KeyCode::Char('!')));
    let key = Message::Input { event, crowd: Crowd::Alone, keys_out: at };
    let asked = update(&mut model, TimedMessage { at, message: key });
    let ticket = asked.iter().find_map(|effect| match effect {
        Effect::Plan { ticket, .. } => Some(*ticket),
        _ => None,
    });
    let plan = backend.plan(&checkout(), Action::Rollback { to: None }).await.map(Box::new);
    let message = Message::Planned { ticket: ticket.expect("a plan is asked for"), answer: plan };
    update(&mut model, TimedMessage { at, message });
    drawn(&mut model, at);
    let due = at + Duration::from_secs(3);
    let event = Event::FocusGained;
    let focus = Message::Input { event, crowd: Crowd::Alone, keys_out: due };
    update(&mut model, TimedMessage { at: due, message: focus });
    assert!(model.next_wake().is_some_and(|wake| wake <= due), "{:?}", model.next_wake());
    let sent = update(&mut model, TimedMessage { at: due, message: Message::Wake });
    assert!(sent.iter().any(|effect| matches!(effect, Effect::Send { .. })), "{sent:?}");
}

#[tokio::test(start_paused = true)]
async fn esc_cancels_it() {
    let console = Console::open(&ready());
    console.until("#3").await.press(&["!"]).until("in 2").await.press(&["esc"]);
    console.rest(Duration::from_secs(10)).await;
    assert_eq!(console.rollbacks(), 0);
    assert!(!console.text().contains("ROLLING BACK"));
}

#[tokio::test(start_paused = true)]
async fn it_works_from_any_pane_and_in_a_freeze() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await.press(&["4", "z", "!", "esc", "!"]);
    console.until_gone("ROLLING BACK").await.rest(Duration::from_secs(5)).await;
    assert_eq!(console.rollbacks(), 1);
}

#[tokio::test(start_paused = true)]
async fn when_production_changes_it_counts_anew_and_says_why() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await.press(&["!"]).until("in 1").await;
    backend.change(|world| put_live(world, trunkline::domain::ids::BuildNumber(3)));
    console
        .until("#3 → #2  in 3")
        .await
        .until("starts again: production changed: #3 is live")
        .await;
    assert_eq!(console.rollbacks(), 0);
    console.until_gone("ROLLING BACK").await;
    let target = backend.change(|world| {
        let service = world.service(&checkout()).expect("it is there");
        let open = service.state.in_flight(Environment::Production).expect("it was asked for");
        open.request.build.0
    });
    assert_eq!(target, 2);
}

#[tokio::test(start_paused = true)]
async fn with_nothing_to_go_back_to_it_says_so_and_does_not_count() {
    let backend = trunkline::backend::scripted::Scripted::new(trunkline_testing::console::monday());
    backend.change(|world| world.verified_build(&checkout(), "ada"));
    let console = Console::open(&backend);
    console.until("#1").await.press(&["!"]).until("nothing to roll back").await;
    console.rest(Duration::from_secs(10)).await;
    assert_eq!(console.rollbacks(), 0);
}

#[tokio::test(start_paused = true)]
async fn it_starts_over_any_overlay_but_not_in_a_text() {
    let console = Console::open(&ready());
    console.until("#3").await.press(&["d"]).until("src/file3.rs").await.press(&["!"]);
    console.until("ROLLING BACK PRODUCTION").await.press(&["esc"]).until_gone("ROLLING").await;
    console.press(&["H"]).until("Hold production").await.type_text("oh no!");
    console.until("oh no!").await.rest(Duration::from_secs(5)).await;
    assert_eq!(console.rollbacks(), 0);
}

#[tokio::test(start_paused = true)]
async fn it_is_seen_and_cancelled_on_the_smallest_screen() {
    let console = Console::sized(&ready(), (50, 5));
    console.until("PROD checkout").await.press(&["P", "!"]).until("in 2").await;
    console.press(&["esc"]).until("needs 60x12").await.rest(Duration::from_secs(5)).await;
    assert_eq!(console.rollbacks(), 0);
    console.resize(80, 24);
    console.until("Staging").await;
    assert!(!console.text().contains("Promote #3"), "a dialog was opened that nobody could see");
}

#[tokio::test(start_paused = true)]
async fn a_refused_emergency_does_not_claim_to_roll_back() {
    let backend = Scripted::new(monday());
    backend.change(|world| {
        let build = world.verified_build(&checkout(), "kim");
        put_live(world, build)
    });
    let console = Console::open(&backend);
    console.until("#1").await.press(&["!"]).until("Rollback NOT started: refused").await;
    console.quiet().await.press(&["enter"]).until_gone("Rollback NOT started").await;
}

#[tokio::test(start_paused = true)]
async fn on_the_smallest_screen_it_starts_out_of_every_text() {
    for typed in [&["/", "f", "o", "o"][..], &["4", "/", "f", "o", "o"], &["H", "f", "o", "o"]] {
        let console = Console::open(&ready());
        console.until("#3").await.press(typed).settled().await;
        console.resize(50, 5);
        console.until("needs 60x12").await.quiet().await.press(&["!"]).until("in 2").await;
        console.press(&["esc"]).until("needs 60x12").await.rest(Duration::from_secs(5)).await;
        assert_eq!(console.rollbacks(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn on_the_smallest_screen_the_rest_of_a_text_does_not_start_it() {
    for typed in ["/foo", "Hfoo"] {
        let console = Console::open(&ready());
        console.until("#3").await.type_text(typed).settled().await;
        console.resize(50, 5);
        console.until("needs 60x12").await.type_text("bar!").rest(Duration::from_secs(5)).await;
        assert_eq!(console.rollbacks(), 0, "{typed}");
    }
}

#[tokio::test(start_paused = true)]
async fn on_the_smallest_screen_esc_ends_what_is_typed() {
    for typed in [&["/", "f", "o", "o"][..], &["4", "/", "f", "o", "o"]] {
        let console = Console::open(&ready());
        console.until("#3").await.press(typed).until("foo").await;
        console.resize(50, 5);
        console.until("needs 60x12").await.press(&["esc"]).settled().await;
        console.resize(80, 24);
        console.until("Staging").await.until_gone("foo").await.press(&["?"]).until("Help").await;
    }
}

#[tokio::test(start_paused = true)]
async fn in_the_list_of_services_it_names_the_selected_one_and_waits_for_enter() {
    let backend = ready();
    let api: trunkline::domain::ids::ServiceName = "api".parse().expect("a good name");
    backend.change(|world| {
        world.add_service(&api);
        world.verified_build(&api, "kim");
    });
    let console = Console::open(&backend);
    console.until("api").await.press(&["j", "!"]).until("service     checkout").await;
    console.until("only Enter starts it").await.until("#2 → #1").await;
    console.rest(Duration::from_secs(20)).await;
    assert_eq!(console.rollbacks(), 0, "rows come and go under the cursor");
    console.press(&["enter"]).until("ON HOLD").await;
    assert_eq!(console.rollbacks(), 1);
    // Who has opened a service has chosen it.
    console.backend.change(|world| world.finish(&checkout()));
    console.until_gone("ROLLING").await.press(&["!"]).until("service     checkout").await;
    assert!(!console.text().contains("only Enter"), "{}", console.text());
}
