//! Commands to a scripted world: the same checks and facts as a real engine's, recorded in memory.

use super::world::{Service, World};
use crate::domain::command::{Command, Receipt, Refusal};
use crate::domain::event::{DeploymentKind, DeploymentRequest, Fact};
use crate::domain::ids::{
    BuildNumber, DeploymentId, Environment, IdempotencyKey, Seq, ServiceName,
};
use crate::domain::plan::Plan;

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
        let (facts, deployment, said) = self.decide(name, &command, login)?;
        let seq = Seq(self.last_seq().0 + 1);
        for fact in facts {
            self.record(name, actor.clone(), fact);
        }
        let started = matches!(command, Command::Execute { .. }).then(|| seq.into());
        let receipt = Receipt { seq, at: self.now, deployment: deployment.or(started), said };
        self.receipts.insert(key, (name.clone(), command, receipt.clone()));
        Ok(receipt)
    }

    /// What a command comes to: the facts to record, the deployment that it is about, and the sentence.
    fn decide(
        &self,
        name: &ServiceName,
        command: &Command,
        login: &str,
    ) -> Result<(Vec<Fact>, Option<DeploymentId>, String), Refusal> {
        let service = self.service(name)?;
        let one = |fact, said: String| Ok((vec![fact], None, said));
        match command.clone() {
            Command::Execute { action, fingerprint, overrides } => {
                let plan = self.plan(name, action, login)?;
                plan.check(&fingerprint, &overrides, &service.state)?;
                let said = format!("{} of {} is queued", plan.kind, plan.target.build);
                Ok((self.execution(&plan, plan.request(overrides)), None, said))
            }
            Command::Cancel { deployment, reason } => {
                service.open_deployment(deployment)?;
                let said = format!("{deployment} is being cancelled");
                Ok((vec![Fact::CancelRequested { deployment, reason }], Some(deployment), said))
            }
            Command::Verify { build, note } => {
                service.build_in_staging(build)?;
                one(Fact::BuildVerified { build, note }, format!("{build} is verified"))
            }
            Command::Hold { environment, reason } => one(
                Fact::HoldPlaced { environment, reason, rollback: None },
                format!("{environment} is on hold"),
            ),
            Command::Release { environment, reason } => {
                service.held(environment)?;
                one(Fact::HoldReleased { environment, reason }, format!("{environment} is free"))
            }
            Command::Freeze { from, until, reason } => {
                let from = from.map_or(self.now, |from| from.max(self.now));
                one(Fact::FreezePlaced { from, until, reason }, "production is frozen".into())
            }
            Command::Lift { freeze, reason } => {
                service.frozen(freeze)?;
                one(Fact::FreezeLifted { freeze, reason }, "the freeze is lifted".into())
            }
        }
    }

    fn execution(&self, plan: &Plan, request: DeploymentRequest) -> Vec<Fact> {
        let id = DeploymentId(self.last_seq().0 + 1);
        let cancels = request.cancels;
        let mut facts = vec![Fact::DeploymentRequested(request)];
        if plan.kind == DeploymentKind::Rollback {
            facts.push(Fact::HoldPlaced {
                environment: Environment::Production,
                reason: format!("rolled back to {}", plan.target.build),
                rollback: Some(id),
            });
        }
        facts.extend(cancels.map(|deployment| Fact::CancelRequested {
            deployment,
            reason: format!("{} of {} instead", plan.kind, plan.target.build),
        }));
        facts
    }
}

impl Service {
    fn open_deployment(&self, id: DeploymentId) -> Result<(), Refusal> {
        match self.state.deployments.get(&id) {
            Some(deployment) if deployment.is_open() => Ok(()),
            Some(deployment) => Err(Refusal::invalid(format!(
                "{id} has ended already: {}",
                deployment.state().as_str()
            ))),
            None => Err(Refusal::not_found(format!("there is no deployment {id}"))),
        }
    }

    fn build_in_staging(&self, number: BuildNumber) -> Result<(), Refusal> {
        match self.state.builds.get(&number) {
            Some(build) if build.in_staging_since.is_some() => Ok(()),
            Some(_) => Err(Refusal::invalid(format!("{number} never was in staging"))),
            None => Err(Refusal::not_found(format!("there is no build {number}"))),
        }
    }

    fn held(&self, environment: Environment) -> Result<(), Refusal> {
        let held = self.state.holds.contains_key(&environment);
        held.then_some(()).ok_or_else(|| Refusal::invalid(format!("{environment} is not on hold")))
    }

    fn frozen(&self, freeze: Seq) -> Result<(), Refusal> {
        let known = self.state.freezes.iter().any(|known| known.id == freeze);
        known
            .then_some(())
            .ok_or_else(|| Refusal::not_found(format!("there is no freeze {freeze}")))
    }
}
