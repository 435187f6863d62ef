//! The one writer: takes every input from one channel, records it, applies it, then acts.

mod auto_rollback;
mod observed;
mod record;
mod rehearsals;
mod runs;
mod tokens;
mod watched;
mod waves;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::act::Acts;
use super::checkouts::{CHECKOUTS_PROBLEM, MissingTrees, TreesAttempt};
use super::clock::{Clock, Passed};
use super::commands::{self, CommandContext, CommandError, Decided};
use super::decide::{Decision, DecisionInput, StagingSteps, decide};
use super::foundation::Foundation;
use super::freezes::{FreezeUpdate, Freezes};
use super::input::{CommandRequest, Input};
use super::migrations;
use super::refusals::{AddResult, RefusalRecord, Refusals};
use super::report;
use super::reserve::Reserve;
use super::runner::{RunId, Status};
use super::service_rules::ServiceRules;
use super::tokens::Tokens;
use super::trunk::update::TrunkLook;
use super::trunk::{self, KnownPeople, TakeIn};
use super::work_times::WorkTimes;
use super::world::{Service, Trouble, WorldOwner};
use crate::domain::command::{Receipt, Refusal};
use crate::domain::event::{DeploymentKind, Fact};
use crate::domain::ids::{DeploymentId, Environment, Seq, ServiceName, Sha};
use crate::domain::people::Actor;
use crate::domain::policy::Staging;
use crate::domain::service::ServiceState;
use crate::domain::variables::VariableDigests;
use crate::store::{Answered, NewEvent, Store, StoreError};

pub(super) use self::record::RECORD_PROBLEM;

fn unrecorded(error: &StoreError) -> CommandError {
    CommandError::Failed(format!("nothing was done, because it could not be recorded: {error}"))
}

/// The pause before a failed write is retried.
const RETRY: Duration = Duration::from_secs(1);

/// How long a refusal waits for others, so that many share one transaction and do not delay other commands.
const REFUSAL_DELAY: Duration = Duration::from_millis(50);

/// Problem key for the notice that the clock was set.
pub(super) const CLOCK_PROBLEM: &str = "clock";

/// Problem key for variables without a value.
const VARIABLES_PROBLEM: &str = "variables";

/// The source of the problem that the data folder was removed or replaced.
pub(super) const DATA_FOLDER_PROBLEM: &str = "data folder";

/// What the writer is made of.
pub(super) struct WriterParts {
    pub store: Store,
    pub tokens: Tokens,
    pub world: WorldOwner,
    pub clock: Arc<dyn Clock>,
    /// Its own inputs, for what it tries again.
    pub inputs: mpsc::Sender<Input>,
    pub freezes: Arc<Freezes>,
    pub known: Arc<KnownPeople>,
    pub foundation: Arc<Foundation>,
    pub reserve: Reserve,
    pub acts: Acts,
    pub commits: WorkTimes,
}

pub(super) struct Writer {
    store: Store,
    tokens: Tokens,
    world: WorldOwner,
    clock: Arc<dyn Clock>,
    inputs: mpsc::Sender<Input>,
    freezes: Arc<Freezes>,
    known: Arc<KnownPeople>,
    foundation: Arc<Foundation>,
    reserve: Reserve,
    acts: Acts,
    commits: WorkTimes,
    /// The services whose next facts could not be recorded and are retried soon.
    unsettled: HashSet<ServiceName>,
    /// An event that could not be recorded and is not retried itself, such as a person's command. Its write is tested until it
    /// would succeed, to clear the problem.
    unrecorded: Option<NewEvent>,
    refusals: Refusals,
    /// Whether a write of the refusals is scheduled.
    refusals_due: bool,
}

impl Writer {
    pub fn new(parts: WriterParts) -> Self {
        let WriterParts {
            store,
            tokens,
            world,
            clock,
            inputs,
            freezes,
            known,
            foundation,
            reserve,
            acts,
            commits,
        } = parts;
        Self {
            store,
            tokens,
            world,
            clock,
            inputs,
            freezes,
            known,
            foundation,
            reserve,
            acts,
            commits,
            unsettled: HashSet::new(),
            unrecorded: None,
            refusals: Refusals::default(),
            refusals_due: false,
        }
    }

    /// Runs until it is stopped or all senders are gone.
    pub fn run(mut self, mut inputs: mpsc::Receiver<Input>) {
        while let Some(input) = inputs.blocking_recv() {
            if let Some(what) = self.foundation.broken() {
                return self.abandon(&what, input, inputs);
            }
            match input {
                Input::Stop => return self.end(),
                input => self.take(input),
            }
        }
    }

    /// Records what waits, and leaves the record as one file.
    fn end(&mut self) {
        self.acts.leave_elsewhere();
        self.record_refusals();
        if let Err(error) = self.store.settle() {
            tracing::warn!(%error, "the record stays in two files");
        }
    }

    /// The data folder is not the one that was opened. Another engine may have the right one: this one records nothing and
    /// acts on nothing any more, and refuses every command until it ends.
    fn abandon(mut self, what: &str, input: Input, mut inputs: mpsc::Receiver<Input>) {
        tracing::error!(what, "the data folder is lost");
        let what = format!("{what}, so this engine has stopped acting");
        let remedy = "put the data folder back, then start the engine again";
        let trouble = Trouble::new(&what, remedy);
        self.world.set_trouble(DATA_FOLDER_PROBLEM, self.clock.now(), Some(trouble));
        let mut first = Some(input);
        while let Some(input) = first.take().or_else(|| inputs.blocking_recv()) {
            match input {
                Input::Stop => return,
                Input::Command(request) => {
                    let error = CommandError::Failed(format!("{what}; nothing was done"));
                    let _gone = request.reply.send(Err(error));
                }
                _ => {}
            }
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Command(request) => self.command(*request),
            Input::Looked(look) => self.looked(&look),
            Input::Prepared { service, deployment, result } => {
                self.prepared(&service, deployment, result);
            }
            Input::StepEnded { service, run, status } => self.step_ended(&service, run, status),
            news @ (Input::RunFound { .. }
            | Input::RunWaits { .. }
            | Input::RunAbsent { .. }
            | Input::RunSays { .. }) => {
                self.news_of_run(news);
            }
            Input::Observed(observation) => self.observed(&observation),
            Input::LiveRead(read, taken) => self.live_read(&read, taken),
            Input::Watch(report) => self.watched(&report),
            Input::Undeployed { service, builds } => {
                self.world.change(&service, |service| service.state.undeployed = builds);
            }
            Input::SightingLost { service, deployment, why } => {
                self.sighting_lost(&service, deployment, &why);
            }
            Input::RunIsLate { service, run, seen, reply } => {
                if self.run_is_late(&service, run, &seen) {
                    let _stopped = reply.send(());
                }
            }
            Input::NotFollowed { run } => self.acts.not_followed(run),
            Input::NotAttended { run } => self.acts.step_ended(run),
            Input::RunMakesWay { service, run } => self.run_makes_way(&service, run),
            Input::PipelineKnown { service, sha, file } => {
                let remember = |service: &mut Service| service.remember_pipeline(sha, file);
                if self.world.change_unseen(&service, remember) == Some(true) {
                    self.world.change(&service, |_| ());
                    self.settle(&service);
                }
            }
            Input::RulesRead(rules) => self.rules_read(*rules),
            Input::FreezesRead(news) => {
                news.take_in(&mut self.world, &self.freezes, self.clock.now());
            }
            Input::NotWatched(watched) => {
                trunk::not_watched(&mut self.world, &watched, self.clock.now());
            }
            Input::Present { service, people } => {
                self.world.change(&service, |service| service.present = people);
            }
            Input::Trouble { source, trouble } => {
                self.world.set_trouble(&source, self.clock.now(), trouble);
            }
            Input::VariablesMissing { service, missing, for_rollback } => {
                let now = self.clock.now();
                let trouble = missing.map(|missing| Trouble::new(missing.what, missing.remedy));
                self.world.change(&service, |service| {
                    service.rollback_lack = for_rollback;
                    service.set_trouble(VARIABLES_PROBLEM, now, trouble);
                });
            }
            Input::ClockJumped(passed) => self.clock_jumped(passed),
            Input::MakeTrees(service) => self.acts.make_trees(&service),
            Input::TreesMade { service, attempt, missing } => {
                if self.acts.is_newest(&service, attempt) {
                    self.trees_made(&service, attempt, missing.as_ref());
                }
            }
            Input::PipelineRead { service, sha } => {
                self.acts.pipeline_read(&service, &sha);
                self.settle(&service);
            }
            Input::Receipt { key, reply } => {
                self.record_refusals();
                let answered = self.store.answered(&key);
                let _gone = reply.send(answered.map(|found| found.map(|(_, receipt)| receipt)));
            }
            Input::Settle(service) => {
                self.unsettled.remove(&service);
                self.settle(&service);
            }
            Input::Ping(reply) => {
                let _gone = reply.send(());
            }
            Input::Token(input) => self.token(input),
            Input::RemoveRuns { service, deployments, rule, reply } => {
                let _stopped = reply.send(self.remove_runs(&service, deployments, rule));
            }
            news @ (Input::OutputChanged { .. } | Input::OutputTrouble { .. }) => {
                self.news_of_output(news);
            }
            Input::AutoRollback(request) => self.roll_back_by_itself(*request),
            Input::RehearsalDue(service) => self.rehearse_when_due(&service),
            Input::WaveDue(service) => self.continue_when_due(&service),
            Input::NeedLooked(look) => self.need_looked(look),
            Input::TryRecord => self.try_record(),
            Input::Refusals => {
                self.refusals_due = false;
                self.record_refusals();
            }
            // Every input is checked before it is taken.
            Input::CheckFoundation | Input::Stop => {}
        }
    }

    fn rules_read(&mut self, rules: ServiceRules) {
        let name = rules.service.clone();
        rules.take_in(&mut self.world);
        self.freezes.know_on_call(&self.world.world());
        self.note_way_back(&name);
        self.settle(&name);
    }

    fn command(&mut self, request: CommandRequest) {
        let answer = self.decide_command(&request);
        let recorded = answer.is_ok();
        let refused = answer.as_ref().err().and_then(|error| self.refused(&request, error));
        // The caller may be gone. The command stays recorded.
        let _gone = request.reply.send(answer);
        if recorded {
            self.settle(&request.service);
        }
        let Some(refused) = refused else { return };
        match self.refusals.add(self.clock.now(), refused) {
            AddResult::Full => self.record_refusals(),
            AddResult::Waits => self.refusals_after(REFUSAL_DELAY),
            AddResult::Repeat => {}
        }
    }

    /// The refusal to record, if any.
    fn refused(&self, request: &CommandRequest, error: &CommandError) -> Option<RefusalRecord> {
        let CommandError::Refused(refusal) = error else { return None };
        let CommandRequest { service: name, caller, command, .. } = request;
        let world = self.world.world();
        let actor = world.services.get(name)?.people.actor_of(caller);
        RefusalRecord::of(name, &actor, command, refusal)
    }

    fn decide_command(&mut self, request: &CommandRequest) -> Result<Receipt, CommandError> {
        let CommandRequest { service, caller, command, .. } = request;
        let digest = commands::digest(service, caller, command);
        let digest = digest.map_err(|error| CommandError::failed(error.to_string()))?;
        let answered = self.store.answered(&request.key).map_err(|e| unrecorded(&e))?;
        if let Some((before, receipt)) = answered {
            return if before == digest { Ok(receipt) } else { Err(Refusal::KeyReused.into()) };
        }
        self.still_admitted(caller)?;
        let (now, next) = (self.clock.now(), Seq(self.store.head().0 + 1));
        let (actor, decided) = {
            let world = self.world.world();
            let service = world.named(&request.service)?;
            let actor = service.people.actor_of(&request.caller);
            let context =
                CommandContext { actor: &actor, now, next, gathered: request.gathered.as_ref() };
            commands::authorize(caller, &actor, command)?;
            let decided = commands::decide(&service.view(), &request.command, context)?;
            (actor, decided)
        };
        let Decided { facts, deployment, said } = decided;
        let receipt = Receipt { seq: next, at: now, deployment, said };
        let answered = Answered { key: request.key.clone(), request: digest, receipt };
        let first = facts.first().cloned();
        let recorded = self.record(&request.service, &actor, facts, Some(&answered));
        if let (Err(error), Some(fact)) = (&recorded, first) {
            self.trouble(error);
            self.try_record_later(NewEvent { service: request.service.clone(), actor, fact });
        }
        recorded.map_err(|e| unrecorded(&e))?;
        Ok(answered.receipt)
    }

    fn looked(&mut self, look: &TrunkLook) {
        let now = self.clock.now();
        let take_in = TakeIn { freezes: &self.freezes, known: &self.known, now };
        let name = match take_in.look(&mut self.world, &mut self.store, look) {
            Ok(Some(name)) => name,
            Ok(None) => return,
            Err(error) => return self.trouble(&error),
        };
        self.note_way_back(&name);
        self.acts.looked(&name);
        if self.freezes.has_unsaved() {
            self.save_freezes();
        }
        // The service file may name another database now.
        migrations::sync_shared_schema(&mut self.world);
        let facts = {
            let world = self.world.world();
            world.services.get(&name).map_or_else(Vec::new, |service| look.facts(&service.state))
        };
        if let Some(fact) = facts.first().cloned()
            && let Err(error) = self.record(&name, &Actor::System, facts, None)
        {
            self.trouble(&error);
            // The next look finds the same again, unless the trunk was rewritten meanwhile.
            return self.try_record_later(NewEvent { service: name, actor: Actor::System, fact });
        }
        self.settle(&name);
    }

    fn prepared(
        &mut self,
        name: &ServiceName,
        id: DeploymentId,
        result: Result<Option<VariableDigests>, String>,
    ) {
        let fact = self.reported(name, |state| report::prepared(state, id, &result));
        if let Some(fact) = fact
            && let Err(error) = self.record(name, &Actor::System, vec![fact], None)
        {
            self.trouble(&error);
            return self.later(Input::Prepared { service: name.clone(), deployment: id, result });
        }
        self.acts.prepared(id);
        self.settle(name);
    }

    fn step_ended(&mut self, name: &ServiceName, run: RunId, status: Status) {
        let fact = self.reported(name, |state| report::step_ended(state, run, &status));
        if let Some(fact) = fact
            && let Err(error) = self.record(name, &Actor::System, vec![fact], None)
        {
            self.trouble(&error);
            return self.later(Input::StepEnded { service: name.clone(), run, status });
        }
        self.acts.step_ended(run);
        self.settle(name);
    }

    /// Notes whether the trunk's own steps roll every build back. If that changed, other checkouts are needed.
    fn note_way_back(&mut self, name: &ServiceName) {
        self.note_asked(name);
        let by_trunk = |service: &Service| {
            let (environment, kind) = (Environment::Production, DeploymentKind::Rollback);
            service.steps_of_trunk(environment, kind).is_some()
        };
        let changed = {
            let world = self.world.world();
            let service = world.services.get(name);
            let now =
                service.map(|service| (by_trunk(service), service.state.rolled_back_by_trunk));
            now.filter(|(now, before)| now != before)
        };
        if let Some((now, _)) = changed {
            self.world.change(name, |service| service.state.rolled_back_by_trunk = now);
            self.acts.make_trees(name);
        }
    }

    /// Shows which checkouts cannot be made. A try that finds the same changes nothing.
    fn trees_made(
        &mut self,
        name: &ServiceName,
        attempt: TreesAttempt,
        missing: Option<&MissingTrees>,
    ) {
        let trouble = missing.map(|missing| self.acts.trees_missing(name, attempt, missing));
        let is_known = {
            let world = self.world.world();
            let service = world.services.get(name);
            let known = service.and_then(|service| service.problems.get(CHECKOUTS_PROBLEM));
            let known = known.map(|known| (&known.what, &known.remedy));
            known == trouble.as_ref().map(|trouble| (&trouble.what, &trouble.remedy))
        };
        if !is_known {
            let now = self.clock.now();
            self.world.change(name, |service| service.set_trouble(CHECKOUTS_PROBLEM, now, trouble));
        }
    }

    /// The fact of a report, given the current state of the service.
    fn reported(
        &self,
        name: &ServiceName,
        fact: impl FnOnce(&ServiceState) -> Option<Fact>,
    ) -> Option<Fact> {
        fact(&self.world.world().services.get(name)?.state)
    }

    /// Records the decided facts until none is left, then acts on the other decisions.
    fn settle(&mut self, name: &ServiceName) {
        loop {
            let facts: Vec<_> = {
                let world = self.world.world();
                let Some(service) = world.services.get(name) else { return };
                let (facts, acts): (Vec<_>, Vec<_>) =
                    decisions(service).into_iter().partition(|d| matches!(d, Decision::Record(_)));
                if facts.is_empty() {
                    for act in &acts {
                        self.acts.perform(service, act);
                    }
                    return self.acts.check_way_back(service);
                }
                facts
            };
            let facts = facts.into_iter().filter_map(|decision| match decision {
                Decision::Record(fact) => Some(*fact),
                _ => None,
            });
            if let Err(error) = self.record(name, &Actor::System, facts.collect(), None) {
                self.trouble(&error);
                // Schedule one retry only: every look at the trunk also calls this.
                if self.unsettled.insert(name.clone()) {
                    self.later(Input::Settle(name.clone()));
                }
                return;
            }
        }
    }

    fn clock_jumped(&mut self, passed: Passed) {
        if let Some(trouble) = passed.trouble(self.clock.now()) {
            self.world.set_trouble(CLOCK_PROBLEM, self.clock.now(), Some(trouble));
        }
        let now = self.clock.now();
        let names: Vec<_> = self.world.world().services.keys().cloned().collect();
        for name in names {
            self.world.change(&name, |service| service.state.looking_since = Some(now));
        }
        self.world.renew_all();
    }

    /// Writes new freezes to disk in the background.
    fn save_freezes(&self) {
        let (freezes, inputs) = (self.freezes.clone(), self.inputs.clone());
        self.acts.spawn(async move {
            let keeping = tokio::task::spawn_blocking(move || freezes.save());
            let Ok(trouble) = keeping.await else { return };
            let news = Box::new(FreezeUpdate::of_saving(trouble));
            let _stopped = inputs.send(Input::FreezesRead(news)).await;
        });
    }

    fn later(&self, input: Input) {
        self.after(RETRY, input);
    }

    fn after(&self, pause: Duration, input: Input) {
        let inputs = self.inputs.clone();
        self.acts.spawn(async move {
            tokio::time::sleep(pause).await;
            // If the engine stopped, it decides this again at its next start.
            let _stopped = inputs.send(input).await;
        });
    }
}

fn decisions(service: &Service) -> Vec<Decision> {
    let of_trunk = service.steps_of_trunk(Environment::Staging, DeploymentKind::Auto);
    let pipeline = |sha: &Sha| match service.pipelines.get(sha) {
        // A commit whose file is wrong is still one that nobody should deploy unseen.
        Some(Ok(_)) if of_trunk.is_some() => StagingSteps::Read(of_trunk.unwrap_or_default()),
        None => StagingSteps::NotRead,
        Some(Err(_)) => StagingSteps::Broken,
        Some(Ok(file)) => {
            StagingSteps::Read(file.steps(Environment::Staging, DeploymentKind::Auto))
        }
    };
    decide(&DecisionInput {
        service: &service.name,
        state: &service.state,
        staging: service.file.as_ref().map_or(Staging::Deploy, |file| file.policy.staging),
        verify: service.file.as_ref().map_or(&[], |file| &file.policy.verify),
        staging_steps: &pipeline,
    })
}
