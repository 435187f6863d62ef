//! A clock that somebody sets in the middle of everything: order comes from the record, time from what was measured,
//! and what reads wrong because of it is said.

use std::time::Duration;

use chrono::TimeDelta;
use trunkline::domain::caller::Caller;
use trunkline::domain::command::{Action, Command};
use trunkline::domain::deployment::DeploymentState;
use trunkline::domain::ids::Environment;
use trunkline::domain::plan::{Guard, Severity};
use trunkline::domain::snapshot::ServiceSnapshot;
use trunkline::engine::clock::Clock as _;

use trunkline_testing::clock::SetClock;
use trunkline_testing::console::{Console, options};
use trunkline_testing::engine::{QUICK, World};

/// The longest that anything in these worlds takes, if nobody counts in what the clock did.
const LONGEST: Duration = Duration::from_mins(10);

fn jumps() -> [TimeDelta; 4] {
    [TimeDelta::hours(1), TimeDelta::hours(-1), TimeDelta::days(1), TimeDelta::days(-1)]
}

async fn noticed(world: &World) {
    let mut changes = world.handle().changes();
    while world.handle().fleet().problems.is_empty() {
        tokio::time::timeout(LONGEST, changes.changed()).await.unwrap().unwrap();
    }
}

/// Every length of time that a console shows.
fn lengths(snapshot: &ServiceSnapshot) -> Vec<Duration> {
    let rows = snapshot.deployments.iter();
    rows.flat_map(|row| [row.deployment.took(), row.expected]).flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_changes_no_order_and_no_length_of_time() {
    for by in jumps() {
        let clock = SetClock::new();
        let mut world = World::with_file(QUICK);
        world.start_by(clock.clone()).await;
        let first = world.verified("first").await;
        world.live(first).await;
        let second = world.verified("second").await;
        world.close_gate();
        let promote = world.promote(second).await;
        world.running(promote).await;
        clock.set(by);
        noticed(&world).await;
        world.open_gate();
        assert_eq!(world.ended(promote).await.state(), DeploymentState::Succeeded);
        let third = world.verified("third").await;
        let last = world.live(third).await;
        let snapshot = world.handle().service(&world.service, &Caller::in_process("raj")).unwrap();
        let longest = lengths(&snapshot).into_iter().max().unwrap();
        assert!(longest < LONGEST, "set by {by}: something took {longest:?}");
        let history =
            world.handle().history(&world.service, Environment::Production, None, 10).unwrap();
        let builds: Vec<_> = history.iter().map(|deployment| deployment.request.build).collect();
        assert_eq!(builds, [third, second, first], "set by {by}");
        assert_eq!(history[0].id, last);
        assert_eq!(snapshot.rollback.unwrap().to, second, "set by {by}");
        let problem = &world.handle().fleet().problems[0];
        assert!(problem.what.contains("clock was set"), "{problem:?}");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_begins_and_ends_by_the_engine_s_clock_also_when_that_is_set() {
    let clock = SetClock::new();
    let mut world = World::with_file(QUICK);
    world.start_by(clock.clone()).await;
    let build = world.verified("a change").await;
    let from = clock.now() + TimeDelta::minutes(30);
    let until = Some(from + TimeDelta::hours(2));
    let freeze = Command::Freeze { from: Some(from), until, reason: "the sale".into() };
    world.command("raj", freeze).await.unwrap();
    for (by, frozen) in [(0, false), (60, true), (-60, false), (1440, false), (-1380, true)] {
        clock.set(TimeDelta::minutes(by));
        let plan = world.plan("raj", Action::Promote { build }).await.unwrap();
        let asks = plan.of(Severity::Override).any(|finding| finding.guard == Guard::Freeze);
        assert_eq!(asks, frozen, "after {by} more minutes");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_soak_is_never_over_sooner_because_the_clock_was_set_back() {
    let clock = SetClock::new();
    let mut world = World::with_file(&QUICK.replace("soak = \"0s\"", "soak = \"30m\""));
    world.start_by(clock.clone()).await;
    let build = world.verified("a change").await;
    for (by, soaked) in [(0, false), (-60, false), (60, false), (31, true)] {
        clock.set(TimeDelta::minutes(by));
        let plan = world.plan("raj", Action::Promote { build }).await.unwrap();
        let asks = plan.of(Severity::Override).any(|finding| finding.guard == Guard::Soak);
        assert_eq!(asks, !soaked, "after {by} more minutes");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_takes_the_time_over_as_soon_as_the_clock_is_set() {
    let ages = ["live 1h", "live <10s", "live 1d", "live <10s"];
    for (by, age) in jumps().into_iter().zip(ages) {
        let clock = SetClock::new();
        let mut world = World::with_file(QUICK);
        world.start_by(clock.clone()).await;
        let build = world.verified("a change").await;
        world.live(build).await;
        let console = Console::with(&world.backend("raj"), (120, 40), options(), |_| {});
        console.until("fresh").await;
        clock.set(by);
        console.until("clock was set").await.until(age).await.until("fresh").await;
        world.stop().await;
    }
}
