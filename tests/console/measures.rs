//! The measures of a service in its details: read beside what is on screen, seldom, and never a number that is not known.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Size;
use tokio::time::Instant;
use trunkline::backend::scripted::Scripted;
use trunkline::backend::{Backend as _, BackendError};
use trunkline::console::effect::Effect;
use trunkline::console::message::{Message, TimedMessage};
use trunkline::console::model::Model;
use trunkline::console::model::pane::Pane;
use trunkline::console::{Options, update, view};
use trunkline::domain::event::DeploymentKind;
use trunkline::domain::ids::{BuildNumber, Environment};
use trunkline::domain::people::Actor;
use trunkline_testing::console::{Console, checkout, monday, options, put_live, ready};

/// A service with a few promotes, one of which was rolled back.
fn busy() -> Scripted {
    let backend = ready();
    backend.change(|world| {
        for _ in 0..6 {
            let build = world.verified_build(&checkout(), "kim");
            world.pass(Duration::from_hours(20));
            put_live(world, build);
        }
        let live = world.service(&checkout()).unwrap().state.live(Environment::Production).unwrap();
        let before = BuildNumber(live.build.0 - 1);
        let by = Actor::Person("sam".into());
        let (to, kind) = (Environment::Production, DeploymentKind::Rollback);
        world.request(&checkout(), before, to, kind, by);
        while world.advance(&checkout()).is_some() {
            world.pass(Duration::from_secs(20));
        }
    });
    backend
}

#[tokio::test(start_paused = true)]
async fn the_measures_at_80x24() {
    let console = Console::open(&busy());
    console.until("#9").await.press(&["3", "z"]).until("rework").await.settled().await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn the_measures_at_120x40() {
    let console = Console::sized(&busy(), (120, 40));
    console.until("delivery").await.settled().await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn the_measures_at_200x60() {
    let console = Console::sized(&busy(), (200, 60));
    console.until("rework").await.settled().await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn what_is_not_known_is_said_as_everywhere() {
    let console = Console::sized(&ready(), (200, 60));
    console.until("failed changes  not known of so few").await;
    console.until("time to restore not known").await;
    let empty = Console::sized(&Scripted::new(monday()), (200, 60));
    empty.until("deployments     not known").await.until("nothing is selected").await;
    assert!(!empty.text().contains('▁'), "no bars of nothing:\n{}", empty.text());
}

/// A console without a screen, which counts its questions for measures.
struct Desk {
    backend: Scripted,
    model: Model,
    start: Instant,
}

impl Desk {
    fn open(backend: Scripted, (width, height): (u16, u16)) -> Self {
        let start = Instant::now();
        let options = Options { service: Some(checkout()), ..options() };
        let model = Model::new(options, uuid::Uuid::nil(), Size { width, height }, start);
        Self { backend, model, start }
    }

    /// The questions that a message at this second asks.
    fn take(&mut self, second: u64, message: Message) -> usize {
        let at = self.start + Duration::from_secs(second);
        let effects = update(&mut self.model, TimedMessage { at, message });
        effects.iter().filter(|effect| matches!(effect, Effect::Stats(_))).count()
    }

    async fn snapshot(&mut self, second: u64) -> usize {
        let snapshot = self.backend.service(&checkout(), None, Duration::ZERO).await;
        let snapshot = snapshot.map(|snapshot| snapshot.map(Box::new));
        self.take(second, Message::Service(checkout(), snapshot))
    }

    async fn answer(&mut self, second: u64) -> usize {
        let stats = self.backend.stats(&checkout(), 30).await.map(Box::new);
        self.take(second, Message::Stats(checkout(), stats))
    }

    fn promote(&self, build: u64) {
        self.backend.change(|world| {
            put_live(world, BuildNumber(build));
        });
    }
}

#[tokio::test(start_paused = true)]
async fn the_measures_are_read_once_for_each_change_of_production_and_one_at_a_time() {
    let mut desk = Desk::open(ready(), (200, 60));
    assert_eq!(desk.snapshot(0).await, 1);
    desk.promote(3);
    assert_eq!(desk.snapshot(20).await, 0, "the first answer is still to come");
    assert_eq!(desk.answer(21).await, 1, "production changed meanwhile");
    assert_eq!(desk.answer(22).await, 0);
    desk.backend.change(|world| {
        world.verified_build(&checkout(), "kim");
    });
    assert_eq!(desk.snapshot(40).await, 0, "nothing of production changed");
    assert_eq!(desk.take(60, Message::Wake), 0);
    desk.promote(4);
    assert_eq!(desk.snapshot(70).await, 1);
    desk.answer(71).await;
    desk.promote(3);
    assert_eq!(desk.snapshot(75).await, 0, "a moment after the last question");
    assert_eq!(desk.take(81, Message::Wake), 1);
    desk.answer(82).await;
    assert_eq!(desk.take(81 + 599, Message::Wake), 0);
    assert_eq!(desk.take(81 + 601, Message::Wake), 1, "the days have moved on");
}

#[tokio::test(start_paused = true)]
async fn a_narrow_console_without_its_details_asks_for_no_measures() {
    let mut desk = Desk::open(ready(), (80, 24));
    assert_eq!(desk.snapshot(0).await, 0);
    desk.model.bottom = Pane::Details;
    // What is on screen is laid out with the next message.
    assert_eq!(desk.take(1, Message::Wake), 1);
}

#[tokio::test(start_paused = true)]
async fn measures_that_cannot_be_read_say_so_and_hold_up_nothing() {
    let backend = ready();
    let mut desk = Desk::open(backend.clone(), (200, 60));
    assert_eq!(desk.snapshot(0).await, 1);
    let text = |desk: &Desk| {
        let mut terminal = Terminal::new(TestBackend::new(200, 60)).unwrap();
        terminal.draw(|frame| view(&desk.model, frame)).unwrap();
        terminal.backend().to_string()
    };
    assert!(!text(&desk).contains("delivery"), "{}", text(&desk));
    let failed = BackendError::Failed("no such path".into());
    assert_eq!(desk.take(1, Message::Stats(checkout(), Err(failed.clone()))), 0);
    assert!(text(&desk).contains("delivery not known: no such path"), "{}", text(&desk));
    assert_eq!(desk.take(700, Message::Wake), 1, "it is tried again");
    desk.answer(701).await;
    assert!(text(&desk).contains("delivery since"), "{}", text(&desk));
    desk.take(1400, Message::Wake);
    desk.take(1401, Message::Stats(checkout(), Err(failed)));
    assert!(text(&desk).contains(", not read again"), "{}", text(&desk));
    // An answer about a service that was left is none about this one.
    let other = "billing".parse().unwrap();
    let stats = backend.stats(&checkout(), 30).await.map(Box::new);
    desk.take(2100, Message::Stats(other, stats));
    assert!(text(&desk).contains(", not read again"), "{}", text(&desk));
}
