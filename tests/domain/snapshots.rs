//! What a snapshot shows of a service, made from real events.

use std::time::Duration;

use chrono::DateTime;
use trunkline::backend::Backend;
use trunkline::backend::scripted::{SERVICE, Scripted, ScriptedWorld};
use trunkline::domain::build::BuildState;
use trunkline::domain::deployment::DeploymentState;
use trunkline::domain::event::{DeploymentKind, Fact, StepOutcome};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, ServiceName};
use trunkline::domain::people::Actor;
use trunkline::domain::quarantine::BadCommit;
use trunkline::domain::schema::{Outlook, Verdict};
use trunkline::domain::snapshot::alarm::Alarm;
use trunkline::domain::snapshot::{
    BUILDS_SHOWN, DeploymentRow, FleetRow, HISTORY_SHOWN, RollbackPreview, ServiceSnapshot,
};

const MINUTE: Duration = Duration::from_mins(1);

fn service() -> ServiceName {
    SERVICE.parse().unwrap()
}

fn world() -> Scripted {
    Scripted::new(DateTime::from_timestamp(1_790_000_000, 0).unwrap())
}

async fn snapshot(world: &Scripted) -> ServiceSnapshot {
    world.service(&service(), None, Duration::ZERO).await.unwrap().unwrap()
}

async fn row(world: &Scripted) -> FleetRow {
    let fleet = world.fleet(None, Duration::ZERO).await.unwrap().unwrap();
    fleet.services.into_iter().next().unwrap()
}

fn queue(world: &mut ScriptedWorld, build: BuildNumber, kind: DeploymentKind) -> DeploymentId {
    let by = Actor::Person("kim".into());
    world.request(&service(), build, Environment::Production, kind, by)
}

/// Puts a new build into production in a minute.
fn ship(world: &mut ScriptedWorld) -> BuildNumber {
    let build = world.verified_build(&service(), "ada");
    queue(world, build, DeploymentKind::Promote);
    world.advance(&service());
    world.pass(MINUTE);
    world.finish(&service());
    build
}

/// The deployment that production runs.
fn live(world: &ScriptedWorld) -> DeploymentId {
    let state = &world.service(&service()).unwrap().state;
    state.live(Environment::Production).unwrap().deployment
}

fn find(snapshot: &ServiceSnapshot, id: DeploymentId) -> &DeploymentRow {
    snapshot.deployments.iter().find(|row| row.deployment.id == id).unwrap()
}

#[tokio::test]
async fn builds_are_newest_first_and_capped_while_their_number_is_whole() {
    let world = world();
    let builds = BUILDS_SHOWN + 5;
    world.change(|world| {
        for _ in 0..builds {
            world.merge(&service(), "ada", "More");
        }
    });
    let snapshot = snapshot(&world).await;
    let shown: Vec<_> = snapshot.builds.iter().map(|row| row.build.number.0).collect();
    assert_eq!(shown.len(), BUILDS_SHOWN);
    assert_eq!(shown[0], builds as u64);
    assert!(shown.is_sorted_by(|a, b| a > b));
    assert_eq!(snapshot.builds_total as usize, builds);
}

#[tokio::test]
async fn history_is_capped_but_what_is_open_always_shows() {
    let world = world();
    let queued = world.change(|world| {
        let build = ship(world);
        let open = queue(world, build, DeploymentKind::Redeploy);
        for _ in 0..HISTORY_SHOWN + 5 {
            let id = queue(world, build, DeploymentKind::Redeploy);
            let outcome = trunkline::domain::event::Outcome::Succeeded;
            let fact = Fact::DeploymentEnded { deployment: id, outcome };
            world.record(&service(), Actor::System, fact);
        }
        open
    });
    let snapshot = snapshot(&world).await;
    assert_eq!(find(&snapshot, queued).state, DeploymentState::Queued);
    let ended = |row: &&DeploymentRow| {
        row.deployment.ended.is_some()
            && row.deployment.request.environment == Environment::Production
    };
    assert_eq!(snapshot.deployments.iter().filter(ended).count(), HISTORY_SHOWN);
    assert_eq!(snapshot.history_total as usize, HISTORY_SHOWN + 7);
    assert!(snapshot.deployments.is_sorted_by(|a, b| a.deployment.id > b.deployment.id));
}

#[tokio::test]
async fn a_retry_that_never_began_hides_nothing_of_what_failed_in_staging() {
    let world = world();
    let (failed, retry) = world.change(|world| {
        ship(world);
        let build = world.merge(&service(), "ada", "Broken");
        let stage = |world: &mut ScriptedWorld, kind| {
            world.request(&service(), build, Environment::Staging, kind, Actor::System)
        };
        let failed = stage(world, DeploymentKind::Auto);
        world.advance(&service());
        world.advance(&service());
        world.advance_with(&service(), StepOutcome::Exited(1));
        world.finish(&service());
        let retry = stage(world, DeploymentKind::Retry);
        let outcome = trunkline::domain::event::Outcome::Failed("no disk".into());
        let ended = Fact::DeploymentEnded { deployment: retry, outcome };
        world.record(&service(), Actor::System, ended);
        (failed, retry)
    });
    let snapshot = snapshot(&world).await;
    let alarm = snapshot.alarms.iter().find_map(|alarm| match alarm {
        Alarm::InDoubt { environment: Environment::Staging, deployment, .. } => Some(*deployment),
        _ => None,
    });
    assert_eq!(alarm, Some(failed));
    assert_eq!(find(&snapshot, failed).state, DeploymentState::Failed, "the alarm's own row");
    assert!(find(&snapshot, retry).deployment.started_at.is_none());
}

#[tokio::test]
async fn a_build_was_live_until_another_took_its_place() {
    let world = world();
    let (first, again, second) = world.change(|world| {
        let build = ship(world);
        let first = live(world);
        world.pass(MINUTE);
        let again = queue(world, build, DeploymentKind::Redeploy);
        world.finish(&service());
        world.pass(MINUTE);
        ship(world);
        (first, again, live(world))
    });
    let snapshot = snapshot(&world).await;
    assert_eq!(find(&snapshot, first).live_for, Some(3 * MINUTE));
    assert_eq!(find(&snapshot, again).live_for, Some(2 * MINUTE));
    assert_eq!(find(&snapshot, second).live_for, None);
}

#[tokio::test]
async fn what_has_been_measured_is_expected_again() {
    let world = world();
    let next = world.change(|world| {
        ship(world);
        let build = world.verified_build(&service(), "ada");
        queue(world, build, DeploymentKind::Promote)
    });
    let snapshot = snapshot(&world).await;
    let next = find(&snapshot, next);
    assert_eq!(next.expected, Some(MINUTE));
    assert_eq!(next.steps_expected, [Some(10_000); 3]);
    assert_eq!(next.subject, "Change by ada");
    assert_eq!(row(&world).await.running.unwrap().expected, Some(MINUTE));
}

#[tokio::test]
async fn the_rollback_is_known_before_it_is_needed() {
    let world = world();
    assert_eq!(snapshot(&world).await.rollback, None);
    let since = world.change(|world| {
        ship(world);
        let since = world.now();
        ship(world);
        since
    });
    let preview = snapshot(&world).await.rollback.unwrap();
    assert_eq!((preview.to, preview.was_live), (BuildNumber(1), Some(since)));
}

#[tokio::test]
async fn a_promote_that_fails_midway_leaves_production_unsettled() {
    let world = world();
    let broken = world.change(|world| {
        ship(world);
        let build = world.verified_build(&service(), "ada");
        let broken = queue(world, build, DeploymentKind::Promote);
        world.advance(&service());
        world.advance(&service());
        world.advance_with(&service(), StepOutcome::Exited(1));
        world.finish(&service());
        broken
    });
    let snapshot = snapshot(&world).await;
    assert_eq!(snapshot.unsettled, Some(broken));
    assert_eq!(find(&snapshot, broken).state, DeploymentState::Failed);
    assert_eq!(snapshot.rollback.unwrap().to, BuildNumber(1), "back to what is live");
}

#[tokio::test]
async fn freezes_show_until_they_are_over() {
    let world = world();
    world.change(|world| {
        let (from, until) = (world.now() + MINUTE, Some(world.now() + 2 * MINUTE));
        let fact = Fact::FreezePlaced { from, until, reason: "the sale".into() };
        world.record(&service(), Actor::System, fact);
    });
    assert_eq!(snapshot(&world).await.freezes.len(), 1, "to come");
    assert_eq!(row(&world).await.freeze, None, "not yet");
    world.change(|world| world.pass(MINUTE));
    assert_eq!(row(&world).await.freeze.unwrap().reason, "the sale");
    world.change(|world| world.pass(MINUTE));
    assert_eq!(snapshot(&world).await.freezes, []);
    assert_eq!(row(&world).await.freeze, None);
}

#[tokio::test]
async fn the_fleet_counts_what_staging_has_and_production_has_not() {
    let world = world();
    world.change(|world| {
        ship(world);
        world.verified_build(&service(), "ada");
        world.verified_build(&service(), "ada");
        world.merge(&service(), "ada", "Not in staging");
    });
    let row = row(&world).await;
    assert_eq!((row.ahead, row.live.unwrap().build), (2, BuildNumber(1)));
}

/// What went wrong, and what every view that reads the alarms says then.
#[tokio::test]
async fn whatever_is_wrong_is_told_by_the_fleet_and_the_service_alike() {
    type Happens = fn(&mut ScriptedWorld);
    let cases: [(&str, Happens, &[&str]); 4] = [
        ("all is well", |_| (), &[]),
        (
            "a promote failed",
            |world| fails(world, Environment::Production),
            &["production is in doubt: promote of #2 failed at step"],
        ),
        (
            "staging is red",
            |world| fails(world, Environment::Staging),
            &["staging is in doubt: #2 failed at step"],
        ),
        (
            "the live build is bad",
            |world| bad(world, BuildNumber(1)),
            &["production runs #1: quarantined (leaks data)"],
        ),
    ];
    for (what, happens, told) in cases {
        let world = world();
        world.change(|world| {
            ship(world);
            happens(world);
        });
        let (snapshot, row) = (snapshot(&world).await, row(&world).await);
        assert_eq!(snapshot.alarms, row.alarms, "{what}");
        let said: Vec<_> = row.alarms.iter().map(Alarm::sentence).collect();
        assert_eq!(said.len(), told.len(), "{what}: {said:?}");
        for (said, told) in said.iter().zip(told) {
            assert!(said.starts_with(told), "{what}: {said}");
        }
    }
}

/// A new build whose first step fails in this environment.
fn fails(world: &mut ScriptedWorld, environment: Environment) {
    let build = world.merge(&service(), "ada", "More");
    let kind = match environment {
        Environment::Staging => DeploymentKind::Auto,
        Environment::Production => {
            world.stage(&service(), build);
            DeploymentKind::Promote
        }
    };
    world.request(&service(), build, environment, kind, Actor::Person("kim".into()));
    while world.advance_with(&service(), StepOutcome::Exited(1)).is_some() {}
}

fn bad(world: &mut ScriptedWorld, number: BuildNumber) {
    let build = &world.service(&service()).unwrap().state.builds[&number];
    let (sha, subject) = (build.sha.clone(), build.subject().to_owned());
    let bad = vec![BadCommit { sha, build: number, subject }];
    let fact = Fact::CommitsQuarantined { bad, reason: "leaks data".into() };
    world.record(&service(), Actor::Person("kim".into()), fact);
}

#[tokio::test]
async fn a_build_that_was_cancelled_in_staging_did_not_fail() {
    let world = world();
    let build = world.change(|world| {
        let build = world.merge(&service(), "ada", "More");
        let kind = DeploymentKind::Auto;
        let id = world.request(&service(), build, Environment::Staging, kind, Actor::System);
        let outcome = trunkline::domain::event::Outcome::Cancelled;
        let fact = Fact::DeploymentEnded { deployment: id, outcome };
        world.record(&service(), Actor::System, fact);
        build
    });
    let snapshot = snapshot(&world).await;
    assert_eq!(snapshot.builds[0].state, BuildState::Cancelled);
    let said: Vec<_> = snapshot.alarms.iter().map(Alarm::sentence).collect();
    assert_eq!(said, [format!("the newest build, {build}, is not in staging: d2: cancelled")]);
}

#[tokio::test]
async fn what_is_known_of_the_schema_is_said_whatever_else_there_is_to_say_of_a_rollback() {
    let world = world();
    world.change(|world| {
        ship(world);
        ship(world);
    });
    let offer = snapshot(&world).await.rollback.expect("two builds were live");
    let no_return = Verdict {
        outlook: Outlook::PointOfNoReturn,
        floor: Some(BuildNumber(2)),
        ..offer.verdict.clone()
    };
    let breaks = "POINT OF NO RETURN: builds before #2 break";
    let unread = "its trunkline.toml is not read";
    let lacks = "The steps need TOKEN";
    let told = |verdict: &Verdict, blocked: bool, unchecked: bool| {
        let blocked = blocked.then(|| lacks.to_owned());
        let offer = RollbackPreview {
            verdict: verdict.clone(),
            blocked,
            unchecked,
            tried: None,
            ..offer.clone()
        };
        (offer.outlook_in_words(DateTime::UNIX_EPOCH), offer.is_only_unchecked())
    };
    let safe = &offer.verdict;
    for (verdict, blocked, unchecked, words, is_only) in [
        (safe, false, false, "schema SAFE: no blocking migration found".to_owned(), false),
        (safe, false, true, format!("UNCHECKED; {unread}"), true),
        (safe, true, false, format!("BLOCKED: {lacks}"), false),
        (&no_return, false, false, breaks.to_owned(), false),
        (&no_return, false, true, format!("{breaks}; {unread}"), false),
        (&no_return, true, true, format!("BLOCKED: {lacks}; {breaks}; {unread}"), false),
    ] {
        assert_eq!(told(verdict, blocked, unchecked), (words, is_only));
    }
    let under_way = Some(DeploymentId(7));
    let offer = RollbackPreview { under_way, verdict: no_return, ..offer.clone() };
    assert_eq!(offer.outlook_in_words(DateTime::UNIX_EPOCH), format!("under way (d7); {breaks}"));
}
