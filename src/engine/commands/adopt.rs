//! Takes a person's statement of what production runs.

use super::{CommandContext, CommandError, Decided, Gathered, Need, ServiceView, text};
use crate::domain::command::Refusal;
use crate::domain::event::Fact;
use crate::domain::ids::{DeploymentId, Environment};

pub(super) fn adopt(
    service: &ServiceView<'_>,
    reason: &str,
    context: CommandContext<'_>,
) -> Result<Decided, CommandError> {
    let Some(Gathered::Adopted(adopted)) = context.gathered else {
        return Err(CommandError::Outdated);
    };
    let mut adoption = (**adopted).clone();
    let (build, sha) = (adoption.build, adoption.sha.clone());
    let known = service.state.builds.get(&build);
    if known.is_some_and(|known| known.sha != sha) || known.is_none() && adoption.commit.is_none() {
        return Err(CommandError::Outdated);
    }
    let production = Environment::Production;
    if let Some(running) = service.state.in_flight(production) {
        let sentence =
            format!("{} deploys to production now; wait for it or cancel it", running.id);
        return Err(Refusal::invalid(sentence).into());
    }
    let live = service.state.live(production);
    let is_settled = service.state.unsettled(production).is_none();
    if live.is_some_and(|live| live.build == build) && is_settled {
        return Err(Refusal::invalid(format!("{build} is live by the record already")).into());
    }
    // Beside what the record says, nobody needs to say why.
    let need = if live.is_some() { Need::Required } else { Need::Optional };
    adoption.reason = text("reason", reason, need)?;
    let said = format!("{build} {} counts as live in production", sha.short());
    let deployment = Some(DeploymentId::from(context.next));
    Ok(Decided { facts: vec![Fact::ProductionAdopted(Box::new(adoption))], deployment, said })
}
