//! `kill -9` on the engine while clients merge, promote, roll back, cancel and hold.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use trunkline::domain::deployment::DeploymentState;
use trunkline::domain::ids::DeploymentId;
use trunkline::domain::snapshot::ServiceSnapshot;

use super::clients::{Clients, Told};
use super::engine::Engine;
use super::history::{History, is_sound};
use super::instant::{Phase, Watch};
use super::shop::Shop;
use trunkline_testing::dice::{Dice, Seed, number};

/// How many kills a plain `cargo test` takes; `TRUNKLINE_KILLS` sets another number.
const KILLS: u64 = 20;
/// How many kills one data folder has to bear before the next run begins with a fresh one.
const KILLS_OF_A_RUN: u64 = 10;
const CLIENTS: u64 = 3;
/// The longest that a client thinks between two commands.
const PAUSE: Duration = Duration::from_millis(60);
/// How many runs go on at the same time.
const RUNS_AT_ONCE: u64 = 2;

/// What a run has to show.
#[derive(Debug, Default)]
struct Tally {
    kills: BTreeMap<Phase, u64>,
    asked: usize,
    lost: usize,
    deployments: usize,
    by_hand: usize,
    steps: usize,
    /// The longest time from a start until all that had been under way had ended.
    slowest: Duration,
}

impl Tally {
    fn add(&mut self, other: Self) {
        for (phase, kills) in other.kills {
            *self.kills.entry(phase).or_default() += kills;
        }
        self.asked += other.asked;
        self.lost += other.lost;
        self.deployments += other.deployments;
        self.by_hand += other.by_hand;
        self.steps += other.steps;
        self.slowest = self.slowest.max(other.slowest);
    }
}

#[test]
fn the_engine_is_killed_at_random_and_nothing_is_lost_doubled_or_torn() {
    let (kills, seed) = (number("TRUNKLINE_KILLS").unwrap_or(KILLS), Seed::of_this_run().0);
    let runs = Mutex::new(
        (0..kills.div_ceil(KILLS_OF_A_RUN))
            .map(|run| (seed + run, KILLS_OF_A_RUN.min(kills - run * KILLS_OF_A_RUN))),
    );
    let total = Mutex::new(Tally::default());
    std::thread::scope(|threads| {
        for _ in 0..RUNS_AT_ONCE {
            threads.spawn(|| {
                while let Some((seed, kills)) = { runs.lock().unwrap().next() } {
                    let said = SayOnPanic(seed, kills);
                    let tally = run(seed, kills);
                    total.lock().unwrap().add(tally);
                    drop(said);
                }
            });
        }
    });
    println!("{kills} kills: {:#?}", total.into_inner().unwrap());
}

/// Names the seed of a run that failed.
struct SayOnPanic(u64, u64);

impl Drop for SayOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("again: TRUNKLINE_SEED={} TRUNKLINE_KILLS={}", self.0, self.1);
        }
    }
}

fn run(seed: u64, kills: u64) -> Tally {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(Run::new(seed).killed(kills))
}

/// One data folder, the clients of its engine, and who kills it.
struct Run {
    shop: Shop,
    dice: Dice,
    watch: Watch,
    clients: Clients,
    working: JoinSet<()>,
    engine_is_there: watch::Sender<Option<bool>>,
    tally: Tally,
}

impl Run {
    fn new(seed: u64) -> Self {
        let (shop, dice) = (Shop::new(), Dice::of(seed));
        let (engine_is_there, engine) = watch::channel(Some(false));
        let watch = Watch::of(&shop);
        let sent = watch.sent.clone();
        let clients = Clients { asked: Arc::default(), sent, engine, pause: PAUSE };
        let (working, tally) = (JoinSet::new(), Tally::default());
        Self { shop, dice, watch, clients, working, engine_is_there, tally }
    }

    async fn killed(mut self, kills: u64) -> Tally {
        let mut engine = Engine::start(&self.shop.home);
        for client in 0..CLIENTS {
            let work = self.clients.clone().work(engine.remote().clone(), self.dice.fork(client));
            self.working.spawn(work);
        }
        for _ in 0..kills {
            let phase = *self.dice.pick(&Phase::ALL);
            *self.tally.kills.entry(phase).or_default() += 1;
            engine = Box::pin(self.round(engine, phase)).await;
        }
        self.engine_is_there.send_replace(None);
        while let Some(client) = self.working.join_next().await {
            client.unwrap();
        }
        nothing_is_left_to_do(&self.shop, &engine).await;
        engine.stop();
        self.judge()
    }

    /// Lets the engine work up to an instant, kills it there, and starts the next one.
    async fn round(&mut self, engine: Engine, phase: Phase) -> Engine {
        self.engine_is_there.send_replace(Some(true));
        if self.dice.below(2) == 0 {
            let content = self.tally.kills.values().sum::<u64>().to_string();
            self.shop.repository.commit_by("Ann", "ann@example.com", "change", &content, "more");
        }
        self.watch.reach(phase, &mut self.dice).await;
        self.engine_is_there.send_replace(Some(false));
        engine.kill();
        is_sound(&self.copy_of_the_database());
        if phase == Phase::Opens {
            let opening = Engine::begin(&self.shop.home);
            self.watch.reach(phase, &mut self.dice).await;
            opening.kill();
        }
        let engine = Engine::start(&self.shop.home);
        // Some are killed again before what was under way has ended.
        if self.dice.below(3) > 0 {
            self.settled(&engine).await;
        }
        engine
    }

    /// What the dead engine left, opened elsewhere so that the next one finds it untouched.
    fn copy_of_the_database(&self) -> std::path::PathBuf {
        let copy = self.shop.home.path("copy.db");
        for companion in ["", "-wal"] {
            let from = format!("{}{companion}", self.shop.database().display());
            let to = format!("{}{companion}", copy.display());
            let _none_left_behind = std::fs::remove_file(&to);
            let _no_companion = std::fs::copy(from, to);
        }
        copy
    }

    /// Waits for the end of everything that was under way when the engine was started.
    async fn settled(&mut self, engine: &Engine) {
        let open = open(&engine.snapshot().await);
        engine
            .until("what was under way has ended", |snapshot| {
                let still = self::open(snapshot);
                open.iter().all(|id| !still.contains(id)).then_some(())
            })
            .await;
        self.tally.slowest = self.tally.slowest.max(engine.started.elapsed());
    }

    fn judge(mut self) -> Tally {
        let history = History::read(&self.shop);
        let asked = self.clients.asked.lock().unwrap();
        history.has_what_was_told(&asked);
        history.agrees_with_the_steps(&self.shop);
        for deployment in history.state.deployments.values() {
            let state = deployment.state();
            let harmless = [DeploymentState::Succeeded, DeploymentState::Cancelled];
            assert!(harmless.contains(&state), "a dead engine harmed it: {deployment:#?}");
        }
        self.tally.asked = asked.len();
        self.tally.lost = asked.iter().filter(|asked| asked.told.contains(&Told::Lost)).count();
        self.tally.deployments = history.state.deployments.len();
        self.tally.by_hand = history.by_hand().count();
        self.tally.steps = self.shop.ran().len();
        drop(asked);
        self.tally
    }
}

/// Waits until the last merge has been through staging too.
pub async fn nothing_is_left_to_do(shop: &Shop, engine: &Engine) {
    let tip = shop.repository.head();
    engine
        .until("all merges are through", |snapshot| {
            let newest = &snapshot.builds.first()?.build;
            let is_through = newest.sha == tip && newest.staging.is_some();
            (is_through && open(snapshot).is_empty()).then_some(())
        })
        .await;
}

fn open(snapshot: &ServiceSnapshot) -> Vec<DeploymentId> {
    let open = snapshot.deployments.iter().filter(|row| row.deployment.is_open());
    open.map(|row| row.deployment.id).collect()
}
