//! A day of a channel, as its members see it. `TRUNKLINE_NOTIFY_DAY=1` prints it.

use chrono::TimeDelta;
use trunkline::domain::event::{DeploymentKind, DeploymentRequest, Fact, Outcome, StepOutcome};
use trunkline::domain::ids::{BuildNumber, Environment};
use trunkline::domain::people::Actor;
use trunkline::domain::plan::Guard;
use trunkline::notify::source::NoticeSource as _;
use trunkline_testing::notices::ToldRecord;
use trunkline_testing::record::{adopted, people, person};
use trunkline_testing::slack::FakeSlack;

use super::told::with_step;

/// How many merges there are; after each seventh one somebody promotes.
const MERGES: u64 = 40;
const AUTHORS: [&str; 4] = ["ana", "bo", "chen", "dora"];

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_channels_day_has_one_message_for_each_deployment_and_pings_nobody_twice() {
    let settings = |slack: &FakeSlack| {
        let people = AUTHORS.map(|name| format!("{name} = \"U0{}\"\n", name.to_uppercase()));
        format!("{}topic = true\n[notify.slack.people]\n{}", slack.settings(), people.concat())
    };
    let mut told = ToldRecord::with(settings);
    told.record.change(|all| {
        all.people = people(AUTHORS);
        all.tail = vec!["connecting to db-2".to_owned(), "error: timeout after 30s".to_owned()];
    });
    told.start();
    let deployments = play(&told).await;
    told.until("nothing waits", ToldRecord::is_quiet).await;
    told.stop().await;
    let channel = told.slack.channel("C1");
    if std::env::var_os("TRUNKLINE_NOTIFY_DAY").is_some() {
        for message in
            channel.messages.iter().filter(|one| one.thread_ts.is_none() || one.is_broadcast)
        {
            let broadcast = if message.is_broadcast { "  (reply, also here) " } else { "" };
            eprintln!("{broadcast}{}", message.text());
        }
        eprintln!("topic: {}", channel.topic);
    }
    let of_deployments: Vec<_> =
        channel.top().filter(|one| one.key().starts_with("checkout/d")).collect();
    assert_eq!(of_deployments.len(), deployments);
    // Besides them, a freeze and a request.
    assert_eq!(channel.top().count(), deployments + 2);
    // Slack pings for what is posted, and for no edit.
    for message in &channel.messages {
        let posted = &message.texts[0];
        for name in AUTHORS {
            let mention = format!("<@U0{}>", name.to_uppercase());
            assert!(posted.matches(&mention).count() <= 1, "{posted}");
        }
    }
    let staging = of_deployments.iter().filter(|one| one.texts[0].contains("→ staging"));
    assert!(staging.clone().all(|one| !one.texts[0].contains("<@")), "staging pings nobody");
    assert!(channel.topic.contains("[live: checkout #"), "{}", channel.topic);
    assert_eq!(told.slack.state().violations, Vec::<String>::new());
}

/// 40 merges, 5 promotes of which one fails, a failure in staging, a rollback, a freeze and a request.
async fn play(told: &ToldRecord) -> usize {
    let record = &told.record;
    record.push("checkout", person("kim"), Fact::ProductionAdopted(Box::new(adopted(1))));
    let (mut count, mut live) = (0, 1);
    for number in 2..2 + MERGES {
        let author = AUTHORS[usize::try_from(number).unwrap() % AUTHORS.len()];
        record.build("checkout", number, author);
        let id = record.begin("checkout", Actor::System, with_step(Environment::Staging, number));
        count += 1;
        let fails = number == 20;
        record.step_ended(
            "checkout",
            id,
            if fails { StepOutcome::Exited(1) } else { StepOutcome::Succeeded },
        );
        let failed = || Outcome::Failed("step release: exit 1".to_owned());
        record.end("checkout", id, if fails { failed() } else { Outcome::Succeeded });
        if number % 7 == 0 {
            live = promote(told, number, live);
            count += 1;
        }
    }
    let back = DeploymentRequest {
        kind: DeploymentKind::Rollback,
        previous: Some(BuildNumber(live)),
        ..with_step(Environment::Production, 21)
    };
    let back = record.begin("checkout", person("chen"), back);
    record.end("checkout", back, Outcome::Succeeded);
    let now = record.now();
    let until = now + TimeDelta::hours(1);
    let fact =
        Fact::PromoterRequested { build: BuildNumber(41), until, note: "after lunch".to_owned() };
    record.push("checkout", person("ana"), fact);
    let freeze = Fact::FreezePlaced { from: now, until: None, reason: "the sale".to_owned() };
    let freeze = record.push("checkout", person("dora"), freeze);
    told.until("it is pinned", |told| told.slack.channel("C1").pins.len() == 1).await;
    record.push(
        "checkout",
        person("dora"),
        Fact::FreezeLifted { freeze, reason: "sold".to_owned() },
    );
    count + 1
}

/// Promotes a build, one of them with an override, and another one without luck. Returns what is live after it.
fn promote(told: &ToldRecord, number: u64, live: u64) -> u64 {
    let record = &told.record;
    let mut request = DeploymentRequest {
        previous: Some(BuildNumber(live)),
        ..with_step(Environment::Production, number)
    };
    if number == 14 {
        request.overrides.insert(Guard::Soak, "the fix for INC-31".to_owned());
    }
    let id = record.begin("checkout", person("chen"), request);
    if number == 28 {
        record.step_ended("checkout", id, StepOutcome::Exited(1));
        record.end("checkout", id, Outcome::Failed("step release: exit 1".to_owned()));
        return live;
    }
    record.step_ended("checkout", id, StepOutcome::Succeeded);
    record.end("checkout", id, Outcome::Succeeded);
    number
}
