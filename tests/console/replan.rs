//! The plan of a dialog while the world moves faster than plans are made.

use std::time::Duration;

use crossterm::event::Event;
use ratatui::layout::Size;
use tokio::time::Instant;
use trunkline::backend::scripted::Scripted;
use trunkline::backend::{Backend as _, BackendError};
use trunkline::console::effect::Effect;
use trunkline::console::message::{Message, TimedMessage};
use trunkline::console::model::Model;
use trunkline::console::model::ticket::Ticket;
use trunkline::console::{Options, drawn, update};
use trunkline::domain::command::Action;
use trunkline::domain::ids::BuildNumber;
use trunkline::terminal::input::Crowd;

use trunkline_testing::console::{checkout, key, options, ready};

/// A console whose backend answers when the test wants it to.
struct Desk {
    backend: Scripted,
    model: Model,
    at: Instant,
    asked: Vec<Ticket>,
    sent: usize,
    sending: Option<Ticket>,
}

impl Desk {
    async fn open() -> Self {
        let (backend, at) = (ready(), Instant::now());
        let options = Options { service: Some(checkout()), ..options() };
        let size = Size { width: 80, height: 24 };
        let model = Model::new(options, uuid::Uuid::nil(), size, at);
        let mut desk = Self { backend, model, at, asked: Vec::new(), sent: 0, sending: None };
        desk.snapshot().await;
        desk
    }

    fn take(&mut self, message: Message) {
        for effect in update(&mut self.model, TimedMessage { at: self.at, message }) {
            match effect {
                Effect::Plan { ticket, .. } => self.asked.push(ticket),
                Effect::Send { ticket, .. } => {
                    self.sent += 1;
                    self.sending = Some(ticket);
                }
                _ => {}
            }
        }
        drawn(&mut self.model, self.at);
    }

    fn press(&mut self, name: &str) {
        self.at += Duration::from_secs(1);
        let event = Event::Key(key(name));
        self.take(Message::Input { event, crowd: Crowd::Alone, keys_out: self.at });
    }

    async fn snapshot(&mut self) {
        let snapshot = self.backend.service(&checkout(), None, Duration::ZERO).await;
        let message =
            Message::Service(checkout(), Ok(snapshot.expect("it is there").map(Box::new)));
        self.take(message);
    }

    /// Something happens elsewhere, and the console hears of it within a second.
    async fn the_world_moves(&mut self) {
        self.backend.change(|world| world.merge(&checkout(), "kim", "something else"));
        self.at += Duration::from_secs(1);
        self.snapshot().await;
    }

    /// The oldest question is answered, as the world is now.
    async fn answer(&mut self, action: Action) {
        let plan = self.backend.plan(&checkout(), action).await.map(Box::new);
        let ticket = self.asked.remove(0);
        self.take(Message::Planned { ticket, answer: plan });
    }

    /// Time passes until there is something to do.
    fn wait(&mut self, time: Duration) {
        self.at += time;
        self.take(Message::Wake);
    }
}

const BACK: Action = Action::Rollback { to: None };

#[tokio::test(start_paused = true)]
async fn an_emergency_takes_its_first_plan_however_fast_the_world_moves() {
    let mut desk = Desk::open().await;
    desk.press("!");
    for _ in 0..10 {
        desk.the_world_moves().await;
        assert_eq!(desk.asked.len(), 1, "one question at a time");
    }
    desk.answer(BACK).await;
    assert_eq!(desk.asked.len(), 1, "what moved meanwhile is asked for once");
    desk.wait(Duration::from_secs(2));
    assert_eq!(desk.sent, 0, "it counts down");
    desk.the_world_moves().await;
    assert_eq!(desk.asked.len(), 1);
    desk.wait(Duration::from_millis(200));
    assert_eq!(desk.sent, 1, "it did not wait for the second plan");
}

#[tokio::test(start_paused = true)]
async fn a_check_that_fails_does_not_take_an_emergency_away() {
    let mut desk = Desk::open().await;
    desk.press("!");
    desk.answer(BACK).await;
    desk.the_world_moves().await;
    let (ticket, lost) = (desk.asked.remove(0), BackendError::Unreachable("no route".into()));
    desk.take(Message::Planned { ticket, answer: Err(lost) });
    let said = desk.model.toast().map(|(note, _)| note.text.clone());
    assert!(said.as_ref().is_some_and(|text| text.contains("not checked again")), "{said:?}");
    desk.wait(Duration::from_millis(2100));
    assert_eq!(desk.sent, 1);
}

#[tokio::test(start_paused = true)]
async fn a_promote_shows_its_plan_and_waits_until_that_is_checked() {
    let mut desk = Desk::open().await;
    let promote = Action::Promote { build: BuildNumber(3) };
    desk.press("P");
    desk.the_world_moves().await;
    desk.the_world_moves().await;
    assert_eq!(desk.asked.len(), 1);
    desk.answer(promote).await;
    desk.press("right");
    desk.press("enter");
    assert_eq!(desk.sent, 0, "what it rests on has moved since");
    desk.answer(promote).await;
    desk.press("enter");
    assert_eq!(desk.sent, 1);
}

#[tokio::test(start_paused = true)]
async fn an_emergency_that_did_not_reach_the_engine_asks_for_one_plan_at_a_time() {
    let mut desk = Desk::open().await;
    desk.press("!");
    desk.answer(BACK).await;
    desk.wait(Duration::from_secs(3));
    let ticket = desk.sending.take().expect("it was sent");
    desk.take(Message::Answered { ticket, answer: Err(BackendError::Unreachable("gone".into())) });
    for _ in 0..10 {
        desk.wait(Duration::from_secs(1));
        desk.snapshot().await;
    }
    assert_eq!(desk.asked.len(), 1, "it is asked already");
    let (ticket, gone) = (desk.asked.remove(0), BackendError::Unreachable("gone".into()));
    desk.take(Message::Planned { ticket, answer: Err(gone) });
    desk.wait(Duration::from_secs(5));
    assert_eq!(desk.asked.len(), 1, "it did not answer, so it is asked again");
    assert_eq!(desk.sent, 1);
}
