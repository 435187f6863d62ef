//! The last changes of a service beside its deployments, and what its observed commands printed last.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, Utc};

use super::event::{ChangeNote, Event};

/// The most notes that are remembered; all are in the record.
const KEPT: usize = 50;

/// The newest notes, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecentNotes {
    notes: VecDeque<RecentNote>,
    /// For each `[[observe]]`, the digest of the output whose change was recorded last.
    digests: BTreeMap<String, String>,
    /// When the newest of those was made that are not remembered any more.
    forgotten: Option<DateTime<Utc>>,
}

/// One note, as short as a dialog needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentNote {
    /// When it was changed, as far as that is known.
    pub at: DateTime<Utc>,
    pub label: String,
    /// How to undo it, if somebody wrote that.
    pub undo: Option<String>,
}

impl RecentNotes {
    pub(super) fn take_in(&mut self, event: &Event, note: &ChangeNote) {
        if let Some(observed) = &note.observed {
            self.digests.insert(observed.name.clone(), observed.digest.clone());
        }
        if self.notes.len() == KEPT {
            let oldest = self.notes.pop_front().map(|note| note.at);
            self.forgotten = self.forgotten.max(oldest);
        }
        let at = note.changed_at.unwrap_or(event.at);
        self.notes.push_back(RecentNote { at, label: note.label(), undo: note.undo.clone() });
    }

    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &RecentNote> {
        self.notes.iter()
    }

    /// Whether one that was made since then is not remembered any more.
    #[must_use]
    pub fn has_forgotten_since(&self, since: DateTime<Utc>) -> bool {
        self.forgotten.is_some_and(|at| at >= since)
    }

    /// The digest of what this `[[observe]]` printed when a change of it was recorded last.
    #[must_use]
    pub fn digest(&self, observed: &str) -> Option<&str> {
        self.digests.get(observed).map(String::as_str)
    }
}
