//! Waits a moment for a build that was just committed, so that the command about it need not be typed again.

use std::time::Duration;

use tokio::time::Instant;

use super::context::Context;
use super::error::CliError;
use super::output;
use crate::backend::{Backend as _, LONGEST_WAIT};
use crate::domain::build::BuildState;
use crate::domain::ids::{BuildNumber, ServiceName};
use crate::domain::snapshot::ServiceSnapshot;

/// How long to wait until the engine has looked at the trunk, which it does every few seconds.
const FOR_THE_TRUNK: Duration = Duration::from_secs(15);
/// How long to wait until staging is done with the build.
const FOR_STAGING: Duration = Duration::from_mins(1);
/// A number that is so much higher than the newest build's, or more, is a mistake and not a build on its way.
const TOO_MANY: u64 = 20;

/// What a command needs of its build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    OnTrunk,
    InStaging,
}

/// Waits while the build is on its way, says so, and returns also if it does not arrive: the command then says why.
pub async fn of(
    context: &Context,
    service: &ServiceName,
    build: BuildNumber,
    needed: Arrival,
) -> Result<(), CliError> {
    let began = Instant::now();
    let mut snapshot = context.snapshot(service).await?;
    let mut said = None;
    while let Some(missing) = missing(&snapshot, build, needed) {
        let patience = if missing == Arrival::OnTrunk { FOR_THE_TRUNK } else { FOR_STAGING };
        if said != Some(missing) {
            said = Some(missing);
            let what = match missing {
                Arrival::OnTrunk => format!("{build} is not found on the trunk yet"),
                Arrival::InStaging => format!("staging is not done with {build} yet"),
            };
            let seconds = patience.as_secs();
            output::note(&format!("{what}; waiting up to {seconds} s, Ctrl-C ends it"));
        }
        let left = patience.saturating_sub(began.elapsed());
        if left.is_zero() {
            break;
        }
        let known = Some(snapshot.version.clone());
        let later = context.backend.service(service, known, left.min(LONGEST_WAIT)).await?;
        snapshot = later.unwrap_or(snapshot);
    }
    Ok(())
}

/// What is still to come; nothing for a build that has arrived or is not on its way.
fn missing(snapshot: &ServiceSnapshot, build: BuildNumber, needed: Arrival) -> Option<Arrival> {
    let Some(row) = snapshot.builds.iter().find(|row| row.build.number == build) else {
        let newest = snapshot.builds.first().map_or(0, |row| row.build.number.0);
        let is_next = newest < build.0 && build.0 < newest.saturating_add(TOO_MANY);
        return is_next.then_some(Arrival::OnTrunk);
    };
    let is_on_its_way = matches!(row.state, BuildState::Queued | BuildState::Deploying);
    (needed == Arrival::InStaging && is_on_its_way).then_some(Arrival::InStaging)
}
