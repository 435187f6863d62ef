//! A rehearsal of the way back in staging. Both of its deployments are recorded at once: what goes back comes forward.

use super::{Decided, ServiceView};
use crate::domain::command::Refusal;
use crate::domain::event::Fact;
use crate::domain::ids::{DeploymentId, Seq};
use crate::domain::rehearsal::Rehearsal;

pub(super) fn rehearse(service: &ServiceView<'_>, next: Seq) -> Result<Decided, Refusal> {
    let rehearsal = Rehearsal::of(service.state, &service.policy);
    let Rehearsal { back, forward } =
        rehearsal.map_err(|why| Refusal::invalid(format!("no rehearsal: {why}")))?;
    let deployment = DeploymentId(next.0);
    let said = format!(
        "rehearsal in staging requested: rollback steps to {} ({deployment}), then forward to {} ({})",
        back.build,
        forward.build,
        DeploymentId(next.0 + 1)
    );
    let facts = vec![Fact::DeploymentRequested(back), Fact::DeploymentRequested(forward)];
    Ok(Decided { facts, deployment: Some(deployment), said })
}
