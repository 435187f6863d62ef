//! What the console has told: each note fades from the toast line but stays in the list of messages.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

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

    /// The note on the toast line and when it fades.
    #[must_use]
    pub fn toast(&self, at: Instant) -> Option<(&Note, Instant)> {
        let note = self.0.back()?;
        let fades = note.said + SHOWN;
        (at < fades).then_some((note, fades))
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
