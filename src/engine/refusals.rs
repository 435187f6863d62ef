//! Records refused commands: many in one transaction, and equal ones once a minute.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::command::{Command, Refusal};
use crate::domain::event::Fact;
use crate::domain::ids::ServiceName;
use crate::domain::people::Actor;
use crate::domain::plan::{Finding, Fingerprint, Guard};
use crate::store::NewEvent;

/// Equal refusals are recorded once in this time, so that a retry loop does not fill the disk.
const REPEAT_INTERVAL: TimeDelta = TimeDelta::minutes(1);
/// How many recent refusals are remembered to detect repeats.
const REMEMBERED: usize = 256;
/// This many refusals are recorded without waiting for more.
const BATCH: usize = 64;
/// The most waiting refusals while the record cannot be written.
const MOST_WAITING: usize = 256;
/// The most recorded characters of one text.
const LONGEST: usize = 2_000;

/// The fact that records a refusal. A mistake of the caller (no such build, invalid text, a used key) is not recorded.
#[must_use]
pub fn fact(command: &Command, refusal: &Refusal) -> Option<Fact> {
    let (target, findings) = match refusal {
        Refusal::Policy { findings, .. } => (None, findings.as_slice()),
        Refusal::Changed { plan, .. } => (Some(plan.target.build), &[][..]),
        Refusal::Moved { .. } => (None, &[][..]),
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

/// The text, cut at the limit and marked with `…`.
fn bounded(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some(_) => text.chars().take(LONGEST - 1).chain(['…']).collect(),
    }
}

/// A refusal to record. Its key, not its sentence, decides whether it is a repeat: sentences contain ages.
#[derive(Debug)]
pub(super) struct RefusalRecord {
    event: NewEvent,
    key: RefusalKey,
}

#[derive(Debug, PartialEq, Eq)]
struct RefusalKey {
    service: ServiceName,
    actor: Actor,
    what: String,
    guards: Vec<Guard>,
    /// The fingerprint of the plan.
    fingerprint: Option<Fingerprint>,
}

impl RefusalRecord {
    /// `None` if it is not recorded, see [`fact`].
    pub fn of(
        service: &ServiceName,
        actor: &Actor,
        command: &Command,
        refusal: &Refusal,
    ) -> Option<Self> {
        let fact = fact(command, refusal)?;
        let Fact::Refused { what, findings, .. } = &fact else { return None };
        let plan_fingerprint = match (refusal, command) {
            (Refusal::Changed { plan, .. }, _) => Some(&plan.fingerprint),
            // Guards are checked only if this fingerprint is current.
            (_, Command::Execute { fingerprint, .. } | Command::Ask { fingerprint, .. }) => {
                Some(fingerprint)
            }
            _ => None,
        };
        let key = RefusalKey {
            service: service.clone(),
            actor: actor.clone(),
            what: what.clone(),
            guards: findings.iter().map(|finding| finding.guard).collect(),
            fingerprint: plan_fingerprint.cloned(),
        };
        let event = NewEvent { service: service.clone(), actor: actor.clone(), fact };
        Some(Self { event, key })
    }
}

/// The result of adding a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AddResult {
    /// An equal one was added within the last minute.
    Repeat,
    Waits,
    /// Enough refusals wait: record them now.
    Full,
}

/// The refusals that were answered and not recorded yet.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    waiting: Vec<NewEvent>,
    /// The recent ones, oldest first.
    known: VecDeque<(DateTime<Utc>, RefusalKey)>,
}

impl Refusals {
    /// Adds a refusal, unless an equal one was added within the last minute.
    pub fn add(&mut self, now: DateTime<Utc>, refused: RefusalRecord) -> AddResult {
        let RefusalRecord { event, key } = refused;
        // A clock that was set back must not suppress refusals for longer.
        self.known.retain(|(at, _)| (now - at).abs() < REPEAT_INTERVAL);
        if self.known.iter().any(|(_, known)| *known == key) {
            return AddResult::Repeat;
        }
        if self.waiting.len() >= MOST_WAITING {
            tracing::warn!(?event, "a refusal is not recorded: too many wait for the disk");
            return AddResult::Waits;
        }
        if self.known.len() >= REMEMBERED {
            self.known.pop_front();
        }
        self.known.push_back((now, key));
        self.waiting.push(event);
        if self.waiting.len() == BATCH { AddResult::Full } else { AddResult::Waits }
    }

    /// The waiting refusals, oldest first.
    pub fn waiting(&self) -> &[NewEvent] {
        &self.waiting
    }

    /// Clears the waiting refusals after they were recorded.
    pub fn recorded(&mut self) {
        self.waiting.clear();
    }
}
