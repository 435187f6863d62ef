//! A console that tests talk to: press keys, wait for text, look at the screen.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use chrono::{DateTime, TimeZone, Utc};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::{Backend, ClearType, TestBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ratatui::style::Color;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_stream::wrappers::UnboundedReceiverStream;
use trunkline::backend::scripted::{SERVICE, Scripted, ScriptedWorld};
use trunkline::console::effect::Outside;
use trunkline::console::message::Message;
use trunkline::console::model::Model;
use trunkline::console::runtime::performer::Performer;
use trunkline::console::theme::Theme;
use trunkline::console::{Error, Exit, INBOX, Options, runtime};
use trunkline::domain::by_hand::{HandFacts, HandVariable};
use trunkline::domain::event::{DeploymentKind, StepOutcome};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, ServiceName};
use trunkline::domain::people::Actor;
use trunkline::terminal::capabilities::{Charset, Depth};
use trunkline::terminal::input::{Crowd, Keystroke};
use trunkline::terminal::painter::Painter;

/// The longest that a test waits for something, in the time of its own clock.
const PATIENCE: Duration = Duration::from_mins(2);

pub const SMALL: (u16, u16) = (80, 24);

/// Monday afternoon, when every test begins.
pub fn monday() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 23, 14, 0, 0).single().expect("the date exists")
}

pub fn checkout() -> ServiceName {
    SERVICE.parse().expect("the name is a good one")
}

pub fn options() -> Options {
    Options::new(Theme::terminal(Depth::Ansi16, Charset::Unicode))
}

/// A world in which #1 and then #2 went live and #3, by ada, is verified: sam may promote it.
pub fn ready() -> Scripted {
    let backend = Scripted::new(monday() - chrono::TimeDelta::hours(30));
    backend.change(|world| {
        for _ in 0..2 {
            let build = world.verified_build(&checkout(), "kim");
            world.pass(Duration::from_hours(2));
            put_live(world, build);
            world.pass(Duration::from_hours(12));
        }
        world.verified_build(&checkout(), "ada");
        world.pass(Duration::from_hours(2));
    });
    backend
}

/// A build that fails in staging.
pub fn turns_red(world: &mut ScriptedWorld, author: &str) {
    let build = world.merge(&checkout(), author, "Does not start");
    let (to, kind) = (Environment::Staging, DeploymentKind::Auto);
    world.request(&checkout(), build, to, kind, Actor::System);
    world.advance(&checkout());
    world.advance(&checkout());
    world.advance_with(&checkout(), StepOutcome::Exited(1));
    world.finish(&checkout());
}

/// A step that runs in production and has written so many lines.
pub fn talkative(lines: usize, line: impl Fn(usize) -> String) -> Scripted {
    let backend = ready();
    backend.change(|world| {
        let build = world.merge(&checkout(), "ada", "Next");
        let (environment, kind) = (Environment::Production, DeploymentKind::Promote);
        let id = world.request(&checkout(), build, environment, kind, Actor::System);
        world.advance(&checkout());
        world.advance(&checkout());
        for n in 0..lines {
            world.write(&checkout(), id, 0, &line(n));
        }
    });
    backend
}

/// [`ready`], and how to roll back by hand is known.
pub fn told() -> Scripted {
    let backend = ready();
    let token = HandVariable { secret: true, ..HandVariable::known("DEPLOY_TOKEN", "") };
    let facts = HandFacts {
        checkout: "/data/checkouts/checkout/pristine/1".into(),
        checkout_kept: true,
        mirror: "/data/mirrors/checkout.git".into(),
        folder: None,
        variables: vec![HandVariable::known("REGION", "eu"), HandVariable { value: None, ..token }],
        values_from: "[secrets] of /etc/config.toml".into(),
        engines: BTreeMap::new(),
        warnings: Vec::new(),
    };
    backend.change(|world| world.edit(&checkout(), |service| service.by_hand = Some(facts)));
    backend
}

/// Puts a build into production within 100 seconds.
pub fn put_live(world: &mut ScriptedWorld, build: BuildNumber) -> DeploymentId {
    let sam = Actor::Person("sam".into());
    let (environment, kind) = (Environment::Production, DeploymentKind::Promote);
    let id = world.request(&checkout(), build, environment, kind, sam);
    while world.advance(&checkout()).is_some() {
        world.pass(Duration::from_secs(20));
    }
    id
}

thread_local! {
    /// How many consoles a test has opened, as each test has a thread of its own.
    static OPENED: std::cell::Cell<u128> = const { std::cell::Cell::new(0) };
}

/// The same for the same console of a test, and another for each of them.
fn next_seed() -> uuid::Uuid {
    OPENED.set(OPENED.get() + 1);
    uuid::Uuid::from_u128(6 + OPENED.get())
}

/// A running console.
pub struct Console<B = Scripted> {
    pub backend: B,
    screen: Screen,
    events: mpsc::UnboundedSender<io::Result<Keystroke>>,
    pub inbox: mpsc::Sender<Message>,
    asked: Arc<Mutex<Vec<Outside>>>,
    task: JoinHandle<Result<Exit, Error>>,
}

impl Console {
    pub fn open(backend: &Scripted) -> Self {
        Self::sized(backend, SMALL)
    }

    pub fn sized(backend: &Scripted, size: (u16, u16)) -> Self {
        Self::with(backend, size, options(), |_| {})
    }

    /// How many rollbacks were asked for.
    pub fn rollbacks(&self) -> usize {
        self.backend.change(|world| {
            let service = world.service(&checkout()).expect("it is there");
            let deployments = service.state.deployments.values();
            deployments.filter(|d| d.request.kind == DeploymentKind::Rollback).count()
        })
    }
}

impl<B: trunkline::backend::Backend + Clone> Console<B> {
    /// `before` puts events in before the loop runs for the first time.
    pub fn with(
        backend: &B,
        (width, height): (u16, u16),
        options: Options,
        before: impl FnOnce(&Self),
    ) -> Self {
        let screen = Screen::new(width, height);
        let (events, input) = mpsc::unbounded_channel();
        let (inbox, received) = mpsc::channel(INBOX.max(20_000));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mut terminal = Terminal::new(screen.clone()).expect("a test screen cannot fail");
        let mut outside = Recorder(Arc::clone(&asked));
        let performer = Performer::new(backend.clone(), inbox.clone());
        let model = Model::new(options, next_seed(), Size { width, height }, Instant::now());
        let task = tokio::spawn(async move {
            let input = UnboundedReceiverStream::new(input);
            runtime::run(&mut terminal, input, &mut outside, performer, received, model).await
        });
        let console = Self { backend: backend.clone(), screen, events, inbox, asked, task };
        before(&console);
        console
    }

    /// Presses keys one after the other, by name: `P`, `enter`, `ctrl-c`.
    pub fn press(&self, names: &[&str]) -> &Self {
        for name in names {
            self.event(Event::Key(key(name)));
        }
        self
    }

    /// Types a text letter by letter.
    pub fn type_text(&self, text: &str) -> &Self {
        for letter in text.chars() {
            self.event(Event::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE)));
        }
        self
    }

    /// Presses keys that arrive together, as a paste does that the terminal does not mark as one.
    pub fn burst(&self, names: &[&str]) -> &Self {
        self.crowd(names, Crowd::Mixed)
    }

    /// The same for one key several times, as when it is held down.
    pub fn hold_down(&self, name: &str, times: usize) -> &Self {
        self.crowd(&vec![name; times], Crowd::Repeated)
    }

    fn crowd(&self, names: &[&str], crowd: Crowd) -> &Self {
        for name in names {
            let keystroke = Keystroke { event: Event::Key(key(name)), crowd };
            self.events.send(Ok(keystroke)).expect("the console listens");
        }
        self
    }

    pub fn event(&self, event: Event) {
        self.events.send(Ok(Keystroke::alone(event))).expect("the console listens");
    }

    pub fn resize(&self, width: u16, height: u16) {
        self.resize_silently(width, height);
        self.event(Event::Resize(width, height));
    }

    /// The terminal has another size, and its event is still on the way.
    pub fn resize_silently(&self, width: u16, height: u16) {
        self.screen.lock().resize(width, height);
    }

    /// Waits until the screen shows the text.
    pub async fn until(&self, text: &str) -> &Self {
        self.wait(text, |screen| screen.contains(text)).await
    }

    /// Waits until the screen shows it no more.
    pub async fn until_gone(&self, text: &str) -> &Self {
        self.wait(text, |screen| !screen.contains(text)).await
    }

    async fn wait(&self, text: &str, holds: impl Fn(&str) -> bool) -> &Self {
        let deadline = Instant::now() + PATIENCE;
        while !holds(&self.text()) {
            assert!(
                self.is_running(),
                "the console ended while waiting for {text:?}:\n{}",
                self.text()
            );
            assert!(Instant::now() < deadline, "waited for {text:?}:\n{}", self.text());
            sleep(Duration::from_millis(20)).await;
        }
        self
    }

    /// Lets time pass.
    pub async fn rest(&self, time: Duration) -> &Self {
        sleep(time).await;
        self
    }

    /// Waits until what was pressed has been taken in and drawn.
    pub async fn settled(&self) -> &Self {
        self.rest(Duration::from_millis(50)).await
    }

    /// As long as a button takes to be armed.
    pub async fn quiet(&self) -> &Self {
        self.rest(Duration::from_millis(500)).await
    }

    pub fn text(&self) -> String {
        self.screen.text()
    }

    /// What is on screen, and below it the look of each cell as a letter; `.` is the terminal's own.
    pub fn styled(&self) -> String {
        self.screen.styled()
    }

    /// The line of the screen that has the text.
    pub fn line(&self, text: &str) -> String {
        let screen = self.text();
        let line = screen.lines().find(|line| line.contains(text));
        line.unwrap_or_else(|| panic!("no line has {text:?}:\n{screen}")).to_owned()
    }

    /// The bytes that the terminal got up to now.
    pub fn bytes(&self) -> Vec<u8> {
        let tape = self.screen.lock().tape.clone();
        tape.0.lock().expect("no test panics while it holds this").clone()
    }

    pub fn draws(&self) -> usize {
        self.screen.lock().draws
    }

    /// What the console asked of the terminal.
    pub fn asked(&self) -> Vec<Outside> {
        self.asked.lock().expect("no test panics while it holds this").clone()
    }

    /// Waits for the console to end.
    pub async fn ended(self) -> Exit {
        let ended = tokio::time::timeout(PATIENCE, self.task).await.expect("the console ends");
        ended.expect("it does not panic").expect("it does not fail")
    }

    /// Waits for the console to give up.
    pub async fn failed(self) -> Error {
        let ended = tokio::time::timeout(PATIENCE, self.task).await.expect("the console ends");
        ended.expect("it does not panic").expect_err("it gives up")
    }

    pub fn is_running(&self) -> bool {
        !self.task.is_finished()
    }
}

/// The key of this name, as the action table writes it.
pub fn key(name: &str) -> KeyEvent {
    let (name, modifiers) = match name.strip_prefix("ctrl-") {
        Some(letter) => (letter, KeyModifiers::CONTROL),
        None => (name, KeyModifiers::NONE),
    };
    let code = match name {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "shift-tab" => KeyCode::BackTab,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "left" => KeyCode::Left,
        "right" => KeyCode::Right,
        "home" => KeyCode::Home,
        "end" => KeyCode::End,
        "pgup" => KeyCode::PageUp,
        "pgdn" => KeyCode::PageDown,
        "del" => KeyCode::Delete,
        "f1" => KeyCode::F(1),
        "caps-lock" => KeyCode::CapsLock,
        "space" => KeyCode::Char(' '),
        "backspace" => KeyCode::Backspace,
        letter => KeyCode::Char(letter.chars().next().expect("a key has a name")),
    };
    KeyEvent::new(code, modifiers)
}

struct Recorder(Arc<Mutex<Vec<Outside>>>);

impl runtime::TerminalActions for Recorder {
    async fn perform(&mut self, asked: &Outside) -> io::Result<()> {
        self.0.lock().expect("no test panics while it holds this").push(asked.clone());
        Ok(())
    }
}

/// A screen that the loop draws on and the test looks at.
#[derive(Clone)]
struct Screen(Arc<Mutex<Drawn>>);

struct Drawn {
    screen: TestBackend,
    /// The same as a real terminal is told it.
    painter: Painter<Tape>,
    tape: Tape,
    draws: usize,
}

/// The bytes that a terminal got.
#[derive(Clone, Default)]
struct Tape(Arc<Mutex<Vec<u8>>>);

impl io::Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no test panics while it holds this").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drawn {
    fn resize(&mut self, width: u16, height: u16) {
        self.screen.resize(width, height);
    }
}

impl Screen {
    fn new(width: u16, height: u16) -> Self {
        let (screen, tape) = (TestBackend::new(width, height), Tape::default());
        let painter = Painter::new(tape.clone());
        Self(Arc::new(Mutex::new(Drawn { screen, painter, tape, draws: 0 })))
    }

    fn lock(&self) -> MutexGuard<'_, Drawn> {
        self.0.lock().expect("no test panics while it holds this")
    }

    fn text(&self) -> String {
        let drawn = self.lock();
        let buffer = drawn.screen.buffer();
        let rows = buffer.content.chunks(usize::from(buffer.area.width.max(1)));
        let line = |row: &[Cell]| row.iter().map(Cell::symbol).collect::<String>();
        rows.map(|row| line(row).trim_end().to_owned()).collect::<Vec<_>>().join("\n")
    }
}

impl Screen {
    fn styled(&self) -> String {
        let text = self.text();
        let drawn = self.lock();
        let buffer = drawn.screen.buffer();
        let mut looks = vec![String::new()];
        let mut letter = |cell: &Cell| {
            let part = |name: &str, colour: Color| match colour {
                Color::Reset => String::new(),
                colour => format!(" {name} {colour}"),
            };
            let look =
                format!("{}{} {:?}", part("fg", cell.fg), part("bg", cell.bg), cell.modifier);
            let look = if look == " NONE" { String::new() } else { look };
            let at = looks.iter().position(|known| *known == look).unwrap_or_else(|| {
                looks.push(look);
                looks.len() - 1
            });
            char::from(b".abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"[at])
        };
        let rows = buffer.content.chunks(usize::from(buffer.area.width.max(1)));
        let rows: Vec<_> =
            rows.map(|row| row.iter().map(&mut letter).collect::<String>()).collect();
        let legend =
            looks.iter().zip(".abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".chars());
        let legend: Vec<_> =
            legend.skip(1).map(|(look, letter)| format!("{letter}{look}")).collect();
        format!("{text}\n\n{}\n\n{}", rows.join("\n"), legend.join("\n"))
    }
}

impl Backend for Screen {
    type Error = Infallible;

    fn draw<'a, I>(&mut self, content: I) -> Result<(), Infallible>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let content: Vec<_> = content.collect();
        let mut drawn = self.lock();
        drawn.painter.draw(content.iter().copied()).expect("memory takes every byte");
        drawn.screen.draw(content.into_iter())
    }

    fn hide_cursor(&mut self) -> Result<(), Infallible> {
        let mut drawn = self.lock();
        drawn.painter.hide_cursor().expect("memory takes every byte");
        drawn.screen.hide_cursor()
    }

    fn show_cursor(&mut self) -> Result<(), Infallible> {
        let mut drawn = self.lock();
        drawn.painter.show_cursor().expect("memory takes every byte");
        drawn.screen.show_cursor()
    }

    fn get_cursor_position(&mut self) -> Result<Position, Infallible> {
        self.lock().screen.get_cursor_position()
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> Result<(), Infallible> {
        let (position, mut drawn) = (position.into(), self.lock());
        drawn.painter.set_cursor_position(position).expect("memory takes every byte");
        drawn.screen.set_cursor_position(position)
    }

    fn clear(&mut self) -> Result<(), Infallible> {
        let mut drawn = self.lock();
        drawn.painter.clear().expect("memory takes every byte");
        drawn.screen.clear()
    }

    fn clear_region(&mut self, region: ClearType) -> Result<(), Infallible> {
        let mut drawn = self.lock();
        drawn.painter.clear_region(region).expect("memory takes every byte");
        drawn.screen.clear_region(region)
    }

    fn size(&self) -> Result<Size, Infallible> {
        self.lock().screen.size()
    }

    fn window_size(&mut self) -> Result<WindowSize, Infallible> {
        self.lock().screen.window_size()
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        let mut drawn = self.lock();
        drawn.draws += 1;
        drawn.screen.flush()
    }
}
