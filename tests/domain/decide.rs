//! What follows by itself, decided from events alone: no process, no clock, no disk.

use std::time::Duration;

use trunkline::domain::deployment::{DeploymentState, StepState};
use trunkline::domain::event::{
    DeploymentKind, DeploymentRequest, Fact, Outcome, StepOutcome, StepSpec,
};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment};
use trunkline::domain::people::Actor;
use trunkline::domain::policy::VerifyBy;
use trunkline::domain::service::ServiceState;
use trunkline::engine::decide::{Decision, Known, Pipeline, decide};

use trunkline_testing::record::{Record, found, request, step};

/// A service whose record a test writes, with two steps in every pipeline.
#[derive(Default)]
struct Service(Record);

fn steps() -> Vec<StepSpec> {
    vec![step("release"), step("smoke")]
}

impl Service {
    fn push(&mut self, fact: Fact) -> DeploymentId {
        self.0.push(Actor::System, fact).into()
    }

    fn build(&mut self, number: u64) {
        self.push(found(number, Vec::new()));
    }

    fn request(&mut self, environment: Environment, number: u64) -> DeploymentId {
        let steps = steps();
        let kind = DeploymentKind::Promote;
        let request = DeploymentRequest { steps, kind, ..request(environment, number) };
        self.push(Fact::DeploymentRequested(request))
    }

    fn start(&mut self, deployment: DeploymentId, step: usize) {
        if step == 0 {
            self.push(Fact::DeploymentStarted { deployment });
        }
        self.push(Fact::StepStarted { deployment, step });
    }

    fn end(&mut self, deployment: DeploymentId, step: usize, outcome: StepOutcome) {
        self.push(Fact::StepEnded { deployment, step, outcome, took: Duration::ZERO });
    }

    fn cancel(&mut self, deployment: DeploymentId) {
        self.push(Fact::CancelRequested { deployment, reason: String::new() });
    }

    fn decisions(&self) -> Vec<Decision> {
        let steps = steps();
        let verify = VerifyBy::Step("smoke".into());
        decide(&Known {
            state: &self.0.state,
            verify: &[verify],
            staging_steps: &|_| Pipeline::Steps(&steps),
        })
    }

    /// Records what follows by itself, with every step succeeding, until nothing is left to do.
    fn settle(&mut self) {
        while let Some(decision) = self.decisions().into_iter().next() {
            match decision {
                Decision::Record(fact) => {
                    self.push(fact);
                }
                Decision::Prepare(deployment) => {
                    self.push(Fact::DeploymentStarted { deployment });
                }
                Decision::Attend(id, step) => self.end(id, step, StepOutcome::Succeeded),
                Decision::Stop(id, step) => self.end(id, step, StepOutcome::Cancelled),
                Decision::LoadPipeline(sha) => panic!("{sha} is known"),
            }
        }
    }

    fn state_of(&self, id: DeploymentId) -> DeploymentState {
        self.0.state.deployments[&id].state()
    }
}

/// A service whose promote is in its first step.
fn running() -> (Service, DeploymentId) {
    let mut service = Service::default();
    let id = service.request(Environment::Production, 1);
    service.start(id, 0);
    (service, id)
}

#[test]
fn a_new_build_goes_through_staging_and_is_verified_by_its_step() {
    let mut service = Service::default();
    service.build(1);
    service.settle();
    let build = &service.0.state.builds[&BuildNumber(1)];
    assert!(!build.verifications.is_empty());
    assert_eq!(
        service.0.state.live(Environment::Staging).map(|live| live.build),
        Some(BuildNumber(1))
    );
    assert_eq!(service.decisions(), [], "then there is nothing left to do");
}

#[test]
fn staging_takes_the_newest_build_once_it_is_free_and_not_held() {
    let mut service = Service::default();
    service.push(Fact::HoldPlaced {
        environment: Environment::Staging,
        reason: "looking".into(),
        rollback: None,
    });
    (1..=3).for_each(|number| service.build(number));
    assert_eq!(service.decisions(), []);
    service.push(Fact::HoldReleased {
        environment: Environment::Staging,
        reason: String::new(),
        bad: Vec::new(),
    });
    service.settle();
    let staged: Vec<_> = service.0.state.deployments.values().map(|d| d.request.build.0).collect();
    assert_eq!(staged, [3], "the ones between are never deployed");
}

#[test]
fn a_running_step_is_attended_to_however_often_it_is_asked() {
    let (service, id) = running();
    assert_eq!(service.decisions(), [Decision::Attend(id, 0)]);
    assert_eq!(service.decisions(), [Decision::Attend(id, 0)]);
}

#[test]
fn a_cancelled_step_is_stopped_before_it_is_attended_to() {
    let (mut service, id) = running();
    service.cancel(id);
    assert_eq!(service.decisions(), [Decision::Stop(id, 0), Decision::Attend(id, 0)]);
}

#[test]
fn a_cancel_between_two_steps_keeps_the_next_from_starting() {
    let (mut service, id) = running();
    service.end(id, 0, StepOutcome::Succeeded);
    service.cancel(id);
    service.settle();
    assert_eq!(service.state_of(id), DeploymentState::Cancelled);
    assert_eq!(service.0.state.deployments[&id].steps[1], StepState::Skipped);
}

#[test]
fn a_cancel_after_the_last_step_comes_too_late_and_the_truth_is_told() {
    let (mut service, id) = running();
    service.end(id, 0, StepOutcome::Succeeded);
    service.push(Fact::StepStarted { deployment: id, step: 1 });
    service.cancel(id);
    service.end(id, 1, StepOutcome::Succeeded);
    service.settle();
    assert_eq!(service.state_of(id), DeploymentState::Succeeded);
}

#[test]
fn a_rollback_waits_for_the_deployment_that_it_cancels() {
    let (mut service, promote) = running();
    service.cancel(promote);
    let rollback = service.request(Environment::Production, 1);
    assert!(!service.decisions().contains(&Decision::Prepare(rollback)));
    service.settle();
    assert_eq!(service.state_of(promote), DeploymentState::Cancelled);
    assert_eq!(service.state_of(rollback), DeploymentState::Succeeded);
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
        let (mut service, id) = running();
        service.end(id, 0, outcome.clone());
        let end = Fact::DeploymentEnded { deployment: id, outcome: expected };
        assert_eq!(service.decisions(), [Decision::Record(end)], "{outcome:?}");
    }
}

#[test]
fn folding_the_record_again_changes_nothing() {
    let (mut service, id) = running();
    service.build(1);
    service.cancel(id);
    service.settle();
    let mut again = service.0.state.clone();
    service.0.events.iter().for_each(|event| again.apply(event));
    assert_eq!(again, service.0.state);
    let mut anew = ServiceState::default();
    service.0.events.iter().for_each(|event| anew.apply(event));
    assert_eq!(anew, service.0.state);
}
