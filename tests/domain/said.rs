//! What a service itself says that it runs, as the fold and the plan take it.

use chrono::TimeDelta;
use trunkline::domain::deployment::DeploymentState;
use trunkline::domain::event::{
    Fact, LiveSaid, ObservedDeployment, Outcome, SaidCommit, UnknownCommit,
};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment};
use trunkline::domain::people::Actor;
use trunkline::domain::policy::{Staging, VerifyBy};
use trunkline::domain::said::service_at;
use trunkline::domain::snapshot::alarm::{Alarm, alarms};
use trunkline::domain::stats::DeliveryStats;
use trunkline::engine::decide::{Decision, DecisionInput, StagingSteps, decide};
use trunkline_testing::record::{Record, checkout, commit, found, person, request, sha};

const PRODUCTION: Environment = Environment::Production;

fn with_builds(numbers: std::ops::RangeInclusive<u64>) -> Record {
    let mut record = Record::default();
    for number in numbers {
        record.push(Actor::System, found(number, vec![commit(number, "ann")]));
    }
    record
}

fn promoted(record: &mut Record, build: u64, outcome: Outcome) -> DeploymentId {
    record.now += TimeDelta::minutes(5);
    let requested = Fact::DeploymentRequested(request(PRODUCTION, build));
    let deployment = record.push(person("sam"), requested).into();
    record.push(Actor::System, Fact::DeploymentStarted { deployment, variables: None });
    record.push(Actor::System, Fact::DeploymentEnded { deployment, outcome });
    deployment
}

fn said(record: &mut Record, says: SaidCommit) -> DeploymentId {
    record.now += TimeDelta::minutes(5);
    let (environment, host) = (PRODUCTION, "shop.example".to_owned());
    let said = Fact::LiveSaid(LiveSaid { environment, host, says });
    record.push(service_at("shop.example"), said).into()
}

fn build(number: u64) -> SaidCommit {
    SaidCommit::Build { build: BuildNumber(number), sha: sha(number), older: None }
}

fn live(record: &Record) -> u64 {
    record.state.live(PRODUCTION).unwrap().build.0
}

#[test]
fn after_a_promote_that_failed_no_answer_ends_the_doubt() {
    let mut record = with_builds(1..=3);
    promoted(&mut record, 1, Outcome::Succeeded);
    promoted(&mut record, 2, Outcome::Succeeded);
    let failed = promoted(&mut record, 3, Outcome::Failed("smoke".into()));
    for answer in [build(3), build(2), build(1)] {
        said(&mut record, answer);
        assert_eq!(record.state.unsettled(PRODUCTION).map(|d| d.id), Some(failed));
        assert_eq!(record.state.rollback_target(), Some(BuildNumber(2)), "what ran before it");
        assert_eq!(record.state.drift(PRODUCTION), None);
    }
}

#[test]
fn a_run_that_is_seen_later_explains_what_the_service_said() {
    let mut record = with_builds(1..=2);
    promoted(&mut record, 1, Outcome::Succeeded);
    let at = record.now + TimeDelta::minutes(1);
    said(&mut record, build(2));
    assert_eq!((live(&record), record.state.drift(PRODUCTION).is_some()), (2, true));
    let by = Actor::External { login: "bob".into(), engine: "github".into() };
    let seen = ObservedDeployment {
        environment: PRODUCTION,
        build: BuildNumber(2),
        sha: sha(2),
        engine: Some("github".parse().unwrap()),
        run: "881.1".into(),
        page: None,
        at,
        older: None,
        taken_over: false,
    };
    let deployment = record.push(by.clone(), Fact::DeploymentObserved(seen)).into();
    record.push(by, Fact::ObservedEnded { deployment, outcome: Outcome::Succeeded, at });
    assert_eq!(record.state.live(PRODUCTION).unwrap().deployment, deployment);
    assert_eq!(record.state.drift(PRODUCTION), None);
}

#[test]
fn the_first_answer_tells_what_runs_and_is_no_difference() {
    let mut record = with_builds(1..=2);
    let id = said(&mut record, build(1));
    assert_eq!(live(&record), 1);
    assert!(alarms(&record.state).is_empty());
    let told = &record.state.deployments[&id];
    assert_eq!(told.state(), DeploymentState::Succeeded);
    let words = "the service at shop.example said that production runs #1";
    assert_eq!(told.in_words(), words);
    let stats = DeliveryStats::of(&checkout(), &record.state, 30, record.now);
    assert_eq!(stats.change_failures.of, 0, "nobody deployed");
}

#[test]
fn an_answer_ends_what_another_answer_left_unknown() {
    let mut record = with_builds(1..=2);
    promoted(&mut record, 2, Outcome::Succeeded);
    let unknown = UnknownCommit { sha: Some(sha(9)), why: "which is no build of main".into() };
    said(&mut record, SaidCommit::Unknown(unknown));
    let told = alarms(&record.state);
    let words = "what production runs is not known: the service at shop.example says that it runs 0000000, which is no build of main";
    assert_eq!(told.iter().map(Alarm::sentence).collect::<Vec<_>>(), [words]);
    said(&mut record, build(2));
    assert!(alarms(&record.state).is_empty());
    assert_eq!(live(&record), 2);
}

#[test]
fn an_answer_of_staging_verifies_no_build() {
    let mut record = with_builds(1..=1);
    let (environment, host) = (Environment::Staging, "shop.example".to_owned());
    let answer = Fact::LiveSaid(LiveSaid { environment, host, says: build(1) });
    record.push(service_at("shop.example"), answer);
    assert_eq!(record.state.live(environment).map(|live| live.build), Some(BuildNumber(1)));
    assert_eq!(follows(&record), []);
    // What is seen deployed there does.
    let by = Actor::External { login: "bob".into(), engine: "github".into() };
    let at = record.now;
    let seen = ObservedDeployment {
        environment,
        build: BuildNumber(1),
        sha: sha(1),
        engine: Some("github".parse().unwrap()),
        run: "881.1".into(),
        page: None,
        at,
        older: None,
        taken_over: false,
    };
    let deployment = record.push(by.clone(), Fact::DeploymentObserved(seen)).into();
    record.push(by, Fact::ObservedEnded { deployment, outcome: Outcome::Succeeded, at });
    assert_eq!(follows(&record).len(), 1);
}

/// What follows by itself where a success in staging verifies.
fn follows(record: &Record) -> Vec<Decision> {
    decide(&DecisionInput {
        service: &checkout(),
        state: &record.state,
        staging: Staging::Observe,
        verify: &[VerifyBy::Staging],
        staging_steps: &|_| StagingSteps::NotRead,
    })
}
