//! Everything that the console knows; the screen is a function of it.

pub mod areas;
pub mod burst;
pub mod changed;
pub mod checklist;
pub mod command_lines;
pub mod dialog;
pub mod failures;
pub mod filter;
pub mod fleet;
pub mod incidents;
pub mod link;
pub mod list;
pub mod log;
pub mod measures;
pub mod notes;
pub mod overlay;
pub mod palette;
pub mod pane;
pub mod problems;
pub mod requests;
pub mod rows;
pub mod seen;
pub mod sizes;
pub mod stop_all;
pub mod targets;
pub mod text_input;
pub mod ticket;
pub mod wake;
pub mod watch_end;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use ratatui::layout::{Rect, Size};
use tokio::time::Instant;
use uuid::Uuid;

use crate::calendar::Tz;
use crate::console::actions::action::KeyAction;
use crate::console::actions::chord::Chord;
use crate::console::actions::context::InputContext;
use crate::console::log::Want;
use crate::console::model::areas::{Areas, is_tiny};
use crate::console::model::burst::Burst;
use crate::console::model::command_lines::DoneCommand;
use crate::console::model::dialog::Confirm;
use crate::console::model::failures::UnseenFailures;
use crate::console::model::filter::ListFilter;
use crate::console::model::fleet::FleetOrder;
use crate::console::model::incidents::IncidentNotices;
use crate::console::model::link::{FromDisk, Link, LinkState};
use crate::console::model::list::List;
use crate::console::model::log::{LogChoice, LogView};
use crate::console::model::measures::MeasuresView;
use crate::console::model::notes::{Note, Notes, Shown, Tone};
use crate::console::model::overlay::Overlay;
use crate::console::model::pane::Pane;
use crate::console::model::requests::RequestNotices;
use crate::console::model::sizes::PaneSizes;
use crate::console::model::stop_all::StopAll;
use crate::console::model::targets::Targets;
use crate::console::model::ticket::Ticket;
use crate::console::model::watch_end::WatchEndShown;
use crate::console::options::Options;
use crate::domain::caller::AccessRole;
use crate::domain::ids::{BuildNumber, DeploymentId, IdempotencyKey, Seq, ServiceName};
use crate::domain::instant;
use crate::domain::log::LogFrom;
use crate::domain::snapshot::{DeploymentRow, Description, FleetSnapshot, ServiceSnapshot};

#[derive(Debug, Clone)]
pub struct Model {
    pub options: Options,
    /// When the last message came in, by the monotonic clock.
    pub at: Instant,
    /// When the keyboard was last seen to have no key for us; the key that is at hand was pressed after that.
    pub keys_out: Instant,
    /// When the last key or other input came from the terminal.
    pub last_input: Option<Instant>,
    pub burst: Burst,
    pub size: Size,
    /// Where everything is on a screen of this size.
    pub areas: Areas,
    pub link: Link,
    pub description: Option<Description>,
    pub screen: Screen,
    pub fleet: Option<Box<FleetSnapshot>>,
    pub service: Option<Box<ServiceSnapshot>>,
    /// Where the list of services, and the service, come from, if not from the backend: nothing is done on them.
    pub fleet_from_disk: Option<FromDisk>,
    pub service_from_disk: Option<FromDisk>,
    /// The backend's time of the last snapshot, and when it came in.
    pub clock: Option<(DateTime<Utc>, Instant)>,
    pub updates: Updates,
    pub focus: Pane,
    /// The list that was focused last: Details and the log are about its selection.
    pub list: Pane,
    /// The pane in the lowest place, where there is room for only one.
    pub bottom: Pane,
    pub zoomed: bool,
    pub sizes: PaneSizes,
    pub services: List<ServiceName>,
    pub fleet_order: FleetOrder,
    pub staging: List<BuildNumber>,
    pub production: List<DeploymentId>,
    pub older: Older,
    /// The measures of the service on screen.
    pub measures: MeasuresView,
    pub freezes: List<Seq>,
    pub targets: Targets,
    pub filter: ListFilter,
    pub scroll: PaneScroll,
    pub log: LogView,
    pub overlays: Vec<Overlay>,
    pub notes: Notes,
    pub sent: Vec<Sent>,
    pub failures: UnseenFailures,
    /// What this console did, the newest last.
    pub done: Vec<DoneCommand>,
    /// What was run by its name in the palette, the newest first.
    pub recent: Vec<String>,
    /// The first of two keys, while the second is waited for.
    pub pending: Option<PendingKey>,
    /// The key of which was said last that it does nothing.
    pub unbound: Option<(InputContext, Chord)>,
    /// The end of a watch that nobody had seen.
    pub watch_end: WatchEndShown,
    /// Commands for all services, as long as one is not answered.
    pub stop_all: Option<StopAll>,
    pub requests: RequestNotices,
    pub incidents: IncidentNotices,
    /// The title that the terminal was given beside the name of the service.
    pub titled: Option<String>,
    /// Until when a second press of the interrupt key quits.
    pub quitting: Option<Instant>,
    /// Whether the screen may differ from what was drawn last.
    pub dirty: bool,
    tickets: u64,
    seed: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    Fleet,
    Service,
}

/// Whether new snapshots are shown.
#[derive(Debug, Clone, PartialEq)]
pub enum Updates {
    Live,
    /// Held back by the user; the newest snapshot waits.
    Paused(Option<Box<ServiceSnapshot>>),
}

/// The deployments of production before those of the snapshot, newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Older {
    pub rows: Vec<DeploymentRow>,
    /// The page that was asked for last: it is before this one.
    pub asked: Option<DeploymentId>,
}

/// How far the panes without a cursor are scrolled down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PaneScroll {
    pub details: usize,
    pub activity: usize,
}

/// The first of two keys, where it was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingKey {
    pub context: InputContext,
    pub first: Chord,
}

/// A command on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub ticket: Ticket,
    pub key: IdempotencyKey,
    pub service: ServiceName,
    /// What it does, for a note: `promote of #12`.
    pub what: String,
    /// Why its answer got lost, once it did.
    pub lost: Option<String>,
}

impl Model {
    /// A model that knows nothing yet. `seed` is random and differs between consoles.
    #[must_use]
    pub fn new(options: Options, seed: Uuid, size: Size, at: Instant) -> Self {
        let mut notes = Notes::default();
        if let Some(text) = options.notice.clone() {
            notes.say(Note::new(Tone::Plain, text, at));
        }
        if let Some(text) = options.keys_trouble.clone() {
            let shown = Shown::UntilHidden;
            notes.say(Note { shown, ..Note::new(Tone::Bad, text, at) });
        }
        Self {
            screen: if options.service.is_some() { Screen::Service } else { Screen::Fleet },
            services: List::at(options.service.clone()),
            fleet_order: FleetOrder::default(),
            at,
            keys_out: at,
            last_input: None,
            burst: Burst::default(),
            size,
            areas: Areas::default(),
            link: Link::new(at),
            description: None,
            fleet: None,
            service: None,
            fleet_from_disk: None,
            service_from_disk: None,
            clock: None,
            updates: Updates::Live,
            focus: Pane::Staging,
            list: Pane::Staging,
            bottom: Pane::Log,
            zoomed: false,
            sizes: options.sizes,
            staging: List::default(),
            production: List::default(),
            older: Older::default(),
            measures: MeasuresView::default(),
            freezes: List::default(),
            targets: Targets::default(),
            filter: ListFilter::default(),
            scroll: PaneScroll::default(),
            log: LogView::new(options.zone),
            overlays: Vec::new(),
            notes,
            sent: Vec::new(),
            failures: UnseenFailures::default(),
            done: Vec::new(),
            recent: Vec::new(),
            pending: None,
            unbound: None,
            watch_end: WatchEndShown::default(),
            stop_all: None,
            requests: RequestNotices::default(),
            incidents: IncidentNotices::default(),
            titled: None,
            quitting: None,
            dirty: true,
            tickets: 0,
            seed: seed.to_string(),
            options,
        }
    }

    /// The backend's time now: that of its last snapshot and what has passed since it came in.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        let (time, arrived) = self.clock.unwrap_or((DateTime::UNIX_EPOCH, self.at));
        let passed = TimeDelta::from_std(self.at.saturating_duration_since(arrived));
        time + passed.unwrap_or(TimeDelta::zero())
    }

    /// How long ago it was.
    #[must_use]
    pub fn since(&self, time: DateTime<Utc>) -> Duration {
        crate::domain::time::between(time, self.now())
    }

    #[must_use]
    pub fn zone(&self) -> Tz {
        self.options.zone
    }

    #[must_use]
    pub fn area(&self) -> Rect {
        Rect::new(0, 0, self.size.width, self.size.height)
    }

    /// A ticket that was never used before.
    pub fn next_ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// A key that was never used before, by this console or any other.
    pub fn next_key(&mut self) -> IdempotencyKey {
        let Ticket(number) = self.next_ticket();
        IdempotencyKey::try_from(format!("{}-{number}", self.seed))
            .expect("a uuid and a number are letters, digits and dashes, and short enough")
    }

    /// The first key of an action, as the screen shows it.
    #[must_use]
    pub fn key(&self, action: &KeyAction) -> String {
        self.options.keymap.shown(action)
    }

    /// The dialog, wherever it is.
    #[must_use]
    pub fn confirm(&self) -> Option<&Confirm> {
        self.overlays.iter().rev().find_map(|overlay| match overlay {
            Overlay::Confirm(confirm) => Some(&**confirm),
            _ => None,
        })
    }

    /// The dialog, wherever it is.
    pub fn confirm_mut(&mut self) -> Option<&mut Confirm> {
        self.overlays.iter_mut().rev().find_map(|overlay| match overlay {
            Overlay::Confirm(confirm) => Some(&mut **confirm),
            _ => None,
        })
    }

    /// Drops everything that was about the service on screen.
    pub fn forget_service(&mut self) {
        self.service = None;
        self.service_from_disk = None;
        self.updates = Updates::Live;
        self.staging = List::default();
        self.production = List::default();
        self.older = Older::default();
        self.measures = MeasuresView::default();
        self.freezes = List::default();
        self.targets = Targets::default();
        self.filter = ListFilter::default();
        self.scroll = PaneScroll::default();
        self.failures = UnseenFailures::default();
        self.requests.open = None;
        self.incidents = IncidentNotices::default();
        self.log.choose(LogChoice::Running);
    }

    /// Whether anything can be done from here, as far as it is known.
    #[must_use]
    pub fn may_act(&self) -> bool {
        let may = |description: &Description| {
            let able = description.capabilities;
            let role = description.role.is_none_or(|role| role >= AccessRole::Deployer);
            role && (able.promote || able.rollback)
        };
        !self.options.read_only && self.description.as_ref().is_none_or(may)
    }

    /// Whether the screen shows nothing but the text of the log, to be selected with the mouse.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.screen == Screen::Service && self.focus == Pane::Log && self.log.pane.is_plain()
    }

    /// Whether keys go elsewhere than to the lists and panes: to a dialog, a page or a text.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        !self.overlays.is_empty() || self.filter.typing || self.log.search.is_some()
    }

    /// Whether a person reads the log: it stands still, or the keys go to it.
    #[must_use]
    pub fn is_reading_log(&self) -> bool {
        self.log.pane.stands_still() || self.log.search.is_some() || self.focus == Pane::Log
    }

    /// Where what is on screen comes from, if not from the backend.
    #[must_use]
    pub fn from_disk(&self) -> Option<FromDisk> {
        match self.screen {
            Screen::Fleet => self.fleet_from_disk,
            Screen::Service => self.service_from_disk,
        }
    }

    /// The age of what is on screen, once it is beyond what may be acted on.
    #[must_use]
    pub fn stale(&self) -> Option<Duration> {
        let from_disk = self.from_disk().map(|disk| disk.age(self.at));
        from_disk.or_else(|| self.link.stale(self.at, self.options.stale_after))
    }

    /// Whether the answers that fill the first screen are still to come.
    #[must_use]
    pub fn is_opening(&self) -> bool {
        let waits = |want: &Want| match want {
            Want::Read(from) => matches!(from, LogFrom::End | LogFrom::Before(_)),
            Want::Search(_) | Want::Filter(_) => false,
        };
        let log = self.log.asked.as_ref().is_some_and(waits);
        match (&self.link.state, self.screen) {
            (LinkState::Connecting, _) => true,
            (LinkState::Down { .. }, _) => false,
            (LinkState::Up, Screen::Fleet) => self.description.is_none(),
            (LinkState::Up, Screen::Service) => {
                self.description.is_none() || self.service.is_none() || log
            }
        }
    }

    /// The random text that this console salts its waits with.
    #[must_use]
    pub fn seed(&self) -> &str {
        &self.seed
    }

    pub fn say(&mut self, tone: Tone, text: impl Into<String>) {
        self.add_note(Note::new(tone, text, self.at));
    }

    /// The same about a service, which may not be the one on screen by then.
    pub fn say_of(&mut self, service: &ServiceName, tone: Tone, text: impl Into<String>) {
        let service = Some(service.clone());
        self.add_note(Note { service, ..Note::new(tone, text, self.at) });
    }

    /// Shows a note about a service that stays until it is hidden.
    pub fn insist(&mut self, service: &ServiceName, tone: Tone, text: impl Into<String>) {
        let service = Some(service.clone());
        self.add_note(Note {
            shown: Shown::UntilHidden,
            service,
            ..Note::new(tone, text, self.at)
        });
    }

    pub fn add_note(&mut self, note: Note) {
        // What keys that came together say by the way must not hide that they started nothing.
        if self.burst.is_now() && note.tone == Tone::Plain {
            return;
        }
        let at = self.clock.map(|_| self.now());
        let text = instant::localized(&note.text, self.zone());
        self.notes.say(Note { text, at, ..note });
    }

    /// The note on the toast line and when it fades. Where nothing but the text of the log is shown, its last line is lent
    /// to what went wrong and to what a key says.
    #[must_use]
    pub fn toast(&self) -> Option<(&Note, Option<Instant>)> {
        self.notes.toast(self.at, self.is_plain())
    }

    /// Hides the note that stays on the toast line, unless the key at hand was pressed before it could be seen.
    pub fn hide_note(&mut self) -> bool {
        self.notes.hide(self.at, self.is_plain(), self.keys_out)
    }

    /// What a list shows by itself, and the note on the toast line, are on screen.
    pub fn drawn(&mut self, at: Instant) {
        if is_tiny(self.area()) {
            return;
        }
        if !self.filter.typing && self.log.search.is_none() {
            self.notes.drawn(at, self.is_plain());
        }
        let shown = |pane| self.overlays.is_empty() && self.areas.of(pane).is_some();
        let [staging, production, freezes] =
            [Pane::Staging, Pane::Production, Pane::Freeze].map(shown);
        self.services.drawn(at, self.overlays.is_empty() && self.screen == Screen::Fleet);
        self.staging.drawn(at, staging);
        self.production.drawn(at, production);
        self.freezes.drawn(at, freezes);
        let looked_at = self.looked_at();
        self.failures.drawn(at, &looked_at);
        if self.overlays.is_empty() && self.screen == Screen::Service {
            self.targets.drawn(at);
        }
    }

    /// The service on screen.
    #[must_use]
    pub fn shown_service(&self) -> Option<&ServiceName> {
        self.services.selected.as_ref().filter(|_| self.screen == Screen::Service)
    }

    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.updates != Updates::Live
    }
}
