//! What else changed in the last hour, for whoever is about to roll back: flags, settings, other services.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::deployment::{Deployment, DeploymentState};
use super::event::DeploymentKind;
use super::ids::{Environment, ServiceName};
use super::service::ServiceState;
use super::time::between;

/// How far back it looks.
pub const ALSO_WITHIN: Duration = Duration::from_hours(1);
/// How many changes are named.
const NAMED: usize = 3;
/// Notes with the same words are one change if they are no further apart: one note for all services.
const SAME: Duration = Duration::from_mins(1);
/// How many deployments of a service are looked at.
const LOOKED_AT: usize = 50;

/// The newest changes beside the one in question, and how many more there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlsoChanged {
    /// Newest first.
    pub named: Vec<NamedChange>,
    pub more: u32,
}

/// One of them: `flag search-v2`, `search #88`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NamedChange {
    pub what: String,
    pub at: DateTime<Utc>,
}

impl AlsoChanged {
    /// What changed in these services, apart from the deployments of the one in question; `None` if nothing is recorded.
    pub fn beside<'a>(
        service: &ServiceName,
        all: impl Iterator<Item = (&'a ServiceName, &'a ServiceState)>,
        now: DateTime<Utc>,
    ) -> Option<Self> {
        let mut changes: Vec<NamedChange> = Vec::new();
        for (name, state) in all {
            let is_own = name == service;
            changes.extend(
                state
                    .notes
                    .iter()
                    .map(|note| NamedChange { what: note.label.clone(), at: note.at }),
            );
            let newest = state.deployments.values().rev().take(LOOKED_AT);
            changes.extend(newest.filter(|_| !is_own).filter_map(|of| deployed(name, of)));
        }
        changes.retain(|change| change.at <= now && between(change.at, now) < ALSO_WITHIN);
        changes.sort_by(|one, other| (other.at, &one.what).cmp(&(one.at, &other.what)));
        changes.dedup_by(|one, kept| one.what == kept.what && between(one.at, kept.at) < SAME);
        let more = u32::try_from(changes.len().saturating_sub(NAMED)).unwrap_or(u32::MAX);
        changes.truncate(NAMED);
        (!changes.is_empty()).then_some(Self { named: changes, more })
    }

    /// `flag search-v2 4 min ago · search #88 12 min ago`, with `and 4 more` behind them.
    #[must_use]
    pub fn in_words(&self, now: DateTime<Utc>) -> String {
        let named = self.named.iter().map(|change| {
            let NamedChange { what, at } = change;
            match between(*at, now).as_secs() / 60 {
                0 => format!("{what} just now"),
                minutes => format!("{what} {minutes} min ago"),
            }
        });
        let more = (self.more > 0).then(|| format!("and {} more", self.more));
        named.chain(more).collect::<Vec<_>>().join(" · ")
    }
}

/// A deployment of another service that reached production, or may have.
fn deployed(service: &ServiceName, deployment: &Deployment) -> Option<NamedChange> {
    let request = &deployment.request;
    let started = deployment.started_at?;
    // One that waited for somebody goes live long after it started.
    let at = deployment.ended.as_ref().map_or(started, |ended| ended.at.max(started));
    if request.environment != Environment::Production {
        return None;
    }
    let back = if request.kind == DeploymentKind::Rollback { "back to " } else { "" };
    let what = match deployment.unknown_commit() {
        Some(_) => format!("{service} unknown commit"),
        None => format!("{service} {back}{}", request.build),
    };
    let how = match deployment.state() {
        DeploymentState::Succeeded => "",
        DeploymentState::Queued | DeploymentState::Running => " (running)",
        DeploymentState::Failed => " (failed)",
        DeploymentState::Cancelled => " (cancelled)",
        DeploymentState::Interrupted => " (interrupted)",
    };
    Some(NamedChange { what: format!("{what}{how}"), at })
}
