//! The next wave of a deployment that waits between two: by a person at once, or by itself.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{CommandContext, Decided, Need, ServiceView, text};
use crate::domain::command::Refusal;
use crate::domain::event::Fact;
use crate::domain::ids::{DeploymentId, Environment};
use crate::domain::wave::{WaveContinued, WaveInput, WaveStanding, standing};

/// How a deployment of this service stands between two waves.
#[must_use]
pub fn waiting_wave(service: &ServiceView<'_>, now: DateTime<Utc>) -> Option<WaveStanding> {
    let calendar = service.freezes.promote_to_production(service.name.as_str(), now);
    let (state, policy) = (service.state, &service.policy);
    standing(WaveInput { state, policy, calendar: &calendar, now })
}

/// The fact that the next wave begins by itself, if it may.
#[must_use]
pub fn due_wave(service: &ServiceView<'_>, now: DateTime<Utc>) -> Option<WaveContinued> {
    let standing = waiting_wave(service, now)?;
    let reason = standing.goes_on_by_itself(now).ok()?;
    Some(continued(&standing, reason, None))
}

/// What is said of the wave that begins once the hold on this environment is released, if one does.
pub(super) fn after_release(
    service: &ServiceView<'_>,
    of: Environment,
    now: DateTime<Utc>,
) -> String {
    let hold = service.state.holds.get(&of).filter(|_| of == Environment::Production);
    let wave = hold.and_then(|hold| waiting_wave(service, now)?.after_release(hold, now));
    wave.map(|begins| format!("; {begins}")).unwrap_or_default()
}

pub(super) fn continue_wave(
    service: &ServiceView<'_>,
    (id, wave): (DeploymentId, u32),
    reason: &str,
    seen: Option<&BTreeSet<String>>,
    context: CommandContext<'_>,
) -> Result<Decided, Refusal> {
    let deployment = service.state.deployments.get(&id);
    let deployment =
        deployment.ok_or_else(|| Refusal::not_found(format!("there is no deployment {id}")))?;
    let standing = waiting_wave(service, context.now).filter(|standing| standing.deployment == id);
    let standing = standing.ok_or_else(|| {
        let state = deployment.state().as_str();
        Refusal::invalid(format!("{id} does not wait between two waves: it is {state}"))
    })?;
    if standing.wait.number != wave {
        let (now, of) = (standing.wait.number, standing.wait.of);
        let sentence = format!("{id} waits after wave {now} of {of} now, not after wave {wave}");
        return Err(Refusal::Moved { sentence });
    }
    let unseen = seen.map(|seen| standing.unseen(seen, context.now)).unwrap_or_default();
    if !unseen.is_empty() {
        let sentence = format!("more speaks against it since you looked: {}", unseen.join("; "));
        return Err(Refusal::Moved { sentence });
    }
    let against = standing.against(context.now).join("; ");
    let reason = text("reason", reason, Need::Optional)?;
    if !against.is_empty() && reason.is_empty() {
        return Err(Refusal::invalid(format!("{against}; give a reason to continue all the same")));
    }
    let despite = (!against.is_empty()).then_some(against);
    let although = despite.as_ref().map(|why| format!(", although {why}")).unwrap_or_default();
    let said = format!("{id} continues after {}{although}", standing.wait.named());
    let fact = continued(&standing, reason, despite);
    Ok(Decided { facts: vec![Fact::WaveContinued(fact)], deployment: Some(id), said })
}

fn continued(standing: &WaveStanding, reason: String, despite: Option<String>) -> WaveContinued {
    let wait = &standing.wait;
    WaveContinued {
        deployment: standing.deployment,
        wave: wait.wave.clone(),
        number: wait.number,
        of: wait.of,
        reason,
        despite,
    }
}
