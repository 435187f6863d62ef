//! Friday, 17:50: a freeze warns, the eve of a holiday asks for a reason, the one who presses wrote the newest build, and many
//! commits wait. What can be done with a good conscience, and what Monday reads of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use trunkline::domain::command::{Action, Command, Refusal};
use trunkline::domain::deployment::DeploymentState;
use trunkline::domain::ids::Environment;
use trunkline::domain::plan::{Guard, Plan, Severity};
use trunkline::domain::words::outcome;
use trunkline::engine::clock::Clock;
use trunkline_testing::engine::{QUICK, World, refusal};

/// The Friday before Labor Day, 17:50 in New York.
const FRIDAY: &str = "2026-09-04T21:50:00Z";

const FREEZES: &str = r#"version = 1
default_tz = "America/New_York"
[holidays.us]
country = "US"
tz = "America/New_York"
[[freeze]]
id = "friday"
kind = "weekly"
windows = ["Fri 16:00 - Mon 08:00"]
policy = "warn"
reason = "Thin staffing"
[[freeze]]
id = "eve"
kind = "holiday-eve"
calendars = ["us"]
policy = "block"
reason = "Last business day before a holiday"
"#;

/// A clock that begins on that Friday and goes on evenly.
struct FromFriday {
    begun: Instant,
    ahead: Mutex<TimeDelta>,
}

impl FromFriday {
    fn passed(&self) -> TimeDelta {
        TimeDelta::from_std(self.begun.elapsed()).unwrap() + *self.ahead.lock().unwrap()
    }
}

impl Clock for FromFriday {
    fn now(&self) -> DateTime<Utc> {
        FRIDAY.parse::<DateTime<Utc>>().unwrap() + self.passed()
    }

    fn steady(&self) -> Option<Duration> {
        self.passed().to_std().ok()
    }
}

/// What a plan says that needs a reason, and what it only warns of.
fn said(plan: &Plan, severity: Severity) -> Vec<(Guard, &str)> {
    plan.of(severity).map(|found| (found.guard, found.sentence.as_str())).collect()
}

fn has(found: &[(Guard, &str)], guard: Guard, words: &str) -> bool {
    found.iter().any(|(of, sentence)| *of == guard && sentence.contains(words))
}

fn execute(plan: &Plan, reasons: &[(Guard, &str)]) -> Command {
    let overrides = reasons.iter().map(|(guard, why)| (*guard, (*why).to_owned()));
    let overrides: BTreeMap<_, _> = overrides.collect();
    Command::Execute { action: plan.action, fingerprint: plan.fingerprint.clone(), overrides }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_friday_evening_only_a_stepping_stone_goes_out_with_a_reason_and_monday_reads_it() {
    let file = QUICK.replace("[policy]", "[policy]\nbig_batch = 3");
    let sam = "[people.sam]\nemails = [\"sam@example.com\"]\n";
    let mut world = World::with_file(&format!("{file}{sam}"));
    world.repository.write("freezes.toml", FREEZES);
    world.repository.commit_all("Ann", "ann@example.com", "freezes");
    let clock = Arc::new(FromFriday { begun: Instant::now(), ahead: Mutex::default() });
    world.start_by(clock.clone()).await;
    let live = world.verified("live").await;
    world.live(live).await;
    for at in 0..2 {
        world.repository.commit_by("Ann", "ann@example.com", &format!("a{at}"), "x", "small");
    }
    let stone = world.verified("a fix that a customer waits for").await;
    for at in 0..3 {
        world.repository.commit_by("Ann", "ann@example.com", &format!("b{at}"), "x", "more");
    }
    let newest = world.merged("Raj", "raj@example.com", "mine").await;

    let all = world.plan("raj", Action::Promote { build: newest }).await.unwrap();
    let (asks, warns) = (said(&all, Severity::Override), said(&all, Severity::Warn));
    assert!(has(&asks, Guard::Author, "Needs another promoter: sam"), "{asks:?}");
    assert!(has(&asks, Guard::Freeze, "Last business day before a holiday"), "{asks:?}");
    assert!(has(&warns, Guard::BigBatch, "7 commits"), "{warns:?}");
    // One reason is not a reason for the other, and none at all is for neither.
    for reasons in [&[][..], &[(Guard::Freeze, "a customer waits for this fix")]] {
        let refused = refusal(world.command("raj", execute(&all, reasons)).await);
        let Refusal::Policy { sentence, findings } = refused else { panic!("{refused:?}") };
        assert!(findings.iter().any(|found| found.guard == Guard::Author), "{sentence}");
    }
    // Either somebody else is asked, and one goes home.
    let (fingerprint, note) = (all.fingerprint.clone(), "after the holiday, please".to_owned());
    world.command("raj", Command::Ask { build: newest, fingerprint, note }).await.unwrap();

    // Or the first stepping stone goes out, which somebody else wrote, with a reason that a stranger understands.
    let some = world.plan("raj", Action::Promote { build: stone }).await.unwrap();
    let asks = said(&some, Severity::Override);
    assert!(asks.iter().all(|(guard, _)| *guard == Guard::Freeze), "{asks:?}");
    assert!(some.range.len() <= 3, "{:?}", some.range);
    let reason = "customers cannot pay by card since noon, ticket 4711";
    let went = world.command("raj", execute(&some, &[(Guard::Freeze, reason)])).await.unwrap();
    let went = world.ended(went.deployment.unwrap()).await;
    assert_eq!(went.state(), DeploymentState::Succeeded);

    *clock.ahead.lock().unwrap() += TimeDelta::days(4);
    monday(&world, stone, reason).await;
    world.stop().await;
}

/// After the holiday: only the stone went out, and why is told.
async fn monday(world: &World, stone: trunkline::domain::ids::BuildNumber, reason: &str) {
    let seen = |s: &trunkline::domain::snapshot::ServiceSnapshot| {
        let over = s.requests.iter().all(|request| !request.is_open(s.at));
        over.then(|| s.clone())
    };
    let seen = world.until("nobody is asked any more", seen).await;
    let rows = seen.deployments.iter().map(|row| &row.deployment);
    let production = rows.filter(|d| d.request.environment == Environment::Production);
    let went: Vec<_> = production.map(|d| (d.request.build, &d.request.overrides)).collect();
    assert_eq!((went.len(), went[0].0), (2, stone), "{went:?}");
    assert_eq!(went[0].1, &BTreeMap::from([(Guard::Freeze, reason.to_owned())]));
    let row = seen.deployments.iter().find(|row| {
        row.deployment.request.build == stone
            && row.deployment.request.environment == Environment::Production
    });
    let told = outcome(&row.unwrap().deployment, seen.at);
    assert!(told.contains("(overrode freeze)"), "{told}");
    let why = row.unwrap().deployment.request.override_sentences().next().unwrap();
    assert!(why.starts_with("overrode freeze (") && why.ends_with(reason), "{why}");
    assert_eq!(seen.live[&Environment::Production].build, stone);
}
