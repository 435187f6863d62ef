//! What is tested: the fold, the decisions and the commands, held together as the engine's writer does it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use trunkline::calendar::FreezeRules;
use trunkline::domain::command::{Action, Command, Refusal};
use trunkline::domain::commit::Range;
use trunkline::domain::commit_location::CommitLocation;
use trunkline::domain::event::{DeploymentKind, Event, Fact, StepOutcome, StepSpec};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, Seq, ServiceName, Sha};
use trunkline::domain::people::{Actor, People};
use trunkline::domain::plan::{self, Migrations, Plan};
use trunkline::domain::policy::{FreezeMode, Policy, VerifyBy};
use trunkline::domain::schema::SchemaChange;
use trunkline::domain::service::ServiceState;
use trunkline::domain::snapshot::alarm::Alarm;
use trunkline::domain::snapshot::build::{self, SnapshotInput};
use trunkline::domain::snapshot::{FleetSnapshot, ServiceSnapshot, Version};
use trunkline::domain::variables::KnownVariables;
use trunkline::engine::commands::{
    self, CommandContext, CommandError, Decided, ForPlan, Gathered, ServiceView,
};
use trunkline::engine::decide::{Decision, DecisionInput, StagingSteps, decide};
use trunkline::engine::refusals;
use trunkline::engine::report;
use trunkline::engine::runner::{RunId, Status};

use super::reference::{Added, Reference};
use super::screen::Screen;
use trunkline_testing::record::{people, step};

/// How often something may follow by itself before it goes round in circles.
const FOLLOWS: usize = 100;
/// How long code has to be live that does without what a migration takes away.
const MIN_BAKE: Duration = Duration::from_mins(15);

/// Under way in the background, forgotten with the process.
#[derive(Debug, Clone, Default)]
pub struct Acts {
    pub preparing: BTreeSet<DeploymentId>,
    pub attending: BTreeSet<(DeploymentId, usize)>,
    pub stopping: BTreeSet<(DeploymentId, usize)>,
    loading: BTreeSet<Sha>,
}

pub struct Subject {
    name: ServiceName,
    people: People,
    policy: Policy,
    freezes: FreezeRules,
    pub now: DateTime<Utc>,
    pub events: Vec<Event>,
    pub state: ServiceState,
    pub acts: Acts,
    /// The commits whose pipeline was read; what is read again after a crash.
    read: BTreeSet<Sha>,
    /// What the migrations of each build do to the schema, as git would tell; nothing where nobody can judge them.
    pub brings: BTreeMap<BuildNumber, Option<Vec<SchemaChange>>>,
    reference: Reference,
}

pub fn steps() -> Vec<StepSpec> {
    vec![step("release"), step("smoke")]
}

impl Subject {
    pub fn new(verify: Vec<VerifyBy>, freeze: FreezeMode) -> Self {
        let bake = TimeDelta::from_std(MIN_BAKE).expect("a quarter of an hour");
        Self {
            name: "checkout".parse().expect("a service name"),
            people: people(["ann", "raj"]),
            policy: Policy {
                soak: Duration::ZERO,
                verify: verify.clone(),
                freeze,
                ..Policy::default()
            },
            freezes: FreezeRules::default(),
            now: DateTime::UNIX_EPOCH + TimeDelta::days(20_000),
            events: Vec::new(),
            state: ServiceState::default(),
            acts: Acts::default(),
            read: BTreeSet::new(),
            brings: BTreeMap::new(),
            reference: Reference::new(freeze, verify, bake),
        }
    }

    /// A fact that comes from outside, and everything that follows by itself.
    pub fn take(&mut self, facts: Vec<Fact>) {
        self.record(&Actor::System, facts);
        self.settle();
    }

    /// What git would tell: of the commits nothing of the promises here depends on it.
    fn gathered(&self, action: Action) -> Result<Gathered, Refusal> {
        let ends = plan::endpoints(&self.state, action)?;
        let to = self.state.builds[&ends.target].sha.clone();
        let range = Range::of(None, to, Vec::new());
        let migrations = self.migrations(repeated(action, ends.kind));
        let variables = KnownVariables::default();
        let (steps, by_hand, unusable_engine) = (steps(), None, None);
        let workflow_findings = Vec::new();
        let plan = ForPlan {
            range,
            steps,
            migrations,
            variables,
            unusable_engine,
            workflow_findings,
            presser: None,
            trunk_differs: false,
            needs: Vec::new(),
            by_hand,
            ends,
        };
        Ok(Gathered::Plan(Box::new(plan)))
    }

    /// What a promote brings to the schema: all that came between what is live and its build.
    fn migrations(&self, action: Action) -> Migrations {
        let min_bake = MIN_BAKE;
        let live = self.state.live(Environment::Production).map(|live| live.build);
        let (Action::Promote { build }, Some(live)) = (action, live) else {
            return Migrations { min_bake, ..Migrations::default() };
        };
        let range = self.brings.iter().filter(|(number, _)| **number > live && **number <= build);
        let range: Vec<_> = range.map(|(_, brings)| brings.as_deref()).collect();
        let trouble = range.contains(&None).then(|| "nobody can tell".to_owned());
        let changes = range.into_iter().flatten().flatten().cloned().collect();
        Migrations { changes, trouble, min_bake, ..Migrations::default() }
    }

    fn view(&self) -> ServiceView<'_> {
        let (name, policy) = (&self.name, self.policy.clone());
        ServiceView {
            name,
            state: &self.state,
            policy,
            people: &self.people,
            freezes: &self.freezes,
            on_call: None,
        }
    }

    pub fn plan(&self, who: &str, action: Action) -> Result<Plan, Refusal> {
        let (actor, gathered) = (Actor::Person(who.into()), self.gathered(action)?);
        let context = CommandContext {
            actor: &actor,
            now: self.now,
            next: Seq(0),
            gathered: Some(&gathered),
        };
        let plan = commands::plan(&self.view(), action, context).map_err(refusal)?;
        self.tells_the_way_back(&plan);
        Ok(plan)
    }

    fn tells_the_way_back(&self, plan: &Plan) {
        let Migrations { changes, trouble, .. } = &plan.migrations;
        let is_judged = trouble.is_none();
        let added = Added { build: plan.target.build, changes, is_judged };
        let expected = self.reference.way_back(repeated(plan.action, plan.kind), Some(&added));
        let expected = expected.map(|way| (way.outlook, way.floor));
        let told = plan.verdict.as_ref().map(|verdict| (verdict.outlook, verdict.floor));
        assert_eq!(told, expected, "of {:?} with {:#?}", plan.action, plan.verdict);
        if let Action::Promote { build } = plan.action {
            self.reference.bad_in(build, &self.state);
        }
    }

    /// Decides a command, records it, and lets follow what follows.
    pub fn command(&mut self, who: &str, command: &Command) -> Result<Decided, Refusal> {
        let actor = Actor::Person(who.into());
        let forbidden = self.reference.forbids(command, self.now);
        let gathered = match command {
            Command::Execute { action, .. } => Some(self.gathered(*action)?),
            Command::Ask { build, .. } => Some(self.gathered(Action::Promote { build: *build })?),
            _ => None,
        };
        let next = Seq(self.events.len() as u64 + 1);
        let context =
            CommandContext { actor: &actor, now: self.now, next, gathered: gathered.as_ref() };
        let decided = commands::decide(&self.view(), command, context).map_err(refusal);
        if let Some(fact) = decided.as_ref().err().and_then(|no| refusals::fact(command, no)) {
            self.record(&actor, vec![fact]);
        }
        let decided = decided?;
        self.record(&actor, decided.facts.clone());
        assert_eq!(forbidden, None, "{command:?} was accepted");
        self.reference.commanded(command, &decided, next);
        self.settle();
        Ok(decided)
    }

    pub fn prepared(&mut self, id: DeploymentId, result: &Result<(), String>) -> bool {
        let fact = report::prepared(&self.state, id, &result.clone().map(|()| None));
        let counts = fact.is_some();
        self.record(&Actor::System, fact.into_iter().collect());
        self.acts.preparing.remove(&id);
        self.settle();
        counts
    }

    pub fn step_ended(&mut self, id: DeploymentId, step: usize, outcome: StepOutcome) -> bool {
        let status = Status { outcome, took: Duration::from_secs(1), ended_at: None };
        let fact = report::step_ended(&self.state, RunId { deployment: id, step }, &status);
        let counts = fact.is_some();
        self.record(&Actor::System, fact.into_iter().collect());
        self.acts.attending.remove(&(id, step));
        self.acts.stopping.remove(&(id, step));
        self.settle();
        counts
    }

    /// The pipelines that were asked for have been read.
    pub fn pipelines_read(&mut self) {
        self.read.extend(std::mem::take(&mut self.acts.loading));
        self.settle();
    }

    /// The process dies and another one reads the record.
    pub fn crash(&mut self) {
        let before = std::mem::take(&mut self.state);
        (self.acts, self.read) = (Acts::default(), BTreeSet::new());
        self.events.iter().for_each(|event| self.state.apply(event));
        assert_eq!(self.state, before, "the record says what was known before the crash");
        self.settle();
    }

    /// Folding a part first and then all again comes to the same.
    pub fn folds_from(&self, part: usize) {
        let mut state = ServiceState::default();
        self.events[..part].iter().for_each(|event| state.apply(event));
        self.events.iter().for_each(|event| state.apply(event));
        assert_eq!(state, self.state, "folding {part} events first changes something");
    }

    fn record(&mut self, actor: &Actor, facts: Vec<Fact>) {
        let count = facts.len();
        for (place, fact) in facts.into_iter().enumerate() {
            let seq = Seq(self.events.len() as u64 + 1);
            let (service, actor) = (self.name.clone(), actor.clone());
            let event = Event { seq, at: self.now, service, actor, fact };
            self.state.apply(&event);
            self.reference.saw(&event);
            self.events.push(event);
            // Only what was recorded as one has to make sense as one.
            if place + 1 == count {
                self.reference.agrees_with(&self.state, self.now);
            }
        }
    }

    /// As the writer does it: facts until there are none, then everything that is to be done.
    fn settle(&mut self) {
        for _ in 0..FOLLOWS {
            let decisions = self.decisions();
            let facts: Vec<_> = decisions
                .iter()
                .filter_map(|decision| match decision {
                    Decision::Record(fact) => Some((**fact).clone()),
                    _ => None,
                })
                .collect();
            if facts.is_empty() {
                return decisions.into_iter().for_each(|decision| self.act(decision));
            }
            self.record(&Actor::System, facts);
        }
        panic!("it follows on itself without an end: {:?}", self.decisions());
    }

    fn decisions(&self) -> Vec<Decision> {
        let steps = steps();
        let pipeline = |sha: &Sha| {
            if self.read.contains(sha) { StagingSteps::Read(&steps) } else { StagingSteps::NotRead }
        };
        let verify = &self.policy.verify;
        let staging = self.policy.staging;
        let (service, state) = (&self.name, &self.state);
        decide(&DecisionInput { service, state, staging, verify, staging_steps: &pipeline })
    }

    fn act(&mut self, decision: Decision) {
        match decision {
            Decision::Prepare(id) => drop(self.acts.preparing.insert(id)),
            Decision::Attend(id, step) => drop(self.acts.attending.insert((id, step))),
            Decision::Stop(id, step) => drop(self.acts.stopping.insert((id, step))),
            Decision::LoadPipeline(sha) => drop(self.acts.loading.insert(sha)),
            Decision::Follow(..) => panic!("all steps of the story run here"),
            Decision::Record(fact) => panic!("{fact:?} is no act"),
        }
    }

    /// Whether nothing is under way in the background.
    pub fn is_calm(&self) -> bool {
        let Acts { preparing, attending, loading, .. } = &self.acts;
        preparing.is_empty() && attending.is_empty() && loading.is_empty()
    }

    /// With nothing left to do, every deployment has ended and staging has what it should have.
    pub fn is_at_rest(&self) {
        assert_eq!(self.decisions(), [], "there is nothing left to do");
        let open: Vec<_> = self.state.deployments.values().filter(|d| d.is_open()).collect();
        assert!(open.is_empty(), "nobody sees to {open:?}");
        let held = self.state.holds.contains_key(&Environment::Staging);
        if let Some(newest) = self.state.newest_build() {
            assert!(held || newest.staging.is_some(), "{} never went to staging", newest.number);
        }
    }

    pub fn basis(&self, action: Action) -> super::reference::Basis {
        let Migrations { changes, trouble, .. } = self.migrations(action);
        let added = match action {
            Action::Promote { build } => {
                Some(Added { build, changes: &changes, is_judged: trouble.is_none() })
            }
            Action::Rollback { .. } | Action::RollbackByTrunk { .. } | Action::Retry { .. } => None,
        };
        self.reference.basis(action, self.now, added.as_ref())
    }

    pub fn may_roll_back(&self, action: Action, reasons: bool) -> bool {
        self.reference.may_roll_back(action, reasons)
    }

    /// What a screen shows now.
    pub fn snapshot(&self) -> ServiceSnapshot {
        let me = Actor::Person("raj".into());
        build::service(self.snapshot_input(), &me, Version(String::new()), self.now)
    }

    fn snapshot_input(&self) -> SnapshotInput<'_> {
        SnapshotInput {
            service: &self.name,
            repository: "https://example.com/shop.git",
            trunk: "main",
            state: &self.state,
            policy: &self.policy,
            people: &self.people,
            freezes: &self.freezes,
            rollback: Some(&[]),
            rollback_blocked: None,
            rollback_unread: false,
            problems: &[],
            present: &[],
            on_call: None,
        }
    }

    /// The fleet and what `where` says of a commit tell the same as the service's own screen.
    fn views_agree(&self, snapshot: &ServiceSnapshot) {
        let fleet = build::fleet_row(self.snapshot_input(), self.now);
        let live = snapshot.live.get(&Environment::Production);
        assert_eq!((&fleet.alarms, fleet.live.as_ref()), (&snapshot.alarms, live));
        let in_doubt = self.reference.in_doubt();
        let told = snapshot.alarms.iter().any(|alarm| {
            matches!(alarm, Alarm::InDoubt { environment: Environment::Production, .. })
        });
        assert_eq!((told, snapshot.unsettled), (in_doubt.is_some(), in_doubt));
        let bad =
            live.is_some_and(|live| !self.reference.bad_in(live.build, &self.state).is_empty());
        let told = snapshot.alarms.iter().any(|alarm| matches!(alarm, Alarm::BadLive { .. }));
        assert_eq!(told, bad, "{:?}", snapshot.alarms);
        if let Some(build) = self.state.builds.values().next_back() {
            let prefix = build.sha.as_str().parse().expect("a whole id");
            match CommitLocation::recorded(&self.state, &self.policy, &prefix) {
                CommitLocation::InBuild(placed) => assert_eq!(placed.alarms, snapshot.alarms),
                other => assert!(build.commits.is_empty(), "{other:?}"),
            }
        }
    }

    /// A console of this size tells what is so, and its dialog what its header tells.
    pub fn screens_agree(&self, size: (u16, u16)) {
        let snapshot = self.snapshot();
        let mut screen = Screen::of_service(&snapshot, size);
        screen.header_tells(&snapshot);
        let mut unread = snapshot.clone();
        unread.rollback.iter_mut().for_each(|offer| offer.unchecked = true);
        Screen::of_service(&unread, size).header_tells(&unread);
        let row = build::fleet_row(self.snapshot_input(), self.now);
        let worst = row.alarms.first().filter(|_| row.running.is_none()).map(shown_of);
        let (version, at) = (Version(String::new()), self.now);
        let fleet = FleetSnapshot { version, at, services: vec![row], problems: Vec::new() };
        let list = Screen::of_fleet(fleet, size).text();
        assert!(worst.as_ref().is_none_or(|worst| list.contains(worst)), "no {worst:?} in {list}");
        let answer = |action| self.plan("raj", action).expect("what is offered has a plan");
        let plan = screen.asks("R", answer);
        let Some(offer) = snapshot.rollback.filter(|offer| offer.under_way.is_none()) else {
            return;
        };
        let plan = plan.expect("the key asks for a plan");
        let told = plan.verdict.as_ref().map(|verdict| verdict.outlook);
        assert_eq!((plan.target.build, told), (offer.to, Some(offer.verdict.outlook)));
        screen.dialog_tells(&plan);
    }

    /// The rollback that a screen offers: where it goes, unless it is under way.
    pub fn offered(&self) -> Option<BuildNumber> {
        let snapshot = self.snapshot();
        assert_eq!(snapshot.rollback.as_ref().map(|offer| offer.to), self.reference.back());
        self.views_agree(&snapshot);
        snapshot.rollback.filter(|offer| offer.under_way.is_none()).map(|offer| offer.to)
    }
}

/// So much of an alarm is shown where there is the least room.
fn shown_of(alarm: &Alarm) -> String {
    alarm.short().chars().take(16).collect()
}

/// What a retry in production does once more.
fn repeated(action: Action, kind: DeploymentKind) -> Action {
    match (action, kind) {
        (Action::Retry { build, .. }, DeploymentKind::Rollback) => {
            Action::Rollback { to: Some(build) }
        }
        (Action::Retry { build, environment: Environment::Production }, _) => {
            Action::Promote { build }
        }
        (action, _) => action,
    }
}

fn refusal(error: CommandError) -> Refusal {
    match error {
        CommandError::Refused(refusal) => refusal,
        error => panic!("{error}"),
    }
}
