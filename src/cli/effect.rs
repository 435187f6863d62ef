//! Says what a deployment brought about, once its targets were heard.

use std::time::Duration;

use tokio::signal::ctrl_c;
use tokio::time::Instant;

use super::context::Context;
use super::error::CliError;
use super::follow::patiently;
use crate::backend::Backend as _;
use crate::domain::ids::{DeploymentId, ServiceName};

/// How long the answers of the targets are waited for, unless it is known that questions hang.
const PATIENCE: Duration = Duration::from_secs(20);
/// The longest wait for one change.
const CHANGE: Duration = Duration::from_secs(2);

/// Waits until the targets of a deployment that succeeded were heard, if they are asked, and prints what they say.
///
/// # Errors
/// [`CliError::Failed`] when not all of them run its build.
pub async fn tell(
    context: &Context,
    service: &ServiceName,
    deployment: DeploymentId,
) -> Result<(), CliError> {
    tokio::select! {
        told = heard(context, service, deployment) => told,
        _ = ctrl_c() => Ok(()),
    }
}

async fn heard(
    context: &Context,
    service: &ServiceName,
    deployment: DeploymentId,
) -> Result<(), CliError> {
    let (deadline, mut after) = (Instant::now() + PATIENCE, None);
    while Instant::now() < deadline {
        let asked = async || context.backend.service(service, after.clone(), CHANGE).await;
        let Some(snapshot) = patiently(asked).await? else { continue };
        let row = snapshot.deployments.iter().find(|row| row.deployment.id == deployment);
        if let Some((row, effect)) =
            row.and_then(|row| Some((row, row.deployment.effect.as_ref()?)))
        {
            let words = effect.in_words(row.deployment.request.build);
            let said = format!("{deployment} {words}");
            if row.deployment.is_partly() {
                return Err(CliError::failed(said));
            }
            return context.out.regardless().line(said);
        }
        if snapshot.unheard != Some(deployment) {
            return Ok(());
        }
        if let Some(why) = &snapshot.hangs {
            let not_proven =
                format!("{deployment} is not proven, its targets have not answered: {why}");
            let out = context.out.regardless();
            out.line(not_proven)?;
            return out.line("trunkline status says what they run, once they answer");
        }
        after = Some(snapshot.version);
    }
    let sentence =
        "not proven, its targets were not heard yet; trunkline status says what they run";
    context.out.regardless().line(format!("{deployment}: {sentence}"))
}
