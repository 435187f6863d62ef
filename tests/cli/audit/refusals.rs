//! What was overridden and what was refused, from a real engine into the audit.

use std::collections::BTreeSet;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::JoinSet;
use trunkline::backend::embedded::Embedded;
use trunkline::backend::{Backend as _, BackendError};
use trunkline::domain::caller::{AccessRole, Caller, Rights};
use trunkline::domain::command::{Action, Command, Receipt, Refusal};
use trunkline::domain::event::{Event, Fact};
use trunkline::domain::ids::{BuildNumber, Environment, IdempotencyKey, Seq};
use trunkline::domain::people::Actor;
use trunkline::domain::plan::{Finding, Guard, Plan, Severity};
use trunkline::engine::clock::Clock;
use trunkline::engine::{CommandError, refusals};

use super::export::parsed;
use trunkline_testing::engine::{QUICK, World, refusal};
use trunkline_testing::home::Home;

/// More than anybody would press in a minute.
const TRIES: usize = 60;
const CROWD: usize = 64;
/// Refusals that come within this time of another one are one transaction with it.
const GATHERED: Duration = Duration::from_millis(50);

fn execution(plan: &Plan, reasons: &[(Guard, &str)]) -> Command {
    let reasons = reasons.iter().map(|(guard, reason)| (*guard, (*reason).to_owned()));
    let (action, fingerprint) = (plan.action, plan.fingerprint.clone());
    Command::Execute { action, fingerprint, overrides: reasons.collect() }
}

async fn refused(world: &World, who: &str, command: &Command) -> Refusal {
    refusal(world.command(who, command.clone()).await)
}

/// What the record has, once all that was answered is in it.
async fn record(world: &World) -> Vec<Event> {
    let key = IdempotencyKey::try_from("a key of nobody".replace(' ', "-")).unwrap();
    assert_eq!(world.handle().receipt(&key).await, Ok(None));
    world.handle().events(Some(&world.service), Seq(0), 100_000).await.unwrap()
}

async fn recorded_refusals(world: &World) -> Vec<Event> {
    let all = record(world).await.into_iter();
    all.filter(|event| matches!(event.fact, Fact::Refused { .. })).collect()
}

async fn on_hold() -> (World, BuildNumber) {
    let world = World::open(QUICK).await;
    let build = world.merged("Zoe", "zoe@example.com", "one").await;
    hold(&world, "errors since noon").await.unwrap();
    (world, build)
}

async fn hold(world: &World, reason: &str) -> Result<Receipt, CommandError> {
    let (environment, reason) = (Environment::Production, reason.to_owned());
    world.command("ann", Command::Hold { environment, reason }).await
}

/// The text without its ages: what is read and what is recorded a moment later may be a second apart.
fn ageless(text: &str) -> String {
    let is_age = |word: &str| {
        let number = word.strip_suffix('s').unwrap_or_default();
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    let words = text.split(' ').map(|word| if is_age(word) { "AGE" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// A user who has this record and watches something else.
fn home_of(world: &World) -> Home {
    let home = Home::new();
    home.watch_repository(world.repository.path(), "");
    fs::create_dir(home.path("data")).unwrap();
    for file in ["trunkline.db", "trunkline.db-wal"] {
        let from = world.data().join(file);
        if from.exists() {
            fs::copy(from, home.path("data").join(file)).unwrap();
        }
    }
    home
}

#[tokio::test(flavor = "multi_thread")]
async fn an_override_and_the_refusals_before_it_are_in_the_audit_with_every_sentence() {
    let (mut world, build) = on_hold().await;
    let plan = world.plan("raj", Action::Promote { build }).await.unwrap();
    let missing = refused(&world, "raj", &execution(&plan, &[])).await;
    assert!(matches!(missing, Refusal::Policy { .. }), "{missing:?}");
    let reason = "looked at the errors; they are =ours".to_owned();
    let from = None;
    let until = None;
    world.command("ann", Command::Freeze { from, until, reason }).await.unwrap();
    let reasons = [(Guard::Hold, "the fix is in it"), (Guard::Freeze, "it cannot wait")];
    let changed = refused(&world, "raj", &execution(&plan, &reasons)).await;
    assert!(matches!(changed, Refusal::Changed { .. }), "{changed:?}");
    let plan = world.plan("raj", Action::Promote { build }).await.unwrap();
    let receipt = world.command("raj", execution(&plan, &reasons)).await.unwrap();
    let id = receipt.deployment.unwrap();
    world.ended(id).await;
    let events = record(&world).await;
    world.stop().await;

    let home = home_of(&world);
    let listed = home.said(&["audit", "list"]);
    for refusal in [&missing, &changed] {
        let line = format!("checkout: raj was refused the promote of {build}: {refusal}\n");
        assert!(listed.contains(&line), "{line:?} is not in {listed}");
    }
    home.said(&["audit", "export", "--format", "csv", "--output", "a.csv"]);
    let rows = parsed(&fs::read_to_string(home.path("a.csv")).unwrap());
    assert_eq!(rows.len(), 1 + events.len());
    let requested = &rows[usize::try_from(id.0).unwrap()];
    for (guard, reason) in reasons {
        let read = plan.findings.iter().find(|finding| finding.guard == guard).unwrap();
        let told = ageless(&format!("overrode {guard} ({}): {reason}", read.sentence));
        assert!(
            ageless(&listed).contains(&told) && ageless(&requested[5]).contains(&told),
            "{told:?} in {requested:?}"
        );
    }
    assert_eq!(requested[6], "it cannot wait; the fix is in it");
    columns_say_what_the_events_say(&home, &rows, &events);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_that_nothing_asked_for_is_recorded_as_no_override() {
    let (mut world, build) = on_hold().await;
    let plan = world.plan("raj", Action::Promote { build }).await.unwrap();
    let reasons = [(Guard::Hold, "the fix is in it"), (Guard::Freeze, "there is none")];
    let receipt = world.command("raj", execution(&plan, &reasons)).await.unwrap();
    world.ended(receipt.deployment.unwrap()).await;
    let events = record(&world).await;
    world.stop().await;
    let overridden = events.iter().find_map(|event| match &event.fact {
        Fact::DeploymentRequested(request)
            if request.build == build && !request.overrides.is_empty() =>
        {
            Some(&request.overrides)
        }
        _ => None,
    });
    let guards: Vec<_> = overridden.unwrap().keys().copied().collect();
    assert_eq!(guards, [Guard::Hold]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_and_a_freeze_end_with_a_reason_or_not_at_all() {
    let (mut world, _) = on_hold().await;
    let (from, until) = (None, None);
    let freeze = Command::Freeze { from, until, reason: "the sale".into() };
    let freeze = world.command("ann", freeze).await.unwrap().seq;
    let (environment, hold) = (Environment::Production, None);
    for reason in ["", " \n"] {
        let (reason, bad) = (reason.to_owned(), Some(Vec::new()));
        let release = Command::Release {
            environment,
            reason: reason.clone(),
            bad,
            hold,
            leave_open: Vec::new(),
        };
        for command in [release, Command::Lift { freeze, reason }] {
            let refusal = refused(&world, "ann", &command).await;
            assert_eq!(refusal.to_string(), "a reason is needed", "{command:?}");
        }
    }
    world.stop().await;
}

/// Build, environment and deployment stand in the event itself, the hash in the chain.
fn columns_say_what_the_events_say(home: &Home, rows: &[Vec<String>], events: &[Event]) {
    assert_eq!(rows[0][7..], ["build", "environment", "deployment", "hash"]);
    let database = rusqlite::Connection::open(home.path("data/trunkline.db")).unwrap();
    let mut named = [0; 3];
    for (row, event) in rows[1..].iter().zip(events) {
        let fact = serde_json::to_value(&event.fact).unwrap();
        let said = |name: &str| fact.get(name).map(|value| value.to_string().replace('"', ""));
        let deployment = match &event.fact {
            Fact::DeploymentRequested(_) => Some(event.seq.to_string()),
            Fact::HoldPlaced { .. } => said("rollback"),
            _ => said("deployment"),
        };
        for (column, said) in [said("build"), said("environment"), deployment].iter().enumerate() {
            assert_eq!(row[7 + column], said.clone().unwrap_or_default(), "{event:?}");
            named[column] += usize::from(said.is_some());
        }
        let read = "SELECT lower(hex(hash)) FROM events WHERE seq = ?1";
        let hash: String = database.query_row(read, [&row[0]], |row| row.get(0)).unwrap();
        assert_eq!(row[10], hash);
    }
    assert!(named.iter().all(|count| *count > 2), "{named:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_reads_everything_and_changes_nothing_and_the_refusal_is_recorded() {
    let mut world = World::open(QUICK).await;
    world.merged("Zoe", "zoe@example.com", "one").await;
    let viewer =
        Caller { rights: Rights::everywhere(AccessRole::Viewer), ..Caller::in_process("vera") };
    let backend = Embedded::new(world.handle().clone(), viewer);
    assert!(backend.service(&world.service, None, Duration::ZERO).await.unwrap().is_some());
    let hold = Command::Hold { environment: Environment::Production, reason: "late".into() };
    let key = IdempotencyKey::try_from("viewer-key".to_owned()).unwrap();
    let answer = backend.command(&world.service, hold, key.clone()).await;
    let Err(BackendError::Refused(Refusal::Policy { sentence, .. })) = answer else {
        panic!("{answer:?}");
    };
    assert!(sentence.contains("vera has the role viewer"), "{sentence}");
    assert_eq!(backend.receipt(&key).await, Ok(None), "nothing was done");
    let recorded = recorded_refusals(&world).await;
    let [refused] = recorded.as_slice() else { panic!("{recorded:?}") };
    assert_eq!(refused.actor, Actor::Person("vera".into()));
    assert!(matches!(&refused.fact, Fact::Refused { sentence: said, .. } if *said == sentence));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_tries_again_and_again_is_recorded_once_a_minute() {
    let clock = SetClock::new();
    let mut world = World::with_file(QUICK);
    world.start_by(clock.clone()).await;
    let build = world.merged("Zoe", "zoe@example.com", "one").await;
    hold(&world, "errors").await.unwrap();
    let plan = world.plan("raj", Action::Promote { build }).await.unwrap();
    let command = execution(&plan, &[]);
    for _ in 0..TRIES {
        refused(&world, "raj", &command).await;
    }
    assert_eq!(recorded_refusals(&world).await.len(), 1);
    let plan = world.plan("ann", Action::Promote { build }).await.unwrap();
    refused(&world, "ann", &execution(&plan, &[])).await;
    let both = recorded_refusals(&world).await;
    let who: Vec<_> = both.iter().map(|event| event.actor.to_string()).collect();
    assert_eq!(who, ["raj", "ann"], "another person is another refusal");
    clock.move_by(TimeDelta::seconds(59));
    refused(&world, "raj", &command).await;
    assert_eq!(recorded_refusals(&world).await.len(), 2);
    clock.move_by(TimeDelta::seconds(1));
    refused(&world, "raj", &command).await;
    assert_eq!(recorded_refusals(&world).await.len(), 3);
    clock.move_by(-TimeDelta::hours(2));
    refused(&world, "raj", &command).await;
    assert_eq!(recorded_refusals(&world).await.len(), 4, "a clock that was set back hides none");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_strangers_is_recorded_whole_in_few_transactions() {
    let (mut world, build) = on_hold().await;
    let mut plans = Vec::new();
    for number in 0..CROWD {
        let who = format!("stranger{number}");
        let plan = world.plan(&who, Action::Promote { build }).await.unwrap();
        plans.push((who, plan));
    }
    let (began, mut attempts) = (Instant::now(), JoinSet::new());
    for (who, plan) in plans {
        let (handle, service) = (world.handle().clone(), world.service.clone());
        attempts.spawn(async move {
            let key = IdempotencyKey::try_from(uuid::Uuid::new_v4().to_string()).unwrap();
            let answer = handle
                .command(&service, &Caller::in_process(who.clone()), execution(&plan, &[]), key)
                .await;
            (Actor::Person(who), refusal(answer).to_string())
        });
    }
    let told: BTreeSet<_> = attempts.join_all().await.into_iter().collect();
    assert_eq!(told.len(), CROWD);
    let events = recorded_refusals(&world).await;
    let recorded = events.iter().map(|event| match &event.fact {
        Fact::Refused { sentence, .. } => (event.actor.clone(), sentence.clone()),
        other => panic!("{other:?}"),
    });
    assert_eq!(recorded.collect::<BTreeSet<_>>(), told);
    let transactions: BTreeSet<_> = events.iter().map(|event| event.at).collect();
    println!("{} refusals in {} transactions", events.len(), transactions.len());
    let most = began.elapsed().as_millis() / GATHERED.as_millis() + 2;
    assert!(transactions.len() as u128 <= most, "{most} would do: {transactions:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_wakes_readers_of_events_and_changes_no_version() {
    let (mut world, build) = on_hold().await;
    let plan = world.plan("raj", Action::Promote { build }).await.unwrap();
    let before = record(&world).await.last().unwrap().seq;
    let versions = || {
        let service = world.handle().service_version(&world.service).unwrap();
        (service, world.handle().fleet_version())
    };
    let (unchanged, mut changes) = (versions(), world.handle().changes());
    changes.mark_unchanged();
    refused(&world, "raj", &execution(&plan, &[])).await;
    tokio::time::timeout(Duration::from_mins(1), changes.changed()).await.unwrap().unwrap();
    assert_eq!(versions(), unchanged);
    let service = Some(&world.service);
    let told = world.backend("raj").events(service, before, 10, Duration::ZERO).await.unwrap();
    assert!(matches!(told[..], [Event { fact: Fact::Refused { .. }, .. }]), "{told:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_recorded_when_the_engine_stops_and_starts_again_is_what_was_told() {
    let (mut world, build) = on_hold().await;
    let plan = world.plan("raj", Action::Promote { build }).await.unwrap();
    let told = refused(&world, "raj", &execution(&plan, &[])).await.to_string();
    world.stop().await;
    world.start().await;
    let recorded = recorded_refusals(&world).await;
    let [Event { fact: Fact::Refused { sentence, .. }, .. }] = &recorded[..] else {
        panic!("{recorded:?}")
    };
    assert_eq!(*sentence, told);
    world.stop().await;
}

#[test]
fn a_refusal_is_recorded_to_a_limit_and_says_that_it_was_cut() {
    let finding = |sentence: String| Finding {
        guard: Guard::Author,
        severity: Severity::Override,
        sentence,
        remedy: None,
        unknown: false,
    };
    let (command, most) =
        (Command::Hold { environment: Environment::Staging, reason: "x".into() }, 2_000);
    let recorded = |length: usize| {
        let sentence = "é".repeat(length);
        let findings = vec![finding(sentence.clone())];
        match refusals::fact(&command, &Refusal::Policy { sentence, findings }) {
            Some(Fact::Refused { sentence, findings, .. }) => {
                assert_eq!(findings[0].sentence, sentence);
                sentence
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(recorded(most), "é".repeat(most));
    assert_eq!(recorded(most + 1), format!("{}…", "é".repeat(most - 1)));
    let mistakes = [Refusal::not_found("no"), Refusal::invalid("no"), Refusal::KeyReused];
    assert!(mistakes.iter().all(|mistake| refusals::fact(&command, mistake).is_none()));
}

/// A clock that a test sets.
struct SetClock(Mutex<DateTime<Utc>>);

impl SetClock {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(DateTime::UNIX_EPOCH + TimeDelta::days(20_000))))
    }

    fn move_by(&self, by: TimeDelta) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for SetClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}
