//! The guards that people overrode to deploy to production, in words that keep the finding and the reason apart.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::timeline::IncidentInput;
use crate::domain::event::{DeploymentRequest, Fact};
use crate::domain::ids::{DeploymentId, Environment, Seq};
use crate::domain::people::Actor;

/// A guard that somebody overrode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentOverride {
    pub deployment: DeploymentId,
    pub by: Actor,
    /// `overrode freeze (frozen until …), and gave as reason: it cannot wait`.
    pub sentence: String,
    /// The event that has it.
    pub seq: Seq,
}

/// Those of the timeline, oldest first.
pub(super) fn overrides(input: IncidentInput<'_>) -> Vec<IncidentOverride> {
    let mut all = Vec::new();
    for event in input.in_window() {
        let Fact::DeploymentRequested(request) = &event.fact else { continue };
        if request.environment != Environment::Production {
            continue;
        }
        all.extend(overrides_in_words(request).map(|sentence| IncidentOverride {
            deployment: DeploymentId::from(event.seq),
            by: event.actor.clone(),
            sentence,
            seq: event.seq,
        }));
    }
    all
}

/// Each override of a request, with the finding that asked for it.
pub(super) fn overrides_in_words(request: &DeploymentRequest) -> impl Iterator<Item = String> {
    request.overrides.iter().map(|(guard, reason)| {
        let findings = request.findings.iter().filter(|finding| finding.guard == *guard);
        let findings: Vec<_> = findings.map(|finding| finding.sentence.as_str()).collect();
        let findings = match findings.as_slice() {
            [] => String::new(),
            some => format!(" ({})", some.join("; ")),
        };
        format!("overrode {guard}{findings}, and gave as reason: {reason}")
    })
}
