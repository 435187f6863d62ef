//! Finding text and errors, line by line, in either direction.

use std::ops::Range;

use regex::{Regex, RegexBuilder};

use crate::console::log::line::{Key, Line};
use crate::console::log::window::Window;
use crate::domain::log::{Direction, Wanted};

/// The most bytes that a pattern may take once it is compiled, as at a backend.
const LARGEST_PATTERN: usize = 1024 * 1024;

/// What to find. Letters match in either case unless one of them is upper case.
#[derive(Debug, Clone)]
pub struct Query {
    text: String,
    wanted: Wanted,
    finder: Regex,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Match,
    Error,
}

/// A search, as far as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seek {
    pub target: Target,
    pub direction: Direction,
    /// Everything up to here was looked at.
    pub from: Key,
}

impl Query {
    /// `None` when there is nothing to look for, or nothing that anybody could.
    pub fn new(text: &str) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        Self::of(&Wanted::Text(text.to_owned())).ok()
    }

    /// # Errors
    /// Why it is no regular expression.
    pub fn of(wanted: &Wanted) -> Result<Self, String> {
        let (text, pattern) = match wanted {
            Wanted::Text(text) => (text.clone(), regex::escape(text)),
            Wanted::Pattern(pattern) => (pattern.clone(), pattern.clone()),
            Wanted::Error => (String::new(), String::new()),
        };
        let finder = RegexBuilder::new(&pattern)
            .case_insensitive(!wanted.is_exact())
            .size_limit(LARGEST_PATTERN)
            .build();
        let finder = finder.map_err(|why| {
            // The last line says why, those before show where.
            let why = why.to_string();
            let why = why.lines().last().unwrap_or_default();
            let why = why.strip_prefix("error: ").unwrap_or(why);
            format!("/{text}/ is not a regular expression: {why}")
        })?;
        Ok(Self { text, wanted: wanted.clone(), finder })
    }

    /// What a backend is asked to look for.
    pub fn wanted(&self) -> Wanted {
        self.wanted.clone()
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where in `text` it is found, without overlaps.
    pub fn matches<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        self.finder.find_iter(text).map(|found| found.range())
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
