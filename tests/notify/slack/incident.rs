//! What a channel hears of an incident.

use chrono::TimeDelta;
use trunkline::domain::event::{
    DeploymentKind, DeploymentRequest, Fact, IncidentOpened, IncidentReopened, IncidentResolved,
    IncidentUpdated, Outcome, PostmortemWritten, UsersNotAffected,
};
use trunkline::domain::ids::{BuildNumber, Environment, IncidentId};
use trunkline::domain::incident::UsersAffected;
use trunkline_testing::notices::{NoticeRecord, ToldRecord};
use trunkline_testing::record::{adopted, person};
use trunkline_testing::slack::{FakeSlack, SlackFault};

use super::told::with_step;

/// An incident of checkout by sam.
pub fn open(record: &NoticeRecord, severity: &str, users_affected: UsersAffected) -> IncidentId {
    let (title, severity) = ("checkout fails".to_owned(), severity.to_owned());
    let (rollback, to, took_back) = (None, None, None);
    let opened = IncidentOpened { title, severity, users_affected, rollback, to, took_back };
    record.push("checkout", person("sam"), Fact::IncidentOpened(opened)).into()
}

pub fn update(record: &NoticeRecord, incident: IncidentId, text: &str, severity: Option<&str>) {
    let (text, severity) = (text.to_owned(), severity.map(str::to_owned));
    let (at, mark, users_affected) = (None, None, None);
    let updated = IncidentUpdated { incident, text, at, mark, severity, users_affected };
    record.push("checkout", person("kim"), Fact::IncidentUpdated(updated));
}

pub fn resolve(record: &NoticeRecord, incident: IncidentId) {
    let resolved = IncidentResolved { incident, text: "back to normal".to_owned(), at: None };
    record.push("checkout", person("sam"), Fact::IncidentResolved(resolved));
}

pub fn reopen(record: &NoticeRecord, incident: IncidentId) {
    let reopened = IncidentReopened { incident, reason: "it fails again".to_owned() };
    record.push("checkout", person("kim"), Fact::IncidentReopened(reopened));
}

/// What the channel heard that has this in it.
fn heard(told: &ToldRecord, part: &str) -> Vec<String> {
    let channel = told.slack.channel("C1");
    let all = channel.messages.iter().map(|one| one.text().to_owned());
    all.filter(|text| text.contains(part)).collect()
}

async fn ahead(told: &ToldRecord, minutes: i64) {
    told.record.change(|all| all.ahead = TimeDelta::minutes(minutes));
    told.until("nothing waits", ToldRecord::is_quiet).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_incident_has_one_message_that_says_how_it_stands_and_its_updates_below() {
    let mut told = ToldRecord::new();
    told.start();
    let quiet = "nothing waits";
    let id = open(&told.record, "SEV-3", UsersAffected::Yes);
    told.until(quiet, ToldRecord::is_quiet).await;
    update(&told.record, id, "it is <!here> the database", None);
    told.until(quiet, ToldRecord::is_quiet).await;
    update(&told.record, id, "all of Europe", Some("SEV-1"));
    told.until(quiet, ToldRecord::is_quiet).await;
    resolve(&told.record, id);
    told.until(quiet, ToldRecord::is_quiet).await;
    reopen(&told.record, id);
    told.until(quiet, ToldRecord::is_quiet).await;
    told.stop().await;
    let channel = told.slack.channel("C1");
    let [message] = &channel.top().collect::<Vec<_>>()[..] else { panic!("{channel:#?}") };
    let begins = |at: usize, begin: &str| {
        assert!(message.texts[at].starts_with(begin), "{at}: {message:#?}");
    };
    let of = format!("checkout · incident {id}: checkout fails · users affected");
    begins(0, &format!("‼ *open* *SEV-3* {of} · opened by sam "));
    begins(1, &format!("‼ *open* *SEV-3* {of}"));
    assert!(message.texts[1].contains(": it is &lt;!here&gt; the database · next update due "));
    begins(2, &format!("‼ *open* *SEV-1* {of}"));
    begins(3, &format!("✔ *resolved* *SEV-1* {of}"));
    assert!(message.texts[3].contains(": back to normal · postmortem due "), "{message:#?}");
    assert!(!message.texts[3].contains("next update due"), "{message:#?}");
    begins(4, &format!("‼ *open* *SEV-1* {of}"));
    assert_eq!(message.texts.len(), 5);
    let below: Vec<_> =
        channel.thread(&message.ts).map(|one| (one.text(), one.is_broadcast)).collect();
    let [said, worse, over, again] = &below[..] else { panic!("{below:#?}") };
    assert_eq!(*said, (&*format!("kim on {id}: it is &lt;!here&gt; the database"), false));
    assert_eq!(*worse, (&*format!("*checkout*: kim on {id}: all of Europe; now SEV-1"), true));
    assert_eq!(*over, (&*format!("✔ *checkout*: sam resolved {id}: back to normal"), true));
    assert_eq!(*again, (&*format!("‼ *checkout*: kim opened {id} again: it fails again"), true));
    assert_eq!(told.slack.state().violations, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_reminder_comes_once_for_each_silence_and_never_after_the_end() {
    let settings =
        |slack: &FakeSlack| format!("{}[notify.slack.people]\nsam = \"U0SAM\"\n", slack.settings());
    let mut told = ToldRecord::with(settings);
    told.start();
    let id = open(&told.record, "SEV-2", UsersAffected::Yes);
    ahead(&told, 14).await;
    assert_eq!(heard(&told, "no update since"), Vec::<String>::new());
    ahead(&told, 16).await;
    let [first] = &heard(&told, "no update since")[..] else { panic!("once") };
    assert!(first.starts_with(&format!("‼ *checkout*: {id} SEV-2: no update since ")), "{first}");
    assert!(first.contains(" · <@U0SAM>"), "{first}");
    ahead(&told, 100).await;
    told.stop().await;
    told.start();
    told.until("nothing waits", ToldRecord::is_quiet).await;
    assert_eq!(heard(&told, "no update since").len(), 1, "a restart reminds nobody again");
    update(&told.record, id, "we look at it", None);
    ahead(&told, 116).await;
    assert_eq!(heard(&told, "no update since").len(), 2, "that silence is another one");
    update(&told.record, id, "and still", None);
    resolve(&told.record, id);
    ahead(&told, 200).await;
    told.stop().await;
    assert_eq!(heard(&told, "no update since").len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_reminder_that_waited_until_the_incident_was_over_is_not_told() {
    let mut told = ToldRecord::new();
    told.start();
    let id = open(&told.record, "SEV-2", UsersAffected::Yes);
    told.until("nothing waits", ToldRecord::is_quiet).await;
    told.slack.state().faults.extend(std::iter::repeat_n(SlackFault::Limit(0), 100_000));
    told.record.change(|all| all.ahead = TimeDelta::minutes(16));
    told.until("it waits", |told| told.outbox().counts().unwrap()[0].waiting == 1).await;
    resolve(&told.record, id);
    told.until("its end waits", |told| told.outbox().counts().unwrap()[0].waiting >= 2).await;
    told.slack.state().faults.clear();
    told.until("nothing waits", ToldRecord::is_quiet).await;
    told.stop().await;
    assert_eq!(heard(&told, "no update since"), Vec::<String>::new());
    assert_eq!(heard(&told, "sam resolved").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_postmortem_that_is_not_there_in_time_is_asked_for_once() {
    let mut told = ToldRecord::new();
    told.start();
    let [late, written] = ["SEV-1", "SEV-2"].map(|severity| {
        let id = open(&told.record, severity, UsersAffected::Yes);
        resolve(&told.record, id);
        id
    });
    let place = "https://docs.example.org/7".to_owned();
    let fact =
        Fact::PostmortemWritten(PostmortemWritten { incident: written, place, draft: false });
    told.record.push("checkout", person("sam"), fact);
    told.until("nothing waits", ToldRecord::is_quiet).await;
    ahead(&told, 23 * 60).await;
    assert_eq!(heard(&told, "was due"), Vec::<String>::new());
    ahead(&told, 25 * 60).await;
    ahead(&told, 50 * 60).await;
    told.stop().await;
    let [asked] = &heard(&told, "was due")[..] else { panic!("{:#?}", heard(&told, "was due")) };
    assert!(asked.starts_with(&format!("‼ *checkout*: the postmortem of {late} was due ")));
    assert!(asked.contains(": users were affected, and it is SEV-1"), "{asked}");
    let of_written = heard(&told, &format!("incident {written}: "));
    assert!(of_written[0].contains(" · postmortem: https：//docs"), "{of_written:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_incident_that_was_not_told_here_reminds_nobody() {
    let mut told = ToldRecord::new();
    std::fs::remove_file(told.folder().join("outbox.db")).unwrap();
    open(&told.record, "SEV-1", UsersAffected::Yes);
    told.record.change(|all| all.ahead = TimeDelta::minutes(20));
    told.start();
    told.until("it looked", |told| told.record.written().looks >= 3).await;
    told.stop().await;
    assert_eq!(told.slack.channel("C1").messages, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_answer_that_users_were_not_affected_stands_below_the_rollback() {
    let mut told = ToldRecord::new();
    told.start();
    told.record.push("checkout", person("kim"), Fact::ProductionAdopted(Box::new(adopted(2))));
    let back = DeploymentRequest {
        kind: DeploymentKind::Rollback,
        previous: Some(BuildNumber(2)),
        ..with_step(Environment::Production, 1)
    };
    let rollback = told.record.begin("checkout", person("chen"), back);
    told.record.end("checkout", rollback, Outcome::Succeeded);
    let answer = UsersNotAffected { rollback, with: Vec::new(), note: "found in time".to_owned() };
    told.record.push("checkout", person("chen"), Fact::UsersNotAffected(answer));
    told.until("nothing waits", ToldRecord::is_quiet).await;
    told.stop().await;
    let channel = told.slack.channel("C1");
    let [message] = &channel.top().collect::<Vec<_>>()[..] else { panic!("{channel:#?}") };
    let last = channel.thread(&message.ts).last().unwrap();
    let says = format!("chen says that users were not affected before {rollback}: found in time");
    assert_eq!((last.text(), last.is_broadcast), (&*says, false));
}
