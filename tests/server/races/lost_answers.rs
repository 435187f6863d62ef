//! A thousand intents over a bad line, each sent four times at once: every one happens exactly once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use trunkline::backend::remote::Remote;
use trunkline::backend::{Backend as _, BackendError};
use trunkline::domain::command::{Action, Command, Receipt, Refusal};
use trunkline::domain::ids::{BuildNumber, Environment, IdempotencyKey};

use super::crowd::{Client, call, door, execution, new_key, record, service_file};
use super::history::{self, Call};
use trunkline_testing::dice::{Dice, Seed, number};
use trunkline_testing::engine::World;
use trunkline_testing::proxy::{Proxy, Toxic};

/// How many intents an ordinary run has.
const KEYS: u64 = 250;
/// How often each is sent at once.
const SENDS: usize = 4;
/// How many intents are under way at once; the first two ways are those of deployments and of holds.
const LANES: usize = 12;
/// So many of a hundred intents are deployments.
const DEPLOYMENTS: usize = 4;
/// How often a receipt is looked for before the same intent is sent anew.
const LOOKS: usize = 8;

/// What befalls a request on this line.
fn draw(dice: &mut Dice) -> Toxic {
    match dice.below(100) {
        0..35 => Toxic::Pass,
        35..45 => Toxic::Delay(Duration::from_millis(dice.roll() % 20)),
        45..60 => Toxic::DropAnswer,
        60..72 => Toxic::CutAnswer(dice.below(100)),
        72..80 => Toxic::ResetBefore,
        80..90 => Toxic::ResetAfter,
        _ => Toxic::Twice,
    }
}

/// One way on which intents follow each other.
struct Lane<'w> {
    world: &'w World,
    /// Over the bad line, one for each send.
    senders: Vec<Client>,
    /// Over a good line, to look and to plan.
    clear: Client,
    dice: Dice,
    calls: Vec<Call>,
}

impl Lane<'_> {
    /// Sends the command until it is known to be recorded, and checks that every answer is the same.
    async fn intend(&mut self, command: Command) -> Receipt {
        let key = new_key();
        loop {
            self.send(&command, &key).await;
            let mut answers = self.calls.iter().filter(|call| call.key == key);
            let known = answers.find_map(Call::receipt).cloned();
            if let Some(receipt) = known {
                self.reuse(&command, &key).await;
                return receipt;
            }
        }
    }

    /// Sends the same four times at once; whoever gets no answer looks for the receipt.
    async fn send(&mut self, command: &Command, key: &IdempotencyKey) {
        let mut sends = JoinSet::new();
        for sender in self.senders.clone() {
            let (service, command) = (self.world.service.clone(), command.clone());
            let key = key.clone();
            sends.spawn(async move {
                let call = call(&sender, &service, command, key).await;
                let found = match &call.answer {
                    Err(BackendError::Unknown(_)) => look_up(&sender, &call).await,
                    Ok(_) => None,
                    Err(other) => panic!("a lost answer is unknown and nothing else: {other:?}"),
                };
                [Some(call), found]
            });
        }
        self.calls.extend(sends.join_all().await.into_iter().flatten().flatten());
    }

    /// Now and then the same key comes with another request.
    async fn reuse(&mut self, command: &Command, key: &IdempotencyKey) {
        if !self.dice.chance(10) {
            return;
        }
        let other = Command::Hold { environment: Environment::Production, reason: "other".into() };
        assert_ne!(other, *command);
        let answer = self.clear.remote.command(&self.world.service, other, key.clone()).await;
        assert_eq!(answer, Err(BackendError::Refused(Refusal::KeyReused)));
    }

    async fn deploy(&mut self, builds: &[BuildNumber]) {
        let live = self.world.live_now().expect("something is live from the start");
        let target = *self.dice.pick(builds);
        let action = if target < live {
            Action::Rollback { to: Some(target) }
        } else {
            Action::Promote { build: target }
        };
        let plan = self.clear.remote.plan(&self.world.service, action).await.unwrap();
        let receipt = self.intend(execution(&plan)).await;
        let ended = self.world.ended(receipt.deployment.unwrap()).await;
        assert!(ended.succeeded(), "{ended:#?}");
    }

    async fn hold_and_release(&mut self) {
        let (environment, reason) = (Environment::Staging, "a look".to_owned());
        self.intend(Command::Hold { environment, reason: reason.clone() }).await;
        self.intend(Command::Release {
            environment,
            reason,
            bad: Some(Vec::new()),
            hold: None,
            leave_open: Vec::new(),
        })
        .await;
    }

    /// Nothing of this gets in the way of anything else.
    async fn note(&mut self, build: BuildNumber) {
        let reason = format!("note {}", self.dice.roll());
        if self.dice.chance(40) {
            self.intend(Command::Verify { build, note: reason }).await;
            return;
        }
        let from = Some("2999-01-01T00:00:00Z".parse().unwrap());
        self.intend(Command::Freeze { from, until: None, reason }).await;
    }
}

/// Looks for the receipt of a call whose answer got lost; the line is as bad for this as for anything.
async fn look_up(sender: &Client, call: &Call) -> Option<Call> {
    for _ in 0..LOOKS {
        if let Ok(Some(receipt)) = sender.remote.receipt(&call.key).await {
            let answered = Instant::now();
            return Some(Call { answer: Ok(receipt), answered, ..call.clone() });
        }
    }
    None
}

/// What is left to be done, shared by all lanes.
type Left = Arc<Mutex<u64>>;

async fn take(left: &Left, count: u64) -> bool {
    let mut left = left.lock().await;
    let enough = *left >= count;
    if enough {
        *left -= count;
    }
    enough
}

async fn work<'w>(
    mut lane: Lane<'w>,
    number: usize,
    left: Left,
    builds: &[BuildNumber],
    keys: u64,
) -> Lane<'w> {
    let (promoted, noted) = builds.split_at(builds.len() - 1);
    let deployments = keys * DEPLOYMENTS as u64 / 100;
    let mut done = 0;
    loop {
        let going = match number {
            0 => done < deployments && take(&left, 1).await,
            1 => take(&left, 2).await,
            _ => take(&left, 1).await,
        };
        if !going {
            return lane;
        }
        match number {
            0 => lane.deploy(promoted).await,
            1 => lane.hold_and_release().await,
            _ => lane.note(noted[0]).await,
        }
        done += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_intents_sent_four_times_over_a_bad_line_happen_a_thousand_times() {
    let seed = Seed::of_this_run();
    let keys = number("TRUNKLINE_KEYS").unwrap_or(KEYS);
    let mut world = World::open(&service_file()).await;
    let mut builds = Vec::new();
    for change in ["one", "two", "three", "four"] {
        builds.push(world.merged("Zoe", "zoe@example.com", change).await);
    }
    world.live(builds[0]).await;
    let (ground, ran) = (record(&world).await.len(), world.ran().len());
    let door = door(&world, "raj");
    let mut dice = Dice::of(seed.0);
    let socket = world.folder().join("bad line");
    let proxy = Proxy::between(&socket, &door.socket(), move |_| draw(&mut dice));
    let client = |socket| Client { who: "raj", remote: Remote::over(socket) };
    let left = Arc::new(Mutex::new(keys));
    let mut lanes = Vec::new();
    for number in 0..LANES {
        let lane = Lane {
            world: &world,
            senders: (0..SENDS).map(|_| client(proxy.socket())).collect(),
            clear: client(door.socket()),
            dice: Dice::of(seed.0).fork(number as u64),
            calls: Vec::new(),
        };
        lanes.push(work(lane, number, left.clone(), &builds, keys));
    }
    let calls: Vec<_> = join_all(lanes).await.into_iter().flat_map(|lane| lane.calls).collect();
    let events = record(&world).await;
    history::check(&calls, &events[ground..]);
    once_each(&calls, keys);
    let promotes = events[ground..].iter().filter(|event| starts_a_release(event)).count();
    assert_eq!(world.ran().len() - ran, promotes, "each release ran once");
    world.stop().await;
}

/// So many keys, each with one event of its own.
fn once_each(calls: &[Call], keys: u64) {
    let count = |set: BTreeSet<String>| set.len() as u64;
    let left = keys - count(calls.iter().map(|call| call.key.as_str().to_owned()).collect());
    assert!(left <= 1, "{left} were not sent");
    let receipts = calls.iter().filter_map(Call::receipt);
    assert_eq!(count(receipts.map(|receipt| receipt.seq.to_string()).collect()), keys - left);
    let lost = calls.iter().filter(|call| call.receipt().is_none()).count();
    assert!(lost * 10 > calls.len(), "the line is bad: {lost} of {}", calls.len());
}

fn starts_a_release(event: &trunkline::domain::event::Event) -> bool {
    use trunkline::domain::event::{DeploymentKind, Fact};
    matches!(&event.fact, Fact::DeploymentRequested(request)
        if request.environment == Environment::Production && request.kind != DeploymentKind::Rollback)
}
