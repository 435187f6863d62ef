//! Searching: first in what is in memory, then by the backend, and a closer look at each line that it finds.

use crate::console::log::line::Key;
use crate::console::log::pane::{Jump, LogPane, LogPosition, Want};
use crate::console::log::scroll::{Place, down, up};
use crate::console::log::search::{Query, Seek, Target, find};
use crate::console::theme::Role;
use crate::domain::log::{Direction, LogFind, LogFrom, LogSearch, Wanted};
use crate::gate;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Search {
    Idle,
    /// More of the log is needed to go on.
    Seeking(Seeking),
    NotFound,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seeking {
    seek: Seek,
    /// What was on screen before.
    home: LogPosition,
    /// Where memory ended, and how long the log is: the part between them is searched.
    began: u64,
    size: u64,
    /// The line at this cursor may be it and is being read.
    closer: Option<u64>,
}

impl Seeking {
    /// How much of what there is was looked through, of a hundred.
    fn percent(&self) -> u64 {
        let (done, all) = match self.seek.direction {
            Direction::Older => (self.began.saturating_sub(self.seek.from.cursor), self.began),
            Direction::Newer => {
                let done = self.seek.from.cursor.saturating_sub(self.began);
                (done, self.size.saturating_sub(self.began))
            }
        };
        (100 * done).checked_div(all).unwrap_or(0).min(99)
    }
}

impl LogPane {
    /// Whether a search is under way that can be given up.
    #[must_use]
    pub fn is_searching(&self) -> bool {
        matches!(self.search, Search::Seeking(_))
    }

    /// Takes in how far the backend's search came.
    pub fn found(&mut self, asked: &LogSearch, find: LogFind) {
        let Search::Seeking(mut seeking) = self.search else { return };
        if self.sought().as_ref() != Some(&Want::Search(asked.clone())) || self.jump.is_some() {
            return;
        }
        match find {
            LogFind::NotYet { reached, size } => {
                seeking.seek.from.cursor = reached;
                seeking.size = size;
            }
            LogFind::Found { at, size } => {
                seeking.size = size;
                seeking.closer = Some(at);
                self.jump = Some(Jump::Before(at));
            }
            LogFind::Nowhere { .. } => return self.search_in_vain(seeking.home),
        }
        self.search = Search::Seeking(seeking);
    }

    pub(super) fn search_title(&self) -> Option<(String, Role)> {
        let query = self.query.as_ref().map(|query| gate::field(query.text()).clip(20, "~"));
        let what = query.map(|query| format!("/{query}"));
        match self.search {
            Search::Idle => what.map(|what| (what, Role::Search)),
            Search::Seeking(seeking) => {
                Some((format!("searching {}%", seeking.percent()), Role::Running))
            }
            Search::NotFound => Some(("no more found".to_owned(), Role::Warn)),
        }
    }

    /// What a search under way needs.
    pub(super) fn sought(&self) -> Option<Want> {
        let Search::Seeking(Seeking { seek, closer, .. }) = self.search else { return None };
        if closer.is_some() {
            return Some(Want::Read(LogFrom::After(self.window.end())));
        }
        let wanted = match seek.target {
            Target::Error => Wanted::Error,
            Target::Match => self.query.as_ref()?.wanted(),
        };
        let from = seek.from.cursor;
        Some(Want::Search(LogSearch { wanted, direction: seek.direction, from }))
    }

    /// What a search under way reads in a filter: it goes through the lines that pass.
    pub(super) fn sought_filtered(&self) -> Option<LogFrom> {
        let Search::Seeking(Seeking { seek, .. }) = self.search else { return None };
        Some(match seek.direction {
            Direction::Older => LogFrom::Before(self.window.start()),
            Direction::Newer => LogFrom::After(self.window.end()),
        })
    }

    /// Goes on with a search in a filter once more lines that pass are in memory.
    pub(super) fn look_again(&mut self) {
        if let Search::Seeking(seeking) = self.search {
            self.seek(seeking);
        }
    }

    /// Goes on with a search once the line that was found is in memory: perhaps it is none.
    pub(super) fn look_closer(&mut self) {
        let Search::Seeking(mut seeking) = self.search else { return };
        let Some(at) = seeking.closer.take() else { return };
        seeking.seek.from = match seeking.seek.direction {
            Direction::Newer => Key { cursor: at, is_text: false },
            Direction::Older => Key { cursor: at + 1, is_text: false },
        };
        self.seek(seeking);
    }

    /// Where a search went no longer matters once a person went elsewhere.
    pub(super) fn forget_search(&mut self) {
        self.hit = None;
        self.approach = None;
        self.search = Search::Idle;
        self.jump = self.jump.filter(|jump| !matches!(jump, Jump::Before(_)));
    }

    pub(super) fn give_up(&mut self) {
        if let Search::Seeking(Seeking { home, .. }) = self.search {
            self.search = Search::Idle;
            self.jump = None;
            self.go_home(home);
        }
    }

    pub(super) fn search_for(&mut self, text: &str) {
        self.forget_search();
        self.query = Query::new(text);
        let direction = match self.reading {
            LogPosition::Following => Direction::Older,
            LogPosition::Paused { .. } => Direction::Newer,
        };
        self.look_for(Target::Match, direction);
    }

    pub(super) fn look_for(&mut self, target: Target, direction: Direction) {
        self.give_up();
        if target == Target::Match && self.query.is_none() {
            return;
        }
        let Some(from) = self.hit.map(|(key, _)| key).or_else(|| self.edge(direction)) else {
            return;
        };
        let began = match direction {
            Direction::Older => self.window.start(),
            Direction::Newer => self.window.end(),
        };
        let seek = Seek { target, direction, from };
        self.seek(Seeking { seek, home: self.reading, began, size: began, closer: None });
    }

    /// Just outside what is on screen, at the side where a search begins.
    fn edge(&self, direction: Direction) -> Option<Key> {
        let top = self.here()?;
        let columns = self.columns(self.width);
        Some(match direction {
            Direction::Newer => Key { is_text: false, ..top.key },
            Direction::Older => {
                let bottom = down(&self.window, columns, top, self.height.saturating_sub(1));
                Key { cursor: bottom.key.cursor + 1, is_text: false }
            }
        })
    }

    /// Searches what is in memory, then has the backend search the rest.
    fn seek(&mut self, seeking: Seeking) {
        let Seeking { seek, home, .. } = seeking;
        if let Some((key, row)) = find(&self.window, seek, self.query.as_ref()) {
            self.hit = Some((key, row));
            self.search = Search::Idle;
            return self.reveal(Place { key, row, byte: 0 }, seek.direction);
        }
        let (over, cursor) = match seek.direction {
            Direction::Older => (self.window.reaches_start(), self.window.start()),
            Direction::Newer => {
                let is_caught_up = self.filter.as_ref().is_some_and(|filter| filter.is_caught_up);
                (self.window.reaches_end() || is_caught_up, self.window.end())
            }
        };
        if over {
            return self.search_in_vain(home);
        }
        let seek = Seek { from: Key { cursor, is_text: false }, ..seek };
        self.search = Search::Seeking(Seeking { seek, closer: None, ..seeking });
    }

    fn search_in_vain(&mut self, home: LogPosition) {
        self.search = Search::NotFound;
        self.go_home(home);
    }

    /// Shows again what was on screen before a search in vain, which may have pushed it out of memory.
    fn go_home(&mut self, home: LogPosition) {
        self.reading = home;
        match home {
            LogPosition::Following if !self.window.reaches_end() => self.jump = Some(Jump::End),
            LogPosition::Paused { top, .. } if !self.window.holds(top.key) => {
                self.jump = Some(Jump::To(top));
            }
            LogPosition::Following | LogPosition::Paused { .. } => {}
        }
    }

    /// Brings a place on screen, with what led to it above.
    pub(super) fn reveal(&mut self, place: Place, going: Direction) {
        let columns = self.columns(self.width);
        let Some(top) = self.here() else { return };
        let bottom = down(&self.window, columns, top, self.height.saturating_sub(1));
        if (top..=bottom).contains(&place) {
            self.pause_at(top, going);
        } else {
            let top = up(&self.window, columns, place, self.height / 3);
            self.pause_at(top, going);
        }
    }
}
