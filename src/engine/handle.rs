//! The interface of a running engine: reads come from the shared state, commands go to the writer.

mod doubts;
mod incidents;
mod links;
mod logs;
mod monitoring;
mod noted;
mod timeline;
mod tokens;
mod webhooks;

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::by_hand;
use super::clock::Clock;
use super::commands::{self, CommandContext, CommandError, Gathered};
use super::commit_location;
use super::freezes::Freezes;
use super::gather::{self, GatherContext};
use super::input::{CommandRequest, Input};
use super::links::Links;
use super::observe::LiveReads;
use super::presence::{OpenServices, PresentWait};
use super::runner::StepRunner;
use super::tokens::Tokens;
use super::webhooks::Webhooks;
use super::work_times::WorkTimes;
use super::world::{Service, Trouble, World};
use super::writer::DATA_FOLDER_PROBLEM;
use crate::calendar::FreezeWindow;
use crate::domain::caller::{AccessRole, Caller, Rights};
use crate::domain::chain::{ChainFrom, ChainPage, RecordSpan};
use crate::domain::command::{Action, Command, Receipt, Refusal};
use crate::domain::commit_location::CommitLocation;
use crate::domain::deployment::Deployment;
use crate::domain::event::{DeploymentKind, Event};
use crate::domain::ids::{
    BuildNumber, CommitPrefix, DeploymentId, Environment, IdempotencyKey, Seq, ServiceName,
};
use crate::domain::plan::Plan;
use crate::domain::snapshot::build::{self, SnapshotInput};
use crate::domain::snapshot::{
    BuildRow, FleetRow, FleetSnapshot, RollbackPreview, ServiceSnapshot, Version,
};
use crate::domain::stats::DeliveryStats;
use crate::store::Reader;

/// How many times a command gathers its facts if the service keeps changing.
const GATHER_ATTEMPTS: u32 = 5;

/// How long a service is asked before a deployment what it runs.
const ASKED_BEFORE_PROMOTE: Duration = Duration::from_secs(3);
/// The same before a rollback, which may be one from a service that answers nothing any more.
const ASKED_BEFORE_ROLLBACK: Duration = Duration::from_secs(1);
/// The same for a plan.
const ASKED_FOR_PLAN: Duration = Duration::from_secs(1);
const ASKED_FOR_ROLLBACK_PLAN: Duration = Duration::from_millis(500);

/// What a running engine consists of.
pub(super) struct RunningEngine {
    pub gather: GatherContext,
    pub runner: Arc<StepRunner>,
    pub clock: Arc<dyn Clock>,
    pub freezes: Arc<Freezes>,
    pub tokens: Tokens,
    pub presence: OpenServices,
    pub webhooks: Webhooks,
    pub links: Links,
    pub commits: WorkTimes,
    pub fetches: WorkTimes,
    /// Asks the services what they run.
    pub live: Arc<LiveReads>,
    pub demo: bool,
    /// Distinguishes the versions of this process from those of earlier ones.
    pub instance: String,
    pub reader: Arc<Mutex<Reader>>,
    pub writer: Mutex<Option<JoinHandle<()>>>,
    pub watching: AbortHandle,
}

/// A running engine. Dropping the last clone does not stop it; [`Handle::shutdown`] does.
#[derive(Clone)]
pub struct Handle(Arc<RunningEngine>);

impl Handle {
    pub(super) fn new(engine: RunningEngine) -> Self {
        Self(Arc::new(engine))
    }

    async fn send(&self, input: Input) -> Result<(), CommandError> {
        self.0.gather.inputs.send(input).await.map_err(|_| CommandError::stopping())
    }

    /// Tells everybody who looks at the engine what is wrong around it, or that it is not any more.
    pub async fn tell(&self, source: &str, what: Option<String>, remedy: &str) {
        let trouble = what.map(|what| Trouble::new(what, remedy));
        let _stopping = self.send(Input::Trouble { source: source.to_owned(), trouble }).await;
    }

    /// Whether this service exists for the caller.
    ///
    /// # Errors
    /// With the answer for a service that does not exist, also if it exists outside of the caller's limit.
    pub fn admit(&self, name: &ServiceName, caller: &Caller) -> Result<(), Refusal> {
        self.0.gather.world.read(|world| world.reached(name, &caller.rights).map(drop))
    }

    /// Stops watching and recording. Steps that run go on under their supervisors.
    pub async fn shutdown(&self) {
        self.0.watching.abort();
        let _stopped_already = self.send(Input::Stop).await;
        let thread = self.0.writer.lock().expect("no code panics while holding the writer").take();
        if let Some(thread) = thread {
            let freezes = self.0.freezes.clone();
            // The folder at its path belongs to another engine then.
            let is_lost =
                self.0.gather.world.read(|world| world.problems.contains_key(DATA_FOLDER_PROBLEM));
            let end = move || {
                let _ended = thread.join();
                // No client is connected any more, so this goes to the log.
                if !is_lost && let Some(trouble) = freezes.save() {
                    tracing::warn!(what = trouble.what, "freezes are not on disk");
                }
            };
            let _ended = tokio::task::spawn_blocking(end).await;
        }
    }

    #[must_use]
    pub fn instance(&self) -> &str {
        &self.0.instance
    }

    #[must_use]
    pub fn is_demo(&self) -> bool {
        self.0.demo
    }

    /// Resolves with a sentence when the data folder was removed or replaced. The engine does nothing after that.
    pub async fn lost(&self) -> String {
        let mut changes = self.changes();
        loop {
            let known = |world: &World| world.problems.get(DATA_FOLDER_PROBLEM).cloned();
            if let Some(problem) = self.0.gather.world.read(known) {
                return problem.what;
            }
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Whether any deployment is queued or running.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.0.gather.world.read(|world| world.services.values().any(|s| s.state.is_busy()))
    }

    /// Notes that somebody waits for news of a service, as long as the result lives.
    #[must_use]
    pub fn waits(&self, service: &ServiceName, caller: &Caller) -> PresentWait {
        self.0.presence.enter(service, caller, self.0.clock.now())
    }

    /// Changes when a reader can see a change.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.gather.world.changes()
    }

    /// All services.
    #[must_use]
    pub fn fleet(&self) -> FleetSnapshot {
        self.fleet_within(&Rights::everywhere(AccessRole::Viewer))
    }

    /// The services that exist for somebody with these rights.
    #[must_use]
    pub fn fleet_within(&self, rights: &Rights) -> FleetSnapshot {
        let now = self.0.clock.now();
        let row = |service: &Arc<Service>| -> FleetRow {
            with_input(service, |input| build::fleet_row(input, now))
        };
        self.0.gather.world.read(|world| FleetSnapshot {
            version: self.version("fleet", world.revision),
            at: now,
            services: world.reachable(rights).map(row).collect(),
            problems: world.problems_for(rights),
        })
    }

    /// # Errors
    /// When there is no such service.
    pub fn service(&self, name: &ServiceName, caller: &Caller) -> Result<ServiceSnapshot, Refusal> {
        let (now, of_engine) = (self.0.clock.now(), self.doubts_of_all());
        self.read_service(name, |service| {
            let me = service.people.actor_of(caller);
            let version = self.version(name.as_str(), service.revision);
            let snapshot = with_input(service, |input| build::service(input, &me, version, now));
            let place = (self.0.gather.checkouts.as_path(), &*self.0.gather.variables);
            let rollback = snapshot.rollback.map(|preview| RollbackPreview {
                by_hand: by_hand::of_next_rollback(place, service).map(Box::new),
                needs: service.rollback_needs(),
                ..preview
            });
            let rules_in_doubt = Some(doubts::of_service(service, &of_engine));
            ServiceSnapshot { rollback, rules_in_doubt, ..snapshot }
        })
    }

    /// The version of a service, without making its snapshot.
    ///
    /// # Errors
    /// When there is no such service.
    pub fn service_version(&self, name: &ServiceName) -> Result<Version, Refusal> {
        self.read_service(name, |service| self.version(name.as_str(), service.revision))
    }

    #[must_use]
    pub fn fleet_version(&self) -> Version {
        self.version("fleet", self.0.gather.world.read(|world| world.revision))
    }

    fn version(&self, of: &str, revision: u64) -> Version {
        Version(format!("{of}-{}-{revision}", self.0.instance))
    }

    /// # Errors
    /// When there is no such service.
    pub fn builds(
        &self,
        name: &ServiceName,
        before: Option<BuildNumber>,
        limit: usize,
    ) -> Result<Vec<BuildRow>, Refusal> {
        let page = |input: SnapshotInput<'_>| build::builds(input, before, limit);
        self.read_service(name, |service| with_input(service, page))
    }

    /// # Errors
    /// When there is no such service.
    pub fn history(
        &self,
        name: &ServiceName,
        environment: Environment,
        before: Option<DeploymentId>,
        limit: usize,
    ) -> Result<Vec<Deployment>, Refusal> {
        self.read_service(name, |service| {
            let all = service.state.deployments.values().rev();
            let older = all.filter(|d| {
                d.request.environment == environment && before.is_none_or(|before| d.id < before)
            });
            older.take(limit).cloned().collect()
        })
    }

    /// The windows of the freezes by calendar that overlap `[from, until)`.
    ///
    /// # Errors
    /// When there is no such service.
    pub fn freezes(
        &self,
        name: &ServiceName,
        environment: Environment,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<FreezeWindow>, Refusal> {
        let (rules, now) = (self.read_service(name, |s| s.freezes.clone())?, self.0.clock.now());
        Ok(rules.windows(name.as_str(), environment.as_str(), now, (from, until)))
    }

    /// How the service was delivered in the last `days`.
    ///
    /// # Errors
    /// When there is no such service.
    pub fn stats(&self, name: &ServiceName, days: u32) -> Result<DeliveryStats, Refusal> {
        let now = self.0.clock.now();
        self.read_service(name, |service| DeliveryStats::of(name, &service.state, days, now))
    }

    /// # Errors
    /// With a refusal when the action names no build, or a failure of git.
    pub async fn plan(
        &self,
        name: &ServiceName,
        action: Action,
        caller: &Caller,
    ) -> Result<Plan, CommandError> {
        let (environment, longest) = match action {
            Action::Promote { .. } => (Environment::Production, ASKED_FOR_PLAN),
            Action::Rollback { .. } | Action::RollbackByTrunk { .. } => {
                (Environment::Production, ASKED_FOR_ROLLBACK_PLAN)
            }
            Action::Retry { environment, .. } => (environment, ASKED_FOR_PLAN),
        };
        let unanswered = Box::pin(self.0.live.ask_before(name, environment, longest)).await;
        for _ in 0..GATHER_ATTEMPTS {
            let gathered =
                Box::pin(gather::for_plan(&self.0.gather, name, action, Some(caller))).await?;
            let gathered = Gathered::Plan(Box::new(gathered));
            let now = self.0.clock.now();
            let planned = self.read_service(name, |service| {
                let actor = service.people.actor_of(caller);
                let context =
                    CommandContext { actor: &actor, now, next: Seq(0), gathered: Some(&gathered) };
                commands::plan(&service.view(), action, context)
            })?;
            match planned {
                Err(CommandError::Outdated) => {}
                decided => {
                    let plan = decided?.without_word_of_now(unanswered);
                    return Ok(self.with_also(plan, caller));
                }
            }
        }
        Err(CommandError::Outdated)
    }

    /// Finds a commit with git, outside the writer.
    ///
    /// # Errors
    /// When there is no such service, or git fails.
    pub async fn commit_location(
        &self,
        name: &ServiceName,
        commit: &CommitPrefix,
    ) -> Result<CommitLocation, CommandError> {
        self.read_service(name, |_| ())?;
        Box::pin(commit_location::find(&self.0.gather.world, name, commit)).await
    }

    /// Records a command. A receipt is durable.
    ///
    /// # Errors
    /// With a refusal or a failure: nothing was done. With `Unknown`: it is unknown whether the command was recorded.
    pub async fn command(
        &self,
        name: &ServiceName,
        caller: &Caller,
        command: Command,
        key: IdempotencyKey,
    ) -> Result<Receipt, CommandError> {
        let begun = Instant::now();
        for _ in 0..GATHER_ATTEMPTS {
            // A command that needs nothing goes to the writer at once, so that a later query for its receipt comes after it.
            let gathered = if !gather::is_needed(&command)
                || !commands::has_role(caller)
                || self.recorded(&key).await?.is_some()
            {
                // It is refused, was recorded before, or needs nothing from git. The writer compares the request.
                None
            } else {
                self.ask_what_runs(name, &command).await;
                Box::pin(gather::gather(&self.0.gather, (name, caller), &command, begun)).await?
            };
            let (reply, answer) = oneshot::channel();
            let request = CommandRequest {
                service: name.clone(),
                caller: caller.clone(),
                command: command.clone(),
                key: key.clone(),
                gathered,
                reply,
            };
            let input = Input::Command(Box::new(request));
            self.send(input).await?;
            let dropped = |_| CommandError::Unknown("the engine stopped before it answered".into());
            match answer.await.map_err(dropped)? {
                Err(CommandError::Outdated) => {}
                decided => return decided.map_err(|error| self.refused_with_also(error, caller)),
            }
        }
        Err(CommandError::Outdated)
    }

    /// Asks the service itself what runs where something is about to be deployed. One that does not answer keeps nobody from it.
    async fn ask_what_runs(&self, name: &ServiceName, command: &Command) {
        let Command::Execute { action, .. } = command else { return };
        let (environment, longest) = match action {
            Action::Promote { .. } => (Environment::Production, ASKED_BEFORE_PROMOTE),
            Action::Rollback { .. } | Action::RollbackByTrunk { .. } => {
                (Environment::Production, ASKED_BEFORE_ROLLBACK)
            }
            Action::Retry { environment, .. } => (*environment, ASKED_BEFORE_PROMOTE),
        };
        // What is recorded is decided by what is known; only a plan says that an answer is not there yet.
        let _not_yet = Box::pin(self.0.live.ask_before(name, environment, longest)).await;
    }

    /// The receipt of a command. `None` only after all earlier inputs were processed, because the command may still wait
    /// for a slow disk.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub async fn receipt(&self, key: &IdempotencyKey) -> Result<Option<Receipt>, CommandError> {
        if let Some(receipt) = self.recorded(key).await? {
            return Ok(Some(receipt));
        }
        let (reply, answer) = oneshot::channel();
        let input = Input::Receipt { key: key.clone(), reply };
        self.send(input).await?;
        let receipt = answer.await.map_err(|_| CommandError::stopping())?;
        Ok(receipt?)
    }

    async fn recorded(&self, key: &IdempotencyKey) -> Result<Option<Receipt>, CommandError> {
        let key = key.clone();
        self.read(move |reader| reader.receipt(&key)).await
    }

    /// # Errors
    /// When the record cannot be read.
    pub async fn events(
        &self,
        service: Option<&ServiceName>,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Event>, CommandError> {
        if let Some(name) = service {
            self.read_service(name, |_| ())?;
        }
        let service = service.cloned();
        self.read(move |reader| reader.events(service.as_ref(), after, limit)).await
    }

    /// # Errors
    /// When the record cannot be read.
    pub async fn chain(&self, from: ChainFrom, limit: usize) -> Result<ChainPage, CommandError> {
        self.read(move |reader| reader.chain(from, limit)).await
    }

    /// # Errors
    /// When the record cannot be read.
    pub async fn span(
        &self,
        since: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    ) -> Result<Option<RecordSpan>, CommandError> {
        self.read(move |reader| reader.span(since, until)).await
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, crate::store::StoreError> + Send + 'static,
    ) -> Result<T, CommandError> {
        let reader = self.0.reader.clone();
        let work = move || read(&reader.lock().expect("no code panics while reading the record"));
        let done = tokio::task::spawn_blocking(work).await;
        Ok(done.map_err(|_| CommandError::stopping())??)
    }

    fn read_service<T>(
        &self,
        name: &ServiceName,
        read: impl FnOnce(&Service) -> T,
    ) -> Result<T, Refusal> {
        self.0.gather.world.read(|world| world.named(name).map(read))
    }
}

fn with_input<T>(service: &Service, make: impl FnOnce(SnapshotInput<'_>) -> T) -> T {
    let target = service.state.rollback_target().and_then(|n| service.state.builds.get(&n));
    let rollback = target.and_then(|build| {
        service.steps_of(build, Environment::Production, DeploymentKind::Rollback)
    });
    let lack = service.lack_of_rollback();
    let blocked = lack.and_then(|lack| lack.missing.as_ref());
    make(SnapshotInput {
        service: &service.name,
        repository: &crate::git::display_url(&service.watched.repository),
        trunk: service.trunk.as_deref().unwrap_or_default(),
        state: &service.state,
        policy: &service.policy(),
        people: &service.people,
        freezes: &service.freezes,
        rollback,
        rollback_blocked: blocked.map(|missing| missing.what.as_str()),
        rollback_unread: lack.is_some_and(|lack| !lack.lost.is_empty()),
        problems: &service.all_problems(),
        present: &service.present,
        on_call: service.on_call(),
    })
}
