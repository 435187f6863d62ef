//! How an incident stands at an instant: what is due, and whether a postmortem is needed.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Incident, IncidentPolicy, LinkedRollback, PostmortemRecord, UsersAffected};
use crate::domain::ids::DeploymentId;
use crate::domain::service::ServiceState;

/// How long the question after a rollback is shown.
const ASKED_FOR: TimeDelta = TimeDelta::days(14);
/// How far back an incident of the same severity makes one that recurs.
const RECURS_WITHIN: TimeDelta = TimeDelta::days(30);

/// A rollback of which nobody said yet whether users were affected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsersQuestion {
    /// The rollbacks, oldest first: one that went over the hold of another is the same question.
    pub rollbacks: Vec<LinkedRollback>,
    /// When the last one was requested.
    pub at: DateTime<Utc>,
}

impl UsersQuestion {
    #[must_use]
    pub fn is_of(&self, rollback: DeploymentId) -> bool {
        self.rollbacks.iter().any(|linked| linked.rollback == rollback)
    }

    /// Its rollbacks before the last one.
    #[must_use]
    pub fn earlier(&self) -> Vec<DeploymentId> {
        let mut all: Vec<_> = self.rollbacks.iter().map(|linked| linked.rollback).collect();
        all.pop();
        all
    }

    /// The last rollback of it.
    #[must_use]
    pub fn rollback(&self) -> Option<DeploymentId> {
        self.rollbacks.last().map(|linked| linked.rollback)
    }
}

/// An incident, with what follows from the rules of its service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentStanding {
    #[serde(flatten)]
    pub incident: Incident,
    pub state: IncidentState,
    /// When the next update is due; only while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_due: Option<DateTime<Utc>>,
    pub postmortem: PostmortemStanding,
}

/// Whether an incident is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    Open,
    Resolved,
}

impl IncidentState {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Resolved => "resolved",
        }
    }
}

/// Whether an incident needs a postmortem, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum PostmortemStanding {
    /// Neither its severity nor what is known of its users asks for one.
    NotNeeded,
    /// It is not needed, and a reason speaks for it.
    Optional {
        why: String,
    },
    Needed {
        why: String,
        /// Until when; absent while the incident is open.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due: Option<DateTime<Utc>>,
    },
    Written,
    Dismissed,
}

impl IncidentStanding {
    /// Whether the next update is due at this instant.
    #[must_use]
    pub fn is_update_due(&self, now: DateTime<Utc>) -> bool {
        self.update_due.is_some_and(|due| due <= now)
    }

    /// The same without what was said of it.
    #[must_use]
    pub fn brief(mut self) -> Self {
        self.incident.updates.clear();
        self
    }

    /// Whether it still asks something of people: it is open, or its postmortem is needed and neither written nor
    /// dismissed.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        self.incident.is_open() || matches!(self.postmortem, PostmortemStanding::Needed { .. })
    }
}

impl Incident {
    /// How it stands by these rules, among these incidents.
    #[must_use]
    pub fn standing(&self, policy: &IncidentPolicy, state: &ServiceState) -> IncidentStanding {
        let remind = TimeDelta::from_std(policy.remind).unwrap_or(TimeDelta::MAX);
        let due = self.last_told().checked_add_signed(remind).filter(|_| self.is_open());
        IncidentStanding {
            state: if self.is_open() { IncidentState::Open } else { IncidentState::Resolved },
            update_due: due,
            postmortem: self.postmortem(policy, state),
            incident: self.clone(),
        }
    }

    fn postmortem(&self, policy: &IncidentPolicy, state: &ServiceState) -> PostmortemStanding {
        match &self.document {
            Some(PostmortemRecord::Written { .. }) => return PostmortemStanding::Written,
            Some(PostmortemRecord::Dismissed { .. }) => return PostmortemStanding::Dismissed,
            None => {}
        }
        let by_severity = policy.severity(&self.severity).and_then(|level| level.postmortem);
        let affected = self.users_affected == UsersAffected::Yes;
        let why = match (affected, by_severity) {
            (true, Some(_)) => format!("users were affected, and it is {}", self.severity),
            (true, None) => "users were affected".to_owned(),
            (false, Some(_)) => format!("it is {}", self.severity),
            (false, None) => return self.recurring(state),
        };
        let time = by_severity.unwrap_or(policy.postmortem);
        // Its own end counts, and not when users were well again: who writes begins then.
        let due = self.resolved.as_ref().map(|end| time.after(end.written_at));
        PostmortemStanding::Needed { why, due }
    }

    fn recurring(&self, state: &ServiceState) -> PostmortemStanding {
        let before = state.incidents.iter().rev().find(|other| {
            other.id < self.id
                && other.severity == self.severity
                && self.opened_at - other.opened_at <= RECURS_WITHIN
        });
        match before {
            Some(before) => PostmortemStanding::Optional {
                why: format!(
                    "{} recurs: {} was opened {}",
                    self.severity,
                    before.id,
                    crate::domain::instant::in_utc(before.opened_at)
                ),
            },
            None => PostmortemStanding::NotNeeded,
        }
    }
}

/// The incidents of a service for a screen, newest first: all that ask something of people, and the newest others.
#[must_use]
pub fn standings(
    state: &ServiceState,
    policy: &IncidentPolicy,
    others: usize,
) -> Vec<IncidentStanding> {
    let mut finished = 0;
    let all = state.incidents.iter().rev().map(|incident| incident.standing(policy, state));
    all.filter(|standing| {
        finished += usize::from(!standing.is_unfinished());
        standing.is_unfinished() || finished <= others
    })
    .collect()
}

/// The newest rollback that ended and of which nobody said yet whether users were affected.
#[must_use]
pub fn users_question(state: &ServiceState, now: DateTime<Utc>) -> Option<&UsersQuestion> {
    let newest = state.incidents.questions().last()?;
    let runs = newest.rollbacks.iter().filter_map(|of| state.deployments.get(&of.rollback));
    let is_over = !runs.into_iter().any(crate::domain::deployment::Deployment::is_open);
    (is_over && now - newest.at <= ASKED_FOR).then_some(newest)
}
