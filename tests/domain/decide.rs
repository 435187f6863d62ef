//! What follows by itself, decided from events alone: no process, no clock, no disk.

use std::time::Duration;

use chrono::DateTime;
use trunkline::calendar::FreezeRules;
use trunkline::domain::command::Command;
use trunkline::domain::deployment::{DeploymentState, StepState};
use trunkline::domain::event::{
    DeploymentKind, DeploymentRequest, Fact, ObservedDeployment, Outcome, Run, StepOutcome,
    StepSpec,
};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, Seq};
use trunkline::domain::people::{Actor, People};
use trunkline::domain::policy::{Policy, Staging, VerifyBy};
use trunkline::domain::remote::{RemoteCall, RemoteJob};
use trunkline::domain::service::ServiceState;
use trunkline::engine::commands::{self, CommandContext, CommandError, ServiceView};
use trunkline::engine::decide::{Decision, DecisionInput, StagingSteps, decide};
use trunkline::engine::report;

use trunkline_testing::record::{Record, checkout, found, request, sha, step};

/// A service whose record a test writes, with two steps in every pipeline.
#[derive(Default)]
struct Story {
    recorded: Record,
    staging: Staging,
}

impl std::ops::Deref for Story {
    type Target = Record;

    fn deref(&self) -> &Record {
        &self.recorded
    }
}

fn steps() -> Vec<StepSpec> {
    vec![step("release"), step("smoke")]
}

impl Story {
    fn push(&mut self, fact: Fact) -> DeploymentId {
        self.push_as(Actor::System, fact)
    }

    fn push_as(&mut self, actor: Actor, fact: Fact) -> DeploymentId {
        self.recorded.push(actor, fact).into()
    }

    fn build(&mut self, number: u64) {
        self.push(found(number, Vec::new()));
    }

    fn request(&mut self, environment: Environment, number: u64) -> DeploymentId {
        let (kind, steps) = (DeploymentKind::Promote, steps());
        let request = DeploymentRequest { kind, steps, ..request(environment, number) };
        self.push(Fact::DeploymentRequested(request))
    }

    /// Another engine deploys a build.
    fn observe(&mut self, environment: Environment, number: u64) -> DeploymentId {
        let actor = Actor::External { login: "bob-gh".into(), engine: "github".into() };
        let seen = ObservedDeployment {
            environment,
            build: BuildNumber(number),
            sha: sha(number),
            engine: None,
            run: "5512".into(),
            page: None,
            at: DateTime::UNIX_EPOCH,
            older: None,
            taken_over: false,
        };
        self.push_as(actor, Fact::DeploymentObserved(seen))
    }

    fn observe_end(&mut self, deployment: DeploymentId, outcome: Outcome) {
        self.push(Fact::ObservedEnded { deployment, outcome, at: DateTime::UNIX_EPOCH });
    }

    fn start(&mut self, deployment: DeploymentId, step: usize) {
        if step == 0 {
            self.push(Fact::DeploymentStarted { deployment, variables: None });
        }
        self.push(Fact::StepStarted { deployment, step, target: None });
    }

    fn end(&mut self, deployment: DeploymentId, step: usize, outcome: StepOutcome) {
        self.push(Fact::StepEnded {
            deployment,
            step,
            target: None,
            outcome,
            took: Duration::ZERO,
            ended_at: None,
        });
    }

    fn cancel(&mut self, deployment: DeploymentId) {
        self.push(Fact::CancelRequested { deployment, reason: String::new() });
    }

    fn decisions(&self) -> Vec<Decision> {
        let steps = steps();
        let verify = VerifyBy::Step("smoke".into());
        decide(&DecisionInput {
            service: &checkout(),
            state: &self.state,
            staging: self.staging,
            verify: &[verify],
            staging_steps: &|_| StagingSteps::Read(&steps),
        })
    }

    /// Records what follows by itself, with every step succeeding, until nothing is left to do.
    fn settle(&mut self) {
        while let Some(decision) = self.decisions().into_iter().next() {
            match decision {
                Decision::Record(fact) => {
                    self.push(*fact);
                }
                Decision::Prepare(deployment) => {
                    self.push(Fact::DeploymentStarted { deployment, variables: None });
                }
                Decision::Attend(id, step) => self.end(id, step, StepOutcome::Succeeded),
                Decision::Stop(id, step) => self.end(id, step, StepOutcome::Cancelled),
                Decision::LoadPipeline(sha) => panic!("{sha} is known"),
                // Nothing else is left to do.
                Decision::Follow(..) => return,
            }
        }
    }

    /// Records that the step that is due elsewhere goes out.
    fn send(&mut self) {
        let decisions = self.decisions();
        let sent = decisions.into_iter().find_map(|decision| match decision {
            Decision::Record(fact) if matches!(*fact, Fact::RunSent { .. }) => Some(*fact),
            _ => None,
        });
        self.push(sent.expect("a step is due"));
    }

    fn state_of(&self, id: DeploymentId) -> DeploymentState {
        self.state.deployments[&id].state()
    }
}

/// A record in which a promote is in its first step.
fn running() -> (Story, DeploymentId) {
    let mut record = Story::default();
    let id = record.request(Environment::Production, 1);
    record.start(id, 0);
    (record, id)
}

#[test]
fn a_new_build_goes_through_staging_and_is_verified_by_its_step() {
    let mut record = Story::default();
    record.build(1);
    record.settle();
    let build = &record.state.builds[&BuildNumber(1)];
    assert!(!build.verifications.is_empty());
    assert_eq!(
        record.state.live(Environment::Staging).map(|live| live.build),
        Some(BuildNumber(1))
    );
    assert_eq!(record.decisions(), [], "then there is nothing left to do");
}

#[test]
fn staging_takes_the_newest_build_of_the_trunk_again_once_after_a_force_push() {
    let mut record = Story::default();
    record.build(1);
    record.settle();
    record.build(2);
    record.settle();
    let (from, to, onto) = (sha(2), sha(1), Some(BuildNumber(1)));
    record.push(Fact::TrunkRewritten { from, to, off_trunk: vec![BuildNumber(2)], onto });
    let decisions = record.decisions();
    let [Decision::Record(fact)] = &decisions[..] else {
        panic!("more than one thing follows: {decisions:?}");
    };
    let Fact::DeploymentRequested(again) = &**fact else {
        panic!("{:?}", record.decisions());
    };
    assert_eq!((again.build, again.environment), (BuildNumber(1), Environment::Staging));
    let id = record.push(Fact::DeploymentRequested(again.clone()));
    record.push(Fact::DeploymentStarted { deployment: id, variables: None });
    record.push(Fact::StepStarted { deployment: id, step: 0, target: None });
    record.end(id, 0, StepOutcome::Exited(1));
    record.settle();
    assert_eq!(record.decisions(), [], "one that failed is not tried for ever");
}

#[test]
fn staging_takes_the_newest_build_once_it_is_free_and_not_held() {
    let mut record = Story::default();
    record.push(Fact::HoldPlaced {
        all: false,
        environment: Environment::Staging,
        reason: "looking".into(),
        rollback: None,
    });
    (1..=3).for_each(|number| record.build(number));
    assert_eq!(record.decisions(), []);
    record.push(Fact::HoldReleased {
        environment: Environment::Staging,
        reason: String::new(),
        bad: Vec::new(),
        open: Vec::new(),
    });
    record.settle();
    let staged: Vec<_> = record.state.deployments.values().map(|d| d.request.build.0).collect();
    assert_eq!(staged, [3], "the ones between are never deployed");
}

#[test]
fn a_running_step_is_attended_to_however_often_it_is_asked() {
    let (record, id) = running();
    assert_eq!(record.decisions(), [Decision::Attend(id, 0)]);
    assert_eq!(record.decisions(), [Decision::Attend(id, 0)]);
}

#[test]
fn a_cancelled_step_is_stopped_before_it_is_attended_to() {
    let (mut record, id) = running();
    record.cancel(id);
    assert_eq!(record.decisions(), [Decision::Stop(id, 0), Decision::Attend(id, 0)]);
}

#[test]
fn a_cancel_between_two_steps_keeps_the_next_from_starting() {
    let (mut record, id) = running();
    record.end(id, 0, StepOutcome::Succeeded);
    record.cancel(id);
    record.settle();
    assert_eq!(record.state_of(id), DeploymentState::Cancelled);
    assert_eq!(record.state.deployments[&id].steps[1], StepState::Skipped);
}

#[test]
fn a_cancel_after_the_last_step_comes_too_late_and_the_truth_is_told() {
    let (mut record, id) = running();
    record.end(id, 0, StepOutcome::Succeeded);
    record.push(Fact::StepStarted { deployment: id, step: 1, target: None });
    record.cancel(id);
    record.end(id, 1, StepOutcome::Succeeded);
    record.settle();
    assert_eq!(record.state_of(id), DeploymentState::Succeeded);
}

#[test]
fn a_rollback_waits_for_the_deployment_that_it_cancels() {
    let (mut record, promote) = running();
    record.cancel(promote);
    let rollback = record.request(Environment::Production, 1);
    assert!(!record.decisions().contains(&Decision::Prepare(rollback)));
    record.settle();
    assert_eq!(record.state_of(promote), DeploymentState::Cancelled);
    assert_eq!(record.state_of(rollback), DeploymentState::Succeeded);
}

#[test]
fn every_bad_end_of_a_step_ends_the_deployment_in_its_own_words() {
    let cases = [
        (StepOutcome::Exited(3), Outcome::Failed("step release: exit 3".into())),
        (StepOutcome::TimedOut, Outcome::Failed("step release: timed out".into())),
        (StepOutcome::Cancelled, Outcome::Cancelled),
        (
            StepOutcome::Lost,
            Outcome::Interrupted(
                "step release lost: its supervisor is gone and left no result".into(),
            ),
        ),
    ];
    for (outcome, expected) in cases {
        let (mut record, id) = running();
        record.end(id, 0, outcome.clone());
        let end = Fact::DeploymentEnded { deployment: id, outcome: expected };
        assert_eq!(record.decisions(), [Decision::Record(Box::new(end))], "{outcome:?}");
    }
}

#[test]
fn folding_the_record_again_changes_nothing() {
    let (mut record, id) = running();
    record.build(1);
    record.cancel(id);
    record.settle();
    let mut again = record.state.clone();
    record.events.iter().for_each(|event| again.apply(event));
    assert_eq!(again, record.state);
    let mut anew = ServiceState::default();
    record.events.iter().for_each(|event| anew.apply(event));
    assert_eq!(anew, record.state);
}

#[test]
fn an_observed_staging_gets_no_deployment_from_here_and_shows_what_was_seen() {
    let mut record = Story { staging: Staging::Observe, ..Story::default() };
    record.build(1);
    assert_eq!(record.decisions(), []);
    let id = record.observe(Environment::Staging, 1);
    assert_eq!(record.decisions(), [], "its own engine runs it");
    assert_eq!(record.state_of(id), DeploymentState::Running);
    record.observe_end(id, Outcome::Succeeded);
    assert_eq!(record.decisions(), []);
    assert_eq!(record.state_of(id), DeploymentState::Succeeded);
    let live = record.state.live(Environment::Staging).unwrap();
    assert_eq!((live.build, live.deployment), (BuildNumber(1), id));
    assert_eq!(record.state.builds[&BuildNumber(1)].staging, Some(id));
}

#[test]
fn an_observed_deployment_of_production_is_live_after_its_success_alone() {
    let mut record = Story::default();
    for number in [1, 2] {
        record.build(number);
    }
    let first = record.request(Environment::Production, 1);
    record.settle();
    let failed = record.observe(Environment::Production, 2);
    record.observe_end(failed, Outcome::Failed("exit 1".into()));
    let live = |record: &Story| record.state.live(Environment::Production).unwrap().deployment;
    assert_eq!(live(&record), first);
    assert_eq!(record.state.unsettled(Environment::Production).map(|d| d.id), Some(failed));
    let second = record.observe(Environment::Production, 2);
    record.observe_end(second, Outcome::Succeeded);
    assert_eq!(live(&record), second);
    assert_eq!(record.state.rollback_target(), Some(BuildNumber(1)));
    let said = record.events.iter().rev().find(|event| event.seq.0 == second.0).unwrap();
    let said = said.sentence();
    assert_eq!(said, format!("bob-gh at github deploys #2 to production ({second}, run 5512)"));
}

#[test]
fn a_deployment_from_here_waits_for_the_one_of_another_engine() {
    let mut record = Story::default();
    record.build(1);
    record.settle();
    let other = record.observe(Environment::Production, 1);
    let ours = record.request(Environment::Production, 1);
    assert_eq!(record.decisions(), []);
    record.observe_end(other, Outcome::Succeeded);
    assert_eq!(record.decisions(), [Decision::Prepare(ours)]);
}

#[test]
fn a_rollback_does_not_wait_for_another_engine() {
    let mut record = Story::default();
    record.build(1);
    record.settle();
    record.observe(Environment::Production, 1);
    let request = DeploymentRequest {
        kind: DeploymentKind::Rollback,
        ..trunkline_testing::record::request(Environment::Production, 1)
    };
    let rollback = record.push(Fact::DeploymentRequested(request));
    assert_eq!(record.decisions(), [Decision::Prepare(rollback)]);
}

#[test]
fn a_deployment_of_another_engine_is_not_cancelled_from_here() {
    let mut record = Story::default();
    record.build(1);
    let deployment = record.observe(Environment::Production, 1);
    let (name, people) = ("checkout".parse().expect("a service name"), People::default());
    let service = ServiceView {
        name: &name,
        state: &record.state,
        policy: Policy::default(),
        people: &people,
        freezes: &FreezeRules::default(),
        on_call: None,
    };
    let actor = Actor::Person("raj".into());
    let (now, next) = (DateTime::UNIX_EPOCH, Seq(record.state.last_seq.0 + 1));
    let context = CommandContext { actor: &actor, now, next, gathered: None };
    let cancel = Command::Cancel { deployment, reason: "wrong build".into() };
    let Err(CommandError::Refused(refusal)) = commands::decide(&service, &cancel, context) else {
        panic!("it is not refused");
    };
    let said = refusal.to_string();
    assert!(
        said.contains("runs outside of trunkline, by bob-gh at github; cancel it there"),
        "{said}"
    );
}

/// A promote whose one step runs at another engine, and has begun.
fn running_elsewhere() -> (Story, DeploymentId) {
    let mut record = Story::default();
    let call = RemoteCall::Http { job: "shop".into() };
    let engine = "deployer".parse().unwrap();
    let inputs = std::collections::BTreeMap::new();
    let run =
        Run::Remote(RemoteJob { engine, call, inputs, start_within: Duration::from_mins(10) });
    let steps = vec![StepSpec { run, ..step("release") }];
    let kind = DeploymentKind::Promote;
    let request = DeploymentRequest { kind, steps, ..request(Environment::Production, 1) };
    let id = record.push(Fact::DeploymentRequested(request));
    record.start(id, 0);
    (record, id)
}

#[test]
fn a_step_at_another_engine_is_recorded_as_sent_before_anybody_attends_it() {
    let (mut record, id) = running_elsewhere();
    let decisions = record.decisions();
    let [Decision::Record(fact)] = decisions.as_slice() else { panic!("{decisions:?}") };
    let Fact::RunSent { deployment, step: 0, key, .. } = &**fact else { panic!("{fact:?}") };
    assert_eq!(*deployment, id);
    assert!(key.as_str().starts_with(&format!("checkout-{id}.1-")), "{key}");
    record.push((**fact).clone());
    assert_eq!(record.decisions(), [Decision::Attend(id, 0)], "it is recorded once");
    record.cancel(id);
    assert_eq!(record.decisions(), [Decision::Stop(id, 0), Decision::Attend(id, 0)]);
}

#[test]
fn a_step_that_was_cancelled_before_it_went_out_never_does() {
    let (mut record, id) = running_elsewhere();
    record.cancel(id);
    record.settle();
    assert_eq!(record.state_of(id), DeploymentState::Cancelled);
    assert!(record.state.deployments[&id].runs.is_empty());
}

#[test]
fn what_became_of_a_run_elsewhere_is_interrupted_where_nobody_knows_it() {
    for (outcome, state) in [
        (StepOutcome::Unfound("no run appeared".into()), DeploymentState::Interrupted),
        (StepOutcome::Concluded("failed at deployer".into()), DeploymentState::Failed),
    ] {
        let (mut record, id) = running_elsewhere();
        record.send();
        record.end(id, 0, outcome.clone());
        record.settle();
        assert_eq!(record.state_of(id), state, "{outcome}");
        let is_followed = record.decisions() == [Decision::Follow(id, 0)];
        assert_eq!(is_followed, state == DeploymentState::Interrupted, "{outcome}");
    }
}

/// A rollback that was requested while a promote runs elsewhere, which is being cancelled.
fn emergency_elsewhere() -> (Story, DeploymentId, DeploymentId) {
    let (mut record, promote) = running_elsewhere();
    record.send();
    record.cancel(promote);
    let steps = vec![record.state.deployments[&promote].request.steps[0].clone()];
    let kind = DeploymentKind::Rollback;
    let request = DeploymentRequest { kind, steps, ..request(Environment::Production, 1) };
    let back = record.push(Fact::DeploymentRequested(request));
    (record, promote, back)
}

#[test]
fn a_rollback_goes_out_before_the_end_of_another_only_where_that_makes_way() {
    let (mut record, promote, back) = emergency_elsewhere();
    let ending = [Decision::Stop(promote, 0), Decision::Attend(promote, 0)];
    assert_eq!(record.decisions(), ending);
    record.recorded.state.making_way.insert((promote, 0));
    assert_eq!(record.decisions(), [&ending[..], &[Decision::Prepare(back)]].concat());
    let ready = |record: &Story| report::prepared(&record.state, back, &Ok(None));
    assert!(ready(&record).is_some());
    record.recorded.state.making_way.clear();
    assert_eq!(ready(&record), None);
}

#[test]
fn a_rollback_that_went_out_behind_another_ends_after_it() {
    let (mut record, promote, back) = emergency_elsewhere();
    record.recorded.state.making_way.insert((promote, 0));
    record.start(back, 0);
    record.send();
    record.end(back, 0, StepOutcome::Succeeded);
    let ending = [Decision::Stop(promote, 0), Decision::Attend(promote, 0)];
    assert_eq!(record.decisions(), ending);
    record.end(promote, 0, StepOutcome::Succeeded);
    record.settle();
    assert_eq!(record.state_of(back), DeploymentState::Succeeded);
    let live = record.state.live(Environment::Production).unwrap();
    assert_eq!(live.deployment, back, "whichever was seen first");
    assert!(record.state.making_way.is_empty());
}

#[test]
fn a_rollback_begins_beside_what_another_engine_does() {
    let mut record = Story::default();
    record.observe(Environment::Production, 1);
    let kind = DeploymentKind::Rollback;
    let request = DeploymentRequest { kind, ..request(Environment::Production, 1) };
    let back = record.push(Fact::DeploymentRequested(request));
    let ready = report::prepared(&record.state, back, &Ok(None));
    assert!(ready.is_some(), "else it is prepared for ever");
}
