//! A rehearsal of the way back: when there is one, what follows from it by itself, and what it says of no build.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use trunkline::domain::deployment::DeploymentState;
use trunkline::domain::event::{DeploymentKind, Fact, Outcome, Run, StepOutcome, StepSpec};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment};
use trunkline::domain::people::Actor;
use trunkline::domain::policy::{Policy, Rehearse, Staging, VerifyBy};
use trunkline::domain::recipe::{Recipe, RecordedPipeline};
use trunkline::domain::rehearsal::{Rehearsal, is_due};
use trunkline::domain::remote::{RemoteCall, RemoteJob};
use trunkline::domain::snapshot::alarm::{Alarm, alarms};
use trunkline::domain::watch::WatchBegan;
use trunkline::engine::decide::{Decision, DecisionInput, StagingSteps, decide};
use trunkline::engine::report;

use trunkline_testing::record::{Record, checkout, commit, found, person, step};

const STAGING: Environment = Environment::Staging;

/// A service whose builds go to staging by themselves.
struct Trial {
    record: Record,
    policy: Policy,
    back: Vec<StepSpec>,
}

impl Trial {
    /// Builds 1 and 2 were in staging in this order.
    fn open() -> Self {
        // At three in the night of UTC.
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::hours(3);
        let policy = Policy { rehearse: Rehearse::Daily, ..Policy::default() };
        let record = Record { now, ..Record::default() };
        let mut trial = Self { record, policy, back: vec![step("fetch-image")] };
        trial.merge(1);
        trial.settle(|_| StepOutcome::Succeeded);
        trial.merge(2);
        trial.settle(|_| StepOutcome::Succeeded);
        trial
    }

    fn push(&mut self, fact: Fact) {
        self.record.push(Actor::System, fact);
    }

    fn merge(&mut self, number: u64) {
        let pipeline = RecordedPipeline {
            staging: vec![step("release"), step("smoke")],
            production: vec![step("release")],
            rollback: self.back.clone(),
            pass: Vec::new(),
            set: Vec::new(),
            secrets: Vec::new(),
        };
        let mut fact = found(number, vec![commit(number, "sam")]);
        if let Fact::BuildFound { recipe, .. } = &mut fact {
            *recipe = Some(Box::new(Recipe::new(None, pipeline)));
        }
        self.push(fact);
    }

    fn decisions(&self) -> Vec<Decision> {
        let steps = vec![step("release"), step("smoke")];
        decide(&DecisionInput {
            service: &checkout(),
            state: &self.record.state,
            staging: Staging::Deploy,
            verify: &[VerifyBy::Step("smoke".into()), VerifyBy::Staging],
            staging_steps: &|_| StagingSteps::Read(&steps),
        })
    }

    /// Records what follows by itself, with every step of a kind ending so, until nothing is left to do.
    fn settle(&mut self, ends: impl Fn(DeploymentKind) -> StepOutcome) {
        while let Some(decision) = self.decisions().into_iter().next() {
            match decision {
                Decision::Record(fact) => self.push(*fact),
                Decision::Prepare(deployment) => {
                    self.record.now += TimeDelta::minutes(1);
                    self.push(Fact::DeploymentStarted { deployment, variables: None });
                }
                Decision::Attend(deployment, step) => {
                    let kind = self.record.state.deployments[&deployment].request.kind;
                    let (outcome, took) = (ends(kind), Duration::from_secs(1));
                    let (target, ended_at) = (None, None);
                    self.push(Fact::StepEnded {
                        deployment,
                        step,
                        target,
                        outcome,
                        took,
                        ended_at,
                    });
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn why_not(&self) -> String {
        Rehearsal::of(&self.record.state, &self.policy).expect_err("there is none")
    }

    /// Records both deployments of a rehearsal.
    fn rehearse(&mut self) -> [DeploymentId; 2] {
        let made = Rehearsal::of(&self.record.state, &self.policy);
        let Rehearsal { back, forward } = made.expect("nothing is in its way");
        let ask = |request| Fact::DeploymentRequested(request);
        [back, forward].map(|made| self.record.push(person("sam"), ask(made)).into())
    }

    fn live(&self) -> BuildNumber {
        self.record.state.live(STAGING).expect("something is there").build
    }

    fn state(&self, id: DeploymentId) -> DeploymentState {
        self.record.state.deployments[&id].state()
    }
}

#[test]
fn staging_goes_back_by_the_rollback_steps_and_comes_forward_again_before_the_next_merge() {
    let mut trial = Trial::open();
    let builds = trial.record.state.builds.clone();
    let [back, forward] = trial.rehearse();
    let (going, coming) =
        (&trial.record.state.deployments[&back], &trial.record.state.deployments[&forward]);
    assert_eq!((going.request.build, coming.request.build), (BuildNumber(1), BuildNumber(2)));
    assert_eq!(going.request.steps, vec![step("fetch-image")]);
    assert_eq!(coming.request.steps, vec![step("release"), step("smoke")]);
    trial.merge(3);
    trial.settle(|_| StepOutcome::Succeeded);
    let order = trial.record.state.deployments.values().filter(|made| made.id >= back);
    let order: Vec<_> = order.map(|made| (made.request.kind, made.request.build.0)).collect();
    let kinds = [DeploymentKind::Rehearsal, DeploymentKind::Return, DeploymentKind::Auto];
    assert_eq!(order, kinds.into_iter().zip([1, 2, 3]).collect::<Vec<_>>());
    assert_eq!(trial.live(), BuildNumber(3));
    for number in [1, 2].map(BuildNumber) {
        let (before, now) = (&builds[&number], &trial.record.state.builds[&number]);
        assert_eq!(before, now, "it says nothing of a build");
    }
}

#[test]
fn a_rehearsal_that_fails_comes_forward_all_the_same_and_one_that_never_began_has_nothing_to_do() {
    let fails = |kind| match kind {
        DeploymentKind::Rehearsal => StepOutcome::Exited(3),
        _ => StepOutcome::Succeeded,
    };
    let mut trial = Trial::open();
    let [back, forward] = trial.rehearse();
    trial.settle(fails);
    assert_eq!(trial.state(back), DeploymentState::Failed);
    assert_eq!(trial.state(forward), DeploymentState::Succeeded);
    assert_eq!(trial.live(), BuildNumber(2));
    assert!(trial.record.state.unsettled(STAGING).is_none());

    let mut trial = Trial::open();
    let [back, forward] = trial.rehearse();
    trial.push(Fact::DeploymentEnded { deployment: back, outcome: Outcome::Cancelled });
    trial.settle(|_| panic!("nothing runs"));
    assert!(trial.record.state.unsettled(STAGING).is_none());
    assert_eq!(trial.state(forward), DeploymentState::Cancelled);
    assert_eq!(trial.live(), BuildNumber(2));
}

#[test]
fn staging_is_in_doubt_when_it_does_not_come_forward() {
    let fails = |kind| match kind {
        DeploymentKind::Return => StepOutcome::Exited(3),
        _ => StepOutcome::Succeeded,
    };
    let mut trial = Trial::open();
    let [_, forward] = trial.rehearse();
    trial.settle(fails);
    let doubt = trial.record.state.unsettled(STAGING).map(|doubt| doubt.id);
    assert_eq!(doubt, Some(forward));
    assert!(trial.why_not().starts_with("what staging runs is in doubt since"));

    // It cannot even begin.
    let mut trial = Trial::open();
    let [back, forward] = trial.rehearse();
    trial.push(Fact::DeploymentStarted { deployment: back, variables: None });
    let (outcome, took) = (StepOutcome::Succeeded, Duration::from_secs(1));
    let (target, ended_at) = (None, None);
    trial.push(Fact::StepStarted { deployment: back, step: 0, target: None });
    trial.push(Fact::StepEnded { deployment: back, step: 0, target, outcome, took, ended_at });
    trial.push(Fact::DeploymentEnded { deployment: back, outcome: Outcome::Succeeded });
    let no_room = Err("no room for its checkout".to_owned());
    let ended = report::prepared(&trial.record.state, forward, &no_room);
    trial.push(ended.expect("it was to begin"));
    assert_eq!(trial.live(), BuildNumber(1));
    let doubt = trial.record.state.unsettled(STAGING).map(|doubt| doubt.id);
    assert_eq!(doubt, Some(forward));
    assert!(trial.why_not().starts_with("what staging runs is in doubt since"));
    let alarms = alarms(&trial.record.state);
    let is_of_staging = |alarm: &Alarm| alarm.environment() == STAGING;
    assert!(alarms.iter().any(is_of_staging), "{alarms:?}");
}

#[test]
fn time_in_which_another_build_runs_there_is_no_soak() {
    let mut trial = Trial::open();
    let soak = |trial: &Trial| {
        let soak = trial.record.state.soak(BuildNumber(2), trial.record.now);
        soak.expect("it was there").total
    };
    trial.record.now += TimeDelta::minutes(10);
    let before = soak(&trial);
    let [back, _] = trial.rehearse();
    trial.record.now += TimeDelta::minutes(5);
    trial.push(Fact::DeploymentStarted { deployment: back, variables: None });
    let began = soak(&trial);
    trial.record.now += TimeDelta::minutes(30);
    assert_eq!(soak(&trial), began, "it does not count");
    assert_eq!(began, before + Duration::from_mins(5));
    trial.settle(|_| StepOutcome::Succeeded);
    let came_back = soak(&trial);
    trial.record.now += TimeDelta::minutes(7);
    assert_eq!(soak(&trial), came_back + Duration::from_mins(7));
}

#[test]
fn there_is_no_rehearsal_where_it_could_reach_production_or_staging_is_not_ours_or_not_free() {
    let elsewhere = || {
        let call = RemoteCall::Http { job: "back".into() };
        let (engine, inputs) = ("deployer".parse().unwrap(), [].into());
        let start_within = Duration::from_mins(1);
        let run = Run::Remote(RemoteJob { engine, call, inputs, start_within });
        StepSpec { run, ..step("release") }
    };
    let mut not_said = Trial::open();
    not_said.policy.rehearse = Rehearse::Never;
    let mut observed = Trial::open();
    observed.policy.staging = Staging::Observe;
    let mut remote = Trial::open();
    remote.back = vec![elsewhere()];
    for number in [3, 4] {
        remote.merge(number);
        remote.settle(|_| StepOutcome::Succeeded);
    }
    let mut waits = Trial::open();
    waits.merge(3);
    let mut held = Trial::open();
    let reason = "a demo".to_owned();
    held.push(Fact::HoldPlaced { environment: STAGING, reason, rollback: None, all: false });
    let mut looked_at = Trial::open();
    let live = looked_at.record.state.live(STAGING).expect("something is there").clone();
    looked_at.push(Fact::WatchBegan(WatchBegan {
        deployment: live.deployment,
        environment: STAGING,
        build: live.build,
        checks: vec!["errors".to_owned()],
        until: looked_at.record.now + TimeDelta::minutes(15),
        every: Duration::from_secs(15),
        wave: None,
    }));
    let mut busy = Trial::open();
    busy.rehearse();
    for (trial, why) in [
        (not_said, "trunkline.toml does not say that the rollback steps may run in staging"),
        (observed, "another engine deploys to staging"),
        (remote, "step release runs at another engine"),
        (waits, "#3 waits for staging"),
        (held, "staging is on hold by trunkline: a demo"),
        (looked_at, "the watch of #2 in staging is not over"),
        (busy, "d"),
    ] {
        let said = trial.why_not();
        assert!(said.starts_with(why), "{said}");
        assert!(!said.is_empty());
    }
}

#[test]
fn a_daily_rehearsal_begins_once_a_day_at_a_quiet_hour_and_not_while_production_needs_people() {
    let due = |trial: &Trial| is_due(&trial.record.state, &trial.policy, trial.record.now);
    let mut trial = Trial::open();
    assert!(due(&trial));
    trial.policy.rehearse = Rehearse::ByHand;
    assert!(!due(&trial));
    trial.policy.rehearse = Rehearse::Daily;
    trial.record.now += TimeDelta::hours(5);
    assert!(!due(&trial), "people are at work");
    trial.record.now += TimeDelta::hours(19);
    trial.rehearse();
    trial.settle(|_| StepOutcome::Succeeded);
    assert!(!due(&trial), "it was today");
    trial.record.now += TimeDelta::days(1);
    assert!(due(&trial));
    let environment = Environment::Production;
    trial.push(Fact::HoldPlaced {
        environment,
        reason: "looking".into(),
        rollback: None,
        all: false,
    });
    assert!(!due(&trial));
}
