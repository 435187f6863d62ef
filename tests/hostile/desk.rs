//! The real model with hostile text in every slot: filled, walked through screen by screen, and drawn by the real view.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Size;
use tokio::time::Instant;
use trunkline::backend::scripted::{self, SERVICE, Scripted};
use trunkline::backend::{Backend as _, BackendError};
use trunkline::console::effect::Effect;
use trunkline::console::message::{Message, TimedMessage};
use trunkline::console::model::Model;
use trunkline::console::theme::Theme;
use trunkline::console::{Options, drawn, update, view};
use trunkline::domain::command::{Action, Refusal};
use trunkline::domain::event::{DeploymentKind, Fact, StepOutcome};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, ServiceName};
use trunkline::domain::log::{LogPage, Stream, format};
use trunkline::domain::people::Actor;
use trunkline::domain::plan::Plan;
use trunkline::domain::policy::VerifyBy;
use trunkline::domain::snapshot::{FleetSnapshot, Problem, ServiceSnapshot};
use trunkline::terminal::capabilities::{Charset, Depth};
use trunkline::terminal::input::Crowd;

use super::slots::{self, Texts};

pub const SIZES: [(u16, u16); 3] = [(80, 24), (200, 50), (20, 5)];

/// The longest line of a log, and about the most that is read of one at once.
const LONGEST_LINE: usize = 16 * 1024;
const PAGE: usize = 48 * 1024;

/// What a backend would answer: an afternoon with something of everything, before its texts are replaced.
pub struct World {
    pub service: ServiceSnapshot,
    pub fleet: FleetSnapshot,
    pub promote: Plan,
    pub rollback: Plan,
}

fn checkout() -> ServiceName {
    SERVICE.parse().unwrap()
}

fn monday() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 23, 14, 0, 0).unwrap()
}

impl World {
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let backend = busy();
        runtime.block_on(async {
            let (name, none) = (checkout(), Duration::ZERO);
            let promote = Action::Promote { build: BuildNumber(4) };
            Self {
                service: backend.service(&name, None, none).await.unwrap().unwrap(),
                fleet: backend.fleet(None, none).await.unwrap().unwrap(),
                promote: backend.plan(&name, promote).await.unwrap(),
                rollback: backend.plan(&name, Action::Rollback { to: None }).await.unwrap(),
            }
        })
    }
}

/// Two builds that were live, one verified, one failed, one overtaken, one running; a hold, a freeze and problems.
fn busy() -> Scripted {
    let backend = Scripted::new(monday() - TimeDelta::hours(30));
    let (name, person) = (checkout(), |name: &str| Actor::Person(name.to_owned()));
    let production = Environment::Production;
    backend.change(|world| {
        for _ in 0..3 {
            let build = world.verified_build(&name, "kim");
            world.request(&name, build, production, DeploymentKind::Promote, person("sam"));
            world.finish(&name);
            world.pass(Duration::from_hours(6));
        }
        world.verified_build(&name, "sam");
        let build = world.merge(&name, "kim", "fails");
        world.request(&name, build, Environment::Staging, DeploymentKind::Auto, Actor::System);
        world.advance(&name);
        world.advance(&name);
        world.advance_with(&name, StepOutcome::Exited(1));
        world.finish(&name);
        world.merge(&name, "ada", "overtaken");
        let build = world.merge(&name, "ada", "runs");
        world.request(&name, build, Environment::Staging, DeploymentKind::Auto, Actor::System);
        world.advance(&name);
        world.advance(&name);
        let reason = String::new();
        // A rollback that is older than the history that is shown: every newer build may have been taken away.
        let rollback = Some(DeploymentId(99_999));
        let hold = Fact::HoldPlaced { all: false, environment: production, reason, rollback };
        world.record(&name, person("kim"), hold);
        quality(world);
        for hours in [0, 30] {
            let from = world.now() + TimeDelta::hours(hours);
            let until = Some(from + TimeDelta::hours(5));
            let freeze = Fact::FreezePlaced { from, until, reason: String::new() };
            world.record(&name, person("kim"), freeze);
        }
        let problem = || Problem { since: monday(), what: String::new(), remedy: String::new() };
        world.edit(&name, |service| service.problems = vec![problem(), problem()]);
        world.trouble(vec![problem()]);
        world.pass(Duration::from_mins(3));
    });
    backend
}

/// Requests of which one is open, a bad commit that every build has since, and a verification by a step that is asked
/// for and one that is not there.
fn quality(world: &mut scripted::ScriptedWorld) {
    let (name, kim) = (checkout(), || Actor::Person("kim".to_owned()));
    let until = world.now() + TimeDelta::minutes(20);
    let build = BuildNumber(6);
    let ask = |world: &mut scripted::ScriptedWorld| {
        let note = String::new();
        world.record(&name, kim(), Fact::PromoterRequested { build, until, note })
    };
    let request = ask(world);
    let reason = String::new();
    world.record(&name, kim(), Fact::RequestWithdrawn { request, reason: reason.clone() });
    ask(world);
    ask(world);
    let state = &world.service(&name).unwrap().state;
    let bad = state.commits_that_begin_with(&format!("{:040x}", 2));
    world.record(&name, kim(), Fact::CommitsQuarantined { bad, reason });
    let kind = VerifyBy::Step("smoke".to_owned());
    let verified = Fact::BuildVerified { build: BuildNumber(4), note: String::new(), kind };
    world.record(&name, Actor::System, verified);
    world.edit(&name, |service| {
        let missing = VerifyBy::Step("seen".to_owned());
        service.policy.verify = vec![VerifyBy::Person, missing];
    });
}

/// A console of one size whose backend answers with hostile text.
pub struct Desk<'a, T> {
    world: &'a World,
    pub texts: T,
    model: Model,
    screen: Terminal<TestBackend>,
}

impl<'a, T: Texts> Desk<'a, T> {
    pub fn open(world: &'a World, size: (u16, u16), texts: T) -> Self {
        let theme = Theme::terminal(Depth::Ansi256, Charset::Unicode);
        let options = Options { service: Some(checkout()), ..Options::new(theme) };
        let (width, height) = size;
        let seed = uuid::Uuid::from_u128(7);
        let model = Model::new(options, seed, Size { width, height }, Instant::now());
        let screen = Terminal::new(TestBackend::new(width, height)).unwrap();
        let mut desk = Self { world, texts, model, screen };
        desk.answer_fleet();
        desk.answer_service();
        desk
    }

    fn answer_fleet(&mut self) {
        let mut fleet = self.world.fleet.clone();
        slots::fill_fleet(&mut fleet, &mut self.texts);
        self.take(Message::Fleet(Ok(Some(Box::new(fleet)))));
    }

    fn answer_service(&mut self) {
        let mut snapshot = self.world.service.clone();
        slots::fill_service(&mut snapshot, &mut self.texts);
        self.take(Message::Service(checkout(), Ok(Some(Box::new(snapshot)))));
    }

    /// Takes news in and answers what it makes the console ask.
    fn take(&mut self, message: Message) {
        let at = self.model.at + Duration::from_millis(500);
        for effect in update(&mut self.model, TimedMessage { at, message }) {
            match effect {
                Effect::Plan { ticket, action, .. } => {
                    let mut plan = match action {
                        Action::Promote { .. } | Action::Retry { .. } => self.world.promote.clone(),
                        Action::Rollback { .. } | Action::RollbackByTrunk { .. } => {
                            self.world.rollback.clone()
                        }
                    };
                    slots::fill_plan(&mut plan, &mut self.texts);
                    self.take(Message::Planned { ticket, answer: Ok(Box::new(plan)) });
                }
                Effect::ReadLog { source, from, .. } => {
                    let answer = Ok(self.log());
                    self.take(Message::Log { source, from, answer });
                }
                Effect::Send { ticket, .. } => {
                    let sentence = self.texts.text();
                    let answer = Err(BackendError::Refused(Refusal::invalid(sentence)));
                    self.take(Message::Answered { ticket, answer });
                }
                _ => {}
            }
        }
    }

    /// A page of a log, with lines of all streams and none longer than a supervisor makes them.
    fn log(&mut self) -> LogPage {
        let mut bytes = Vec::new();
        for stream in [Stream::Out, Stream::Err, Stream::Note].into_iter().cycle().take(60) {
            let text = self.texts.bytes();
            let text = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
            bytes.extend(format(monday(), stream, &text[..text.len().min(LONGEST_LINE)], false));
            if bytes.len() > PAGE {
                break;
            }
        }
        let size = bytes.len() as u64;
        LogPage { start: 0, next: size, size, ended: true, bytes }
    }

    /// From a person who has looked at the screen and waited.
    fn input(&mut self, event: Event) {
        let at = self.model.at;
        drawn(&mut self.model, at);
        let keys_out = at + Duration::from_millis(500);
        self.take(Message::Input { event, crowd: Crowd::Alone, keys_out });
    }

    pub fn press(&mut self, keys: &[&str]) {
        for key in keys {
            let code = match *key {
                "enter" => KeyCode::Enter,
                "esc" => KeyCode::Esc,
                "tab" => KeyCode::Tab,
                "shift-tab" => KeyCode::BackTab,
                letter => KeyCode::Char(letter.chars().next().unwrap()),
            };
            self.input(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
        }
    }

    pub fn paste(&mut self) {
        let text = self.texts.text();
        self.input(Event::Paste(text));
    }

    /// Types the beginning of a text letter by letter.
    pub fn type_text(&mut self) {
        for letter in self.texts.text().chars().take(12) {
            let key = KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE);
            self.input(Event::Key(key));
        }
    }

    /// A refusal or failure in the words of the other side, as a note.
    pub fn hear_trouble(&mut self) {
        let text = self.texts.text();
        self.take(Message::Service(checkout(), Err(BackendError::Failed(text))));
    }

    pub fn draw(&mut self) -> &Buffer {
        self.screen.draw(|frame| view(&self.model, frame)).unwrap();
        self.screen.backend().buffer()
    }
}
