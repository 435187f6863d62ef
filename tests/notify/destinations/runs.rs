//! The notifier is stopped and started at random instants, while each destination limits, breaks and loses answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::timeout;
use trunkline::calendar::{FreezeMode, FreezeWindow};
use trunkline::config::operator_files::OperatorFiles;
use trunkline::domain::event::{DeploymentRequest, Fact, Outcome, StepOutcome};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, Seq};
use trunkline::notify::source::NoticeSource as _;
use trunkline::notify::{Notifier, NotifyOptions};
use trunkline::store::outbox::{OUTBOX, Outbox};
use trunkline_testing::destinations::{DestinationFault as Fault, PagedAlert};
use trunkline_testing::dice::{self, Dice, Seed};
use trunkline_testing::notices::{FAST, NoticeRecord};
use trunkline_testing::record::{adopted, person, request, step};

use super::kind::{Kind, Pair};
use super::{ROUTING_KEY, SECRET};

/// How many rounds there are for each kind, unless `TRUNKLINE_NOTIFY_ROUNDS` says it.
const ROUNDS: u64 = 4;
/// How many deployments a round has.
const DEPLOYMENTS: u64 = 5;
/// How many of a hundred requests fail.
const FAULTS: usize = 50;
/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Debug, Default)]
pub(super) struct RunFigures {
    deployments: usize,
    restarts: usize,
    pub requests: usize,
    faults: usize,
    answers_lost: usize,
    repeats: usize,
}

/// A record, a destination, and the notifier between them.
pub(super) struct World {
    pub record: NoticeRecord,
    pub pair: Pair,
    folder: tempfile::TempDir,
    notifier: Option<Notifier>,
}

impl World {
    pub fn of(kind: Kind) -> Self {
        Self::with(kind, "")
    }

    /// With these settings besides.
    pub fn with(kind: Kind, more: &str) -> Self {
        let (record, pair) = (NoticeRecord::default(), Pair::of(kind));
        let folder = tempfile::tempdir().unwrap();
        let settings = kind.settings(&pair.url()) + more;
        std::fs::write(folder.path().join("config.toml"), settings).unwrap();
        let world = Self { record, pair, folder, notifier: None };
        let mut outbox = world.outbox();
        outbox.add(Some(Seq(0)), &[], None, world.record.now()).unwrap();
        outbox.know(&"there".parse().unwrap(), Seq(0)).unwrap();
        world
    }

    fn outbox(&self) -> Outbox {
        Outbox::open(&self.folder.path().join(OUTBOX)).unwrap()
    }

    pub fn start(&mut self) {
        let secrets = [("ADDRESS", self.pair.address()), ("TOKEN", self.pair.token())];
        let environment = secrets.map(|(name, value)| (name.to_owned(), value));
        let options = NotifyOptions {
            files: OperatorFiles::new(&self.folder.path().join("config.toml"), None),
            data: self.folder.path().to_owned(),
            environment: Arc::new(BTreeMap::from(environment)),
            pages: Some("https://deploys.example.org".to_owned()),
            times: FAST,
        };
        self.record.written().looks = 0;
        self.notifier = Notifier::start(self.record.clone(), options);
    }

    pub async fn stop(&mut self) {
        if let Some(notifier) = self.notifier.take() {
            notifier.stop().await;
        }
    }

    /// Waits until nothing waits, and everything was looked at.
    pub async fn until_quiet(&self) {
        let is_quiet = || {
            // Looked at from the beginning to the end since something changed.
            let looks = self.record.written().looks;
            let waiting: u64 =
                self.outbox().counts().unwrap().iter().map(|count| count.waiting).sum();
            waiting == 0 && looks >= 2
        };
        let wait = async {
            while !is_quiet() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let told = timeout(PATIENCE, wait).await;
        let said = self.record.written().told.clone();
        assert!(told.is_ok(), "something waits for ever: {said:?}\n{:#?}", self.pair.texts());
    }

    /// The alerts of a pager.
    pub fn pager(&self) -> Vec<PagedAlert> {
        let Pair::PagerDuty(server, _) = &self.pair else { panic!("it is no pager") };
        server.see(|pager| pager.alerts.values().cloned().collect())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn each_destination_hears_each_deployment_as_it_ended_and_repeats_only_what_got_lost() {
    for kind in Kind::ALL {
        let seeds = dice::seeds("TRUNKLINE_NOTIFY_ROUNDS", ROUNDS);
        let rounds = seeds.len();
        let mut figures = RunFigures::default();
        for seed in seeds {
            let _said_if_it_fails = Seed(seed);
            play(kind, Dice::of(seed), &mut figures).await;
        }
        eprintln!("{kind:?}, {rounds} rounds: {figures:?}; 0 missing");
        assert!(figures.restarts > 0 && figures.faults > 0, "{figures:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn where_nothing_can_be_edited_a_long_freeze_is_told_once_and_its_end_too() {
    for kind in [Kind::Teams, Kind::Mattermost] {
        let mut world = World::of(kind);
        let record = world.record.clone();
        record.build("checkout", 1, "ana");
        let now = record.now();
        let window = FreezeWindow {
            freeze: "sale".to_owned(),
            policy: FreezeMode::Override,
            from: now - TimeDelta::seconds(5),
            until: Some(now + TimeDelta::days(200)),
            reason: "the sale".to_owned(),
            why: String::new(),
        };
        record.change(|all| all.windows = vec![window]);
        world.start();
        let is_told = |times: usize, what: &str| {
            let texts = format!("{:?}", world.pair.texts());
            texts.matches(what).count() == times && record.written().looks >= 3
        };
        wait_until("it is told", || is_told(1, "frozen")).await;
        for days in [20, 40, 60, 80, 100] {
            record.change(|all| all.ahead = TimeDelta::days(days));
            wait_until("nothing more is told", || record.written().looks >= 3).await;
        }
        assert!(is_told(1, "frozen"), "{kind:?}: {:?}", world.pair.texts());
        record.change(|all| all.windows.clear());
        wait_until("its end is told", || is_told(1, "the freeze is over: the sale")).await;
        assert!(is_told(1, "frozen"), "{kind:?}: {:?}", world.pair.texts());
        world.stop().await;
    }
}

async fn wait_until(what: &str, is: impl Fn() -> bool) {
    let wait = async {
        while !is() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(PATIENCE, wait).await.is_ok(), "not within a minute: {what}");
}

async fn play(kind: Kind, mut dice: Dice, figures: &mut RunFigures) {
    let mut world = World::of(kind);
    let mut faults = dice.fork(1);
    world.pair.faults(move || {
        let all = [Fault::TOLD.as_slice(), Fault::UNTOLD.as_slice()].concat();
        if faults.chance(FAULTS) { faults.one_of(&all) } else { Fault::None }
    });
    world.start();
    let record = world.record.clone();
    record.push("checkout", person("kim"), Fact::ProductionAdopted(Box::new(adopted(1))));
    record.build("checkout", 1, "ana");
    let mut all = Vec::new();
    for number in 2..2 + DEPLOYMENTS {
        record.build("checkout", number, "ana");
        let steps = vec![step("release")];
        let previous = Some(BuildNumber(1));
        let wanted =
            DeploymentRequest { steps, previous, ..request(Environment::Production, number) };
        let id = record.begin("checkout", person("chen"), wanted);
        pause(&mut world, &mut dice, figures).await;
        let is_good = dice.below(3) > 0;
        let how = if is_good { StepOutcome::Succeeded } else { StepOutcome::Exited(1) };
        record.step_ended("checkout", id, how);
        pause(&mut world, &mut dice, figures).await;
        let failed = || Outcome::Failed("step release: exit 1".to_owned());
        record.end("checkout", id, if is_good { Outcome::Succeeded } else { failed() });
        all.push((id, is_good));
        pause(&mut world, &mut dice, figures).await;
    }
    world.pair.always(Fault::None);
    world.until_quiet().await;
    // A last start finds nothing to tell again.
    world.stop().await;
    world.start();
    world.until_quiet().await;
    world.stop().await;
    check(kind, &world, &all, figures);
}

/// Lets some requests come, and now and then ends the notifier, whatever it does just then.
pub(super) async fn pause(world: &mut World, dice: &mut Dice, figures: &mut RunFigures) {
    let asked = world.pair.asked().len();
    for _ in 0..dice.below(4) {
        // Nothing may be left to ask.
        let wait = async {
            while world.pair.asked().len() == asked {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let _quiet = timeout(Duration::from_millis(20), wait).await;
    }
    if dice.below(3) == 0 {
        figures.restarts += 1;
        world.stop().await;
        world.start();
    }
}

fn check(kind: Kind, world: &World, all: &[(DeploymentId, bool)], figures: &mut RunFigures) {
    let asked = world.pair.asked();
    let lost = asked.iter().filter(|(_, fault)| Fault::UNTOLD.contains(fault)).count();
    // Whoever is stopped while an answer is on its way does not hear it either.
    let may_repeat = lost + figures.restarts;
    let texts = world.pair.texts();
    let mut repeats = 0;
    for (id, is_good) in all {
        let name = id.to_string();
        let of_it: Vec<_> = texts.iter().filter(|text| is_of(text, &name)).collect();
        let ended: Vec<_> = of_it.iter().filter(|text| has_ended(text, *is_good)).collect();
        assert!(!ended.is_empty(), "{kind:?} does not know how {id} ended: {texts:#?}");
        // By its id a receiver of webhooks took each once, and by its number it knows which is the last.
        repeats += of_it.len() - 1;
    }
    assert!(
        repeats <= may_repeat,
        "{kind:?} heard {repeats} twice, {lost} answers got lost: {texts:#?}"
    );
    world.pair.check_described(kind);
    let log = format!("{:?}", world.record.written().told);
    assert!(!log.contains("canary") && !log.contains(&SECRET[6..]), "{log}");
    for file in ["outbox.db", "outbox.db-wal"] {
        let Ok(bytes) = std::fs::read(world.folder.path().join(file)) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("canary") && !text.contains(ROUTING_KEY), "a secret is in {file}");
    }
    figures.deployments += all.len();
    figures.requests += asked.len();
    figures.faults += asked.iter().filter(|(_, fault)| *fault != Fault::None).count();
    figures.answers_lost += lost;
    figures.repeats += repeats;
}

/// Whether a text is the message of a deployment, and no detail about it.
fn is_of(text: &str, id: &str) -> bool {
    text.contains(" → ") && text.split(|c: char| !c.is_alphanumeric()).any(|word| word == id)
}

fn has_ended(text: &str, is_good: bool) -> bool {
    let says = text.chars().next();
    if is_good {
        says == Some('✔') || says == Some('?') || says == Some('↩')
    } else {
        says == Some('✖')
    }
}
