//! Runs that turned up after they were given up: what the record makes of them.

use std::time::Duration;

use trunkline::domain::deployment::DeploymentState;
use trunkline::domain::event::{
    DeploymentKind, DeploymentRequest, Fact, Outcome, Run, StepOutcome, StepSpec,
};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment};
use trunkline::domain::people::Actor;
use trunkline::domain::remote::{FoundBy, RemoteCall, RemoteJob, RunRef};
use trunkline::domain::snapshot::alarm::{Alarm, alarms};
use trunkline::engine::report::{self, LateSight};
use trunkline::engine::runner::RunId;

use trunkline_testing::record::{Record, commit, found, person, request, step};

const PRODUCTION: Environment = Environment::Production;

fn with_builds(numbers: std::ops::RangeInclusive<u64>) -> Record {
    let mut record = Record::default();
    for number in numbers {
        record.push(person("sam"), found(number, vec![commit(number, "sam")]));
    }
    record
}

fn elsewhere() -> StepSpec {
    let call = RemoteCall::Http { job: "shop".into() };
    let (engine, start_within) = ("deployer".parse().unwrap(), Duration::from_mins(10));
    let inputs = std::collections::BTreeMap::new();
    let run = Run::Remote(RemoteJob { engine, call, inputs, start_within });
    StepSpec { run, ..step("release") }
}

/// A promote whose one step ended like this.
fn promote(record: &mut Record, build: u64, outcome: StepOutcome) -> DeploymentId {
    let request = DeploymentRequest { steps: vec![elsewhere()], ..request(PRODUCTION, build) };
    let deployment: DeploymentId =
        record.push(person("sam"), Fact::DeploymentRequested(request)).into();
    record.push(Actor::System, Fact::DeploymentStarted { deployment, variables: None });
    record.push(Actor::System, Fact::StepStarted { deployment, step: 0, target: None });
    let key = serde_json::from_str(&format!("\"checkout-{deployment}.1-0\"")).unwrap();
    let engine = "deployer".parse().unwrap();
    record.push(Actor::System, Fact::RunSent { deployment, step: 0, target: None, engine, key });
    let (took, is_lost) = (Duration::ZERO, matches!(outcome, StepOutcome::Unfound(_)));
    record.push(
        Actor::System,
        Fact::StepEnded { deployment, step: 0, target: None, outcome, took, ended_at: None },
    );
    let outcome =
        if is_lost { Outcome::Interrupted("step release".into()) } else { Outcome::Succeeded };
    record.push(Actor::System, Fact::DeploymentEnded { deployment, outcome });
    deployment
}

fn unfound() -> StepOutcome {
    StepOutcome::Unfound("no run appeared".into())
}

/// Records everything that follows from what was seen. Returns the deployment that the run counts as.
fn see(record: &mut Record, of: DeploymentId, sight: &LateSight) -> Option<DeploymentId> {
    let run = RunId { deployment: of, step: 0 };
    while let Some((by, fact)) = report::late(&record.state, run, sight) {
        record.push(by, fact);
    }
    record.state.deployments[&of].sent(0)?.late
}

fn sight(has_begun: bool, ended: Option<Outcome>, record: &Record) -> LateSight {
    let run = RunRef::new("881", None);
    LateSight { run, has_begun, ended: ended.map(|outcome| (outcome, record.now)) }
}

#[test]
fn a_late_run_that_never_began_leaves_no_doubt() {
    let mut record = with_builds(1..=3);
    let lost = promote(&mut record, 2, unfound());
    promote(&mut record, 3, StepOutcome::Succeeded);
    let queued = sight(false, None, &record);
    let late = see(&mut record, lost, &queued).unwrap();
    let told = alarms(&record.state);
    assert!(
        matches!(told.as_slice(), [Alarm::LateRun { deployment, counts_as, .. }] if (*deployment, *counts_as) == (lost, late))
    );
    assert_eq!(told[0].short(), format!("LATE RUN of {lost}"));
    assert!(record.state.deployments[&late].is_late());
    let over = sight(false, Some(Outcome::Cancelled), &record);
    see(&mut record, lost, &over);
    assert_eq!(record.state.deployments[&late].state(), DeploymentState::Cancelled);
    assert_eq!((alarms(&record.state), record.state.unsettled(PRODUCTION)), (Vec::new(), None));
    assert_eq!(record.state.live(PRODUCTION).unwrap().build, BuildNumber(3));
    assert!(record.state.given_up.is_empty(), "nobody looks for it any more");
}

#[test]
fn a_late_run_that_had_begun_leaves_production_in_doubt() {
    let mut record = with_builds(1..=3);
    let lost = promote(&mut record, 2, unfound());
    promote(&mut record, 3, StepOutcome::Succeeded);
    let over = sight(true, Some(Outcome::Interrupted("it is not known".into())), &record);
    let late = see(&mut record, lost, &over).unwrap();
    let told: Vec<_> = alarms(&record.state).iter().map(Alarm::sentence).collect();
    assert_eq!(
        told,
        ["production is in doubt: deployment of #2 interrupted; what runs there is not known"]
    );
    assert_eq!(record.state.unsettled(PRODUCTION).map(|d| d.id), Some(late));
    assert!(record.state.restores.is_empty());
}

#[test]
fn a_late_run_that_ended_well_is_live_unless_another_ended_after_it() {
    for (minutes, live) in [(0, 2), (-5, 3)] {
        let mut record = with_builds(1..=3);
        let lost = promote(&mut record, 2, unfound());
        promote(&mut record, 3, StepOutcome::Succeeded);
        let ended = record.now + chrono::TimeDelta::minutes(minutes);
        let seen = sight(true, None, &record);
        let over = LateSight { ended: Some((Outcome::Succeeded, ended)), ..seen };
        let late = see(&mut record, lost, &over).unwrap();
        let deployment = &record.state.deployments[&late];
        assert_eq!(deployment.request.kind, DeploymentKind::External);
        assert_eq!(record.state.live(PRODUCTION).unwrap().build, BuildNumber(live), "{minutes}");
        assert_eq!(record.state.unsettled(PRODUCTION), None);
        assert!(record.state.given_up.is_empty());
    }
}

#[test]
fn a_known_run_that_was_given_up_is_told_only_when_it_is_over() {
    let mut record = with_builds(1..=2);
    let lost = promote(&mut record, 2, StepOutcome::Succeeded);
    let run = RunRef::new("881", None);
    let how = FoundBy::Answer;
    let found = Fact::RunFound { deployment: lost, step: 0, target: None, run, how };
    record.push(Actor::System, found);
    let over = sight(true, Some(Outcome::Succeeded), &record);
    assert_eq!(see(&mut record, lost, &over), None, "it was not given up");

    let mut record = with_builds(1..=2);
    let lost = promote(&mut record, 2, unfound());
    record.push(
        Actor::System,
        Fact::RunFound {
            deployment: lost,
            step: 0,
            target: None,
            run: RunRef::new("881", None),
            how,
        },
    );
    let running = sight(true, None, &record);
    assert_eq!(see(&mut record, lost, &running), None);
    let over = sight(true, Some(Outcome::Succeeded), &record);
    assert!(see(&mut record, lost, &over).is_some());
    assert_eq!(record.state.live(PRODUCTION).unwrap().build, BuildNumber(2));
}
