//! A filter of the log: which lines are shown, how many pass, and the way back to the whole log.

use chrono::{DateTime, Utc};

use crate::console::log::line::Key;
use crate::console::log::pane::{Jump, LogPane, LogPosition, Want};
use crate::console::log::scroll::beginning;
use crate::console::log::search::Query;
use crate::console::log::window::{End, Window};
use crate::console::theme::Role;
use crate::domain::log::{Direction, FilteredPage, FilteredRead, LineFilter, LogFrom, Wanted};
use crate::gate;

/// How many lines that pass are read at once.
const LINES: usize = 200;
/// With more bytes than these that were not looked at, there are surely whole lines.
const BEHIND: u64 = 32 * 1024;
/// How many lines more or fewer around each a key shows.
const STEP: usize = 2;

/// The filter that is on.
#[derive(Debug, Clone)]
pub(in crate::console::log) struct PaneFilter {
    /// As it was typed.
    text: String,
    filter: LineFilter,
    /// What is marked in the lines; nothing where those pass that do not match.
    pub query: Option<Query>,
    /// Where the person was in the whole log.
    home: LogPosition,
    tally: Option<Tally>,
    /// Nothing newer is known to be there.
    pub(super) is_caught_up: bool,
}

/// How many lines pass in the part of the log that was looked at.
#[derive(Debug, Clone, Copy)]
struct Tally {
    from: u64,
    to: u64,
    lines: u64,
    passed: u64,
}

impl Tally {
    /// Adds a part that touches what was looked at; one that is within it was counted.
    fn add(&mut self, page: &FilteredPage) {
        if page.next == self.from {
            self.from = page.start;
        } else if page.start == self.to {
            self.to = page.next;
        } else {
            return;
        }
        self.lines += page.lines;
        self.passed += page.passed;
    }
}

impl PaneFilter {
    fn parse(text: &str, around: usize, home: LogPosition) -> Result<Option<Self>, String> {
        let (inverted, what) = match text.strip_prefix('!') {
            Some(what) => (true, what),
            None => (false, text),
        };
        if what.is_empty() {
            return Ok(None);
        }
        let pattern = what.strip_prefix('/').and_then(|what| what.strip_suffix('/'));
        let wanted = match pattern.filter(|pattern| !pattern.is_empty()) {
            Some(pattern) => Wanted::Pattern(pattern.to_owned()),
            None => Wanted::Text(what.to_owned()),
        };
        let query = Query::of(&wanted)?;
        Ok(Some(Self {
            text: text.to_owned(),
            filter: LineFilter { wanted, inverted, around },
            query: Some(query).filter(|_| !inverted),
            home,
            tally: None,
            is_caught_up: false,
        }))
    }

    fn read(&self, from: LogFrom, limit: usize) -> FilteredRead {
        FilteredRead { filter: self.filter.clone(), from, limit }
    }

    /// The part that was not counted yet.
    fn uncounted(&self, size: u64) -> Option<LogFrom> {
        let tally = self.tally?;
        if tally.from > 0 {
            return Some(LogFrom::Before(tally.from));
        }
        (tally.to < size).then_some(LogFrom::After(tally.to))
    }

    /// `& timeout ±2  12 of 40,112 lines`.
    fn title(&self, size: u64) -> String {
        let text = gate::field(&self.text).clip(20, "~");
        let around = match self.filter.around {
            0 => String::new(),
            around => format!(" +/-{around}"),
        };
        let Some(tally) = self.tally else { return format!("&{text}{around}  looking") };
        let (passed, lines) = (thousands(tally.passed), thousands(tally.lines));
        let is_all = tally.from == 0 && tally.to >= size;
        let far = if is_all { "" } else { " so far" };
        format!("&{text}{around}  {passed} of {lines} lines{far}")
    }
}

/// `40,112`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let (head, rest) = digits.split_at(first);
    let groups = (0..rest.len() / 3).map(|nth| &rest[3 * nth..3 * nth + 3]);
    let parts = Some(head).filter(|head| !head.is_empty()).into_iter().chain(groups);
    parts.collect::<Vec<_>>().join(",")
}

impl LogPane {
    /// Shows only the lines that pass what was typed: `timeout`, `/time-?out/`, and either after a `!` for those that do
    /// not match. Nothing ends the filter.
    ///
    /// # Errors
    /// Why it is no regular expression.
    pub fn filter_by(&mut self, text: &str) -> Result<(), String> {
        let home = self.filter.as_ref().map_or(self.reading, |filter| filter.home);
        let around = self.filter.as_ref().map_or(0, |filter| filter.filter.around);
        match PaneFilter::parse(text, around, home)? {
            Some(filter) => self.begin_filter(filter),
            None => {
                self.end_filter();
            }
        }
        Ok(())
    }

    /// What the filter that is on was typed as.
    #[must_use]
    pub fn filter_text(&self) -> Option<&str> {
        self.filter.as_ref().map(|filter| filter.text.as_str())
    }

    /// Takes in what was read through a filter.
    pub fn feed_filtered(&mut self, asked: &FilteredRead, page: &FilteredPage, now: DateTime<Utc>) {
        if self.wants() != Some(Want::Filter(asked.clone())) {
            return;
        }
        self.resume(now);
        let Some(filter) = &mut self.filter else { return };
        if !matches!(asked.from, LogFrom::Before(_)) {
            filter.is_caught_up = page.next == page.start || page.next >= page.size;
        }
        let new = || Tally { from: page.start, to: page.start, lines: 0, passed: 0 };
        let tally = filter.tally.get_or_insert_with(new);
        if page.size < tally.to {
            // The log was replaced by a shorter one.
            *tally = new();
        }
        tally.add(page);
        if asked.limit == 0 {
            self.window.learn(page);
        } else {
            self.take_filtered(asked.from, page);
        }
        self.come_near();
        self.settle();
    }

    fn take_filtered(&mut self, asked: LogFrom, page: &FilteredPage) {
        match (self.jump.take(), asked) {
            (Some(jump), _) => self.land_filtered(jump, page),
            (None, LogFrom::Before(_)) => {
                let follows = self.reading == LogPosition::Following && !self.is_searching();
                let gives = if follows { End::Older } else { End::Newer };
                self.window.merge(page, gives);
                self.look_again();
            }
            (None, LogFrom::After(_) | LogFrom::End) => {
                let sees_end = self.is_near_end() && !self.is_searching();
                let gives = if sees_end { End::Older } else { End::Newer };
                let unknown = self.window.end() >= self.counted;
                let added = self.window.merge(page, gives);
                self.counted = self.counted.max(page.next);
                if let LogPosition::Paused { new, .. } = &mut self.reading
                    && unknown
                {
                    *new += added;
                }
                self.look_again();
            }
        }
    }

    fn land_filtered(&mut self, jump: Jump, page: &FilteredPage) {
        self.window.replace_filtered(page);
        let paused = |top| LogPosition::Paused { top, new: 0, heading: Direction::Newer };
        let start = Key { cursor: page.start, is_text: false };
        self.reading = match jump {
            Jump::Start | Jump::Before(_) => {
                paused(beginning(self.window.get(0).map_or(start, |first| first.key)))
            }
            Jump::To(place) => paused(place),
            Jump::End => LogPosition::Following,
        };
        self.counted = self.counted.max(self.window.end());
        self.point_after(jump);
    }

    /// What is read next while the filter is on: what the screen lacks, then what was not counted, then what is new.
    pub(super) fn wants_filtered(&self, filter: &PaneFilter) -> Option<FilteredRead> {
        let jump = self.jump.map(Jump::reads).or_else(|| self.sought_filtered());
        let older = self.wants_older().then(|| LogFrom::Before(self.window.start()));
        if let Some(from) = jump.or(older) {
            return Some(filter.read(from, LINES));
        }
        let newer = self.wants_newer().then(|| LogFrom::After(self.window.end()));
        let newer = newer.map(|from| filter.read(from, LINES));
        let count = filter.uncounted(self.window.size());
        // What is about to be read is counted then.
        let count = count.filter(|from| newer.as_ref().is_none_or(|newer| newer.from != *from));
        let count = count.map(|from| filter.read(from, 0));
        // A reading of what is new may wait for it, and counting does not.
        let is_behind = self.window.size() > self.window.end() + BEHIND;
        if is_behind { newer.or(count) } else { count.or(newer) }
    }

    /// What the border says of the filter.
    pub(super) fn filter_title(&self) -> Option<(String, Role)> {
        let filter = self.filter.as_ref()?;
        Some((filter.title(self.window.size()), Role::Search))
    }

    /// Shows more or fewer lines around each that passes.
    pub(super) fn change_around(&mut self, more: bool) {
        let Some(mut filter) = self.filter.take() else { return };
        let around = &mut filter.filter.around;
        *around = if more {
            (*around + STEP).min(LineFilter::MOST_AROUND)
        } else {
            around.saturating_sub(STEP)
        };
        let at = self.pointer;
        self.begin_filter(PaneFilter { tally: None, is_caught_up: false, ..filter });
        // The line at the pointer stays on screen.
        if let Some(key) = at {
            self.go_to(key);
        }
    }

    /// The same filter for another log.
    pub(super) fn filter_again(&mut self, filter: PaneFilter) {
        let home = LogPosition::Following;
        self.filter = Some(PaneFilter { home, tally: None, is_caught_up: false, ..filter });
    }

    fn begin_filter(&mut self, filter: PaneFilter) {
        self.forget_search();
        self.drop_pointer();
        self.filter = Some(filter);
        // What came until now is not new, whichever lines are shown.
        self.counted = self.counted.max(self.window.size());
        self.window = Window::new(self.window.limits());
        self.reading = LogPosition::Following;
        self.jump = Some(Jump::End);
    }

    /// Shows the whole log again, where it was; false where no filter is on.
    pub(super) fn end_filter(&mut self) -> bool {
        let Some(filter) = self.filter.take() else { return false };
        self.show_whole(match filter.home {
            LogPosition::Following => Jump::End,
            LogPosition::Paused { top, .. } => Jump::To(top),
        });
        true
    }

    /// Shows the whole log around the line at the pointer; false where no filter is on or nothing passes.
    pub fn leave_filter_at_line(&mut self) -> bool {
        if self.filter.is_none() {
            return false;
        }
        let Some(key) = self.pointed() else { return false };
        self.filter = None;
        self.show_whole(Jump::To(beginning(key)));
        self.approach = Some(key);
        self.hit = Some((key, 0));
        true
    }

    fn show_whole(&mut self, jump: Jump) {
        self.forget_search();
        self.drop_pointer();
        // What came until now is not new, whichever lines are shown.
        self.counted = self.counted.max(self.window.size());
        self.window = Window::new(self.window.limits());
        self.reading = LogPosition::Following;
        self.jump = Some(jump);
    }
}
