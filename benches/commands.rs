//! How long a command takes from its start to its end, against a process that asks the engine one question without any
//! library, and how long a recorded command takes to be acknowledged and to reach another console:
//! `cargo bench --bench commands`.

use std::time::{Duration, Instant};

use trunkline::backend::Backend as _;
use trunkline::backend::remote::Remote;
use trunkline::domain::command::Command;
use trunkline::domain::ids::{Environment, IdempotencyKey, ServiceName};
use trunkline_testing::bench::floor;
use trunkline_testing::bench::samples::{Pairs, Samples, print_alone};
use trunkline_testing::bench::shop::time;
use trunkline_testing::shop::Shop;

const PAIRS: usize = 60;
const COMMANDS: usize = 100;
const READING: [&[&str]; 5] =
    [&["status"], &["status", "--json"], &["builds"], &["history"], &["plan", "promote", "6"]];

fn main() {
    floor::become_what_is_asked();
    let shop = Shop::measured();
    shop.merge_many(5);
    let socket = shop.socket();
    let get = || time(&mut floor::bare_get(&socket, "/v1/services/checkout"));
    for arguments in READING {
        let pairs = Pairs::measure(PAIRS, get, || shop.time(arguments));
        let name = format!("trunkline {}", arguments.join(" "));
        pairs.print(&name, "a process that asks once, without any library", &name);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime needs little").block_on(by_connection(&shop));
}

/// What a console has that is open already.
async fn by_connection(shop: &Shop) {
    let (one, other) = (Remote::over(shop.socket()), Remote::over(shop.socket()));
    let service: ServiceName = "checkout".parse().expect("the name is a good one");
    let (mut unchanged, mut acknowledged, mut seen) =
        (Samples::default(), Samples::default(), Samples::default());
    for turn in 0..COMMANDS {
        let before = other.service(&service, None, Duration::ZERO).await.expect("it answers");
        let version = before.expect("it is told without a version").version;
        let begin = Instant::now();
        let same = other.service(&service, Some(version.clone()), Duration::ZERO).await;
        unchanged.push(begin.elapsed());
        assert!(same.expect("it answers").is_none(), "nothing has changed");
        let (waiting, named) = (other.clone(), service.clone());
        let news = tokio::spawn(async move {
            let news = waiting.service(&named, Some(version), Duration::from_secs(20)).await;
            (news, Instant::now())
        });
        // The other one waits by then.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let begin = Instant::now();
        let receipt = one.command(&service, stop_or_go(turn), key()).await;
        acknowledged.push(begin.elapsed());
        receipt.expect("it is recorded");
        let (news, at) = news.await.expect("it does not panic");
        assert!(news.expect("it answers").is_some(), "there is news");
        seen.push(at - begin);
    }
    print_alone(&unchanged, "a question whose answer has not changed", "over a connection");
    print_alone(&acknowledged, "a command until its record is acknowledged", "over a connection");
    print_alone(&seen, "a command until another console has the news", "over a connection");
}

/// A hold and its end by turns.
fn stop_or_go(turn: usize) -> Command {
    let (environment, reason) = (Environment::Production, "to be measured".to_owned());
    if turn.is_multiple_of(2) {
        Command::Hold { environment, reason }
    } else {
        Command::Release {
            environment,
            reason,
            bad: Some(Vec::new()),
            hold: None,
            leave_open: Vec::new(),
        }
    }
}

fn key() -> IdempotencyKey {
    let key = uuid::Uuid::new_v4().to_string();
    IdempotencyKey::try_from(key).expect("a uuid is a good key")
}
