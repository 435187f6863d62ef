//! Records refused commands: many in one transaction, and the same one once a minute.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::command::{Command, Refusal};
use crate::domain::event::Fact;
use crate::domain::ids::ServiceName;
use crate::domain::people::Actor;
use crate::domain::plan::{Finding, Fingerprint, Guard};
use crate::store::NewEvent;

/// The same refusal is recorded once in this time, so that a retry loop does not fill the disk.
const ONCE_IN: TimeDelta = TimeDelta::minutes(1);
/// How many of the last ones are remembered, to tell a repeated one.
const REMEMBERED: usize = 256;
/// So many are recorded at once, whether more come or not.
const BATCH: usize = 64;
/// So many are kept while nothing can be recorded.
const KEPT: usize = 256;
/// The most characters of a text of a refusal that are recorded.
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

/// The text, or its beginning with a mark where it was cut.
fn bounded(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some(_) => text.chars().take(LONGEST - 1).chain(['…']).collect(),
    }
}

/// A refusal to record. Two are the same by their likeness, not by their sentences, which contain ages.
#[derive(Debug)]
pub(super) struct RefusalRecord {
    event: NewEvent,
    likeness: Likeness,
}

#[derive(Debug, PartialEq, Eq)]
struct Likeness {
    service: ServiceName,
    actor: Actor,
    what: String,
    guards: Vec<Guard>,
    /// On what it was decided.
    ground: Option<Fingerprint>,
}

impl RefusalRecord {
    /// `None` when it becomes nothing, see [`fact`].
    pub fn of(
        service: &ServiceName,
        actor: &Actor,
        command: &Command,
        refusal: &Refusal,
    ) -> Option<Self> {
        let fact = fact(command, refusal)?;
        let Fact::Refused { what, findings, .. } = &fact else { return None };
        let ground = match (refusal, command) {
            (Refusal::Changed { plan, .. }, _) => Some(&plan.fingerprint),
            // A guard is asked only once this is the fingerprint of the world as it is.
            (_, Command::Execute { fingerprint, .. } | Command::Ask { fingerprint, .. }) => {
                Some(fingerprint)
            }
            _ => None,
        };
        let likeness = Likeness {
            service: service.clone(),
            actor: actor.clone(),
            what: what.clone(),
            guards: findings.iter().map(|finding| finding.guard).collect(),
            ground: ground.cloned(),
        };
        let event = NewEvent { service: service.clone(), actor: actor.clone(), fact };
        Some(Self { event, likeness })
    }
}

/// What became of a refusal that was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Added {
    /// The same was added a moment ago.
    Known,
    Waits,
    /// So many wait by now that it is time to record them.
    Full,
}

/// Those that were answered and are not recorded yet.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    waiting: Vec<NewEvent>,
    /// The last ones, oldest first.
    known: VecDeque<(DateTime<Utc>, Likeness)>,
}

impl Refusals {
    /// Takes one in, unless the same was taken in within the last minute.
    pub fn add(&mut self, now: DateTime<Utc>, refused: RefusalRecord) -> Added {
        let RefusalRecord { event, likeness } = refused;
        // A clock that is set back must not keep one out for longer.
        self.known.retain(|(at, _)| (now - at).abs() < ONCE_IN);
        if self.known.iter().any(|(_, known)| *known == likeness) {
            return Added::Known;
        }
        if self.waiting.len() >= KEPT {
            tracing::warn!(?event, "a refusal is not recorded: too many wait for the disk");
            return Added::Waits;
        }
        if self.known.len() >= REMEMBERED {
            self.known.pop_front();
        }
        self.known.push_back((now, likeness));
        self.waiting.push(event);
        if self.waiting.len() == BATCH { Added::Full } else { Added::Waits }
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
