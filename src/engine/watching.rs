//! Watches every repository, the user file, the freezes and the clock until the engine stops.

use std::collections::HashMap;
use std::io::ErrorKind::StorageFull;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::Services;
use super::asked::AskedCommands;
use super::auto_rollback::{AutoRollbackContext, roll_back_by_itself};
use super::clock::{ClockWatch, Passed};
use super::commands::due_wave;
use super::foundation::Foundation;
use super::gather::{GatherContext, pipeline};
use super::input::Input;
use super::mirrors::Mirrors;
use super::needs::look_at_all;
use super::observe::{LiveReads, ObserveContext, ask_all, observe_all};
use super::outputs::Outputs;
use super::reserve::{Reserve, write_remedy};
use super::restore::{RETRY_REMEDY, read_rules};
use super::retention::Keeper;
use super::trunk::{KnownPeople, TrunkContext, watch};
use super::variables::{RollbackNeeds, StepNeeds};
use super::watch::{WatchContext, watch_deployments};
use super::world::{Service, Trouble};
use crate::config::user_file::{UserFile, Watched};
use crate::domain::event::DeploymentKind;
use crate::domain::ids::ServiceName;
use crate::domain::rehearsal::{Rehearsal, is_due};
use crate::domain::variables::RollbackLack;

/// How long git may take for all service files once the engine is open.
const RULES_TIMEOUT: Duration = Duration::from_mins(1);

/// The problems that were sent to the writer.
type ReportedProblems = HashMap<String, Option<Trouble>>;

/// What watching needs.
pub struct Watching {
    pub trunk: TrunkContext,
    pub mirrors: Arc<Mirrors>,
    pub foundation: Arc<Foundation>,
    pub reserve: Reserve,
    pub gather: GatherContext,
    /// Who is known besides the people of each service file.
    pub known: Arc<KnownPeople>,
    /// Looks at what others deploy.
    pub observing: ObserveContext,
    /// Asks the services what they run.
    pub live: Arc<LiveReads>,
    /// Looks at what was deployed.
    pub watch: WatchContext,
    /// Asks commands of service files.
    pub asked: Arc<AskedCommands>,
    /// Runs the observed commands.
    pub outputs: Arc<Outputs>,
    pub poll: Duration,
}

impl Watching {
    /// Reports to the writer that a problem outside any service began or ended. Reports a change once.
    async fn set_trouble(
        &self,
        reported: &mut ReportedProblems,
        source: &str,
        trouble: Option<Trouble>,
    ) {
        if reported.get(source) != Some(&trouble) {
            reported.insert(source.to_owned(), trouble.clone());
            self.send(Input::Trouble { source: source.to_owned(), trouble }).await;
        }
    }

    async fn send(&self, input: Input) {
        let _stopped = self.trunk.inputs.send(input).await;
    }

    /// The services whose daily rehearsal may begin now. The writer looks once more.
    fn due_rehearsals(&self) -> Vec<ServiceName> {
        let now = self.trunk.clock.now();
        let is_due = |service: &&Arc<Service>| {
            let policy = service.file.as_ref().map(|file| &file.policy);
            policy.is_some_and(|policy| {
                is_due(&service.state, policy, now) && Rehearsal::of(&service.state, policy).is_ok()
            })
        };
        self.trunk.world.read(|world| {
            world.services.values().filter(is_due).map(|service| service.name.clone()).collect()
        })
    }

    /// The services with a deployment whose next wave may begin by itself now. The writer looks once more.
    fn due_waves(&self) -> Vec<ServiceName> {
        let now = self.trunk.clock.now();
        let is_due = |service: &&Arc<Service>| {
            service.file.is_some() && due_wave(&service.view(), now).is_some()
        };
        self.trunk.world.read(|world| {
            world.services.values().filter(is_due).map(|service| service.name.clone()).collect()
        })
    }

    fn auto_rollback(&self) -> AutoRollbackContext {
        let (gather, live) = (self.gather.clone(), self.live.clone());
        AutoRollbackContext { gather, live, poll: self.poll }
    }

    async fn look_at_freezes(&self) {
        let (world, now) = (&self.trunk.world, self.trunk.clock.now());
        if let Some(update) = self.trunk.freezes.look_when_due(world, now).await {
            self.send(Input::FreezesRead(Box::new(update))).await;
        }
    }

    /// Keeps space for a rollback, unless one is using it. Returns what to say about it.
    fn keep_space(&self) -> Option<Trouble> {
        let is_used =
            || self.trunk.world.read(|world| world.services.values().any(|s| s.state.rolls_back()));
        let is_short = self.reserve.is_short();
        let trouble = |kind, what: String| {
            Trouble::new(what, format!("{}; trunkline retries automatically", write_remedy(kind)))
        };
        let full = |then| trouble(StorageFull, format!("the disk is almost full; {then}"));
        if !self.reserve.is_held() && is_used() {
            return is_short.then(|| full("a rollback uses the rest"));
        }
        match self.reserve.hold() {
            Ok(true) if !is_short => None,
            Ok(true) => Some(full("what is kept of it is for a rollback")),
            Ok(false) => Some(full("no space is kept for a rollback")),
            Err(why) => {
                let what = format!("no space could be kept for a rollback: {why}");
                Some(trouble(why.kind(), what))
            }
        }
    }

    /// What the next rollback lacks. `known` is what was found before.
    async fn lack(
        &self,
        service: &ServiceName,
        needs: RollbackNeeds,
        known: Option<RollbackLack>,
    ) -> Option<RollbackLack> {
        let (target, declared) = match needs {
            RollbackNeeds::Variables(target, declared) => (target, Some(declared)),
            RollbackNeeds::Nothing => return None,
            RollbackNeeds::File(target, recorded) => {
                let read = pipeline(&self.gather, service, &target, DeploymentKind::Rollback).await;
                (target, recorded.filter(|_| read.is_err()))
            }
        };
        let Some(declared) = declared else {
            // The next round knows what was read now. Until then what was said last of this target stays.
            return known.filter(|known| known.target == target);
        };
        let (missing, lost) = self.gather.variables.missing(&declared).await;
        let lacks = missing.is_some() || !lost.is_empty();
        lacks.then_some(RollbackLack { target, missing, lost })
    }

    /// Reports which services lack a variable, each change once. A command of the operator may be slow, so nothing else waits.
    async fn watch_variables(self: Arc<Self>) {
        let mut reported: HashMap<_, (Option<_>, Option<RollbackLack>)> = HashMap::new();
        loop {
            let declared = |service: &Arc<Service>| {
                let (trunk, rollback) = StepNeeds::of_service(service);
                (service.name.clone(), trunk, rollback)
            };
            let services: Vec<_> =
                self.trunk.world.read(|world| world.services.values().map(declared).collect());
            for (service, trunk, rollback) in services {
                let known = reported.get(&service).and_then(|(_, lack)| lack.clone());
                let lack = Box::pin(self.lack(&service, rollback, known)).await;
                let (missing, _) = self.gather.variables.missing(&trunk).await;
                let of_rollback =
                    lack.as_ref().and_then(|l| l.missing.as_ref().or(l.lost.unset.as_ref()));
                let missing = missing.or_else(|| of_rollback.cloned());
                let found = (missing.clone(), lack.clone());
                let before = reported.insert(service.clone(), found.clone());
                if before.unwrap_or_default() != found {
                    let input = Input::VariablesMissing { service, missing, for_rollback: lack };
                    self.send(input).await;
                }
            }
            tokio::time::sleep(self.poll).await;
        }
    }

    /// Reads the service files that git did not give while the engine opened.
    async fn read_later(self: Arc<Self>, mut unread: Vec<ServiceName>) {
        while !unread.is_empty() {
            tokio::time::sleep(self.poll).await;
            let world = self.trunk.world.world();
            unread.retain(|name| world.services.get(name).is_some_and(|s| s.file.is_none()));
            drop(world);
            let deadline = Instant::now() + RULES_TIMEOUT;
            let (rules, later) = read_rules(&self.trunk.world, &self.known, unread, deadline).await;
            unread = later;
            for rules in rules {
                self.send(Input::RulesRead(Box::new(rules))).await;
            }
        }
    }
}

/// The problem of something that is tried again.
fn retried(why: &impl ToString) -> Trouble {
    Trouble::new(why.to_string(), RETRY_REMEDY)
}

/// Watches these repositories, and those that are added to the user file later.
pub(super) async fn watch_all(
    watching: Watching,
    keeper: Keeper,
    services: Services,
    first: Vec<Watched>,
    unread: Vec<ServiceName>,
) {
    let watching = Arc::new(watching);
    let mut clock = ClockWatch::begin(&*watching.trunk.clock);
    let mut watchers = tokio::task::JoinSet::new();
    watchers.spawn(watching.clone().read_later(unread));
    watchers.spawn(watching.clone().watch_variables());
    let (gather, asked) = (watching.gather.clone(), watching.asked.clone());
    watchers.spawn(look_at_all(gather, asked, watching.poll));
    watchers.spawn(keeper.keep());
    watchers.spawn(observe_all(watching.observing.clone()));
    watchers.spawn(ask_all(watching.live.clone()));
    watchers.spawn(watch_deployments(watching.watch.clone()));
    watchers.spawn(roll_back_by_itself(watching.auto_rollback()));
    watchers.spawn(watching.outputs.clone().observe_all());
    let mut reported = ReportedProblems::new();
    watching.set_trouble(&mut reported, "disk", watching.keep_space()).await;
    let mut known: Vec<(Watched, AbortHandle)> = Vec::new();
    let mut wanted = first;
    loop {
        for watched in std::mem::take(&mut wanted) {
            if known.iter().any(|(known, _)| known.is_same(&watched)) {
                continue;
            }
            let opened = watching.mirrors.open(&watched).await;
            let trouble = opened.as_ref().err().map(retried);
            watching.set_trouble(&mut reported, &watched.repository, trouble).await;
            if let Ok(mirror) = opened {
                let watch = watch(watching.trunk.clone(), watched.clone(), mirror, watching.poll);
                known.push((watched, watchers.spawn(watch)));
            }
        }
        tokio::time::sleep(watching.poll).await;
        if watching.foundation.broken().is_some() {
            watching.send(Input::CheckFoundation).await;
        }
        match clock.look(&*watching.trunk.clock) {
            Passed::Evenly => {}
            passed => watching.send(Input::ClockJumped(passed)).await,
        }
        watching.look_at_freezes().await;
        for service in watching.due_rehearsals() {
            watching.send(Input::RehearsalDue(service)).await;
        }
        for service in watching.due_waves() {
            watching.send(Input::WaveDue(service)).await;
        }
        watching.set_trouble(&mut reported, "disk", watching.keep_space()).await;
        // Only a user file can add repositories.
        let Services::File(path) = &services else { continue };
        let file = UserFile::load(path);
        let trouble = file.as_ref().err().map(retried);
        watching.set_trouble(&mut reported, "user file", trouble).await;
        let Ok(file) = file else { continue };
        wanted = file.services;
        for (gone, watcher) in known.extract_if(.., |(known, _)| !wanted.contains(known)) {
            watcher.abort();
            watching.send(Input::NotWatched(gone)).await;
        }
    }
}
