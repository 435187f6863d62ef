//! Commands to a scripted world: the same checks and facts as in the engine, recorded in memory.

use super::story::steps;
use super::world::{ScriptedService, ScriptedWorld};
use crate::domain::by_hand::ByHand;
use crate::domain::caller::Caller;
use crate::domain::command::{Action, Command, Receipt, Refusal};
use crate::domain::event::DeploymentKind;
use crate::domain::ids::{BuildNumber, Environment, IdempotencyKey, Seq, ServiceName};
use crate::domain::people::Actor;
use crate::domain::plan::{self, Plan};
use crate::domain::variables::KnownVariables;
use crate::engine::commands::{
    self, CommandContext, CommandError, Decided, ForPlan, Gathered, ServiceView,
};
use crate::engine::refusals;

impl ScriptedWorld {
    pub(super) fn command(
        &mut self,
        name: &ServiceName,
        command: Command,
        key: IdempotencyKey,
        caller: &Caller,
    ) -> Result<Receipt, CommandError> {
        if let Some((service, before, receipt)) = self.receipts.get(&key) {
            let same = service == name && *before == command;
            return if same { Ok(receipt.clone()) } else { Err(Refusal::KeyReused.into()) };
        }
        let actor = self.service(name)?.people.actor_of(caller);
        let decided = commands::authorize(caller, &actor, &command)
            .map_err(CommandError::from)
            .and_then(|()| self.decide(name, &command, &actor));
        if let Err(CommandError::Refused(refusal)) = &decided
            && let Some(fact) = refusals::fact(&command, refusal)
        {
            self.record_unseen(name, actor.clone(), fact);
        }
        let Decided { facts, deployment, said } = decided?;
        let seq = Seq(self.last_seq().0 + 1);
        for fact in facts {
            self.record(name, actor.clone(), fact);
        }
        let receipt = Receipt { seq, at: self.now, deployment, said };
        self.receipts.insert(key, (name.clone(), command, receipt.clone()));
        Ok(receipt)
    }

    /// Decides a command with the engine's own function.
    fn decide(
        &self,
        name: &ServiceName,
        command: &Command,
        actor: &Actor,
    ) -> Result<Decided, CommandError> {
        let service = self.service(name)?;
        let gathered = match command {
            Command::Execute { action, .. } => {
                Some(Gathered::Plan(Box::new(self.gathered(name, *action)?)))
            }
            Command::Ask { build, .. } => {
                let action = Action::Promote { build: *build };
                Some(Gathered::Plan(Box::new(self.gathered(name, action)?)))
            }
            _ => None,
        };
        let next = Seq(self.last_seq().0 + 1);
        let context = CommandContext { actor, now: self.now, next, gathered: gathered.as_ref() };
        commands::decide(&service.view(name), command, context)
    }

    fn gathered(&self, name: &ServiceName, action: Action) -> Result<ForPlan, Refusal> {
        let service = self.service(name)?;
        let ends = plan::endpoints(&service.state, action)?;
        Ok(ForPlan {
            range: service.range(&ends),
            steps: steps(ends.environment),
            migrations: service.migrations.clone(),
            variables: KnownVariables::default(),
            unusable_engine: None,
            workflow_findings: Vec::new(),
            presser: None,
            by_hand: service.by_hand.clone().filter(|_| ends.kind == DeploymentKind::Rollback),
            trunk_differs: false,
            needs: Vec::new(),
            ends,
        })
    }

    pub(super) fn plan(
        &self,
        name: &ServiceName,
        action: Action,
        caller: &Caller,
    ) -> Result<Plan, CommandError> {
        let service = self.service(name)?;
        let gathered = Gathered::Plan(Box::new(self.gathered(name, action)?));
        let actor = service.people.actor_of(caller);
        let gathered = Some(&gathered);
        let context = CommandContext { actor: &actor, now: self.now, next: Seq(0), gathered };
        commands::plan(&service.view(name), action, context).map(|plan| self.with_also(plan))
    }
}

impl ScriptedService {
    /// The rollback to this build by hand, if the service tells it.
    pub(super) fn told_by_hand(&self, name: &ServiceName, to: BuildNumber) -> Option<ByHand> {
        let steps = steps(Environment::Production);
        ByHand::of(name, &self.state, to, Some(&steps), self.by_hand.clone()?)
    }

    fn view<'a>(&'a self, name: &'a ServiceName) -> ServiceView<'a> {
        let Self { state, policy, people, freezes, .. } = self;
        let on_call = self.on_call();
        ServiceView { name, state, policy: policy.clone(), people, freezes, on_call }
    }
}
