//! `kill -9` of an engine whose steps run at another one, over a line that loses answers: each run starts there once, and its
//! outcome and its whole log are here in the end.

mod place;
mod rows;

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use trunkline::backend::Backend as _;
use trunkline::domain::command::Command;
use trunkline::domain::deployment::{Deployment, DeploymentState};
use trunkline::domain::ids::{DeploymentId, IdempotencyKey, Sha};
use trunkline::domain::log::{LogFrom, Stream};
use trunkline_testing::dice::{Dice, Seed, number};
use trunkline_testing::faulty_proxy::{Fault, FaultyProxy};
use trunkline_testing::home::Home;
use trunkline_testing::jobs::until;
use trunkline_testing::repository::Repository;

use self::place::Place;
use self::rows::{Record, Row};
use super::engine::Engine;
use super::shop::Shop;

/// How many engines a plain `cargo test` kills at least; `TRUNKLINE_REMOTE_KILLS` sets another number.
const KILLS: u64 = 60;
/// More than this many for each kill that is asked for means that a row is never met.
const MOST_MERGES: u64 = 20;
/// How long after the begin of a row that lasts an engine may be killed.
const SPAN: Duration = Duration::from_millis(150);
/// The same after the engine answers again.
const SPAN_AFTER_START: Duration = Duration::from_millis(250);
const LINES: usize = 12;
/// How often the other engine is asked whether a run has ended that is about to.
const ENDED_LOOKS: u32 = 100;
/// How many engines and their services are killed beside each other.
const WORLDS: usize = 3;

struct World {
    home: Home,
    repository: Repository,
    place: Place,
    line: FaultyProxy,
    dice: Dice,
    record: Record,
    tally: Tally,
}

/// What became of the kills.
#[derive(Default)]
struct Tally {
    kills: u64,
    merges: u64,
    rows: BTreeMap<Row, u64>,
    ends: BTreeMap<&'static str, u64>,
    /// Runs that had not left when their engine was killed: nothing was started, and a person decides.
    unsent: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.kills += other.kills;
        self.merges += other.merges;
        self.unsent += other.unsent;
        for (row, kills) in other.rows {
            *self.rows.entry(row).or_default() += kills;
        }
        for (end, count) in other.ends {
            *self.ends.entry(end).or_default() += count;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kills, merges, rows, ends, unsent } = self;
        write!(f, "{kills} engines killed over {merges} merges, at {rows:?}; ")?;
        write!(f, "the deployments ended {ends:?}; {unsent} runs never left")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("so far: {}", self.tally);
            let log = super::engine::log(&self.home);
            let from = log.len().saturating_sub(20_000);
            eprintln!("the engine said:\n{}", log.get(from..).unwrap_or(&log));
        }
    }
}

impl World {
    fn open(place: Place, seed: u64) -> (Self, Engine) {
        let line = FaultyProxy::before(place.address());
        let (home, repository) = (Home::new(), Repository::new());
        repository.write("trunkline.toml", &file(&place));
        repository.commit_all("Ann", "ann@example.com", "begin");
        home.watch_repository(repository.path(), &place.settings(&line.url(), &home));
        let engine = Engine::start(&home);
        let record = Record::open(&home.path("data/trunkline.db"));
        let (dice, tally) = (Dice::of(seed), Tally::default());
        (Self { home, repository, place, line, dice, record, tally }, engine)
    }

    /// Kills engines until that were enough, and some in each row of the table.
    async fn killed(&mut self, mut engine: Engine, kills: u64) {
        ended(&engine, &self.repository.head()).await;
        let rows = &Row::ALL;
        let is_covered = |tally: &Tally| rows.iter().all(|row| tally.rows.contains_key(row));
        while self.tally.kills < kills || !is_covered(&self.tally) {
            assert!(self.tally.merges < kills * MOST_MERGES, "a row is never met: {}", self.tally);
            // Those that were not met yet come first.
            let missing = rows.iter().copied().filter(|row| !self.tally.rows.contains_key(row));
            let missing: Vec<_> = missing.collect();
            let row = match missing.as_slice() {
                [row, ..] if self.tally.kills * 2 >= kills => *row,
                _ => *self.dice.pick(rows),
            };
            engine = Box::pin(self.round(engine, row)).await;
        }
        engine.stop();
    }

    /// One merge, during whose deployment the engine is killed in this row, and perhaps again.
    async fn round(&mut self, engine: Engine, row: Row) -> Engine {
        self.tally.merges += 1;
        let (content, waits) = (self.dice.roll().to_string(), row == Row::Cancelled);
        self.place.wait(waits);
        self.line.set(match (row, self.dice.below(10)) {
            (Row::Sent, 6..9) => Fault::BadGateway,
            (Row::Sent, _) | (_, 0) => Fault::LoseAnswer,
            _ => Fault::Pass,
        });
        let sha = self.repository.commit_by("Ann", "ann@example.com", "change", &content, "more");
        let mut engine = engine;
        if waits {
            self.cancel(&engine, &sha).await;
        }
        // What is about to leave for certain does not: that costs its deployment, so it is tried seldom.
        let at_once = row.is_short() || row == Row::Sent && self.dice.below(12) == 0;
        let met = self.record.meet(&sha, row, at_once, &self.place);
        if met && row == Row::EndedThere {
            self.until_it_ended_there(&sha).await;
        }
        if met && !at_once {
            tokio::time::sleep(self.dice.within(SPAN)).await;
        }
        let mut rows = vec![self.kill(engine, &sha).await];
        engine = Engine::start(&self.home);
        while self.dice.below(3) == 0 {
            tokio::time::sleep(self.dice.within(SPAN_AFTER_START)).await;
            rows.push(self.kill(engine, &sha).await);
            engine = Engine::start(&self.home);
        }
        self.line.set(Fault::Pass);
        self.place.wait(false);
        let deployment = ended(&engine, &sha).await;
        *self.tally.ends.entry(deployment.state().as_str()).or_default() += 1;
        self.judge(&engine, &deployment, &rows).await;
        engine
    }

    /// Kills the engine, and tells in which row, by what the record has and what the other engine knows.
    async fn kill(&mut self, engine: Engine, sha: &Sha) -> Row {
        engine.kill();
        self.record.let_go();
        self.tally.kills += 1;
        let row = self.record.row(sha);
        let row = match self.record.run(sha) {
            Some(run) if row == Row::Found && self.place.has_ended(&run).await => Row::EndedThere,
            _ => row,
        };
        *self.tally.rows.entry(row).or_default() += 1;
        if self.dice.chance(70) {
            self.line.set(Fault::Pass);
        }
        row
    }

    /// Its script has printed all, and the record is held still: the other engine is about to know that it has ended.
    async fn until_it_ended_there(&mut self, sha: &Sha) {
        let Some(run) = self.record.run(sha) else { return };
        for _ in 0..ENDED_LOOKS {
            if self.place.has_ended(&run).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Cancels the deployment of a commit as soon as its run is known.
    async fn cancel(&mut self, engine: &Engine, sha: &Sha) {
        let of_commit = |snapshot: &trunkline::domain::snapshot::ServiceSnapshot| {
            let build = snapshot.builds.iter().find(|row| row.build.sha == *sha)?;
            let mut rows = snapshot.deployments.iter().map(|row| &row.deployment);
            let deployment = rows.find(|row| Some(row.id) == build.build.staging)?;
            let sent = deployment.sent(0).filter(|sent| sent.run.is_some())?;
            Some((deployment.id, sent.key.to_string()))
        };
        let (deployment, key) = engine.until("the run is known", of_commit).await;
        // A build that is cancelled before its command runs can hang at Buildbot for ever.
        until("the script runs", || self.place.starts(&key) > 0).await;
        let command = Command::Cancel { deployment, reason: "a test".into() };
        let key = IdempotencyKey::try_from(uuid::Uuid::new_v4().to_string()).unwrap();
        engine.remote().command(&Shop::service(), command, key).await.unwrap();
    }

    /// It ended as it may, its runs started as often as that says, and their logs are whole.
    async fn judge(&mut self, engine: &Engine, deployment: &Deployment, rows: &[Row]) {
        let state = deployment.state();
        for (step, sent) in deployment.runs.iter().enumerate() {
            let (key, printed) = (sent.key.as_str(), log(engine, deployment.id, step).await);
            let starts = self.place.starts(key);
            let expected: Vec<_> = (1..=LINES).map(|number| format!("line {number}")).collect();
            match state {
                DeploymentState::Succeeded => {
                    assert_eq!((starts, &printed), (1, &expected), "{key} {rows:?}");
                }
                DeploymentState::Cancelled => {
                    assert!(starts <= 1, "{key} {rows:?}");
                    // The shell may say that it was ended.
                    let printed: Vec<_> =
                        printed.into_iter().filter(|line| line.starts_with("line ")).collect();
                    assert!(expected.starts_with(&printed), "{key} {rows:?}: {printed:?}");
                }
                // It had not left: nobody here can tell that, and a person decides.
                DeploymentState::Interrupted => {
                    assert!(rows.contains(&Row::Sent), "{rows:?}: {deployment:#?}");
                    let is_last = step + 1 == deployment.runs.len();
                    assert_eq!(starts, usize::from(!is_last), "{key} {rows:?}: {deployment:#?}");
                    self.tally.unsent += u64::from(is_last);
                }
                _ => panic!("{rows:?}: {deployment:#?}"),
            }
        }
        let succeeded = state == DeploymentState::Succeeded;
        assert!(!succeeded || deployment.runs.len() == 2, "{deployment:#?}");
        let cancels = state == DeploymentState::Cancelled;
        assert!(!cancels || deployment.cancel.is_some(), "{deployment:#?}");
    }
}

/// A service whose staging has two steps there.
fn file(place: &Place) -> String {
    let step = |name: &str| {
        format!(
            "[[staging.steps]]\nname = \"{name}\"\nhttp = {{ engine = \"deployer\", job = \"{}\" }}\n\
             inputs = {{ sha = \"{{sha}}\" }}\n",
            place.job()
        )
    };
    format!("service = \"checkout\"\ntrunk = \"main\"\n{}{}", step("migrate"), step("release"))
}

/// What a step printed.
async fn log(engine: &Engine, id: DeploymentId, step: usize) -> Vec<String> {
    let (from, service) = (LogFrom::After(0), Shop::service());
    let log = engine.remote().log(&service, id, step, from, 1 << 20, Duration::ZERO);
    let page = log.await.unwrap();
    let lines = page.lines().filter(|line| line.stream != Stream::Note);
    lines.map(|line| String::from_utf8_lossy(&line.text).into_owned()).collect()
}

/// The deployment of a commit, once it has ended.
async fn ended(engine: &Engine, sha: &Sha) -> Deployment {
    let of_commit = |snapshot: &trunkline::domain::snapshot::ServiceSnapshot| {
        let build = snapshot.builds.iter().find(|row| row.build.sha == *sha)?;
        let id = build.build.staging?;
        let mut rows = snapshot.deployments.iter().map(|row| &row.deployment);
        rows.find(|deployment| deployment.id == id && !deployment.is_open()).cloned()
    };
    engine.until("the deployment has ended", of_commit).await
}

/// So many engines are killed, each world of them with a seed of its own.
async fn engines_are_killed(places: Vec<Place>, kills: u64) {
    let (seed, begun) = (Seed::of_this_run(), Instant::now());
    let Some(first) = places.first().cloned() else { return };
    let (each, mut worlds) = (kills.div_ceil(places.len() as u64), JoinSet::new());
    for (place, seed) in places.into_iter().zip(seed.0..) {
        let (mut world, engine) = World::open(place, seed);
        worlds.spawn(async move {
            world.killed(engine, each).await;
            std::mem::take(&mut world.tally)
        });
    }
    let mut tally = Tally::default();
    while let Some(world) = worlds.join_next().await {
        tally.add(world.unwrap());
    }
    let starts = first.all_starts();
    assert!(starts.values().all(|count| *count == 1), "{starts:?}");
    first.agrees().await;
    println!(
        "{tally}; {} runs were started, each once; {:?}, seed {}",
        starts.len(),
        begun.elapsed(),
        seed.0
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 12)]
async fn an_engine_killed_at_every_instant_starts_each_run_once() {
    // Beside other tests it answers too slowly to be a judge.
    let Some(kills) = number("TRUNKLINE_REMOTE_KILLS") else {
        return eprintln!("left out: TRUNKLINE_REMOTE_KILLS says how many engines are killed");
    };
    engines_are_killed(Place::buildbot(WORLDS).await, kills).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 12)]
async fn an_engine_killed_at_every_instant_starts_each_http_job_once() {
    let kills = number("TRUNKLINE_REMOTE_KILLS").unwrap_or(KILLS / 2);
    engines_are_killed(Place::jobs(WORLDS), kills).await;
}
