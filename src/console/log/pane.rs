//! The state of the pane, what it needs next, and everything that changes it.

mod filtering;
mod pointing;
mod seeking;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use self::filtering::PaneFilter;
pub use self::pointing::SelectedLines;
pub(in crate::console::log) use self::pointing::is_first_row;

use crate::calendar::Tz;
use crate::console::log::columns::{Columns, TimeColumn};
use crate::console::log::command::LogCommand;
use crate::console::log::line::Key;
use crate::console::log::scroll::{Place, beginning, down, last_page, up};
use crate::console::log::search::{Query, Target};
use crate::console::log::window::{End, Limits, Window};
use crate::console::theme::Role;
use crate::domain::log::{Direction, FilteredRead, LogFrom, LogPage, LogSearch};
use crate::domain::time;

/// How many screens before the edge of what is in memory more is asked for.
const AHEAD: usize = 2;

/// What the pane needs of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Want {
    Read(LogFrom),
    Search(LogSearch),
    Filter(FilteredRead),
}

/// A window onto the log of one step.
///
/// It reads nothing itself: ask [`LogPane::wants`] after every change, keep exactly that request under way, and give
/// its answer to [`LogPane::feed`] or [`LogPane::found`]. An answer that is no longer wanted does no harm.
#[derive(Debug, Clone)]
pub struct LogPane {
    pub(super) window: Window,
    pub(super) time: TimeColumn,
    pub(super) zone: Tz,
    pub(super) plain: bool,
    pub(super) query: Option<Query>,
    /// The line and row that the last search went to.
    pub(super) hit: Option<(Key, usize)>,
    wrap: bool,
    width: usize,
    height: usize,
    reading: LogPosition,
    jump: Option<Jump>,
    search: seeking::Search,
    lost_at: Option<DateTime<Utc>>,
    /// Lines before this were counted.
    counted: u64,
    pub(super) filter: Option<PaneFilter>,
    /// How many columns of cut lines are out of sight on the left.
    pub(super) shift: usize,
    /// The line that is pointed at, where one is.
    pointer: Option<Key>,
    /// Where the selection began.
    selection: Option<Key>,
    /// The cursors of lines that were marked.
    marks: BTreeSet<u64>,
    /// A line that was jumped to, until what led to it is there.
    approach: Option<Key>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LogPosition {
    Following,
    Paused {
        top: Place,
        /// Lines that came since.
        new: usize,
        /// Where the person was going last. More is read in that direction only, or the two ends of the memory would
        /// take turns in pushing each other out.
        heading: Direction,
    },
}

/// A move that what is in memory does not reach: it is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Jump {
    Start,
    End,
    /// Back to where a search in vain began.
    To(Place),
    /// To what leads to a line that may be what is looked for.
    Before(u64),
}

impl Jump {
    /// The part of the log that it needs.
    fn reads(self) -> LogFrom {
        match self {
            Self::Start => LogFrom::After(0),
            Self::End => LogFrom::End,
            Self::To(place) => LogFrom::After(place.key.cursor),
            Self::Before(cursor) => LogFrom::Before(cursor),
        }
    }
}

impl LogPane {
    /// The text of the last error in what is in memory.
    #[must_use]
    pub fn last_error(&self) -> Option<String> {
        let errors = self.window.errors();
        let lines = (0..self.window.len()).rev().filter_map(|at| self.window.get(at));
        let mut errors = lines.filter(|line| errors > 0 && line.is_error());
        let row = errors.next()?.rows.last()?;
        Some(row.text.trim().to_owned())
    }

    /// A pane that opens at the end of the log. `zone` is where the person is.
    #[must_use]
    pub fn new(zone: Tz) -> Self {
        Self::with_limits(zone, Limits::default())
    }

    #[must_use]
    pub fn with_limits(zone: Tz, limits: Limits) -> Self {
        Self {
            window: Window::new(limits),
            time: TimeColumn::Off,
            zone,
            plain: false,
            query: None,
            hit: None,
            wrap: false,
            width: 0,
            height: 0,
            reading: LogPosition::Following,
            jump: Some(Jump::End),
            search: seeking::Search::Idle,
            lost_at: None,
            counted: 0,
            filter: None,
            shift: 0,
            pointer: None,
            selection: None,
            marks: BTreeSet::new(),
            approach: None,
        }
    }

    /// Another step's log: everything of the one before is gone but how a person likes to see it. Answers that are
    /// still under way are the other step's: do not feed them.
    pub fn restart(&mut self) {
        let fresh = Self::with_limits(self.zone, self.window.limits());
        let (query, filter) = (self.query.take(), self.filter.take());
        let (time, plain, wrap) = (self.time, self.plain, self.wrap);
        let (width, height) = (self.width, self.height);
        *self = Self { time, plain, query, wrap, width, height, ..fresh };
        if let Some(filter) = filter {
            self.filter_again(filter);
        }
    }

    /// The room that the pane has inside its border.
    pub fn resize(&mut self, width: u16, height: u16) {
        (self.width, self.height) = (usize::from(width), usize::from(height));
    }

    /// The part of the log to read next. It is the same until something changes: keep one request under way, and when
    /// it is another, drop that for this.
    #[must_use]
    pub fn wants(&self) -> Option<Want> {
        match (&self.filter, self.jump) {
            (Some(filter), _) => self.wants_filtered(filter).map(Want::Filter),
            (None, Some(jump)) => Some(Want::Read(jump.reads())),
            (None, None) => self.sought().or_else(|| self.wants_more().map(Want::Read)),
        }
    }

    /// Takes in what was read.
    pub fn feed(&mut self, asked: LogFrom, page: &LogPage, now: DateTime<Utc>) {
        if self.wants() != Some(Want::Read(asked)) {
            return;
        }
        self.resume(now);
        match (self.jump.take(), asked) {
            (Some(jump), _) => self.land(jump, page),
            (None, LogFrom::Before(_)) => self.prepend(page),
            (None, LogFrom::After(_) | LogFrom::End) => {
                self.append(page);
                self.look_closer();
            }
        }
        self.come_near();
        self.settle();
    }

    /// A read failed. Once one works again, a line in the log says for how long none did.
    pub fn interrupted(&mut self, now: DateTime<Utc>) {
        self.lost_at.get_or_insert(now);
    }

    /// Whether nothing but the text is shown.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    /// Whether it stays where a person stopped or searches.
    #[must_use]
    pub fn stands_still(&self) -> bool {
        self.reading != LogPosition::Following || self.is_searching()
    }

    /// Does what a person asked for.
    pub fn update(&mut self, command: LogCommand) {
        let (page, half) = (self.height.saturating_sub(1).max(1), (self.height / 2).max(1));
        match command {
            LogCommand::Up(lines) if self.has_pointer() => {
                self.move_pointer(Direction::Older, lines);
            }
            LogCommand::Down(lines) if self.has_pointer() => {
                self.move_pointer(Direction::Newer, lines);
            }
            LogCommand::PageUp if self.has_pointer() => self.move_pointer(Direction::Older, page),
            LogCommand::PageDown if self.has_pointer() => self.move_pointer(Direction::Newer, page),
            LogCommand::HalfPageUp if self.has_pointer() => {
                self.move_pointer(Direction::Older, half);
            }
            LogCommand::HalfPageDown if self.has_pointer() => {
                self.move_pointer(Direction::Newer, half);
            }
            LogCommand::Up(rows) => self.move_up(rows),
            LogCommand::Down(rows) => self.move_down(rows),
            LogCommand::PageUp => self.move_up(page),
            LogCommand::PageDown => self.move_down(page),
            LogCommand::HalfPageUp => self.move_up(half),
            LogCommand::HalfPageDown => self.move_down(half),
            LogCommand::Top => {
                self.go_to_start();
                self.point_at_end(Direction::Older);
            }
            LogCommand::Follow if self.reading == LogPosition::Following => self.pause(),
            LogCommand::Bottom | LogCommand::Follow => {
                self.go_to_end();
                self.pointer = None;
            }
            LogCommand::Wrap => self.wrap = !self.wrap,
            LogCommand::Time => self.time = self.time.next(),
            LogCommand::Plain => self.plain = !self.plain,
            LogCommand::NextError => self.look_for(Target::Error, Direction::Newer),
            LogCommand::PreviousError => self.look_for(Target::Error, Direction::Older),
            LogCommand::Search(text) => self.search_for(&text),
            LogCommand::NextMatch => self.look_for(Target::Match, Direction::Newer),
            LogCommand::PreviousMatch => self.look_for(Target::Match, Direction::Older),
            LogCommand::GiveUp => self.give_up(),
            LogCommand::MoreAround => self.change_around(true),
            LogCommand::LessAround => self.change_around(false),
            LogCommand::Left => self.move_sideways(false),
            LogCommand::Right => self.move_sideways(true),
            LogCommand::Select => self.select(),
            LogCommand::Mark => self.mark(),
            LogCommand::NextMark => self.go_to_mark(),
            LogCommand::AskFilter | LogCommand::AskSave => {}
        }
        self.settle();
    }

    /// What the border says about the log, each piece with what it means.
    #[must_use]
    pub fn title(&self) -> Vec<(String, Role)> {
        let mut pieces = Vec::new();
        if self.lost_at.is_some() {
            pieces.push(("LOST, retrying".to_owned(), Role::Stale));
        }
        pieces.push(match self.reading {
            LogPosition::Following if self.window.is_final() => {
                ("ENDED".to_owned(), Role::Inactive)
            }
            LogPosition::Following => ("FOLLOW".to_owned(), Role::Running),
            LogPosition::Paused { new: 0, .. } => ("PAUSED".to_owned(), Role::Warn),
            LogPosition::Paused { new, .. } => (format!("PAUSED +{new} new"), Role::Warn),
        });
        pieces.extend(self.filter_title());
        if self.window.errors() > 0 && self.filter.is_none() {
            let whole = self.window.reaches_start() && self.window.reaches_end();
            let more = if whole { "" } else { "+" };
            pieces.push((format!("e:{}{more}", self.window.errors()), Role::Danger));
        }
        pieces.extend(self.search_title());
        pieces
    }

    /// Where the first row of the screen is, in a pane of this height.
    pub(super) fn top(&self, columns: Columns, height: usize) -> Option<Place> {
        let last = last_page(&self.window, columns, height)?;
        Some(match self.reading {
            LogPosition::Following => last,
            LogPosition::Paused { top, .. } => top.min(last),
        })
    }

    pub(super) fn columns(&self, width: usize) -> Columns {
        // What is selected with the mouse is to be all of a line.
        Columns::new(width, self.time, self.plain, self.wrap || self.plain)
    }

    /// The columns and the height that the pane has.
    pub(super) fn size(&self) -> (Columns, usize) {
        (self.columns(self.width), self.height)
    }

    fn land(&mut self, jump: Jump, page: &LogPage) {
        self.window.replace(page);
        if let Jump::Before(cursor) = jump {
            self.window.make_room();
            if self.window.is_unfinished() {
                // What was found is the middle of a line that is longer than what is kept of one.
                self.window.restart_at(cursor);
            }
        }
        let paused = |top| LogPosition::Paused { top, new: 0, heading: Direction::Newer };
        self.reading = match (jump, self.window.get(0)) {
            (Jump::Start | Jump::Before(_), Some(first)) => paused(beginning(first.key)),
            (Jump::To(place), _) => paused(place),
            (Jump::Before(cursor), None) => paused(beginning(Key { cursor, is_text: false })),
            (Jump::Start | Jump::End, _) => LogPosition::Following,
        };
        self.counted = self.counted.max(self.window.end());
        self.point_after(jump);
    }

    fn append(&mut self, page: &LogPage) {
        let sees_end = self.is_near_end() && !self.is_searching();
        let gives = if sees_end { End::Older } else { End::Newer };
        let unknown = self.window.end() >= self.counted;
        let added = self.window.append(page, gives);
        if self.reading == LogPosition::Following
            && !self.is_searching()
            && self.window.is_far_behind()
        {
            self.jump = Some(Jump::End);
        }
        self.counted = self.counted.max(page.next);
        if let LogPosition::Paused { new, .. } = &mut self.reading
            && unknown
        {
            *new += added;
        }
    }

    fn prepend(&mut self, page: &LogPage) {
        let follows = self.reading == LogPosition::Following && !self.is_searching();
        self.window.prepend(page, if follows { End::Older } else { End::Newer });
    }

    fn resume(&mut self, now: DateTime<Utc>) {
        if let Some(lost_at) = self.lost_at.take()
            && !self.window.is_empty()
        {
            let lasted = time::say(time::between(lost_at, now));
            self.window.note(&format!("-- lost for {lasted}, then resumed; nothing is missing --"));
        }
    }

    /// The top in the size that the pane has.
    fn here(&self) -> Option<Place> {
        self.top(self.columns(self.width), self.height)
    }

    fn pause(&mut self) {
        if self.reading == LogPosition::Following
            && let Some(top) = self.here()
        {
            self.reading = LogPosition::Paused { top, new: 0, heading: Direction::Newer };
        }
    }

    fn pause_at(&mut self, place: Place, going: Direction) {
        self.pause();
        if let LogPosition::Paused { top, heading, .. } = &mut self.reading {
            (*top, *heading) = (place, going);
        }
    }

    fn move_up(&mut self, rows: usize) {
        self.forget_search();
        if let Some(top) = self.here() {
            let top = up(&self.window, self.columns(self.width), top, rows);
            self.pause_at(top, Direction::Older);
        }
    }

    fn move_down(&mut self, rows: usize) {
        self.forget_search();
        if let (LogPosition::Paused { .. }, Some(top)) = (self.reading, self.here()) {
            let top = down(&self.window, self.columns(self.width), top, rows);
            self.pause_at(top, Direction::Newer);
        }
    }

    fn go_to_start(&mut self) {
        self.forget_search();
        match self.window.get(0).map(|first| first.key) {
            Some(first) if self.window.reaches_start() => {
                self.pause_at(beginning(first), Direction::Newer);
            }
            _ => self.jump = Some(Jump::Start),
        }
    }

    fn go_to_end(&mut self) {
        self.forget_search();
        if self.window.reaches_end() {
            self.jump = self.jump.filter(|jump| *jump == Jump::End);
            self.reading = LogPosition::Following;
        } else {
            self.jump = Some(Jump::End);
        }
    }

    /// At the end of what there is, nothing is new any more.
    fn settle(&mut self) {
        let last = last_page(&self.window, self.columns(self.width), self.height);
        if let (LogPosition::Paused { top, new, .. }, Some(last)) = (&mut self.reading, last)
            && *top >= last
        {
            *top = last;
            *new = 0;
        }
    }

    fn wants_more(&self) -> Option<LogFrom> {
        if self.wants_older() {
            return Some(LogFrom::Before(self.window.start()));
        }
        self.wants_newer().then(|| LogFrom::After(self.window.end()))
    }

    fn wants_older(&self) -> bool {
        let wants = match self.reading {
            LogPosition::Following => {
                self.window.len() < self.height && !self.window.gave_up(End::Older)
            }
            LogPosition::Paused { top, heading, .. } => {
                heading == Direction::Older && self.window.index(top.key) <= self.margin()
            }
        };
        wants && !self.window.reaches_start()
    }

    fn wants_newer(&self) -> bool {
        let wants = match self.reading {
            LogPosition::Following => true,
            LogPosition::Paused { heading: Direction::Newer, .. } if self.is_near_end() => true,
            LogPosition::Paused { .. } => !self.window.gave_up(End::Newer),
        };
        wants && !self.window.is_final()
    }

    fn is_near_end(&self) -> bool {
        match self.reading {
            LogPosition::Following => true,
            LogPosition::Paused { top, .. } => {
                self.window.index(top.key) + self.height + self.margin() >= self.window.len()
            }
        }
    }

    /// How close to an edge of the memory, in lines, more is asked for.
    fn margin(&self) -> usize {
        (AHEAD * self.height).max(1).min(self.window.len() / 4)
    }
}
