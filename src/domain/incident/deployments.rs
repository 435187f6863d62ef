//! The deployments that an incident is about, and how production stands, as data for its summary.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::timeline::IncidentInput;
use crate::domain::deployment::{Deployment, Ended};
use crate::domain::ids::{DeploymentId, Environment};
use crate::domain::instant::in_utc;
use crate::domain::people::Actor;

/// What was taken back, or a rollback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentDeployment {
    pub deployment: DeploymentId,
    /// `#3`, or the commit where no build is of it.
    pub deployed: String,
    pub by: Actor,
    /// When it was requested; when it was seen to begin, at another engine.
    pub at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
    pub is_rollback: bool,
}

/// Oldest first.
pub(super) fn deployments(input: IncidentInput<'_>) -> Vec<IncidentDeployment> {
    let of = |id: DeploymentId| input.state.deployments.get(&id);
    let taken = input.incident.taken_back().filter_map(|taken| of(taken.deployment));
    let rollbacks = input.incident.rollbacks.iter().filter_map(|linked| of(linked.rollback));
    let taken = taken.map(|made| one(made, false));
    let mut all: Vec<_> = taken.chain(rollbacks.map(|made| one(made, true))).collect();
    all.sort_by_key(|made| (made.at, made.deployment));
    all
}

fn one(made: &Deployment, is_rollback: bool) -> IncidentDeployment {
    IncidentDeployment {
        deployment: made.id,
        deployed: made.deployed(),
        by: made.by.clone(),
        at: made.started_at.map_or(made.requested_at, |at| at.min(made.requested_at)),
        ended: made.ended.clone(),
        is_rollback,
    }
}

/// The hold of production and the freezes that people placed, at this instant.
pub(super) fn stops_now(input: IncidentInput<'_>, now: DateTime<Utc>) -> Vec<String> {
    let hold = input.state.holds.get(&Environment::Production).map(|hold| {
        let (by, at, reason) = (&hold.by, in_utc(hold.at), because(&hold.reason));
        format!("on hold since {at} by {by}{reason}")
    });
    let freezes = input.state.freezes_at(now).map(|freeze| {
        let until = freeze.until.map_or("it is lifted".to_owned(), in_utc);
        format!("frozen by {} until {until}{}", freeze.by, because(&freeze.reason))
    });
    hold.into_iter().chain(freezes).collect()
}

/// `: the reason`, or nothing without one.
fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}
