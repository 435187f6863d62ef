//! Takes a person's statement of what production runs.

use super::{CommandContext, CommandError, Decided, Gathered, Need, ServiceView, text};
use crate::domain::command::Refusal;
use crate::domain::event::{Adoption, Fact};
use crate::domain::ids::{DeploymentId, Environment};
use crate::domain::service::ServiceState;

pub(super) fn adopt(
    service: &ServiceView<'_>,
    reason: &str,
    context: CommandContext<'_>,
) -> Result<Decided, CommandError> {
    let Some(Gathered::Adopted(adopted)) = context.gathered else {
        return Err(CommandError::Outdated);
    };
    let (state, mut adoption) = (service.state, (**adopted).clone());
    if !is_current(state, &adoption) {
        return Err(CommandError::Outdated);
    }
    let production = Environment::Production;
    if let Some(running) = state.in_flight(production) {
        let sentence =
            format!("{} deploys to production now; wait for it or cancel it", running.id);
        return Err(Refusal::invalid(sentence).into());
    }
    let live = state.live_build(production);
    // What the service itself said, a person may say that they saw it.
    let is_settled = state.unsettled(production).is_none() && state.drift(production).is_none();
    let (build, sha) = (adoption.build, adoption.sha.clone());
    let same = live.filter(|live| live.sha == sha && is_settled);
    let comes_back = same.is_some_and(|live| live.no_way_back) && !adoption.no_way_back;
    if same.is_some() && !comes_back {
        return Err(Refusal::invalid(format!("{build} is live by the record already")).into());
    }
    // Beside what the record says, nobody needs to say why.
    let need = if live.is_some() { Need::Required } else { Need::Optional };
    adoption.reason = text("reason", reason, need)?;
    let mistaken = live.filter(|_| adoption.corrects.is_some());
    let more = match mistaken {
        _ if comes_back => ", with a way back: it declares steps to bring it back".to_owned(),
        Some(live) => format!(", instead of {} {}", live.number, live.sha.short()),
        None => String::new(),
    };
    let said = format!("{build} {} counts as live in production{more}", sha.short());
    let deployment = Some(DeploymentId::from(context.next));
    Ok(Decided { facts: vec![Fact::ProductionAdopted(Box::new(adoption))], deployment, said })
}

/// Whether nothing changed since the commit was looked up.
fn is_current(state: &ServiceState, adoption: &Adoption) -> bool {
    let mistaken = state.correctable();
    if adoption.corrects != mistaken.map(|statement| statement.deployment) {
        return false;
    }
    let forgotten = state.forgotten_by_correction();
    let known = state.builds.get(&adoption.build).filter(|known| Some(known.number) != forgotten);
    if let Some(known) = known {
        return known.sha == adoption.sha;
    }
    adoption.commit.is_some() && state.quarantine.keys().all(|sha| adoption.bad.contains_key(sha))
}
