//! What others write stays text, and a secret goes nowhere.

use trunkline::domain::event::{Fact, Outcome, StepOutcome};
use trunkline::domain::ids::Environment;
use trunkline_testing::notices::ToldRecord;
use trunkline_testing::record::{commit, person};
use trunkline_testing::slack::TOKEN;

use super::told::with_step;

/// What Slack would act on in a text: what stands between `<` and `>`.
fn acts(text: &str) -> Vec<&str> {
    text.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default()).collect()
}

/// Whether a text has a name between two colons. What stands between those of a time is none.
fn draws(text: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || "_+-'".contains(c);
    let parts: Vec<_> = text.split(':').collect();
    let inner = parts.get(1..parts.len().saturating_sub(1)).unwrap_or_default();
    let is_time = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    inner.iter().any(|part| !part.is_empty() && !is_time(part) && part.chars().all(is_name))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nothing_from_outside_pings_anybody_or_makes_a_link() {
    let mut told = ToldRecord::new();
    let strings = include_str!("../../data/hostile-strings.txt");
    let own = [
        "<!channel>",
        "<@U0EVE>",
        "<https://evil.example|the log>",
        "https://evil.example",
        "evil.example a@evil.example",
        ":white_check_mark: live :+1::100:",
        "```*x*",
    ];
    let strings: Vec<String> = strings.lines().chain(own).map(str::to_owned).collect();
    told.record.change(|all| all.tail.clone_from(&strings));
    told.start();
    for (number, string) in
        (1..).zip(strings.iter().step_by(7).chain(&strings[strings.len() - 7..]))
    {
        let mut found = commit(number, string);
        found.subject.clone_from(string);
        let fact = trunkline_testing::record::found(number, vec![found]);
        told.record.push("checkout", person(string), fact);
        let id = told.record.begin(
            "checkout",
            person(string),
            with_step(Environment::Production, number),
        );
        told.record.step_ended("checkout", id, StepOutcome::NotStarted(string.clone()));
        told.record.end("checkout", id, Outcome::Failed(string.clone()));
        let reason = string.clone();
        let (environment, rollback, all) = (Environment::Production, None, false);
        let hold = Fact::HoldPlaced { environment, reason, rollback, all };
        told.record.push("checkout", person(string), hold);
    }
    told.until("nothing waits", ToldRecord::is_quiet).await;
    told.stop().await;
    let channel = told.slack.channel("C1");
    assert!(channel.messages.len() > 40, "{}", channel.messages.len());
    let ours = "https://deploys.example.org/services/checkout";
    for text in channel.messages.iter().flat_map(|message| &message.texts) {
        for act in acts(text) {
            assert!(act.starts_with(ours), "{act:?} in {text:?}");
        }
        let rest = text.replace(ours, "");
        assert!(!rest.contains("://"), "{text:?}");
        assert!(!draws(&rest), "an emoji is drawn: {text:?}");
        assert_eq!(text.matches("```").count() % 2, 0, "{text:?}");
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{text:?}");
    }
    for (method, said) in &told.slack.state().requests {
        let is_text = said.get("text").is_some();
        assert!(
            !is_text || said["parse"] == "none" && said["link_names"] != true,
            "{method}: {said}"
        );
    }
    assert_eq!(told.slack.state().violations, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_token_is_in_no_row_of_the_outbox_and_in_no_sentence() {
    let mut told = ToldRecord::new();
    told.start();
    told.record.build("checkout", 1, "ana");
    told.until("nothing waits", ToldRecord::is_quiet).await;
    // Its address is the only thing that a failed connection knows.
    told.slack.state().faults.extend([trunkline_testing::slack::SlackFault::Says("invalid_auth")]);
    let id = told.record.begin("checkout", person("kim"), with_step(Environment::Production, 1));
    told.record.end("checkout", id, Outcome::Succeeded);
    told.until("nothing waits", ToldRecord::is_quiet).await;
    told.stop().await;
    let bytes: Vec<u8> = ["outbox.db", "outbox.db-wal"]
        .iter()
        .filter_map(|name| std::fs::read(told.folder().join(name)).ok())
        .flatten()
        .collect();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("checkout/"), "the outbox was read");
    assert!(!text.contains(TOKEN), "the token is in the outbox");
    assert!(!format!("{:?}", told.record.written().told).contains(TOKEN));
}
