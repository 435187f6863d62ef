//! The world of a scripted backend: events, states and plans of the domain, without git, processes or disk.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Fault;
use super::log::{filter, page, search};
use crate::calendar::{FreezeRules, FreezeWindow};
use crate::domain::by_hand::HandFacts;
use crate::domain::caller::Caller;
use crate::domain::chain::{ChainFrom, ChainHead, ChainPage, Hash, RecordSpan};
use crate::domain::command::{Command, Receipt, Refusal};
use crate::domain::commit::Range;
use crate::domain::commit_location::CommitLocation;
use crate::domain::deployment::{Deployment, StepState};
use crate::domain::event::{Event, Fact};
use crate::domain::ids::{
    BuildNumber, CommitPrefix, DeploymentId, Environment, IdempotencyKey, Seq, ServiceName, Sha,
};
use crate::domain::log::{FilteredPage, FilteredRead, LogFind, LogFrom, LogPage, LogSearch};
use crate::domain::on_call::{OnCallFeed, OnCallInput, OnCallSource};
use crate::domain::people::{Actor, People, Person};
use crate::domain::plan::{self, Migrations};
use crate::domain::policy::{FreezeMode, Policy, VerifyBy};
use crate::domain::presence::PresentPerson;
use crate::domain::service::ServiceState;
use crate::domain::snapshot::build::{self, SnapshotInput};
use crate::domain::snapshot::{
    BuildRow, FleetSnapshot, Problem, RollbackPreview, ServiceSnapshot, Version,
};
use crate::domain::timeline::UnreadSource;

/// The first service of every scripted world.
pub const SERVICE: &str = "checkout";
/// Where people would reach its pages.
pub const PUBLIC_URL: &str = "https://deploys.example.org";

/// The events, services and problems of the backend. A test changes them through its methods, which keep events, states
/// and version consistent.
#[derive(Debug)]
pub struct ScriptedWorld {
    pub(super) now: DateTime<Utc>,
    pub(super) faults: Vec<Fault>,
    pub(super) services: BTreeMap<ServiceName, ScriptedService>,
    /// The problems of the backend as a whole.
    problems: Vec<Problem>,
    pub(super) events: Vec<Event>,
    /// What is observed and could not be read.
    pub unread: Vec<UnreadSource>,
    pub(super) receipts: BTreeMap<IdempotencyKey, (ServiceName, Command, Receipt)>,
    /// Grows with every visible change, so that equal versions mean equal content.
    revision: u64,
}

/// One service of a scripted world.
#[derive(Debug, Clone, Default)]
pub struct ScriptedService {
    pub state: ServiceState,
    pub policy: Policy,
    pub people: People,
    /// The calendar freezes.
    pub freezes: FreezeRules,
    pub problems: Vec<Problem>,
    /// Who has the service open.
    pub present: Vec<PresentPerson>,
    /// `[on_call]` of its file, and its calendar as last read.
    pub on_call: Option<(OnCallSource, OnCallFeed)>,
    /// The migrations of every promote.
    pub migrations: Migrations,
    /// What a rollback by hand needs to know; without it no commands are told.
    pub by_hand: Option<HandFacts>,
    pub(super) logs: BTreeMap<(DeploymentId, usize), Vec<u8>>,
}

/// Reads for the backend.
impl ScriptedWorld {
    #[must_use]
    pub fn new(now: DateTime<Utc>) -> Self {
        let mut world = Self {
            now,
            faults: Vec::new(),
            services: BTreeMap::new(),
            problems: Vec::new(),
            events: Vec::new(),
            unread: Vec::new(),
            receipts: BTreeMap::new(),
            revision: 0,
        };
        world.add_service(&name(SERVICE));
        world
    }

    pub(super) fn version(&self) -> Version {
        Version(format!("scripted-{}", self.revision))
    }

    pub(super) fn fleet(&self) -> FleetSnapshot {
        let row = |(name, service): (&ServiceName, &ScriptedService)| {
            build::fleet_row(service.snapshot_input(name), self.now)
        };
        FleetSnapshot {
            version: self.version(),
            at: self.now,
            services: self.services.iter().map(row).collect(),
            problems: self.problems.clone(),
        }
    }

    pub(super) fn snapshot(
        &self,
        name: &ServiceName,
        caller: &Caller,
    ) -> Result<ServiceSnapshot, Refusal> {
        let service = self.service(name)?;
        let me = service.people.actor_of(caller);
        let made = build::service(service.snapshot_input(name), &me, self.version(), self.now);
        let rollback = made.rollback.map(|preview| {
            let by_hand = service.told_by_hand(name, preview.to).map(Box::new);
            RollbackPreview { by_hand, ..preview }
        });
        let doubts = service.problems.iter().map(|problem| problem.what.clone());
        let rules_in_doubt = Some(doubts.collect());
        Ok(ServiceSnapshot { rollback, rules_in_doubt, ..made })
    }

    pub(super) fn builds(
        &self,
        name: &ServiceName,
        before: Option<BuildNumber>,
        limit: usize,
    ) -> Result<Vec<BuildRow>, Refusal> {
        Ok(build::builds(self.service(name)?.snapshot_input(name), before, limit))
    }

    pub(super) fn history(
        &self,
        name: &ServiceName,
        environment: Environment,
        before: Option<DeploymentId>,
        limit: usize,
    ) -> Result<Vec<Deployment>, Refusal> {
        let deployments = self.service(name)?.state.deployments.values().rev();
        let wanted = |d: &&Deployment| {
            d.request.environment == environment && before.is_none_or(|before| d.id < before)
        };
        Ok(deployments.filter(wanted).take(limit).cloned().collect())
    }

    pub(super) fn freezes(
        &self,
        name: &ServiceName,
        environment: Environment,
        stretch: (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<Vec<FreezeWindow>, Refusal> {
        Ok(self.service(name)?.freezes.windows(
            name.as_str(),
            environment.as_str(),
            self.now,
            stretch,
        ))
    }

    pub(super) fn commit_location(
        &self,
        name: &ServiceName,
        commit: &CommitPrefix,
    ) -> Result<CommitLocation, Refusal> {
        let ScriptedService { state, policy, .. } = self.service(name)?;
        Ok(CommitLocation::recorded(state, policy, commit))
    }

    pub(super) fn receipt(&self, key: &IdempotencyKey) -> Option<Receipt> {
        self.receipts.get(key).map(|(_, _, receipt)| receipt.clone())
    }

    /// A chain computed over the events. It never breaks.
    pub(super) fn chain(&self, from: ChainFrom, limit: usize) -> ChainPage {
        let mut hash = Hash::GENESIS;
        let heads = self.events.iter().map(|event| {
            let row = serde_json::to_string(event).unwrap_or_default();
            hash = Hash::of(&format!("{hash}{row}"));
            ChainHead { seq: event.seq, hash, at: event.at.to_rfc3339(), rows: event.seq.0 }
        });
        let mut rows: Vec<_> = heads.filter(|head| head.seq > from.seq).collect();
        let more = rows.len() > limit;
        rows.truncate(limit);
        ChainPage { rows, broken: None, more }
    }

    pub(super) fn span(
        &self,
        since: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    ) -> Option<RecordSpan> {
        let is_in = |event: &&Event| {
            since.is_none_or(|since| event.at >= since)
                && until.is_none_or(|until| event.at <= until)
        };
        let mut seqs = self.events.iter().filter(is_in).map(|event| event.seq);
        let first = seqs.next()?;
        Some(RecordSpan { first, last: seqs.next_back().unwrap_or(first) })
    }

    pub(super) fn events(
        &self,
        service: Option<&ServiceName>,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Event>, Refusal> {
        if let Some(name) = service {
            self.service(name)?;
        }
        let wanted = |event: &&Event| {
            event.seq > after && service.is_none_or(|service| event.service == *service)
        };
        Ok(self.events.iter().filter(wanted).take(limit).cloned().collect())
    }

    pub(super) fn log(
        &self,
        name: &ServiceName,
        id: DeploymentId,
        step: usize,
        from: LogFrom,
        limit: usize,
    ) -> Result<LogPage, Refusal> {
        let (log, closed) = self.written(name, id, step)?;
        Ok(page(log, closed, from, limit))
    }

    pub(super) fn search_log(
        &self,
        name: &ServiceName,
        id: DeploymentId,
        step: usize,
        wanted: &LogSearch,
    ) -> Result<LogFind, Refusal> {
        let (log, closed) = self.written(name, id, step)?;
        search(log, closed, wanted)
    }

    pub(super) fn filter_log(
        &self,
        name: &ServiceName,
        id: DeploymentId,
        step: usize,
        wanted: &FilteredRead,
    ) -> Result<FilteredPage, Refusal> {
        let (log, closed) = self.written(name, id, step)?;
        filter(log, closed, wanted)
    }

    /// The log of a step, and whether it is closed.
    fn written(
        &self,
        name: &ServiceName,
        id: DeploymentId,
        step: usize,
    ) -> Result<(&[u8], bool), Refusal> {
        let service = self.service(name)?;
        let state = service.state.deployments.get(&id).and_then(|d| d.steps.get(step));
        let state = state
            .ok_or_else(|| Refusal::not_found(format!("{id} of {name} has no step {step}")))?;
        let closed = matches!(state, StepState::Ended { .. } | StepState::Skipped);
        let log = service.logs.get(&(id, step)).map_or(&[][..], Vec::as_slice);
        Ok((log, closed))
    }

    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// # Errors
    /// [`Refusal::NotFound`] if there is no service with this name.
    pub fn service(&self, name: &ServiceName) -> Result<&ScriptedService, Refusal> {
        self.services
            .get(name)
            .ok_or_else(|| Refusal::not_found(format!("there is no service {:?}", name.as_str())))
    }
}

/// Changes that a test makes.
impl ScriptedWorld {
    /// Adds a service with the people `sam`, `kim` and `ada`, who commit as NAME@example.com.
    pub fn add_service(&mut self, name: &ServiceName) {
        let person = |name: &str| {
            let emails = vec![format!("{name}@example.com")];
            (name.to_owned(), Person { emails, ..Person::default() })
        };
        let people = ["sam", "kim", "ada"].map(person).into();
        let policy = Policy {
            soak: Duration::ZERO,
            big_batch: 8,
            verify: vec![VerifyBy::Person],
            freeze: FreezeMode::Override,
            leaves: Some(Vec::new()),
            ..Policy::default()
        };
        let people = People { people, bots: Vec::new() };
        self.services
            .insert(name.clone(), ScriptedService { policy, people, ..ScriptedService::default() });
        self.revision += 1;
    }

    /// Removes a service and its state.
    pub fn remove_service(&mut self, name: &ServiceName) {
        self.services.remove(name);
        self.revision += 1;
    }

    /// Sets the problems of the backend as a whole.
    pub fn trouble(&mut self, problems: Vec<Problem>) {
        self.problems = problems;
        self.revision += 1;
    }

    /// Changes what no event records: policy, people, problems and who is here.
    ///
    /// # Panics
    /// When there is no such service.
    pub fn edit(&mut self, name: &ServiceName, edit: impl FnOnce(&mut ScriptedService)) {
        self.revision += 1;
        edit(self.services.get_mut(name).expect("the service was added before"));
    }

    /// Lets time pass.
    pub fn pass(&mut self, time: Duration) {
        self.revision += 1;
        self.now += time;
    }

    /// Records a fact without any check.
    ///
    /// # Panics
    /// When there is no such service.
    pub fn record(&mut self, name: &ServiceName, actor: Actor, fact: Fact) -> Seq {
        self.revision += 1;
        self.record_unseen(name, actor, fact)
    }

    /// Records a fact that changes no snapshot.
    pub(super) fn record_unseen(&mut self, name: &ServiceName, actor: Actor, fact: Fact) -> Seq {
        let seq = Seq(self.last_seq().0 + 1);
        let event = Event { seq, at: self.now, service: name.clone(), actor, fact };
        let service = self.services.get_mut(name).expect("the service was added before");
        service.state.apply(&event);
        self.events.push(event);
        seq
    }

    pub(super) fn last_seq(&self) -> Seq {
        self.events.last().map_or(Seq(0), |event| event.seq)
    }
}

impl ScriptedService {
    fn snapshot_input<'a>(&'a self, name: &'a ServiceName) -> SnapshotInput<'a> {
        SnapshotInput {
            service: name,
            repository: "git@example.com:shop/checkout.git",
            trunk: "main",
            state: &self.state,
            policy: &self.policy,
            people: &self.people,
            freezes: &self.freezes,
            rollback: Some(&[]),
            rollback_blocked: None,
            rollback_unread: false,
            problems: &self.problems,
            present: &self.present,
            on_call: self.on_call(),
        }
    }

    pub(super) fn on_call(&self) -> Option<OnCallInput<'_>> {
        self.on_call.as_ref().map(|(source, feed)| OnCallInput { source, feed: Some(feed) })
    }

    pub(super) fn range(&self, ends: &plan::Endpoints) -> Range {
        let live = ends.live.unwrap_or(BuildNumber(0));
        let (from, to) = (live.min(ends.target), live.max(ends.target));
        let builds = self.state.builds.iter().rev();
        let inside = builds.filter(|(number, _)| **number > from && **number <= to);
        let from = self.state.builds.get(&from).map(|build| build.sha.clone());
        let commits = inside.flat_map(|(_, build)| build.commits.clone()).collect();
        Range::of(from, sha(to.0), commits)
    }
}

pub(super) fn sha(number: u64) -> Sha {
    Sha::try_from(format!("{number:040x}")).expect("forty hex digits are a commit id")
}

fn name(name: &str) -> ServiceName {
    name.parse().expect("the name was chosen to be valid")
}
