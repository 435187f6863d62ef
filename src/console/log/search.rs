//! Finding text and errors, line by line, in either direction.

use std::ops::Range;

use super::line::{Key, Line};
use super::window::Window;

/// What to find. Letters match in either case unless one of them is upper case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    pattern: Vec<char>,
    exact: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Older,
    Newer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Match,
    Error,
}

/// A search that needs more of the log than is in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seek {
    pub target: Target,
    pub direction: Direction,
    /// Everything up to here was looked at.
    pub from: Key,
}

impl Query {
    /// `None` when there is nothing to look for.
    pub fn new(text: &str) -> Option<Self> {
        let exact = text.chars().any(char::is_uppercase);
        (!text.is_empty()).then(|| Self { pattern: text.chars().collect(), exact })
    }

    pub fn text(&self) -> String {
        self.pattern.iter().collect()
    }

    /// Where in `text` it is found, without overlaps.
    pub fn matches<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        let mut from = 0;
        std::iter::from_fn(move || {
            let found = text[from..].char_indices().find_map(|(at, _)| {
                self.match_at(&text[from + at..]).map(|len| from + at..from + at + len)
            })?;
            from = found.end;
            Some(found)
        })
    }

    /// The length of the match that `text` begins with.
    fn match_at(&self, text: &str) -> Option<usize> {
        let mut rest = text.chars();
        for wanted in &self.pattern {
            if !self.same(rest.next()?, *wanted) {
                return None;
            }
        }
        Some(text.len() - rest.as_str().len())
    }

    fn same(&self, c: char, wanted: char) -> bool {
        c == wanted || !self.exact && c.to_lowercase().eq(wanted.to_lowercase())
    }
}

/// The next line beyond `seek.from` that has what is sought, and in which of its rows.
pub fn find(window: &Window, seek: Seek, query: Option<&Query>) -> Option<(Key, usize)> {
    let hit = |index: usize| {
        let line = window.get(index)?;
        row_of(line, seek.target, query).map(|row| (line.key, row))
    };
    let at = window.index(seek.from);
    match seek.direction {
        Direction::Older => (0..at).rev().find_map(hit),
        Direction::Newer => {
            let beyond = window.get(at).is_some_and(|line| line.key == seek.from);
            (at + usize::from(beyond)..window.len()).find_map(hit)
        }
    }
}

fn row_of(line: &Line, target: Target, query: Option<&Query>) -> Option<usize> {
    match target {
        Target::Error => line.is_error().then_some(0),
        Target::Match => {
            let query = query?;
            line.rows.iter().position(|row| query.matches(&row.text).next().is_some())
        }
    }
}
