//! What Slack says no to, and what is done then.

use trunkline::domain::event::{Outcome, StepOutcome};
use trunkline::domain::ids::Environment;
use trunkline::notify::source::NoticeSource as _;
use trunkline_testing::notices::ToldRecord;
use trunkline_testing::record::person;
use trunkline_testing::slack::{FakeSlack, SlackFault};

use super::told::with_step;

/// How many requests came for a method.
fn asked(told: &ToldRecord, method: &str) -> usize {
    told.slack.state().requests.iter().filter(|(name, _)| name == method).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_message_whose_answer_got_lost_is_looked_up_and_not_posted_again() {
    for fault in [SlackFault::Lost, SlackFault::DoneAndBroken, SlackFault::Garbage] {
        let mut told = ToldRecord::new();
        told.slack.state().faults.push_back(fault);
        told.start();
        told.record.build("checkout", 1, "ana");
        let id = told.record.begin("checkout", person("kim"), with_step(Environment::Staging, 1));
        told.until("it is there", |told| told.slack.channel("C1").messages.len() == 1).await;
        told.slack.state().faults.push_back(fault);
        told.record.step_ended("checkout", id, StepOutcome::Succeeded);
        told.record.end("checkout", id, Outcome::Succeeded);
        told.until("nothing waits", ToldRecord::is_quiet).await;
        told.stop().await;
        let channel = told.slack.channel("C1");
        assert_eq!(channel.top().count(), 1, "{fault:?}: {channel:#?}");
        assert_eq!(channel.messages.len(), 2, "{fault:?}: {channel:#?}");
        assert!(asked(&told, "conversations.history") >= 1, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_limit_counts_as_no_try_and_is_waited_for() {
    let mut told = ToldRecord::new();
    let limits = [SlackFault::Limit(0), SlackFault::Ratelimited];
    told.slack.state().faults.extend(limits.into_iter().cycle().take(30));
    told.start();
    told.record.build("checkout", 1, "ana");
    told.record.begin("checkout", person("kim"), with_step(Environment::Staging, 1));
    told.until("it is there", |told| told.slack.channel("C1").messages.len() == 1).await;
    told.stop().await;
    assert_eq!(asked(&told, "chat.postMessage"), 31);
    assert_eq!(asked(&told, "conversations.history"), 0, "nothing was in doubt");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_cannot_be_told_is_given_up_listed_and_told_when_asked_for() {
    let mut told = ToldRecord::new();
    told.slack.state().channels.get_mut("C1").unwrap().is_gone = true;
    told.start();
    told.record.build("checkout", 1, "ana");
    let id = told.record.begin("checkout", person("kim"), with_step(Environment::Production, 1));
    told.until("it is given up", |told| told.outbox().failed(9).unwrap().len() == 1).await;
    let [item] = &told.outbox().failed(9).unwrap()[..] else { panic!("there is one") };
    let why = item.error.clone().unwrap_or_default();
    assert!(why.starts_with("Slack answers channel_not_found: the channel is not there"), "{why}");
    told.until("it is said", |told| {
        let said = told.record.written().told.clone();
        said.is_some_and(|said| said.contains("1 notice was not told at slack"))
    })
    .await;
    // Tries have an end: nothing more is asked.
    assert_eq!(asked(&told, "chat.postMessage"), 12);
    told.slack.state().channels.get_mut("C1").unwrap().is_gone = false;
    assert_eq!(told.outbox().retry(Some(item.id), told.record.now()).unwrap(), 1);
    told.until("it is told", |told| told.slack.channel("C1").messages.len() == 1).await;
    told.record.end("checkout", id, Outcome::Succeeded);
    told.until("its end is told", |told| {
        told.slack.channel("C1").messages[0].text().starts_with("✔ *live*")
    })
    .await;
    told.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_message_that_was_given_up_is_tried_again_when_it_says_something_else() {
    let mut told = ToldRecord::new();
    told.slack.state().faults.push_back(SlackFault::Says("restricted_action"));
    told.start();
    told.record.build("checkout", 1, "ana");
    let id = told.record.begin("checkout", person("kim"), with_step(Environment::Production, 1));
    told.until("it is given up", |told| told.outbox().failed(9).unwrap().len() == 1).await;
    told.until("it was seen", |told| {
        told.record.written().told.as_ref().is_some_and(|said| said.contains("not told"))
    })
    .await;
    told.record.end("checkout", id, Outcome::Succeeded);
    told.until("it is told", |told| told.slack.channel("C1").messages.len() == 1).await;
    told.until("nothing waits", ToldRecord::is_quiet).await;
    told.stop().await;
    assert!(told.slack.channel("C1").messages[0].text().starts_with("✔ *live*"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_message_that_somebody_deleted_is_told_as_a_new_one() {
    let mut told = ToldRecord::new();
    told.start();
    told.record.build("checkout", 1, "ana");
    let id = told.record.begin("checkout", person("kim"), with_step(Environment::Production, 1));
    told.until("nothing waits", ToldRecord::is_quiet).await;
    told.slack.state().channels.get_mut("C1").unwrap().messages.clear();
    told.record.end("checkout", id, Outcome::Succeeded);
    told.until("nothing waits", ToldRecord::is_quiet).await;
    told.stop().await;
    let channel = told.slack.channel("C1");
    assert_eq!(channel.messages.len(), 1);
    assert!(channel.messages[0].text().starts_with("✔ *live*"), "{channel:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_channel_that_is_not_listed_is_never_written_to() {
    let settings = |slack: &FakeSlack| slack.settings().replace("services = [\"*\"]\n", "");
    let mut told = ToldRecord::with(settings);
    let own = trunkline::config::notify::ServiceDestination {
        channel: Some("C2".to_owned()),
        ..Default::default()
    };
    told.record.change(|all| {
        all.destinations.insert("slack".parse().unwrap(), own);
    });
    told.start();
    told.record.build("checkout", 1, "ana");
    told.record.begin("checkout", person("kim"), with_step(Environment::Production, 1));
    told.until("it is said", |told| {
        let said = told.record.written().told.clone();
        said.is_some_and(|said| said.contains("\"C2\" is not listed; there are: deploys"))
    })
    .await;
    told.stop().await;
    assert!(told.slack.state().requests.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn when_too_much_waits_quiet_details_make_room_and_the_state_does_not() {
    let mut told = ToldRecord::new();
    told.record.build("checkout", 1, "ana");
    let id = told.record.begin("checkout", person("kim"), with_step(Environment::Production, 1));
    for _ in 0..530 {
        told.record.step_ended("checkout", id, StepOutcome::Succeeded);
    }
    told.record.end("checkout", id, Outcome::Failed("step release: exit 1".to_owned()));
    told.start();
    told.until("nothing waits", ToldRecord::is_quiet).await;
    told.stop().await;
    let channel = told.slack.channel("C1");
    let message = channel.top().next().expect("it has a message");
    assert!(message.text().starts_with("✖ *failed"), "{}", message.text());
    let dropped: Vec<_> = channel.top().filter(|one| one.text().starts_with("… ")).collect();
    assert!(!dropped.is_empty() && dropped[0].text().contains("were not told"), "{dropped:#?}");
    let thread = channel.thread(&message.ts).count();
    assert!(thread < 530, "{thread}");
    assert!(channel.thread(&message.ts).any(|one| one.is_broadcast), "the failure is told");
    let states = told.outbox().counts().unwrap();
    assert_eq!(states[0].failed, 0);
}
