//! The notifier is stopped and started at random instants, while Slack limits, breaks and loses answers.

use std::collections::BTreeMap;

use trunkline::domain::event::{DeploymentKind, DeploymentRequest, Fact, Outcome, StepOutcome};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment};
use trunkline::domain::notice::view::{NoticeInput, view};
use trunkline::domain::notice::{Notice, NoticeAbout, NoticeKey};
use trunkline::domain::people::Actor;
use trunkline_testing::dice::{self, Dice, Seed};
use trunkline_testing::notices::ToldRecord;
use trunkline_testing::record::{adopted, person};

use super::told::with_step;

/// How many rounds there are, unless `TRUNKLINE_NOTIFY_ROUNDS` says it.
const ROUNDS: u64 = 12;
/// How many deployments a round has.
const DEPLOYMENTS: u64 = 6;
/// How many of a thousand requests fail.
const FAULTS: usize = 300;

#[derive(Debug, Default)]
struct Figures {
    deployments: usize,
    restarts: usize,
    requests: usize,
    looked_up: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn whatever_gets_lost_each_deployment_has_one_message_in_its_true_state_and_its_details_once()
{
    let seeds = dice::seeds("TRUNKLINE_NOTIFY_ROUNDS", ROUNDS);
    let rounds = seeds.len();
    let mut figures = Figures::default();
    for seed in seeds {
        let _said_if_it_fails = Seed(seed);
        play(Dice::of(seed), &mut figures).await;
    }
    eprintln!("{rounds} rounds: {figures:?}; 0 duplicates, 0 missing, order kept");
    assert!(figures.restarts > 0 && figures.looked_up > 0, "{figures:?}");
}

async fn play(mut dice: Dice, figures: &mut Figures) {
    let mut told = ToldRecord::new();
    told.slack.state().chance = Some((dice.fork(1), FAULTS));
    told.start();
    let record = told.record.clone();
    record.push("checkout", person("kim"), Fact::ProductionAdopted(Box::new(adopted(1))));
    record.build("checkout", 1, "ana");
    let mut all = Vec::new();
    for number in 2..2 + DEPLOYMENTS {
        record.build("checkout", number, "ana");
        let id = begin(&told, &mut dice, number);
        all.push(id);
        pause(&mut told, &mut dice, figures).await;
        let is_good = dice.below(3) > 0;
        let how = if is_good { StepOutcome::Succeeded } else { StepOutcome::Exited(1) };
        record.step_ended("checkout", id, how);
        pause(&mut told, &mut dice, figures).await;
        let failed = || Outcome::Failed("step release: exit 1".to_owned());
        record.end("checkout", id, if is_good { Outcome::Succeeded } else { failed() });
        pause(&mut told, &mut dice, figures).await;
    }
    told.slack.state().chance = None;
    told.until("nothing waits", ToldRecord::is_quiet).await;
    told.stop().await;
    told.start();
    told.until("nothing waits", ToldRecord::is_quiet).await;
    told.stop().await;
    check(&told, &all);
    figures.deployments += all.len();
    let state = told.slack.state();
    figures.requests += state.requests.len();
    let asks = |(name, _): &&(String, _)| {
        name == "conversations.history" || name == "conversations.replies"
    };
    figures.looked_up += state.requests.iter().filter(asks).count();
}

fn begin(told: &ToldRecord, dice: &mut Dice, number: u64) -> DeploymentId {
    let record = &told.record;
    match dice.below(3) {
        0 => record.begin("checkout", Actor::System, with_step(Environment::Staging, number)),
        1 => {
            let request = DeploymentRequest {
                previous: Some(BuildNumber(1)),
                ..with_step(Environment::Production, number)
            };
            record.begin("checkout", person("chen"), request)
        }
        _ => {
            let request = DeploymentRequest {
                kind: DeploymentKind::Rollback,
                previous: Some(BuildNumber(number)),
                ..with_step(Environment::Production, 1)
            };
            record.begin("checkout", person("chen"), request)
        }
    }
}

/// Lets some requests come, and now and then ends the notifier, whatever it does just then.
async fn pause(told: &mut ToldRecord, dice: &mut Dice, figures: &mut Figures) {
    let mut changes = told.slack.changes();
    for _ in 0..dice.below(4) {
        // Nothing may be left to ask.
        let soon = std::time::Duration::from_millis(20);
        let _quiet = tokio::time::timeout(soon, changes.changed()).await;
    }
    if dice.below(3) == 0 {
        figures.restarts += 1;
        told.stop().await;
        told.start();
    }
}

fn check(told: &ToldRecord, all: &[DeploymentId]) {
    let channel = told.slack.channel("C1");
    let mut keys: BTreeMap<&str, usize> = BTreeMap::new();
    for message in &channel.messages {
        *keys.entry(message.key()).or_default() += 1;
    }
    let twice: Vec<_> = keys.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "told twice: {twice:?}\n{channel:#?}");
    let written = told.record.written();
    let (service, state) = written.states.iter().next().expect("there is one");
    let now = trunkline::engine::clock::Clock::now(&trunkline::engine::clock::SystemClock);
    for id in all {
        let key = NoticeKey::of_deployment(service, *id);
        let about = NoticeAbout::Deployment { deployment: *id };
        let notice = Notice {
            key: key.clone(),
            service: service.clone(),
            seq: state.last_seq,
            at: now,
            about,
        };
        let (people, policy) = (&written.people, &written.incidents);
        let (pages, windows, on_call) = (None, &[][..], &[][..]);
        let input = NoticeInput { state, people, policy, now, pages, windows, on_call };
        let is = view(&notice, input);
        let message = channel.top().find(|message| message.key() == key.as_str());
        let message = message.unwrap_or_else(|| panic!("{id} was not told: {channel:#?}"));
        let word = format!("{} *{}* ", is.symbol, is.state);
        assert!(message.text().starts_with(&word), "{id} is {word}: {message:#?}");
        // Each event has its number in its key.
        let numbers: Vec<u64> = channel
            .thread(&message.ts)
            .filter_map(|one| one.key().rsplit_once("/e")?.1.split('/').next()?.parse().ok())
            .collect();
        assert!(numbers.is_sorted(), "{id}: {numbers:?}");
        assert!(!numbers.is_empty(), "{id} has no details");
    }
    assert_eq!(channel.top().count(), all.len(), "{channel:#?}");
    drop(written);
    assert_eq!(told.slack.state().violations, Vec::<String>::new());
}
