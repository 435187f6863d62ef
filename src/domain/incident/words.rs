//! Incidents in sentences: of their events, and how they stand.

use chrono::{DateTime, Utc};

use super::{
    Incident, IncidentStanding, LinkedRollback, PostmortemStanding, UsersAffected, UsersQuestion,
};
use crate::domain::event::{Fact, IncidentOpened, IncidentUpdated};
use crate::domain::ids::{DeploymentId, IncidentId, Seq};
use crate::domain::instant::in_utc;
use crate::domain::people::Actor;
use crate::domain::time::{between, say};

impl Fact {
    /// The sentence of a fact about an incident; empty for any other.
    pub(in crate::domain) fn of_incident(&self, by: &Actor, seq: Seq) -> String {
        match self {
            Self::IncidentOpened(opened) => opened.sentence(by, seq),
            Self::IncidentUpdated(updated) => updated.sentence(by),
            Self::IncidentResolved(resolved) => {
                let at =
                    resolved.at.map_or_else(String::new, |at| format!(", over {}", in_utc(at)));
                format!("{by} resolved {}{at}: {}", resolved.incident, resolved.text)
            }
            Self::IncidentReopened(reopened) => {
                format!("{by} opened {} again: {}", reopened.incident, reopened.reason)
            }
            Self::PostmortemWritten(written) if written.draft => {
                let (id, place) = (written.incident, &written.place);
                format!("{by} opened an issue with the draft of the postmortem of {id}: {place}")
            }
            Self::PostmortemWritten(written) => {
                format!("{by} wrote the postmortem of {}: {}", written.incident, written.place)
            }
            Self::PostmortemDismissed(dismissed) => {
                let (id, reason) = (dismissed.incident, &dismissed.reason);
                format!("{by} says that {id} gets no postmortem: {reason}")
            }
            Self::UsersNotAffected(answer) => {
                let note = if answer.note.is_empty() {
                    String::new()
                } else {
                    format!(": {}", answer.note)
                };
                let before = all_of(answer.rollbacks());
                format!("{by} says that users were not affected before {before}{note}")
            }
            _ => String::new(),
        }
    }
}

/// `d57 and d60`.
#[must_use]
pub fn all_of(rollbacks: impl Iterator<Item = DeploymentId>) -> String {
    rollbacks.map(|id| id.to_string()).collect::<Vec<_>>().join(" and ")
}

impl IncidentOpened {
    fn sentence(&self, by: &Actor, seq: Seq) -> String {
        let id = IncidentId::from(seq);
        let after = self.rollback.map_or_else(String::new, |id| format!(", after rollback {id}"));
        format!(
            "{by} opened incident {id}, {}: {} ({}{after})",
            self.severity,
            self.title,
            self.users_affected.in_words()
        )
    }
}

impl IncidentUpdated {
    fn sentence(&self, by: &Actor) -> String {
        let at = self.at.map_or_else(String::new, |at| format!(", of {}", in_utc(at)));
        let mark = self.mark.map(|mark| format!("this is when it {}", mark.in_words()));
        let severity = self.severity.as_ref().map(|severity| format!("now {severity}"));
        let users = self.users_affected.map(|users| users.in_words().to_owned());
        let text = (!self.text.is_empty()).then(|| self.text.clone());
        let parts: Vec<_> = text.into_iter().chain(mark).chain(severity).chain(users).collect();
        format!("{by} on {}{at}: {}", self.incident, parts.join("; "))
    }
}

impl super::IncidentMark {
    fn in_words(self) -> &'static str {
        match self {
            Self::Began => "began to affect users",
            Self::Detected => "was detected",
            Self::Restored => "stopped affecting users",
        }
    }
}

impl UsersAffected {
    /// `users affected`, `users not affected`, or that this is not known.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Yes => "users affected",
            Self::No => "users not affected",
            Self::NotKnown => "not known whether users are affected",
        }
    }
}

impl IncidentStanding {
    /// `i12 SEV-2: checkout fails; open 14m, by sam, users affected; update due in 1m`.
    #[must_use]
    pub fn sentence(&self, now: DateTime<Utc>) -> String {
        let incident = &self.incident;
        let age = match &incident.resolved {
            None => format!("open {}", say(between(incident.opened_at, now))),
            Some(end) => format!("resolved {} ago", say(between(end.written_at, now))),
        };
        let parts = [
            Some(age),
            Some(format!("by {}", incident.by)),
            Some(incident.users_affected.in_words().to_owned()),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        let due = self.due_in_words(now).map_or_else(String::new, |due| format!("; {due}"));
        let (id, severity, title) = (incident.id, &incident.severity, &incident.title);
        format!("{id} {severity}: {title}; {}{due}", parts.join(", "))
    }

    /// What is due: the next update while it is open, then the postmortem.
    #[must_use]
    pub fn due_in_words(&self, now: DateTime<Utc>) -> Option<String> {
        if let Some(due) = self.update_due {
            return Some(if due <= now {
                format!("UPDATE DUE for {}", say(between(due, now)))
            } else {
                format!("update due in {}", say(between(now, due)))
            });
        }
        self.postmortem.in_words(now)
    }
}

impl PostmortemStanding {
    /// Nothing where none is needed.
    #[must_use]
    pub fn in_words(&self, now: DateTime<Utc>) -> Option<String> {
        match self {
            Self::NotNeeded => None,
            Self::Optional { why } => Some(format!("postmortem optional: {why}")),
            Self::Needed { why, due: None } => Some(format!("needs a postmortem: {why}")),
            Self::Needed { why, due: Some(due) } if *due <= now => {
                Some(format!("POSTMORTEM OVERDUE for {}: {why}", say(between(*due, now))))
            }
            Self::Needed { why, due: Some(due) } => {
                Some(format!("postmortem due {}: {why}", in_utc(*due)))
            }
            Self::Written => Some("postmortem written".to_owned()),
            Self::Dismissed => Some("no postmortem".to_owned()),
        }
    }
}

impl LinkedRollback {
    /// `rollback d57 of #12 (d50) to #11`.
    #[must_use]
    pub fn in_words(&self) -> String {
        const NAMED: usize = 3;
        let all: Vec<_> =
            self.taken().map(|taken| format!("{} ({})", taken.build, taken.deployment)).collect();
        let of = match all.as_slice() {
            [] => String::new(),
            [first, .., last] if all.len() > NAMED => {
                format!(" of {} deployments from {first} up to {last}, back", all.len())
            }
            all => format!(" of {}", all.join(" and ")),
        };
        let to = self.to.map_or_else(String::new, |to| format!(" to {to}"));
        format!("rollback {}{of}{to}", self.rollback)
    }
}

/// `: the reason`, or nothing without one.
fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

impl UsersQuestion {
    /// `were users affected before rollback d57 of #12 (d50) to #11?`
    #[must_use]
    pub fn sentence(&self) -> String {
        let all: Vec<_> = self.rollbacks.iter().map(LinkedRollback::in_words).collect();
        format!("were users affected before {}? Nobody has said yet", all.join(" and "))
    }
}

impl Incident {
    /// `03:04:55 UTC`, with its day if that is not the one on which the incident was opened.
    #[must_use]
    pub fn clock(&self, at: DateTime<Utc>) -> String {
        let is_same_day = at.date_naive() == self.opened_at.date_naive();
        let form = if is_same_day { "%H:%M:%S UTC" } else { "%Y-%m-%d %H:%M:%S UTC" };
        at.format(form).to_string()
    }

    /// The answer on users and its source: `yes: raj says so: about 300 carts were lost (event 28)`.
    #[must_use]
    pub fn users_in_words(&self) -> String {
        let (answer, id) = (self.users_affected, self.id);
        let last = self.updates.iter().rev().find(|update| update.users_affected.is_some());
        match last {
            Some(said) => {
                let text = because(&said.text);
                format!("{answer}: {} says so{text} (event {})", said.by, said.seq)
            }
            None if answer == UsersAffected::NotKnown => {
                format!("{answer}: nobody answered this in {id}")
            }
            None => format!("{answer}: {} said so when opening {id} (event {})", self.by, id.0),
        }
    }

    /// `rollback d57 of #12 (d50) to #11`; empty without one.
    #[must_use]
    pub fn rollbacks_in_words(&self) -> String {
        let all: Vec<_> = self.rollbacks.iter().map(LinkedRollback::in_words).collect();
        all.join(" and ")
    }
}
