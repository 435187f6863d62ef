//! The notes to the user: a note fades from the toast line, or is hidden there, and stays in the list of messages.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::console::model::seen::Seen;
use crate::domain::ids::{DeploymentId, Environment, ServiceName};

/// The most notes that are kept.
const KEPT: usize = 200;
/// How long a note stays on the toast line.
const SHOWN: Duration = Duration::from_secs(8);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub tone: Tone,
    pub text: String,
    pub said: Instant,
    /// The backend's time, when it was known.
    pub at: Option<DateTime<Utc>>,
    pub shown: Shown,
    /// The service that it is about, if it is about one.
    pub service: Option<ServiceName>,
    /// What failed: that is over once something succeeds there.
    pub failed: Option<(Environment, DeploymentId)>,
    pub seen: Seen,
}

impl Note {
    /// A note that fades.
    #[must_use]
    pub fn new(tone: Tone, text: impl Into<String>, said: Instant) -> Self {
        let (at, service, failed) = (None, None, None);
        let (text, shown, seen) = (text.into(), Shown::Briefly, Seen::default());
        Self { tone, text, said, at, shown, service, failed, seen }
    }

    #[must_use]
    pub fn stays(&self) -> bool {
        self.shown == Shown::UntilHidden
    }
}

/// For how long a note is on the toast line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// It fades.
    Briefly,
    UntilHidden,
    NoMore,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Good,
    Plain,
    Bad,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes(VecDeque<Note>);

impl Notes {
    pub fn say(&mut self, note: Note) {
        self.0.push_back(note);
        if self.0.len() > KEPT {
            self.0.pop_front();
        }
    }

    /// The note on the toast line and when it fades: the last one, and after it the last of those that stay. A toast line
    /// that is lent for them shows only the `pressing` ones.
    #[must_use]
    pub fn toast(&self, at: Instant, pressing: bool) -> Option<(&Note, Option<Instant>)> {
        let note = &self.0[self.position(at, pressing)?];
        Some((note, (!note.stays()).then(|| note.said + SHOWN)))
    }

    fn position(&self, at: Instant, pressing: bool) -> Option<usize> {
        let may = |note: &Note| match note.tone {
            Tone::Bad => true,
            Tone::Plain => !pressing || !note.stays(),
            Tone::Good => !pressing,
        };
        let last = self.0.iter().rposition(may)?;
        let fresh = self.0[last].shown == Shown::Briefly && at < self.0[last].said + SHOWN;
        let stays = || self.0.iter().rposition(|note| may(note) && note.stays());
        if fresh { Some(last) } else { stays() }
    }

    /// The note on the toast line is on screen.
    pub fn drawn(&mut self, at: Instant, pressing: bool) {
        if let Some(shown) = self.position(at, pressing) {
            self.0[shown].seen.drawn(at);
        }
    }

    /// Hides the note on the toast line, if it stays and was seen before the `key` that hides it; else false.
    pub fn hide(&mut self, at: Instant, pressing: bool, key: Instant) -> bool {
        let shown = self.position(at, pressing).map(|shown| &mut self.0[shown]);
        let seen = shown.filter(|note| note.stays() && note.seen.before(key));
        seen.map(|note| note.shown = Shown::NoMore).is_some()
    }

    /// They were all seen.
    pub fn hide_all(&mut self) {
        self.0.iter_mut().for_each(|note| note.shown = Shown::NoMore);
    }

    /// Hides the one of a service that begins so.
    pub fn settle(&mut self, service: &ServiceName, beginning: &str) {
        let is_it = |note: &&mut Note| {
            note.service.as_ref() == Some(service) && note.text.starts_with(beginning)
        };
        if let Some(note) = self.0.iter_mut().rev().find(is_it) {
            note.shown = Shown::NoMore;
        }
    }

    /// Hides those that told of trouble there: it is over.
    pub fn is_well(&mut self, service: &ServiceName, environment: Environment) {
        let told = |note: &&mut Note| {
            note.service.as_ref() == Some(service)
                && note.failed.is_some_and(|(place, _)| place == environment)
        };
        self.0.iter_mut().filter(told).for_each(|note| note.shown = Shown::NoMore);
    }

    /// All that are kept, newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Note> {
        self.0.iter().rev()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
