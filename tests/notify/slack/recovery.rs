//! What is told after a fault of the destination, of the operator's files or of the clock is mended, and what never waits for it.

use std::time::Duration;

use chrono::TimeDelta;
use rusqlite::Connection;
use trunkline::domain::event::{Fact, Outcome};
use trunkline::domain::ids::{Environment, Seq};
use trunkline::notify::NotifyTimes;
use trunkline::notify::source::NoticeSource as _;
use trunkline::store::outbox::OUTBOX;
use trunkline_testing::notices::{FAST, ToldRecord};
use trunkline_testing::record::person;
use trunkline_testing::slack::{FakeSlack, SlackFault, TOKEN};

use super::told::with_step;

/// A pause after a fault that no test waits for.
const HOURS: NotifyTimes =
    NotifyTimes { first: Duration::from_hours(1), longest: Duration::from_hours(1), ..FAST };

fn begin(told: &ToldRecord, service: &str) {
    told.record.build(service, 1, "ana");
    told.record.begin(service, person("kim"), with_step(Environment::Production, 1));
}

/// How many messages stand in the channel that name this.
fn messages(told: &ToldRecord, of: &str) -> usize {
    told.slack.channel("C1").top().filter(|message| message.text().contains(of)).count()
}

fn asked(told: &ToldRecord, method: &str) -> bool {
    told.slack.state().requests.iter().any(|(name, _)| name == method)
}

fn is_said(told: &ToldRecord, what: &str) -> bool {
    told.record.written().told.as_ref().is_some_and(|said| said.contains(what))
}

/// With a token in a file, which is not there yet.
fn with_token_file() -> (ToldRecord, tempfile::TempDir) {
    let secrets = tempfile::tempdir().unwrap();
    let file = secrets.path().join("token").display().to_string();
    let told = ToldRecord::with(|slack: &FakeSlack| {
        let with_file = format!("{{ file = \"{file}\" }}");
        slack.settings().replace("{ env = \"SLACK_TOKEN\" }", &with_file)
    });
    (told, secrets)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_happens_while_a_destination_cannot_be_opened_is_told_once_it_can() {
    let (mut told, secrets) = with_token_file();
    told.start();
    begin(&told, "checkout");
    told.until("it was looked at", |told| {
        let head = told.record.written().events.last().map(|event| event.seq);
        told.outbox().position().unwrap() == head && is_said(told, "slack is not told")
    })
    .await;
    std::fs::write(secrets.path().join("token"), TOKEN).unwrap();
    told.until("it is told", |told| messages(told, "checkout") == 1).await;
    told.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_happens_while_the_operators_files_cannot_be_read_waits_in_the_record() {
    let mut told = ToldRecord::new();
    let file = told.folder().join("config.toml");
    let right = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{right}no = such key\n")).unwrap();
    told.start();
    begin(&told, "checkout");
    told.until("it is said", |told| is_said(told, "config.toml")).await;
    assert_eq!(told.outbox().position().unwrap(), Some(Seq(0)));
    std::fs::write(&file, right).unwrap();
    told.until("it is told", |told| messages(told, "checkout") == 1).await;
    told.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_message_in_doubt_is_looked_up_also_after_it_was_given_up() {
    let mut told = ToldRecord::new();
    told.slack.state().faults.push_back(SlackFault::Lost);
    told.slack.state().refuses.insert("conversations.history", "service_unavailable");
    told.start();
    begin(&told, "checkout");
    told.until("it is given up", |told| told.outbox().failed(9).unwrap().len() == 1).await;
    told.slack.state().refuses.clear();
    assert_eq!(told.outbox().retry(None, told.record.now()).unwrap(), 1);
    told.until("nothing waits", ToldRecord::is_quiet).await;
    told.stop().await;
    assert_eq!(messages(&told, "checkout"), 1);
    let requests = told.slack.state().requests.clone();
    assert_eq!(requests.iter().filter(|(name, _)| name == "chat.postMessage").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_topic_or_a_pin_that_slack_does_not_allow_holds_up_no_message() {
    let mut told =
        ToldRecord::with(|slack: &FakeSlack| format!("{}topic = true\n", slack.settings()));
    told.times = HOURS;
    told.slack
        .state()
        .refuses
        .extend([("conversations.setTopic", "missing_scope"), ("pins.add", "missing_scope")]);
    told.start();
    told.record.build("checkout", 1, "ana");
    told.until("the topic is refused", |told| asked(told, "conversations.setTopic")).await;
    let now = told.record.now();
    let placed = Fact::FreezePlaced { from: now, until: None, reason: "the sale".to_owned() };
    told.record.push("checkout", person("kim"), placed);
    told.until("the pin is refused", |told| asked(told, "pins.add")).await;
    begin(&told, "pay");
    told.until("the next one is told", |told| messages(told, "pay") == 1).await;
    told.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_renewed_token_is_used_when_what_was_given_up_is_sent_again() {
    let (mut told, secrets) = with_token_file();
    std::fs::write(secrets.path().join("token"), "xoxb-old").unwrap();
    told.start();
    begin(&told, "checkout");
    told.until("it is given up", |told| told.outbox().failed(9).unwrap().len() == 1).await;
    told.until("it is said", |told| is_said(told, "1 notice was not told at slack")).await;
    std::fs::write(secrets.path().join("token"), TOKEN).unwrap();
    assert_eq!(told.outbox().retry(None, told.record.now()).unwrap(), 1);
    told.until("it is told", |told| messages(told, "checkout") == 1).await;
    told.until("nothing waits", ToldRecord::is_quiet).await;
    told.stop().await;
    assert_eq!(told.outbox().failed(9).unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_clock_that_is_set_back_silences_no_channel() {
    let mut told = ToldRecord::new();
    told.times = NotifyTimes {
        first: Duration::from_millis(300),
        longest: Duration::from_millis(300),
        ..FAST
    };
    told.record.change(|all| all.ahead = TimeDelta::hours(2));
    told.slack.state().refuses.insert("chat.postMessage", "service_unavailable");
    told.start();
    begin(&told, "checkout");
    told.until("it was tried", |told| {
        told.outbox()
            .first_items(&"slack".parse().unwrap())
            .unwrap()
            .iter()
            .any(|item| item.attempts > 0)
    })
    .await;
    told.record.change(|all| all.ahead = TimeDelta::zero());
    told.slack.state().refuses.clear();
    told.until("it is told", |told| messages(told, "checkout") == 1).await;
    told.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_service_that_is_not_read_yet_holds_up_no_other_and_is_told_later() {
    let mut told = ToldRecord::new();
    told.record.change(|all| {
        all.unread.insert("checkout".parse().unwrap());
    });
    begin(&told, "checkout");
    begin(&told, "pay");
    told.start();
    told.until("the other is told", |told| messages(told, "pay") == 1).await;
    assert_eq!(messages(&told, "checkout"), 0);
    told.record.change(|all| all.unread.clear());
    told.until("it is told", |told| messages(told, "checkout") == 1).await;
    told.until("nothing waits", ToldRecord::is_quiet).await;
    told.stop().await;
    assert_eq!(messages(&told, "pay"), 1);
    let head = told.record.written().events.last().map(|event| event.seq);
    assert_eq!(told.outbox().position().unwrap(), head);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_older_than_six_hours_is_counted_in_one_line() {
    let mut told = ToldRecord::new();
    told.record.change(|all| all.ahead = TimeDelta::hours(-7));
    for number in 1..=3 {
        told.record.build("checkout", number, "ana");
        let request = with_step(Environment::Production, number);
        let id = told.record.begin("checkout", person("kim"), request);
        told.record.end("checkout", id, Outcome::Succeeded);
    }
    told.record.change(|all| all.ahead = TimeDelta::zero());
    begin(&told, "pay");
    told.outbox().know(&"gone".parse().unwrap(), Seq(0)).unwrap();
    told.start();
    told.until("the news is told", |told| messages(told, "pay") == 1).await;
    told.until("nothing waits", ToldRecord::is_quiet).await;
    told.stop().await;
    assert_eq!(messages(&told, "not told: older than six hours"), 1);
    assert_eq!(told.slack.channel("C1").top().count(), 2);
    let gone = told.outbox().since(&"gone".parse().unwrap()).unwrap();
    assert_eq!(gone, None, "one that is put back begins anew");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_service_that_is_gone_and_a_row_that_cannot_be_read_hold_up_nothing() {
    let mut told = ToldRecord::new();
    told.times = HOURS;
    told.slack.state().refuses.insert("chat.postMessage", "service_unavailable");
    begin(&told, "gone");
    begin(&told, "broken");
    told.start();
    told.until("both wait", |told| {
        told.outbox().counts().unwrap().iter().any(|all| all.waiting == 2)
    })
    .await;
    told.stop().await;
    told.record.change(|all| {
        all.states.remove(&"gone".parse().unwrap());
    });
    let rows = Connection::open(told.folder().join(OUTBOX)).unwrap();
    rows.execute("UPDATE items SET due = '2026-01-01T00:00:00Z', state = 'open', attempts = 0", [])
        .unwrap();
    rows.execute("UPDATE items SET notice = '{' WHERE service = 'broken'", []).unwrap();
    drop(rows);
    told.slack.state().refuses.clear();
    told.start();
    begin(&told, "pay");
    told.until("the next one is told", |told| messages(told, "pay") == 1).await;
    told.until("the row counts as not told", |told| told.outbox().counts().unwrap()[0].failed == 1)
        .await;
    told.stop().await;
}
