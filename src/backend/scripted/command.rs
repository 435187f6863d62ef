//! Commands to a scripted world: the same checks and facts as a real engine's, recorded in memory.

use super::story::steps;
use super::world::{Service, World};
use crate::domain::command::{Action, Command, Receipt, Refusal};
use crate::domain::ids::{Environment, IdempotencyKey, Seq, ServiceName};
use crate::domain::people::Actor;
use crate::domain::plan::{self, Plan};
use crate::engine::commands::{self, Asked, Decided, ForPlan, Gathered, Ground, NotDecided};
use crate::engine::refusals;

impl World {
    pub(super) fn command(
        &mut self,
        name: &ServiceName,
        command: Command,
        key: IdempotencyKey,
        login: &str,
    ) -> Result<Receipt, Refusal> {
        if let Some((service, before, receipt)) = self.receipts.get(&key) {
            let same = service == name && *before == command;
            return if same { Ok(receipt.clone()) } else { Err(Refusal::KeyReused) };
        }
        let actor = self.service(name)?.people.actor_of_login(login);
        let decided = self.decide(name, &command, &actor);
        if let Some(fact) = decided.as_ref().err().and_then(|no| refusals::fact(&command, no)) {
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

    /// What a command comes to, decided as the engine decides.
    fn decide(
        &self,
        name: &ServiceName,
        command: &Command,
        actor: &Actor,
    ) -> Result<Decided, Refusal> {
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
        let asked = Asked { actor, now: self.now, next, gathered: gathered.as_ref() };
        commands::decide(&service.ground(name), command, asked).map_err(refused)
    }

    fn gathered(&self, name: &ServiceName, action: Action) -> Result<ForPlan, Refusal> {
        let service = self.service(name)?;
        let ends = plan::endpoints(&service.state, action)?;
        Ok(ForPlan {
            range: service.range(&ends),
            steps: steps(Environment::Production),
            migrations: service.migrations.clone(),
            ends,
        })
    }

    pub(super) fn plan(
        &self,
        name: &ServiceName,
        action: Action,
        login: &str,
    ) -> Result<Plan, Refusal> {
        let service = self.service(name)?;
        let gathered = Gathered::Plan(Box::new(self.gathered(name, action)?));
        let actor = service.people.actor_of_login(login);
        let gathered = Some(&gathered);
        let asked = Asked { actor: &actor, now: self.now, next: Seq(0), gathered };
        commands::plan(&service.ground(name), action, asked).map_err(refused)
    }
}

/// What is gathered here is never outdated: nothing moves in between.
fn refused(not: NotDecided) -> Refusal {
    match not {
        NotDecided::Refused(refusal) => refusal,
        NotDecided::Outdated => Refusal::invalid("the world moved while it was looked at"),
    }
}

impl Service {
    fn ground<'a>(&'a self, name: &'a ServiceName) -> Ground<'a> {
        let Self { state, policy, people, freezes, .. } = self;
        Ground { name, state, policy: policy.clone(), people, freezes }
    }
}
