//! The rollback steps that the trunk declares now, instead of those of an older build.

use crate::domain::command::Refusal;
use crate::domain::event::{DeploymentKind, StepSpec};
use crate::domain::ids::Environment;
use crate::domain::tried::are_same_steps;
use crate::engine::commands::CommandError;
use crate::engine::variables::{Ask, StepNeeds};
use crate::engine::world::Service;

const KIND: DeploymentKind = DeploymentKind::Rollback;

/// The steps.
///
/// # Errors
/// When the service file of the trunk is not read, or has none.
pub(super) fn of(service: &Service) -> Result<Vec<StepSpec>, CommandError> {
    let file = service.file.as_ref();
    let file =
        file.ok_or_else(|| Refusal::invalid("the trunkline.toml of the trunk is not read"))?;
    let steps = file.steps(Environment::Production, KIND);
    if steps.is_empty() {
        return Err(Refusal::invalid("the trunk declares no rollback steps").into());
    }
    Ok(steps.to_vec())
}

/// Whether the trunk has other rollback steps than a build.
pub(super) fn differ(service: &Service, kind: DeploymentKind, own: &[StepSpec]) -> bool {
    let of_trunk = service.file.as_ref().map(|file| file.steps(Environment::Production, KIND));
    kind == KIND && of_trunk.is_some_and(|steps| !steps.is_empty() && !are_same_steps(steps, own))
}

/// The variables that they need.
pub(super) fn needs(service: &Service, ask: Ask) -> StepNeeds {
    let declared = service.file.as_ref().map(|file| file.variables.clone());
    StepNeeds::of(service, declared.unwrap_or_default(), ask)
}
