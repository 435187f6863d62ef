//! The promises, said once more in the plainest way and held against every event.
//!
//! It shares no code with what it judges: it reads events alone, and keeps of them what the promises are about.

mod basis;
mod quarantine;
mod requests;
mod schema;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use trunkline::domain::command::Command;
use trunkline::domain::event::{
    DeploymentKind, DeploymentRequest, Event, Fact, Outcome, StepOutcome,
};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, Seq};
use trunkline::domain::people::Actor;
use trunkline::domain::plan::Guard;
use trunkline::domain::policy::{FreezeMode, VerifyBy};
use trunkline::domain::service::ServiceState;
use trunkline::engine::commands::Decided;

pub use self::basis::Basis;
use self::quarantine::{Has, Quarantine};
use self::requests::Requests;
pub use self::schema::Added;
use self::schema::{Brings, Schema, needs_reason};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Waiting,
    Running,
    Good,
    Bad,
}

#[derive(Debug, Clone)]
struct Attempt {
    environment: Environment,
    build: BuildNumber,
    kind: DeploymentKind,
    started: bool,
    cancelled: bool,
    steps: Vec<Step>,
    brings: Brings,
    end: Option<bool>,
}

#[derive(Debug, Clone, Default)]
struct Build {
    off_trunk: bool,
    staged: Option<DeploymentId>,
    in_staging: bool,
    /// Of each kind the event that verified it last, those of persons under no name.
    verified: BTreeMap<Option<String>, Seq>,
}

#[derive(Debug)]
pub struct Reference {
    freeze: FreezeMode,
    verify: Vec<VerifyBy>,
    min_bake: TimeDelta,
    last: Seq,
    builds: BTreeMap<BuildNumber, Build>,
    attempts: BTreeMap<DeploymentId, Attempt>,
    live: BTreeMap<Environment, BuildNumber>,
    was_live: Vec<(BuildNumber, DateTime<Utc>)>,
    last_ended: Option<DeploymentId>,
    /// Of the attempts in staging that began, whether the last to end was good.
    staging_is_well: bool,
    /// The event that placed each, and whether that was a rollback's doing.
    holds: BTreeMap<Environment, (Seq, bool)>,
    freezes: BTreeMap<Seq, (DateTime<Utc>, Option<DateTime<Utc>>)>,
    /// A rollback was requested by the event before: production has to be on hold next.
    owes_hold: Option<DeploymentId>,
    quarantine: Quarantine,
    requests: Requests,
    schema: Schema,
}

impl Reference {
    pub fn new(freeze: FreezeMode, verify: Vec<VerifyBy>, min_bake: TimeDelta) -> Self {
        Self {
            freeze,
            verify,
            min_bake,
            last: Seq(0),
            builds: BTreeMap::new(),
            attempts: BTreeMap::new(),
            live: BTreeMap::new(),
            was_live: Vec::new(),
            last_ended: None,
            staging_is_well: false,
            holds: BTreeMap::new(),
            freezes: BTreeMap::new(),
            owes_hold: None,
            quarantine: Quarantine::default(),
            requests: Requests::default(),
            schema: Schema::default(),
        }
    }

    /// Judges an event by what was before it, then takes it in.
    pub fn saw(&mut self, event: &Event) {
        assert_eq!(event.seq.0, self.last.0 + 1, "events are numbered without a gap");
        self.last = event.seq;
        self.requests.passed(event.at);
        if let Some(rollback) = self.owes_hold.take() {
            assert!(
                matches!(&event.fact, Fact::HoldPlaced { rollback: Some(id), .. } if *id == rollback),
                "production is on hold from the moment {rollback} was requested, not {event:?}"
            );
        }
        match &event.fact {
            Fact::BuildFound { build, .. } => {
                self.builds.insert(*build, Build::default());
                self.quarantine.found(&event.fact);
            }
            Fact::TrunkRewritten { off_trunk, onto, .. } => {
                for number in off_trunk {
                    self.builds.get_mut(number).expect("it was found").off_trunk = true;
                }
                self.quarantine.rewritten(off_trunk, *onto);
                let newest = self.builds.keys().next_back().expect("there was a trunk before");
                self.schema.rewritten(off_trunk, *newest);
                self.requests.rewritten(event.at, off_trunk);
            }
            Fact::DeploymentRequested(request) => self.requested(event, request),
            Fact::DeploymentStarted { deployment, .. } => self.started(event.seq, *deployment),
            Fact::StepStarted { deployment, step, .. } => self.step_started(*deployment, *step),
            Fact::StepEnded { deployment, step, outcome, .. } => {
                let state = &mut self.attempt(*deployment).steps[*step];
                assert_eq!(*state, Step::Running, "{event:?} ends what does not run");
                let good = *outcome == StepOutcome::Succeeded;
                *state = if good { Step::Good } else { Step::Bad };
            }
            Fact::CancelRequested { deployment, .. } => {
                let attempt = self.attempt(*deployment);
                assert!(attempt.end.is_none() && !attempt.cancelled, "{event:?} of {attempt:?}");
                attempt.cancelled = true;
            }
            Fact::DeploymentEnded { deployment, outcome } => {
                self.ended(event.at, *deployment, outcome);
            }
            Fact::BuildVerified { build, kind, .. } => self.verified(event, *build, kind),
            Fact::HoldPlaced { environment, rollback, .. } => {
                self.holds.insert(*environment, (event.seq, rollback.is_some()));
            }
            Fact::HoldReleased { environment, bad, .. } => {
                assert!(self.holds.remove(environment).is_some(), "{event:?} releases nothing");
                self.quarantine.named(event.seq, bad);
            }
            Fact::CommitsQuarantined { bad, .. } => self.quarantine.named(event.seq, bad),
            Fact::CommitCleared { sha, .. } => self.quarantine.cleared(sha),
            Fact::PromoterRequested { build, until, .. } => {
                assert!(self.builds.contains_key(build), "{event:?} asks for what is not there");
                self.requests.asked(event, *build, *until);
            }
            Fact::RequestWithdrawn { request, .. } => self.requests.withdrawn(event.at, *request),
            Fact::RunSent { .. } | Fact::RunFound { .. } | Fact::RunWaits { .. } => {
                panic!("{event:?}: all steps of the story run here")
            }
            Fact::DeploymentObserved(_)
            | Fact::UnknownObserved(_)
            | Fact::ObservedEnded { .. }
            | Fact::LiveSaid(_)
            | Fact::TargetsSaid(_)
            | Fact::ProductionAdopted(_)
            | Fact::RecordRestored { .. }
            | Fact::RunsRemoved { .. }
            | Fact::WaveWaits(_)
            | Fact::WaveContinued(_)
            | Fact::WatchBegan(_)
            | Fact::WatchSampled(_)
            | Fact::WatchTurned(_)
            | Fact::WatchEnded(_)
            | Fact::WatchSeen(_)
            | Fact::AutoRollback(_) => {
                panic!(
                    "{event:?}: no command of the story records what is done outside of trunkline"
                )
            }
            // Nothing was done, or not by a deployment.
            Fact::Refused { .. } | Fact::Noted(_) | Fact::LeftoversListed(_) => {}
            Fact::IncidentOpened(_)
            | Fact::IncidentUpdated(_)
            | Fact::IncidentResolved(_)
            | Fact::IncidentReopened(_)
            | Fact::PostmortemWritten(_)
            | Fact::PostmortemDismissed(_)
            | Fact::UsersNotAffected(_) => {
                panic!("{event:?}: nobody of the story has an incident")
            }
            Fact::LeftoverTicked(_) | Fact::LeftoverUnticked(_) => {
                panic!("{event:?}: nobody of the story ticks")
            }
            Fact::FreezePlaced { from, until, .. } => {
                self.freezes.insert(event.seq, (*from, *until));
            }
            Fact::FreezeLifted { freeze, .. } => {
                assert!(self.freezes.remove(freeze).is_some(), "{event:?} lifts nothing");
            }
        }
    }

    fn attempt(&mut self, id: DeploymentId) -> &mut Attempt {
        self.attempts.get_mut(&id).expect("it was requested")
    }

    fn open(&self, environment: Environment) -> impl Iterator<Item = (&DeploymentId, &Attempt)> {
        self.attempts.iter().filter(move |(_, a)| a.end.is_none() && a.environment == environment)
    }

    fn requested(&mut self, event: &Event, request: &DeploymentRequest) {
        let id = DeploymentId::from(event.seq);
        match request.kind {
            DeploymentKind::Auto => self.may_stage(event, request),
            DeploymentKind::Retry => self.may_try_again(event, request),
            DeploymentKind::Rollback => {
                self.may_go_back(event, request);
                self.owes_hold = Some(id);
            }
            DeploymentKind::External | DeploymentKind::Rehearsal | DeploymentKind::Return => {
                panic!("{event:?}: nobody requests what another engine does")
            }
            DeploymentKind::Promote | DeploymentKind::Redeploy => self.may_promote(event, request),
        }
        if event.actor != Actor::System {
            assert_eq!(request.retries, self.failed_before(request), "{event:?}");
        }
        if request.environment == Environment::Production {
            self.requests.deployed(event, request);
        }
        let build = self.builds.get_mut(&request.build).expect("only what was found is deployed");
        if request.environment == Environment::Staging {
            build.staged = Some(id);
        }
        let attempt = Attempt {
            environment: request.environment,
            build: request.build,
            kind: request.kind,
            started: false,
            cancelled: false,
            steps: vec![Step::Waiting; request.steps.len()],
            brings: Brings::of(request),
            end: None,
        };
        self.attempts.insert(id, attempt);
    }

    fn may_stage(&self, event: &Event, request: &DeploymentRequest) {
        let busy = self.open(Environment::Staging).next();
        assert!(busy.is_none(), "{event:?} while staging has {busy:?}");
        assert!(!self.holds.contains_key(&Environment::Staging), "{event:?} on hold");
        let newest = self.builds.iter().rev().find(|(_, build)| !build.off_trunk);
        let (number, build) = newest.expect("there is one to deploy");
        assert_eq!((request.build, build.staged), (*number, None), "{event:?} is not the newest");
    }

    fn may_try_again(&self, event: &Event, request: &DeploymentRequest) {
        let staging = Environment::Staging;
        assert!(event.actor != Actor::System, "nobody asked for {event:?}");
        assert_eq!(request.environment, staging, "{event:?} is a promote or a rollback");
        let busy = self.open(staging).next();
        assert!(busy.is_none(), "{event:?} while staging has {busy:?}");
        let held = self.holds.contains_key(&staging);
        assert!(!held || request.overrides.contains_key(&Guard::Hold), "{event:?} on hold");
        assert!(!self.builds[&request.build].off_trunk, "{event:?} is off the trunk");
        let runs = self.live.get(&staging) == Some(&request.build) && self.staging_is_well;
        assert!(!runs, "{event:?} runs there already");
    }

    /// The last attempt at a build in an environment, if it did not go well or is about to end so.
    fn failed_before(&self, request: &DeploymentRequest) -> Option<DeploymentId> {
        let is_rollback = |kind| kind == DeploymentKind::Rollback;
        let same = |attempt: &Attempt| {
            (attempt.environment, attempt.build) == (request.environment, request.build)
        };
        let (id, last) = self.attempts.iter().rev().find(|(_, attempt)| same(attempt))?;
        let is_same = is_rollback(last.kind) == is_rollback(request.kind);
        let is_over = last.end == Some(false) || last.end.is_none() && last.cancelled;
        (is_same && is_over).then_some(*id)
    }

    fn may_promote(&self, event: &Event, request: &DeploymentRequest) {
        let overridden = |guard| request.overrides.contains_key(&guard);
        let production = Environment::Production;
        let busy = self.open(production).next();
        assert!(busy.is_none(), "{event:?} while production has {busy:?}");
        let live = self.live.get(&production).copied();
        assert!(live.is_none_or(|live| live <= request.build), "{event:?} is older than {live:?}");
        let held = self.holds.contains_key(&production);
        assert!(!held || overridden(Guard::Hold), "{event:?} on hold");
        let frozen = !self.frozen(event.at).is_empty() && self.freeze == FreezeMode::Override;
        assert!(!frozen || overridden(Guard::Freeze), "{event:?} while frozen");
        let build = &self.builds[&request.build];
        let seen = |kind: &VerifyBy| build.verified.contains_key(&name(kind));
        let good = self.verify.iter().all(seen) && build.in_staging;
        assert!(good || overridden(Guard::Verified), "{event:?} is not verified");
        let bad = self.quarantine.of(request.build);
        assert!(bad.is_empty() || overridden(Guard::Quarantine), "{event:?} has {bad:?}");
        // Where nothing is live there is no code that could break.
        let breaks = live.is_some_and(|live| {
            needs_reason(request, &self.was_live, event.at, self.min_bake)
                || self.schema.leaves_behind(live, request.build)
        });
        assert!(!breaks || overridden(Guard::Migration), "{event:?} breaks the code before it");
    }

    fn may_go_back(&self, event: &Event, request: &DeploymentRequest) {
        let production = Environment::Production;
        let live = self.live.get(&production).expect("something was live");
        assert!(request.build <= *live, "{event:?} goes forward");
        assert!(self.was_live(request.build), "{event:?} was never live");
        let bad = self.quarantine.of(request.build);
        let overridden = request.overrides.contains_key(&Guard::Quarantine);
        assert!(bad.is_empty() || overridden, "{event:?} goes back to {bad:?}");
        let mut left = self.open(production).filter(|(_, attempt)| !attempt.cancelled);
        assert!(left.next().is_none(), "{event:?} leaves something running");
        assert!(event.actor != Actor::System, "nobody asked for {event:?}");
    }

    fn frozen(&self, at: DateTime<Utc>) -> Vec<Seq> {
        let covers = |(from, until): &(DateTime<Utc>, Option<DateTime<Utc>>)| {
            *from <= at && until.is_none_or(|until| at < until)
        };
        self.freezes.iter().filter(|(_, times)| covers(times)).map(|(id, _)| *id).collect()
    }

    fn started(&mut self, at: Seq, id: DeploymentId) {
        let attempt = self.attempt(id).clone();
        assert!(!attempt.started && attempt.end.is_none(), "{id} starts twice");
        let first = self.open(attempt.environment).next().map(|(first, _)| *first);
        assert_eq!(first, Some(id), "one deployment at a time, in their order");
        self.attempt(id).started = true;
        if attempt.environment == Environment::Production {
            self.schema.began(at, &attempt.brings, self.builds.keys().copied());
        }
    }

    fn step_started(&mut self, id: DeploymentId, step: usize) {
        let attempt = self.attempt(id);
        let is_open = attempt.started && attempt.end.is_none() && !attempt.cancelled;
        assert!(is_open, "{id} runs {step} although it is {attempt:?}");
        let before = attempt.steps[..step].iter().all(|state| *state == Step::Good);
        let once = attempt.steps[step] == Step::Waiting;
        assert!(before && once, "step {step} of {attempt:?}");
        attempt.steps[step] = Step::Running;
    }

    fn ended(&mut self, at: DateTime<Utc>, id: DeploymentId, outcome: &Outcome) {
        let good = *outcome == Outcome::Succeeded;
        let attempt = self.attempt(id);
        assert_eq!(attempt.end, None, "{id} ends twice");
        assert!(!attempt.steps.contains(&Step::Running), "{id} ends while a step runs");
        let all = attempt.started && attempt.steps.iter().all(|step| *step == Step::Good);
        assert_eq!(good, all, "{id} ends as {outcome:?}, but is {attempt:?}");
        attempt.end = Some(good);
        let Attempt { environment, build, started, .. } = attempt.clone();
        if started && environment == Environment::Production {
            self.last_ended = Some(id);
        }
        if started && environment == Environment::Staging {
            self.staging_is_well = good;
        }
        if !good {
            return;
        }
        self.live.insert(environment, build);
        match environment {
            Environment::Production => {
                self.was_live.push((build, at));
                self.schema.went_live(build, id);
            }
            Environment::Staging => {
                self.builds.get_mut(&build).expect("it was found").in_staging = true;
            }
        }
    }

    fn verified(&mut self, event: &Event, number: BuildNumber, kind: &VerifyBy) {
        let by_itself = event.actor == Actor::System;
        assert_eq!(by_itself, *kind != VerifyBy::Person, "{event:?}");
        let is_live = self.live.get(&Environment::Staging) == Some(&number);
        let is_wanted = self.verify.contains(kind);
        let build = self.builds.get_mut(&number).expect("it was found");
        assert!(build.in_staging, "{event:?} was never in staging");
        let before = build.verified.insert(name(kind), event.seq);
        assert!(!by_itself || (is_live && is_wanted && before.is_none()), "{event:?} by itself");
    }

    fn was_live(&self, build: BuildNumber) -> bool {
        self.was_live.iter().any(|(was, _)| *was == build)
    }

    /// Why a command may not be accepted now, apart from what its plan says.
    pub fn forbids(&self, command: &Command, now: DateTime<Utc>) -> Option<&'static str> {
        let by_rollback = |environment| self.holds.get(environment).is_some_and(|(_, by)| *by);
        match command {
            Command::Release { environment, bad: None, .. } if by_rollback(environment) => {
                Some("nobody said which commits were bad")
            }
            Command::Ask { build, .. } if self.requests.is_open_for(*build, now) => {
                Some("it is asked for already")
            }
            Command::Withdraw { request, .. } if !self.requests.is_open(*request, now) => {
                Some("it is over, or never was")
            }
            _ => None,
        }
    }

    /// The attempt that left production in doubt.
    pub fn in_doubt(&self) -> Option<DeploymentId> {
        self.last_ended.filter(|id| self.attempts[id].end == Some(false))
    }

    /// What a build has of the quarantine, and the folded state says the same.
    pub fn bad_in(&self, build: BuildNumber, state: &ServiceState) -> Vec<Has> {
        let own = self.quarantine.of(build);
        let folded = state.bad_in(build).into_iter();
        let folded: Vec<_> = folded
            .map(|bad| (bad.quarantined.commit.sha.clone(), bad.quarantined.id, bad.first_safe))
            .collect();
        assert_eq!(folded, own, "what {build} has of the quarantine");
        own
    }

    /// An accepted command is in the record with all that belongs to it.
    pub fn commanded(&self, command: &Command, decided: &Decided, next: Seq) {
        let Decided { facts, deployment, .. } = decided;
        assert!(!facts.is_empty(), "{command:?} was accepted and is nothing");
        assert_eq!(self.last.0, next.0 + facts.len() as u64 - 1);
        if let (Command::Execute { .. }, Some(id)) = (command, deployment) {
            let requested = facts.iter().filter(|f| matches!(f, Fact::DeploymentRequested(_)));
            assert_eq!(requested.count(), 1, "one command is one deployment");
            assert!(self.attempts.contains_key(id), "{id} is what the answer names");
        }
    }

    /// The folded state says the same as these events.
    pub fn agrees_with(&self, state: &ServiceState, now: DateTime<Utc>) {
        assert_eq!(self.owes_hold, None, "a rollback without a hold");
        for environment in [Environment::Staging, Environment::Production] {
            let running = self.open(environment).filter(|(_, attempt)| attempt.started);
            assert!(running.count() <= 1, "one deployment at a time in {environment}");
            let live = state.live(environment).map(|live| live.build);
            assert_eq!(live, self.live.get(&environment).copied(), "live is the last success");
            let newest = self.open(environment).last().map(|(id, _)| *id);
            assert_eq!(state.in_flight(environment).map(|d| d.id), newest);
            let hold = state.holds.get(&environment).map(|hold| (hold.id, hold.rollback.is_some()));
            assert_eq!(hold, self.holds.get(&environment).copied());
        }
        let known: BTreeSet<_> = state.deployments.keys().collect();
        assert_eq!(known, self.attempts.keys().collect());
        for (id, attempt) in &self.attempts {
            let folded = &state.deployments[id];
            assert_eq!(folded.is_open(), attempt.end.is_none(), "{id}");
            assert_eq!(folded.succeeded(), attempt.end == Some(true), "{id}");
        }
        let unsettled = self.last_ended.filter(|id| self.attempts[id].end == Some(false));
        assert_eq!(state.unsettled(Environment::Production).map(|d| d.id), unsettled);
        let freezes: Vec<_> = state.freezes.iter().map(|freeze| freeze.id).collect();
        assert_eq!(freezes, self.freezes.keys().copied().collect::<Vec<_>>());
        assert_eq!(state.quarantine.keys().collect::<Vec<_>>(), self.quarantine.shas());
        self.requests.agree_with(state, now);
    }
}

/// The name of the step that verifies, or none where a person does.
fn name(kind: &VerifyBy) -> Option<String> {
    match kind {
        VerifyBy::Step(step) => Some(step.clone()),
        VerifyBy::Person | VerifyBy::Staging | VerifyBy::Watch => None,
    }
}
