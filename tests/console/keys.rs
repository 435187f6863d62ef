//! The tables of keys: every key of every table does something where it is pressed, and other keys can take its place.

use std::time::Duration;

use crossterm::event::Event;
use ratatui::layout::Size;
use tokio::time::Instant;
use trunkline::backend::Backend as _;
use trunkline::backend::engine_place::EnginePlace;
use trunkline::backend::scripted::Scripted;
use trunkline::console::actions::chord::Chord;
use trunkline::console::actions::context::InputContext;
use trunkline::console::actions::keymap::{Keymap, PressedKey};
use trunkline::console::actions::{ACTIONS, Entry};
use trunkline::console::effect::Effect;
use trunkline::console::message::{Message, TimedMessage};
use trunkline::console::model::Model;
use trunkline::console::{EngineChoice, Options, drawn, update};
use trunkline::terminal::input::Crowd;

use super::quarantine::rolled_back;
use trunkline_testing::console::{Console, checkout, key, options, put_live, ready, told};

/// A console without its loop: keys go in one by one, and the backend answers at once.
#[derive(Clone)]
struct Desk {
    model: Model,
    backend: Scripted,
}

impl Desk {
    async fn open(backend: Scripted, (width, height): (u16, u16)) -> Self {
        let options = Options { service: Some(checkout()), ..options() };
        let at = Instant::now();
        let model = Model::new(options, uuid::Uuid::nil(), Size { width, height }, at);
        let answer = backend.service(&checkout(), None, Duration::ZERO).await;
        let message = Message::Service(checkout(), answer.map(|snapshot| snapshot.map(Box::new)));
        let mut desk = Self { model, backend };
        desk.take(message).await;
        desk
    }

    async fn press(mut self, keys: &[&str]) -> Self {
        for name in keys {
            let message = self.input(Event::Key(key(name)));
            self.take(message).await;
        }
        self
    }

    /// Long enough after the last key that every button works.
    fn input(&self, event: Event) -> Message {
        let keys_out = self.model.at + Duration::from_secs(1);
        Message::Input { event, crowd: Crowd::Alone, keys_out }
    }

    async fn take(&mut self, message: Message) {
        let mut messages = vec![message];
        while let Some(next) = messages.pop() {
            for effect in self.update(next) {
                messages.extend(self.answer(effect).await);
            }
            let at = self.model.at;
            drawn(&mut self.model, at);
        }
    }

    fn update(&mut self, message: Message) -> Vec<Effect> {
        let at = self.model.at + Duration::from_secs(1);
        update(&mut self.model, TimedMessage { at, message })
    }

    async fn answer(&self, effect: Effect) -> Option<Message> {
        match effect {
            Effect::Plan { ticket, service, action } => {
                let answer = self.backend.plan(&service, action).await.map(Box::new);
                Some(Message::Planned { ticket, answer })
            }
            Effect::ReadLog { source, from, limit, .. } => {
                let (service, deployment) = (&source.service, source.deployment);
                let log =
                    self.backend.log(service, deployment, source.step, from, limit, Duration::ZERO);
                let answer = log.await;
                Some(Message::Log { source, from, answer })
            }
            Effect::WatchTimeline { range, after: None, .. } => {
                let answer = self.backend.timeline(range, None, Duration::ZERO).await;
                let answer = answer.map(|page| page.map(Box::new));
                Some(Message::Timeline { range, answer })
            }
            _ => None,
        }
    }

    /// Everything that follows from a key.
    fn after(&self, name: &str) -> String {
        let mut desk = self.clone();
        let message = desk.input(Event::Key(key(name)));
        let effects = desk.update(message);
        format!("{effects:?} {:?}", desk.model)
    }
}

/// Production went from #2 to #4 and back, each with a log.
fn with_log() -> Scripted {
    let backend = rolled_back();
    backend.change(|world| {
        let id = put_live(world, trunkline::domain::ids::BuildNumber(3));
        for at in 0..200 {
            for step in 0..3 {
                world.write(&checkout(), id, step, &format!("line {at}\nERROR of {at}\n"));
            }
        }
    });
    backend
}

fn engine(name: &str) -> EngineChoice {
    let (profile, address) = (Some(name.to_owned()), format!("https://{name}.example.com"));
    EngineChoice { place: EnginePlace { profile, address, demo: false }, person: None }
}

/// Each place with its keys, and something in it that every key can work on.
async fn places() -> Vec<(InputContext, Desk)> {
    let wide = Desk::open(with_log(), (118, 40)).await.press(&["down"]).await;
    let log = wide.clone().press(&["2", "4", "up", "/", "E", "R", "enter"]).await;
    let notes = ["r"; 60];
    let low = Desk::open(with_log(), (80, 14)).await.press(&["2", "1", "P"]).await;
    let commits = Desk::open(rolled_back(), (118, 40)).await;
    let picks = Desk::open(rolled_back(), (118, 40)).await;
    let by_hand = Desk::open(told(), (80, 24)).await.press(&["b", "pgdn"]).await;
    let mut engines = wide.clone();
    engines.model.options.engines = ["eu", "prod", "us"].map(engine).to_vec();
    let engines = engines.press(&["c", "s", "left", "right", "down"]).await;
    let changed = wide.clone().press(&["7", "+", "down", "down"]).await;
    let checklist = Desk::open(super::leftovers::left_behind(), (118, 40)).await;
    let checklist = checklist.press(&["l", "down"]).await;
    let palette = wide.clone().press(&[":", "down", "tab", "down"]).await;
    let mut recalled = palette.clone().press(&["left", "left", "down"]).await;
    recalled.model.recent = ["help", "changes", "zoom"].map(str::to_owned).to_vec();
    let recalled = recalled.press(&["ctrl-p", "ctrl-p"]).await;
    let typed = recalled.clone().press(&["left"]).await;
    let found = wide.clone().press(&[":", "o", "down"]).await;
    let menu = wide.clone().press(&["a", "down"]).await;
    let tiny = Event::Resize(20, 5);
    let mut unseen = wide.clone().press(&["?"]).await;
    unseen.take(unseen.input(tiny)).await;
    vec![
        (InputContext::Lists, wide.clone()),
        (InputContext::Lists, wide.clone().press(&["2"]).await),
        (InputContext::Log, log.clone()),
        (InputContext::Filter, wide.clone().press(&["/"]).await),
        (InputContext::Filter, wide.clone().press(&["/", "a", " ", "b", "left"]).await),
        (InputContext::Search, log.press(&["/", "a", " ", "b", "left"]).await),
        (InputContext::Help, wide.clone().press(&["?", "e", "left", "pgdn", "down"]).await),
        (InputContext::Page, wide.press(&notes).await.press(&["M", "pgdn"]).await),
        (InputContext::Page, by_hand),
        (InputContext::Palette, palette),
        (InputContext::Palette, found),
        (InputContext::Palette, recalled),
        (InputContext::Palette, typed),
        (InputContext::Menu, menu),
        (InputContext::Changed, changed),
        (InputContext::Checklist, checklist),
        (InputContext::Choice, engines),
        (InputContext::Field, low.clone().press(&["a", " ", "b", "left"]).await),
        (InputContext::Buttons, low.clone().press(&["tab", "tab"]).await),
        (InputContext::Buttons, low.press(&["tab", "tab", "pgdn"]).await),
        (InputContext::Commits, commits.press(&["H", "up", "up", "down"]).await),
        (InputContext::Picks, picks.press(&["I", "right", "right"]).await),
        (InputContext::Tiny, unseen),
    ]
}

/// A key that nothing can be bound to.
const UNBOUND: &str = "caps-lock";

#[tokio::test(start_paused = true)]
async fn every_key_of_every_table_does_something_in_its_place() {
    let places = Box::pin(places()).await;
    let everywhere = [InputContext::Everywhere];
    let idle = |entry: &Entry, key: &str| {
        let is_here = |context: InputContext| {
            let tables = if context == InputContext::Tiny { &[] } else { &everywhere[..] };
            context.tables().iter().chain(tables).any(|table| *table == entry.context)
        };
        let mut here = places.iter().filter(|(context, _)| is_here(*context)).peekable();
        assert!(here.peek().is_some(), "{:?} is tried nowhere", entry.context);
        here.all(|(_, desk)| desk.after(key) == desk.after(UNBOUND))
    };
    let rows = ACTIONS.iter().flat_map(|entry| entry.keys.iter().map(move |key| (entry, *key)));
    let wrong: Vec<_> = rows
        .filter(|(entry, key)| idle(entry, key))
        .map(|(entry, key)| format!("{key} in {:?} ({})", entry.context, entry.name))
        .collect();
    assert!(wrong.is_empty(), "these keys do nothing: {wrong:?}");
}

#[tokio::test(start_paused = true)]
async fn a_key_is_looked_up_in_the_table_of_its_place() {
    for (context, desk) in Box::pin(places()).await {
        let keymap = &desk.model.options.keymap;
        for entry in ACTIONS.iter().filter(|entry| entry.context == context) {
            for keys in keymap.keys(entry) {
                let pressed = keymap.pressed(context, None, keys.first);
                assert_eq!(pressed, PressedKey::Does(entry.action.clone()), "{keys}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn other_keys_take_the_place_of_those_of_the_tables() {
    let mut keymap = Keymap::default();
    let row = |name: &str| ACTIONS.iter().find(|entry| entry.name == name).expect("it is there");
    let chord = |name: &str| name.parse::<Chord>().expect("it is a key");
    keymap.rebind(row("promote"), &[chord("ctrl-p").into()]);
    keymap.rebind(row("changes"), &[chord("c").into()]);
    let close = ACTIONS.iter().find(|e| e.context == InputContext::Dialog && e.name == "close");
    keymap.rebind(close.expect("it is there"), &[chord("f2").into()]);
    let options = Options { keymap, ..options() };
    let console = Console::with(&ready(), (100, 24), options, |_| {});
    console.until("ctrl-p promote").await.until("c changes").await.press(&["P"]).settled().await;
    assert!(!console.text().contains("Promote #3"), "{}", console.text());
    console.press(&["ctrl-p"]).until("Promote #3 to PRODUCTION").await.until("F2 cancel").await;
    console.press(&["esc"]).settled().await;
    assert!(console.text().contains("Promote #3 to PRODUCTION"), "{}", console.text());
}
