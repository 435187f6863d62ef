//! The refusals of commands on their way into the record: many in one transaction, and the same one once a minute.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::command::{Command, Refusal};
use crate::domain::event::Fact;
use crate::domain::plan::Finding;
use crate::store::NewEvent;

/// Whoever tries again and again is recorded once in this time, so that no loop fills the disk.
const ONCE_IN: TimeDelta = TimeDelta::minutes(1);
/// How many of the last ones are remembered, to tell a repeated one.
const REMEMBERED: usize = 256;
/// So many are recorded although other things wait.
const BATCH: usize = 64;
/// So many are kept while nothing can be recorded.
const KEPT: usize = 256;
/// The most characters of a text of a refusal that are recorded.
const LONGEST: usize = 2_000;

/// What a refusal becomes in the record. A mistake of the caller (no such build, nonsense, a key that was used) is no
/// decision against them and becomes nothing.
#[must_use]
pub fn fact(command: &Command, refusal: &Refusal) -> Option<Fact> {
    let (target, findings) = match refusal {
        Refusal::Policy { findings, .. } => (None, findings.as_slice()),
        Refusal::Changed { plan, .. } => (Some(plan.target.build), &[][..]),
        Refusal::NotFound { .. } | Refusal::Invalid { .. } | Refusal::KeyReused => return None,
    };
    let bounded =
        |finding: &Finding| Finding { sentence: bounded(&finding.sentence), ..finding.clone() };
    Some(Fact::Refused {
        what: self::bounded(&command.what(target)),
        sentence: self::bounded(&refusal.to_string()),
        findings: findings.iter().map(bounded).collect(),
    })
}

/// The text, or its beginning with a mark where it was cut.
fn bounded(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some(_) => text.chars().take(LONGEST - 1).chain(['…']).collect(),
    }
}

/// Those that were answered and are not recorded yet.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    waiting: Vec<NewEvent>,
    /// The last ones, oldest first.
    known: VecDeque<(DateTime<Utc>, NewEvent)>,
}

impl Refusals {
    /// Takes one in, unless it says the same as one of the last minute. True when it is time to record.
    pub fn add(&mut self, now: DateTime<Utc>, event: NewEvent) -> bool {
        // A clock that is set back must not keep one out for longer.
        self.known.retain(|(at, _)| (now - at).abs() < ONCE_IN);
        if self.known.iter().any(|(_, known)| *known == event) {
            return false;
        }
        if self.waiting.len() >= KEPT {
            tracing::warn!(?event, "a refusal is not recorded: too many wait for the disk");
            return false;
        }
        if self.known.len() >= REMEMBERED {
            self.known.pop_front();
        }
        self.known.push_back((now, event.clone()));
        self.waiting.push(event);
        self.waiting.len() >= BATCH
    }

    /// Those that wait, oldest first.
    pub fn waiting(&self) -> &[NewEvent] {
        &self.waiting
    }

    /// All that waited are in the record.
    pub fn recorded(&mut self) {
        self.waiting.clear();
    }
}
