//! What version 0.1.0 stored stays readable: every stored event, and a whole record that an engine goes on with.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use trunkline::backend::Backend as _;
use trunkline::backend::embedded::Embedded;
use trunkline::config::user_file::Watched;
use trunkline::domain::caller::Caller;
use trunkline::domain::command::{Action, Command};
use trunkline::domain::event::{Event, Fact};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, IdempotencyKey, ServiceName};
use trunkline::domain::plan::Guard;
use trunkline::domain::service::ServiceState;
use trunkline::domain::snapshot::ServiceSnapshot;
use trunkline::engine::clock::SystemClock;
use trunkline::engine::{Engine, EngineOptions, Handle, RemoteTimes, Services};
use trunkline::store::Reader;
use trunkline_testing::repository::Repository;
use trunkline_testing::service_file::service_file;

/// Every fact with every variation, as 0.1.0 wrote it.
const EVENTS: &str = include_str!("../data/events-v1.jsonl");
/// The facts that came later.
const LATER_EVENTS: &str = include_str!("../data/events-v2.jsonl");
/// A whole record of 0.1.0 over the commits of [`shop`].
const RECORD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/record-v1.db");
/// How long a test waits for what must happen; much longer than it ever takes.
const PATIENCE: Duration = Duration::from_mins(2);

/// What the record was made with.
fn service_text() -> String {
    let file = service_file().person("ann").person("raj");
    let file =
        file.step("staging", "release", "echo staging").step("staging", "smoke", "[\"true\"]");
    let release = "test ! -e broken; test ! -e slow || sleep 600";
    let file = file.step("production", "release", release).step("rollback", "release", "echo back");
    format!("{}[migrations]\ndialect = \"postgres\"\npaths = [\"migrations/*.sql\"]\n", file.text())
}

#[test]
fn every_stored_event_is_read_folded_and_written_the_same() {
    let mut state = ServiceState::default();
    let mut kinds = BTreeSet::new();
    for line in EVENTS.lines().chain(LATER_EVENTS.lines()) {
        let event: Event = serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
        assert_eq!(serde_json::to_string(&event).unwrap(), line);
        let stored: Value = serde_json::from_str(line).unwrap();
        assert_eq!(stored["fact"]["fact"], event.fact.kind());
        assert_ne!(event.sentence(), "");
        state.apply(&event);
        assert_eq!(state.last_seq, event.seq);
        kinds.insert(event.fact.kind());
    }
    for kind in Fact::KINDS {
        assert!(kinds.contains(kind), "no file has a {kind}: add it to the newest");
    }
    let builds: Vec<_> = state.builds.keys().map(|number| number.0).collect();
    assert_eq!(builds, [1, 2, 3, 4, 5]);
    assert_eq!(state.live(Environment::Production).map(|live| live.build), Some(BuildNumber(1)));
    assert_eq!(state.quarantine.len(), 2, "three were marked bad and one was cleared");
    assert_eq!(state.freezes.len(), 1, "one of two was lifted");
    assert!(state.holds.is_empty());
}

#[test]
fn the_record_of_0_1_0_is_whole_and_every_event_of_it_is_written_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("trunkline.db");
    fs::copy(RECORD, &database).unwrap();
    assert_eq!(
        Reader::open(&database).unwrap().walk(None).unwrap().broken,
        None,
        "the chain holds"
    );
    let rows = rusqlite::Connection::open(&database).unwrap();
    let mut rows = rows.prepare("SELECT actor, fact FROM events ORDER BY seq").unwrap();
    let texts = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let texts: Vec<(String, String)> = texts.collect::<Result<_, _>>().unwrap();
    assert_eq!(texts.len(), 101);
    for (actor, fact) in texts {
        let read: Fact = serde_json::from_str(&fact).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), fact, "by {actor}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_opens_the_record_of_0_1_0_and_goes_on_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let repository = shop();
    take_over(&data, &repository);
    let shop = Shop::open(&data, &repository).await;
    let before = shop.until(|snapshot| Some(snapshot.clone())).await;
    let live = before.live[&Environment::Production].build;
    assert_eq!(live, BuildNumber(6), "it runs a build that is off the trunk");
    assert!(before.holds.contains_key(&Environment::Production), "the hold still stands");

    let sha = repository.commit_by("Ann", "ann@example.com", "next", "x", "feat: next");
    let next = shop.verified(|row| row.build.sha == sha).await;
    let newest = before.builds.iter().map(|row| row.build.number).max();
    assert!(Some(next) > newest, "numbers go on: {next}");
    shop.execute(Action::Promote { build: next }).await;
    assert_eq!(shop.live().await, next);
    // It has a quarantined commit, so it is chosen on purpose.
    shop.execute(Action::Rollback { to: Some(live) }).await;
    assert_eq!(shop.live().await, live);
    shop.handle.shutdown().await;

    let reader = Reader::open(&data.join("trunkline.db")).unwrap();
    assert_eq!(reader.walk(None).unwrap().broken, None, "the chain goes on");
}

/// The repository that the record was made over: its commits have the same ids in every run.
fn shop() -> Repository {
    let repository = Repository::new();
    let ann = |file: &str, content: &str, message: &str| {
        repository.commit_by("Ann", "ann@example.com", file, content, message)
    };
    repository.write("trunkline.toml", &service_text());
    let orders = "CREATE TABLE orders (id INTEGER PRIMARY KEY, legacy_total NUMERIC);\n";
    ann("migrations/0001_orders.sql", orders, "begin");
    ann("gifts", "gift cards", "feat: gift cards (#7)");
    let drop = "ALTER TABLE orders DROP COLUMN legacy_total;\n";
    let message = "refactor: drop orders.legacy_total";
    repository.commit_by("Raj", "raj@example.com", "migrations/0002_drop.sql", drop, message);
    let slow = ann("slow", "x", "feat: slow");
    let broken = ann("broken", "x", "feat: broken");
    // A force-push took this one off the trunk; a branch keeps it.
    repository.git(["rm", "--quiet", "slow"]);
    let message = format!("Revert \"feat: slow\"\n\nThis reverts commit {slow}.");
    repository.commit_all("Ann", "ann@example.com", &message);
    repository.git(["branch", "kept"]);
    repository.rewrite(&broken);
    ann("again", "x", "feat: again");
    assert_eq!(repository.head().as_str(), "c8c7c97606aa4b41565010997b2214b672615ee7");
    // What production runs is good from here on.
    repository.git(["rm", "--quiet", "slow", "broken"]);
    repository.commit_all("Ann", "ann@example.com", "fix: neither slow nor broken");
    repository
}

/// Puts the record into the data folder, watching this repository.
fn take_over(data: &Path, repository: &Repository) {
    fs::create_dir(data).unwrap();
    let database = data.join("trunkline.db");
    fs::copy(RECORD, &database).unwrap();
    let database = rusqlite::Connection::open(&database).unwrap();
    database.execute("UPDATE services SET repository = ?1", [repository.address()]).unwrap();
}

struct Shop {
    handle: Handle,
    service: ServiceName,
}

impl Shop {
    async fn open(data: &Path, repository: &Repository) -> Self {
        let watched =
            Watched { repository: repository.address().to_owned(), folder: None, trunk: None };
        let options = EngineOptions {
            data: data.to_owned(),
            lock: None,
            services: Services::Fixed(vec![watched]),
            server_file: None,
            environment: std::env::vars().collect(),
            program: env!("CARGO_BIN_EXE_trunkline").into(),
            poll: Duration::from_millis(50),
            owner: None,
            people: std::collections::BTreeMap::new(),
            demo: false,
            remote_times: RemoteTimes::default(),
            clock: Arc::new(SystemClock),
        };
        let handle = Box::pin(Engine::open(options)).await.unwrap();
        Self { handle, service: "checkout".parse().unwrap() }
    }

    async fn until<T>(&self, tells: impl Fn(&ServiceSnapshot) -> Option<T>) -> T {
        let backend = Embedded::new(self.handle.clone(), Caller::in_process("raj"));
        let mut changes = self.handle.changes();
        let waiting = async {
            let mut after = None;
            loop {
                match backend.service(&self.service, after.clone(), Duration::from_secs(5)).await {
                    Ok(Some(snapshot)) => match tells(&snapshot) {
                        Some(told) => return told,
                        None => after = Some(snapshot.version),
                    },
                    Ok(None) => {}
                    Err(_) => changes.changed().await.unwrap(),
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("it happens within two minutes")
    }

    async fn verified(
        &self,
        is: impl Fn(&trunkline::domain::snapshot::BuildRow) -> bool,
    ) -> BuildNumber {
        self.until(|snapshot| {
            let row = snapshot.builds.iter().find(|row| is(row))?;
            (!row.build.verifications.is_empty()).then_some(row.build.number)
        })
        .await
    }

    /// Executes the plan with a reason for everything, and waits for the end.
    async fn execute(&self, action: Action) {
        let plan =
            self.handle.plan(&self.service, action, &Caller::in_process("raj")).await.unwrap();
        let overrides = Guard::ALL.map(|guard| (guard, "a test".to_owned())).into();
        let command = Command::Execute { action, fingerprint: plan.fingerprint, overrides };
        let key = IdempotencyKey::try_from(uuid::Uuid::new_v4().to_string()).unwrap();
        let receipt = self
            .handle
            .command(&self.service, &Caller::in_process("raj"), command, key)
            .await
            .unwrap();
        let id: DeploymentId = receipt.deployment.unwrap();
        self.until(|snapshot| {
            let row = snapshot.deployments.iter().find(|row| row.deployment.id == id)?;
            (!row.deployment.is_open()).then_some(())
        })
        .await;
    }

    async fn live(&self) -> BuildNumber {
        self.until(|snapshot| Some(snapshot.live.get(&Environment::Production)?.build)).await
    }
}
