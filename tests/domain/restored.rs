//! A record that was restored from a copy: what was done after the copy is not known, and nothing says otherwise.

use trunkline::domain::command::Action;
use trunkline::domain::deployment::{DeploymentState, StepState};
use trunkline::domain::event::{DeploymentKind, Fact, Outcome, StepOutcome};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, Seq};
use trunkline::domain::plan::{Guard, Severity};
use trunkline::domain::remedy::Remedy;
use trunkline::domain::schema::Outlook;
use trunkline::domain::snapshot::alarm::{Alarm, alarms};
use trunkline::domain::stats::DeliveryStats;

use super::plan::{World, finding, severity};

use trunkline_testing::record::{Record, adopted, checkout, commit, found, person, request, step};

fn with_builds(numbers: std::ops::RangeInclusive<u64>) -> Record {
    let mut record = Record::default();
    for number in numbers {
        record.push(person("sam"), found(number, vec![commit(number, "sam")]));
    }
    record
}

fn requested(record: &mut Record, environment: Environment, build: u64) -> DeploymentId {
    let request = trunkline::domain::event::DeploymentRequest {
        steps: vec![step("release")],
        ..request(environment, build)
    };
    record.push(person("sam"), Fact::DeploymentRequested(request)).into()
}

fn started(record: &mut Record, environment: Environment, build: u64) -> DeploymentId {
    let deployment = requested(record, environment, build);
    record.push(person("sam"), Fact::DeploymentStarted { deployment, variables: None });
    record.push(person("sam"), Fact::StepStarted { deployment, step: 0, target: None });
    deployment
}

fn promoted(record: &mut Record, build: u64) {
    let deployment = started(record, Environment::Production, build);
    let (outcome, took) = (StepOutcome::Succeeded, std::time::Duration::ZERO);
    record.push(
        person("sam"),
        Fact::StepEnded { deployment, step: 0, target: None, outcome, took, ended_at: None },
    );
    let outcome = Outcome::Succeeded;
    record.push(person("sam"), Fact::DeploymentEnded { deployment, outcome });
}

fn restore(record: &mut Record) -> DeploymentId {
    let (head, at) = (record.state.last_seq, record.now);
    record.push(person("ann"), Fact::RecordRestored { head, at }).into()
}

#[test]
fn after_a_restore_production_is_in_doubt_until_a_person_states_what_it_runs() {
    let mut record = with_builds(1..=3);
    promoted(&mut record, 1);
    promoted(&mut record, 2);
    assert_eq!(alarms(&record.state).len(), 0);
    let doubt = restore(&mut record);
    let production = Environment::Production;
    assert_eq!(record.state.unsettled(production).map(|d| d.id), Some(doubt));
    let told = alarms(&record.state);
    assert!(
        matches!(told.as_slice(), [Alarm::InDoubt { environment, .. }] if *environment == production)
    );
    let stats = DeliveryStats::of(&checkout(), &record.state, 30, record.now);
    assert_eq!((stats.change_failures.count, stats.change_failures.of), (0, 2), "nothing failed");
    let way_back = record.state.rollback_target();
    assert_eq!(
        way_back,
        Some(BuildNumber(2)),
        "the last that the record knows, not one further back"
    );
    record.push(person("ann"), Fact::ProductionAdopted(Box::new(adopted(3))));
    assert_eq!(record.state.unsettled(production), None);
    assert_eq!(record.state.live(production).map(|live| live.build), Some(BuildNumber(3)));
    assert_eq!(record.state.rollback_target(), Some(BuildNumber(2)));
}

#[test]
fn what_was_open_in_a_restored_record_is_interrupted_and_goes_on_nowhere() {
    let mut record = with_builds(1..=3);
    promoted(&mut record, 1);
    let running = started(&mut record, Environment::Production, 2);
    let queued = requested(&mut record, Environment::Production, 3);
    let staging = started(&mut record, Environment::Staging, 3);
    restore(&mut record);
    assert!(!record.state.is_busy());
    for id in [running, queued, staging] {
        assert_eq!(record.state.deployments[&id].state(), DeploymentState::Interrupted, "{id}");
    }
    let step = &record.state.deployments[&running].steps[0];
    assert!(matches!(step, StepState::Ended { outcome: StepOutcome::Lost, .. }), "{step:?}");
    assert_eq!(record.state.deployments[&queued].steps[0], StepState::Skipped);
}

#[test]
fn a_restored_record_without_a_live_build_does_not_say_that_nothing_is_live() {
    let mut record = with_builds(1..=1);
    assert!(!record.state.is_live_unknown());
    restore(&mut record);
    assert!(record.state.is_live_unknown());
    assert_eq!(record.state.last_seq, Seq(2));
}

const PROMOTE: Action = Action::Promote { build: BuildNumber(3) };

/// The service of the plans after a restore.
fn restored() -> World {
    let mut world = World::new();
    restore(&mut world.recorded);
    world
}

fn outlook(world: &World) -> Outlook {
    world.recorded.state.verdict(BuildNumber(1)).outlook
}

#[test]
fn no_rollback_is_safe_after_a_restore_until_it_is_known_what_ran() {
    assert_eq!(outlook(&World::new()), Outlook::Safe);
    let mut world = restored();
    let verdict = world.recorded.state.verdict(BuildNumber(1));
    assert_eq!(verdict.outlook, Outlook::Risk);
    assert!(verdict.why[0].contains("restored from a copy"), "{verdict:?}");
    assert_eq!(verdict.remedy, Some(Remedy::Adopt { commit: None }));
    let succeeded = || Some(Outcome::Succeeded);
    world.deploy(Environment::Production, 2, DeploymentKind::Rollback, succeeded());
    assert_eq!(outlook(&world), Outlook::Risk, "a rollback takes no migration back");
    world.promote(2, succeeded());
    assert_eq!(outlook(&world), Outlook::Risk, "a newer build may have run");
    world.promote(3, Some(Outcome::Failed("step release: exit 1".into())));
    assert_eq!(outlook(&world), Outlook::Risk, "it did not arrive");
    world.promote(3, succeeded());
    assert_eq!(outlook(&world), Outlook::Safe, "the newest build has all that may have run");
    restore(&mut world.recorded);
    assert_eq!(outlook(&world), Outlook::Risk, "the next restore begins anew");
}

#[test]
fn a_promote_of_the_newest_build_says_what_a_rollback_after_it_would_do() {
    let world = restored();
    let plan = world.plan_by("raj", PROMOTE);
    let way_back = finding(&plan, Guard::Order);
    assert_eq!(way_back.severity, Severity::Warn);
    assert_eq!(
        way_back.sentence,
        "What is live is not known: the record was restored from a copy; #2 is the last that it knows"
    );
    assert_eq!(way_back.remedy, Some(Remedy::Adopt { commit: None }));
    let older = world.plan_by("raj", Action::Promote { build: BuildNumber(1) });
    assert_eq!(severity(&older, Guard::Order), Severity::Refuse);
    let staging = finding(&plan, Guard::Verified);
    assert!(
        staging.sentence.contains("what staging runs now is not known"),
        "{}",
        staging.sentence
    );
}

#[test]
fn a_rollback_after_a_restore_says_that_nobody_knows_what_it_replaces() {
    let plan = restored().plan_by("raj", Action::Rollback { to: None });
    let order = finding(&plan, Guard::Order);
    assert!(order.sentence.contains("what runs there now is not known"), "{}", order.sentence);
    assert_eq!(order.remedy, Some(Remedy::Adopt { commit: None }));
    assert!(plan.severity() < Severity::Override, "the way back asks for nothing");
}

#[test]
fn a_restore_is_told_as_a_restore_and_not_as_a_deployment() {
    let mut world = World::new();
    let before = world.plan_by("raj", PROMOTE);
    let (build, note) = (BuildNumber(3), "after lunch".to_owned());
    let until = world.recorded.now + chrono::TimeDelta::hours(1);
    world.record(Fact::PromoterRequested { build, until, note });
    let doubt = restore(&mut world.recorded);
    let state = &world.recorded.state;
    let told = alarms(state);
    assert_eq!(told[0].short(), "RESTORED, NOT KNOWN");
    assert_eq!(
        told[0].sentence(),
        "production is in doubt: the record was restored from a copy in which #2 was live; what runs there is not known"
    );
    let ended = format!("{:?}", state.requests[0].closed);
    assert!(ended.contains(&format!("ann restored the record from a copy ({doubt})")), "{ended}");
    let refused = world.plan_by("raj", PROMOTE).check(&before.fingerprint, &[].into(), state);
    let why = refused.unwrap_err().to_string();
    assert!(why.contains("what is live is not known"), "{why}");
    assert!(why.contains("ann restored the record from a copy") && !why.contains("external"));
}

#[test]
fn what_staging_runs_is_not_known_after_a_restore_until_it_takes_a_build() {
    let mut world = restored();
    let staging = Environment::Staging;
    assert!(world.recorded.state.is_unknown_since_restore(staging));
    world.deploy(staging, 3, DeploymentKind::Auto, Some(Outcome::Succeeded));
    assert!(!world.recorded.state.is_unknown_since_restore(staging));
    assert!(world.recorded.state.is_unknown_since_restore(Environment::Production));
}
