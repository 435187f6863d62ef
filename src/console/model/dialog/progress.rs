//! How far a dialog is: what it waits for, where its keys go, and from when on its buttons work.

use std::time::Duration;

use tokio::time::Instant;

use crate::console::model::dialog::reading::{ReadProgress, VisibleLines};
use crate::console::model::ticket::Ticket;
use crate::domain::ids::IdempotencyKey;

/// A button works once the dialog was on screen and the keyboard quiet for this long, so that an Enter that was held
/// down or typed ahead confirms nothing.
pub const QUIET: Duration = Duration::from_millis(400);

/// How far a dialog is.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Made up once per intent; a lost answer is looked up by it.
    key: IdempotencyKey,
    /// The command whose answer the dialog waits for.
    ticket: Ticket,
    stage: Stage,
    focus: Focus,
    /// A field lost the focus without a key: what is typed until the keyboard was quiet was meant for that field.
    cut_off: bool,
    /// How far what is above the fields was read.
    reading: ReadProgress,
    /// Since when it is on screen unchanged and no key was pressed; `None` until it is drawn.
    quiet_since: Option<Instant>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Waiting for the plan.
    Planning,
    Asking,
    /// Something changed; whether this plan still holds is being asked.
    Rechecking,
    /// Production or the build is no longer as it was shown: what changed.
    Disarmed(Vec<String>),
    Sending,
    /// The answer got lost; what became of the command is being looked up.
    Checking,
    /// A decision against it, with what to do instead.
    Refused(String),
    /// Nothing was done, and why.
    Failed(String),
    /// It is unknown whether it was done.
    Unknown(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Focus {
    Commits,
    /// A row of options.
    Pick(usize),
    Field(usize),
    Leave,
    Watch,
    Ask,
    Act,
}

impl Progress {
    #[must_use]
    pub fn new(key: IdempotencyKey, ticket: Ticket, stage: Stage) -> Self {
        Self {
            key,
            ticket,
            stage,
            focus: Focus::Leave,
            cut_off: false,
            reading: ReadProgress::default(),
            quiet_since: None,
        }
    }

    #[must_use]
    pub fn key(&self) -> &IdempotencyKey {
        &self.key
    }

    #[must_use]
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }

    #[must_use]
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    #[must_use]
    pub fn focus(&self) -> Focus {
        self.focus
    }

    #[must_use]
    pub fn reading(&self) -> &ReadProgress {
        &self.reading
    }

    /// Whether it shows what it asks for.
    #[must_use]
    pub fn asks(&self) -> bool {
        matches!(self.stage, Stage::Asking | Stage::Rechecking)
    }

    /// Whether nothing was sent or refused yet.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.asks() || self.stage == Stage::Planning
    }

    /// From when on a key may press a button, if nothing happens before.
    #[must_use]
    pub fn arms_at(&self) -> Option<Instant> {
        self.quiet_since.map(|since| since + QUIET)
    }

    /// Whether a key at this instant may press a button.
    #[must_use]
    pub fn is_armed(&self, at: Instant) -> bool {
        self.arms_at().is_some_and(|arms| at >= arms)
    }

    /// Whether it was on screen as it is.
    #[must_use]
    pub fn is_drawn(&self) -> bool {
        self.quiet_since.is_some()
    }
}

/// Stages.
impl Progress {
    /// Asks again from the start, as a new intent.
    pub fn restart(&mut self, key: IdempotencyKey, ticket: Ticket, stage: Stage) {
        (self.key, self.ticket) = (key, ticket);
        self.go_to(stage);
    }

    /// What is sent next is another intent.
    pub fn renew(&mut self, key: IdempotencyKey) {
        self.key = key;
    }

    /// Shows an unread plan and asks.
    pub(super) fn ask(&mut self) {
        self.stage = Stage::Asking;
        self.reading = ReadProgress::default();
        self.changed();
    }

    pub fn recheck(&mut self) {
        self.stage = Stage::Rechecking;
    }

    /// The plan on screen still holds.
    pub fn confirm(&mut self) {
        self.stage = Stage::Asking;
    }

    /// Takes the button away.
    pub fn disarm(&mut self, changes: Vec<String>) {
        self.reading = ReadProgress::default();
        self.go_to(Stage::Disarmed(changes));
    }

    pub fn send(&mut self, ticket: Ticket) {
        self.stage = Stage::Sending;
        self.ticket = ticket;
        self.focus = Focus::Leave;
    }

    /// Shows a stage that was not on screen before, with the button that leaves in focus.
    pub fn go_to(&mut self, stage: Stage) {
        self.stage = stage;
        self.refocus(Focus::Leave);
        self.changed();
    }
}

/// The focus, the keys and the screen.
impl Progress {
    /// Moves the focus by a key.
    pub fn focus_on(&mut self, focus: Focus) {
        self.focus = focus;
    }

    /// Moves the focus without a key.
    pub fn refocus(&mut self, to: Focus) {
        self.cut_off |= matches!(self.focus, Focus::Field(_));
        self.focus = to;
    }

    /// Whether a letter that is typed now was meant for a field that lost the focus. It no longer is once it is `armed`.
    pub fn is_cut_off(&mut self, armed: bool) -> bool {
        self.cut_off &= !armed;
        self.cut_off
    }

    /// Shows something new, which is not drawn yet.
    pub fn changed(&mut self) {
        self.quiet_since = None;
    }

    /// The screen has another size: its lines end elsewhere now.
    pub fn resized(&mut self) {
        self.changed();
        self.reading = ReadProgress::default();
    }

    /// It is on screen; true if that is new.
    pub fn drawn(&mut self, at: Instant) -> bool {
        let new = self.quiet_since.is_none();
        self.quiet_since.get_or_insert(at);
        new
    }

    /// A key was pressed or a text was pasted.
    pub fn pressed(&mut self, at: Instant) {
        self.quiet_since = self.quiet_since.map(|_| at);
    }

    /// These lines are on screen; true if that changes how far it was read.
    pub fn read(&mut self, lines: VisibleLines) -> bool {
        let before = self.reading;
        self.reading.shows(lines);
        self.reading != before
    }

    pub fn turn(&mut self, lines: VisibleLines, pages: isize) {
        self.reading.turn(lines, pages);
    }
}
