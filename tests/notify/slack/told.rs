//! What a channel hears.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use trunkline::calendar::{FreezeMode, FreezeWindow};
use trunkline::domain::event::{DeploymentKind, DeploymentRequest, Fact, Outcome, StepOutcome};
use trunkline::domain::ids::{BuildNumber, Environment, Seq};
use trunkline::domain::people::Actor;
use trunkline::domain::plan::Guard;
use trunkline::notify::source::NoticeSource as _;
use trunkline_testing::notices::ToldRecord;
use trunkline_testing::record::{adopted, people, person, request, step};
use trunkline_testing::slack::FakeSlack;

/// A request with one step.
pub fn with_step(environment: Environment, build: u64) -> DeploymentRequest {
    DeploymentRequest { steps: vec![step("release")], ..request(environment, build) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_deployment_has_one_message_that_says_how_it_stands_and_its_steps_below() {
    let mut told = ToldRecord::new();
    told.record.change(|all| all.people = people(["ana", "chen"]));
    told.start();
    told.record.build("checkout", 2, "ana");
    let promote =
        told.record.begin("checkout", person("chen"), with_step(Environment::Production, 2));
    let says = |word: &'static str| {
        move |told: &ToldRecord| {
            let channel = told.slack.channel("C1");
            channel.top().next().is_some_and(|message| message.text().starts_with(word))
        }
    };
    told.until("it deploys", says("▶ *deploying* checkout → production")).await;
    told.record.step_ended("checkout", promote, StepOutcome::Succeeded);
    told.record.end("checkout", promote, Outcome::Succeeded);
    told.until("it is live", says("✔ *live* checkout → production")).await;
    told.until("nothing waits", ToldRecord::is_quiet).await;
    told.stop().await;
    let channel = told.slack.channel("C1");
    let [message] = &channel.top().collect::<Vec<_>>()[..] else { panic!("{channel:#?}") };
    let first = &message.texts[0];
    assert!(first.contains("1 commit: ana · promote by chen"), "{first}");
    let page =
        format!("<https://deploys.example.org/services/checkout/runs/{}|{promote}>", promote.0);
    assert!(message.text().ends_with(&page), "{}", message.text());
    let thread: Vec<_> =
        channel.thread(&message.ts).map(|one| (one.text(), one.is_broadcast)).collect();
    assert_eq!(thread, [("release succeeded in 3s", false)]);
    assert_eq!(told.slack.state().violations, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_failure_is_in_the_channel_too_with_its_last_lines_and_an_override_with_its_reason() {
    let mut told = ToldRecord::new();
    told.record.change(|all| {
        all.tail = (1..=9).map(|at| format!("line {at} <!channel>")).collect();
    });
    told.start();
    told.record.build("checkout", 2, "ana");
    let mut request = with_step(Environment::Production, 2);
    request.overrides.insert(Guard::Soak, "it *cannot* wait".to_owned());
    let promote = told.record.begin("checkout", person("chen"), request);
    told.record.step_ended("checkout", promote, StepOutcome::Exited(1));
    told.record.end("checkout", promote, Outcome::Failed("step release: exit 1".to_owned()));
    told.until("nothing waits", ToldRecord::is_quiet).await;
    told.stop().await;
    let channel = told.slack.channel("C1");
    let message = channel.top().next().expect("it has a message");
    assert!(message.text().starts_with("✖ *failed at release* checkout"), "{}", message.text());
    let thread: Vec<_> = channel.thread(&message.ts).collect();
    let [override_, ended_step, failure] = &thread[..] else { panic!("{thread:#?}") };
    assert!(override_.is_broadcast && override_.text().starts_with("⚠ *checkout*: chen"));
    assert!(override_.text().contains("cannot"), "{}", override_.text());
    assert!(!ended_step.is_broadcast);
    assert!(failure.is_broadcast, "everybody has to hear it");
    let text = failure.text();
    assert!(text.starts_with("✖ *checkout*: #2 failed in production"), "{text}");
    assert!(text.contains("line 4 &lt;!channel&gt;\nline 5") && text.contains("line 9"), "{text}");
    assert!(!text.contains("line 3") && !text.contains("<!channel>"), "{text}");
    assert!(text.contains("?step=0|log of release>"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_rollback_changes_the_message_of_what_it_takes_away() {
    let mut told = ToldRecord::new();
    told.start();
    told.record.push("checkout", person("kim"), Fact::ProductionAdopted(Box::new(adopted(1))));
    told.record.build("checkout", 1, "ana");
    told.record.build("checkout", 2, "ana");
    let promote =
        told.record.begin("checkout", person("chen"), with_step(Environment::Production, 2));
    told.record.end("checkout", promote, Outcome::Succeeded);
    let back = DeploymentRequest {
        kind: DeploymentKind::Rollback,
        previous: Some(BuildNumber(2)),
        ..with_step(Environment::Production, 1)
    };
    let back = told.record.begin("checkout", person("chen"), back);
    told.record.end("checkout", back, Outcome::Succeeded);
    told.until("nothing waits", ToldRecord::is_quiet).await;
    told.stop().await;
    let channel = told.slack.channel("C1");
    let top: Vec<_> = channel.top().map(trunkline_testing::slack::SlackMessage::text).collect();
    let [of_promote, of_back] = &top[..] else { panic!("{top:#?}") };
    assert!(
        of_promote.starts_with("↩ *taken back* checkout → production · build #2"),
        "{of_promote}"
    );
    assert!(of_back.starts_with("↩ *live* checkout → production · build #1"), "{of_back}");
    assert!(of_back.contains("back from #2 · rollback by chen"), "{of_back}");
    let said = channel.messages.iter().find(|one| one.text().contains("rolled back to #1"));
    assert!(said.is_some_and(|one| one.is_broadcast), "{channel:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_freeze_is_pinned_while_it_holds_and_its_end_is_said() {
    let mut told = ToldRecord::new();
    told.record.build("checkout", 1, "ana");
    told.record.build("pay", 1, "ana");
    let now = told.record.now();
    let window = FreezeWindow {
        freeze: "sale".to_owned(),
        policy: FreezeMode::Override,
        from: now - TimeDelta::seconds(5),
        until: Some(now + TimeDelta::hours(1)),
        reason: "the sale".to_owned(),
        why: String::new(),
    };
    told.record.change(|all| all.windows = vec![window]);
    told.start();
    told.until("it is pinned", |told| told.slack.channel("C1").pins.len() == 1).await;
    let by_hand = Fact::FreezePlaced { from: now, until: None, reason: "ours".to_owned() };
    let by_hand = told.record.push("pay", person("kim"), by_hand);
    told.until("both are pinned", |told| told.slack.channel("C1").pins.len() == 2).await;
    told.record.change(|all| {
        all.windows.clear();
        all.ahead = TimeDelta::hours(2);
    });
    let lifted = Fact::FreezeLifted { freeze: by_hand, reason: "done".to_owned() };
    told.record.push("pay", person("kim"), lifted);
    told.until("none is", |told| told.slack.channel("C1").pins.is_empty()).await;
    told.until("nothing waits", ToldRecord::is_quiet).await;
    told.stop().await;
    let channel = told.slack.channel("C1");
    let top: Vec<_> = channel.top().collect();
    let [rule, hand] = &top[..] else { panic!("{top:#?}") };
    assert!(
        rule.texts[0].starts_with("❄ *frozen* checkout, pay production · the sale"),
        "{rule:?}"
    );
    assert!(rule.text().starts_with("✔ *freeze ended*"), "{rule:?}");
    assert!(hand.texts[0].starts_with("❄ *frozen* pay production · ours · kim"), "{hand:?}");
    for message in top {
        let ends: Vec<_> = channel.thread(&message.ts).collect();
        assert!(ends.len() == 1 && ends[0].is_broadcast, "{ends:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_freeze_stands_while_it_holds_any_service_and_is_told_anew_when_it_holds_again() {
    let mut told = ToldRecord::new();
    for service in ["checkout", "pay"] {
        told.record.build(service, 1, "ana");
    }
    let now = told.record.now();
    let window = FreezeWindow {
        freeze: "sale".to_owned(),
        policy: FreezeMode::Override,
        from: now - TimeDelta::seconds(5),
        until: Some(now + TimeDelta::hours(1)),
        reason: "the sale".to_owned(),
        why: String::new(),
    };
    told.record.change(|all| all.windows = vec![window.clone()]);
    told.start();
    let pinned = |told: &ToldRecord| told.slack.channel("C1").pins.len() == 1;
    told.until("it is pinned", pinned).await;
    let first = |told: &ToldRecord| told.slack.channel("C1").messages[0].text().to_owned();
    told.record.change(|all| all.unheld = BTreeSet::from(["checkout".parse().unwrap()]));
    let of_pay = "❄ *frozen* pay production";
    told.until("it holds only one", |told| first(told).starts_with(of_pay)).await;
    told.until("nothing waits", ToldRecord::is_quiet).await;
    assert!(pinned(&told), "{:#?}", told.slack.channel("C1"));

    told.record.change(|all| all.windows.clear());
    told.until("it is over", |told| first(told).starts_with("✔ *freeze ended*")).await;
    told.until("nothing waits", ToldRecord::is_quiet).await;
    told.record.change(|all| all.windows = vec![window]);
    told.until("it holds again", |told| first(told).starts_with(of_pay) && pinned(told)).await;
    told.record.change(|all| all.windows.clear());
    told.until("it is over again", |told| first(told).starts_with("✔ *freeze ended*")).await;
    told.until("nothing waits", ToldRecord::is_quiet).await;
    told.stop().await;
    let ends = told.slack.channel("C1");
    let ends = ends.messages.iter().filter(|one| one.text().contains("the freeze is over"));
    assert_eq!(ends.count(), 2, "each end is said once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_topic_says_what_is_live_and_keeps_what_people_wrote() {
    let settings = |slack: &FakeSlack| format!("{}topic = true\n", slack.settings());
    let mut told = ToldRecord::with(settings);
    told.slack.state().channels.get_mut("C1").unwrap().topic = "Ask before 17:00".to_owned();
    told.start();
    for service in ["pay", "checkout"] {
        told.record.build(service, 1, "ana");
        told.record.push(service, person("kim"), Fact::ProductionAdopted(Box::new(adopted(1))));
    }
    told.record.build("pay", 2, "ana");
    let promote = told.record.begin("pay", person("kim"), with_step(Environment::Production, 2));
    told.record.end("pay", promote, Outcome::Succeeded);
    let topic = "Ask before 17:00 [live: checkout #1, pay #2 · https://deploys.example.org]";
    told.until("the topic says it", |told| told.slack.channel("C1").topic == topic).await;
    told.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_request_mentions_once_who_could_press_and_says_what_became_of_it() {
    let settings = |slack: &FakeSlack| {
        format!("{}[notify.slack.people]\nchen = \"U0CHEN\"\n", slack.settings())
    };
    let mut told = ToldRecord::with(settings);
    told.record.change(|all| all.people = people(["ana", "bo", "chen"]));
    told.start();
    told.record.build("checkout", 2, "ana");
    let until = told.record.now() + TimeDelta::hours(1);
    let fact = Fact::PromoterRequested { build: BuildNumber(2), until, note: "please".to_owned() };
    told.record.push("checkout", person("ana"), fact);
    told.until("it is asked", |told| told.slack.channel("C1").top().count() == 1).await;
    let promote =
        told.record.begin("checkout", person("chen"), with_step(Environment::Production, 2));
    told.record.end("checkout", promote, Outcome::Succeeded);
    told.until("nothing waits", ToldRecord::is_quiet).await;
    told.stop().await;
    let channel = told.slack.channel("C1");
    let asked = channel.top().next().expect("it is there");
    let first = &asked.texts[0];
    assert!(
        first.starts_with(
            "? *needs a promoter* checkout · build #2 change 2 · asked by ana: please"
        ),
        "{first}"
    );
    assert!(first.contains("can press: bo, <@U0CHEN>"), "{first}");
    assert!(asked.text().starts_with("✔ *taken*"), "{}", asked.text());
    assert!(!asked.text().contains("<@"), "{}", asked.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_first_start_tells_nothing_old_and_a_late_message_says_how_late() {
    let mut told = ToldRecord::new();
    std::fs::remove_file(told.folder().join("outbox.db")).unwrap();
    told.record.build("checkout", 1, "ana");
    let old = told.record.begin("checkout", Actor::System, with_step(Environment::Staging, 1));
    told.record.end("checkout", old, Outcome::Succeeded);
    told.start();
    told.until("it has begun", |told| {
        told.folder().join("outbox.db").exists()
            && told.outbox().position().unwrap() == Some(Seq(5))
    })
    .await;
    told.stop().await;
    told.record.build("checkout", 2, "ana");
    let new = told.record.begin("checkout", Actor::System, with_step(Environment::Staging, 2));
    told.record.end("checkout", new, Outcome::Failed("step release: exit 1".to_owned()));
    told.record.change(|all| all.ahead = TimeDelta::minutes(12));
    told.start();
    told.until("nothing waits", ToldRecord::is_quiet).await;
    told.stop().await;
    let channel = told.slack.channel("C1");
    let [message] = &channel.top().collect::<Vec<_>>()[..] else { panic!("{channel:#?}") };
    assert!(message.text().contains("told 12m late"), "{}", message.text());
    assert_eq!(message.key(), format!("checkout/{new}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_event_of_a_service_that_is_not_read_yet_waits_for_it() {
    let mut told = ToldRecord::new();
    told.record.change(|all| all.is_unread = true);
    told.record.build("checkout", 1, "ana");
    let id = told.record.begin("checkout", person("kim"), with_step(Environment::Production, 1));
    told.start();
    told.until("it looked", |told| told.outbox().position().unwrap() == Some(Seq(1))).await;
    assert!(told.outbox().counts().unwrap().is_empty());
    told.record.change(|all| all.is_unread = false);
    told.record.end("checkout", id, Outcome::Succeeded);
    told.until("nothing waits", ToldRecord::is_quiet).await;
    told.stop().await;
    let channel = told.slack.channel("C1");
    assert!(channel.messages[0].text().starts_with("✔ *live*"), "{channel:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_own_template_is_used_and_a_broken_one_gives_way_to_the_shipped_one() {
    let own = tempfile::tempdir().unwrap();
    std::fs::create_dir(own.path().join("slack")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(own.path().join("slack").join(name), text);
    write("deployment.txt", "{{ deployment.nothing_of_this_name }}").unwrap();
    write("detail.txt", "ours: {{ detail.sentence }} <!here>").unwrap();
    let settings = |slack: &FakeSlack| {
        format!("{}templates = {:?}\n", slack.settings(), own.path().display().to_string())
    };
    let mut told = ToldRecord::with(settings);
    told.start();
    told.record.build("checkout", 1, "ana");
    let id = told.record.begin("checkout", person("<!here>"), with_step(Environment::Staging, 1));
    told.record.step_ended("checkout", id, StepOutcome::Exited(1));
    told.until("nothing waits", ToldRecord::is_quiet).await;
    told.until("it is said", |told| {
        let said = told.record.written().told.clone();
        said.is_some_and(|said| said.contains("the template slack/deployment failed"))
    })
    .await;
    told.stop().await;
    let channel = told.slack.channel("C1");
    assert!(channel.messages[0].text().starts_with("▶ *deploying* checkout"), "{channel:#?}");
    // What the operator writes is theirs.
    assert_eq!(channel.messages[1].text(), "ours: release: exit 1 after 3s <!here>");
}
