//! The notes to the user: a note fades from the toast line, or is hidden there, and stays in the list of messages.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::domain::ids::Environment;

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
    /// It does not fade; it has to be hidden.
    pub stays: bool,
    /// What it says is over once something succeeds there.
    pub about: Option<Environment>,
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

    /// The note on the toast line and when it fades: the last one, and after it the last of those that stay.
    #[must_use]
    pub fn toast(&self, at: Instant) -> Option<(&Note, Option<Instant>)> {
        let last = self.0.back()?;
        let fades = last.said + SHOWN;
        if !last.stays && at < fades {
            return Some((last, Some(fades)));
        }
        self.0.iter().rev().find(|note| note.stays).map(|note| (note, None))
    }

    /// Lets the last of those that stay fade; false when there is none.
    pub fn hide(&mut self) -> bool {
        let last = self.0.iter_mut().rev().find(|note| note.stays);
        last.map(|note| note.stays = false).is_some()
    }

    /// They were all seen.
    pub fn hide_all(&mut self) {
        while self.hide() {}
    }

    /// Lets the one fade that stayed and begins so.
    pub fn settle(&mut self, beginning: &str) {
        let said = self.0.iter_mut().rev().find(|note| note.text.starts_with(beginning));
        if let Some(note) = said {
            note.stays = false;
        }
    }

    /// Lets those fade that told of trouble there: it is over.
    pub fn is_well(&mut self, environment: Environment) {
        for note in self.0.iter_mut().filter(|note| note.about == Some(environment)) {
            note.stays = false;
        }
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
