//! The real program: its engine tells, is killed, and tells on.

use std::fs;

use trunkline_testing::home::until;
use trunkline_testing::service_file::service_file;
use trunkline_testing::shop::{Shop, shop};
use trunkline_testing::slack::{FakeSlack, TOKEN};

/// A shop that is watched and told at this Slack.
fn told_at(slack: &FakeSlack) -> Shop {
    let file = service_file().raj().everywhere("release", "echo $TRUNKLINE_BUILD");
    let shop = shop(&file.step("staging", "smoke", "[\"true\"]").text());
    let token = shop.home.path("token");
    fs::write(&token, TOKEN).unwrap();
    let from = format!("{{ file = \"{}\" }}", token.display());
    let settings = slack.settings().replace("{ env = \"SLACK_TOKEN\" }", &from);
    shop.watched(&format!("poll = \"100ms\"\n{settings}"))
}

#[test]
fn a_destination_is_tried_shown_and_checked() {
    let slack = FakeSlack::start(&["C1"]);
    let shop = told_at(&slack);
    shop.home.said(&["status"]);
    until("the engine tells", || {
        let status = shop.home.json(&["notify", "status", "--json"]);
        status["destinations"][0]["kind"] == "slack" && shop.home.path("data/outbox.db").exists()
    });
    assert_eq!(shop.home.said(&["notify", "test", "slack"]), "slack has it\n");
    let said = slack.channel("C1").messages.iter().any(|one| one.text().starts_with("✔ *test* by"));
    assert!(said, "{:#?}", slack.channel("C1"));
    let doctor = shop.home.trunkline(&["doctor"]);
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.contains("slack: trunkline in Acme"), "{doctor}");
    assert!(doctor.contains("slack: channel deploys"), "{doctor}");
    slack.state().scopes = "chat:write,channels:read".to_owned();
    slack.state().channels.get_mut("C1").unwrap().is_gone = true;
    let doctor = shop.home.trunkline(&["doctor"]);
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.contains("the scope pins:write is missing; add it to the app"), "{doctor}");
    assert!(doctor.contains("channel deploys; Slack answers channel_not_found"), "{doctor}");
    let failed = shop.home.trunkline(&["notify", "test", "slack"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&failed.stderr).contains("slack does not have it"));
    for output in [doctor, String::from_utf8_lossy(&failed.stderr).into_owned()] {
        assert!(!output.contains(TOKEN));
    }
    {
        let mut state = slack.state();
        let channel = state.channels.get_mut("C1").unwrap();
        (channel.is_gone, channel.is_archived) = (false, true);
    }
    let archived = shop.home.trunkline(&["notify", "test", "slack"]);
    let why = String::from_utf8_lossy(&archived.stderr);
    assert!(why.contains("the channel is archived"), "{why}");
    let said = shop.home.said(&["notify", "status"]);
    assert!(said.contains("trunkline notify retry ITEM; all with --all"), "{said}");
    slack.state().channels.get_mut("C1").unwrap().is_archived = false;
    let said = shop.home.said(&["notify", "retry", "--all"]);
    assert!(said.contains("sent again"), "{said}");
    until("it is told", || {
        shop.home.json(&["notify", "status", "--json"])["not_told"] == serde_json::json!([])
    });
    let log = fs::read_to_string(shop.home.path("data/engine.log")).unwrap_or_default();
    assert!(!log.contains(TOKEN));
    assert_eq!(slack.state().violations, Vec::<String>::new());
}

#[test]
fn a_killed_engine_tells_on_and_nothing_twice() {
    let slack = FakeSlack::start(&["C1"]);
    let shop = told_at(&slack);
    shop.home.verified(1);
    for number in 2..5 {
        shop.merge(&format!("change {number}"));
        until("something new is told", || {
            let key = |one: &trunkline_testing::slack::SlackMessage| one.key().to_owned();
            let keys: std::collections::BTreeSet<_> = slack.channel("C1").top().map(key).collect();
            keys.len() >= usize::try_from(number - 1).unwrap()
        });
        shop.home.kill_engine();
        shop.home.said(&["status"]);
    }
    shop.home.verified(4);
    until("all is told as it ended", || {
        let channel = slack.channel("C1");
        let top: Vec<_> = channel.top().collect();
        !top.is_empty() && top.iter().all(|one| one.text().starts_with("✔ "))
    });
    let channel = slack.channel("C1");
    let mut keys: Vec<_> = channel.messages.iter().map(|one| one.key().to_owned()).collect();
    keys.sort();
    let all = keys.len();
    keys.dedup();
    assert_eq!(keys.len(), all, "{channel:#?}");
    assert_eq!(slack.state().violations, Vec::<String>::new());
}

#[test]
fn a_promote_and_a_rollback_end_while_slack_hangs() {
    let slack = FakeSlack::start(&["C1"]);
    let shop = told_at(&slack);
    slack.state().hangs = true;
    shop.home.verified(1);
    shop.home.said(&["promote", "1", "--yes", "--wait"]);
    shop.merge("change 2");
    shop.home.verified(2);
    shop.home.said(&["promote", "2", "--yes", "--wait"]);
    shop.home.said(&["rollback", "--yes", "--wait"]);
    let waiting = shop.home.json(&["notify", "status", "--json"]);
    assert!(waiting["destinations"][0]["waiting"].as_u64().unwrap() > 0, "{waiting}");
    assert!(slack.channel("C1").messages.is_empty());
}

#[test]
fn without_a_destination_no_file_is_made() {
    let file = service_file().raj().everywhere("release", "true");
    let shop =
        shop(&file.step("staging", "smoke", "[\"true\"]").text()).watched("poll = \"100ms\"");
    shop.home.said(&["status"]);
    shop.home.verified(1);
    assert!(!shop.home.path("data/outbox.db").exists());
    let said = shop.home.said(&["notify", "status"]);
    assert_eq!(said, "nobody is told: no file of the operator has a [notify.NAME]\n");
}
