//! A day of a channel, as its members see it in the evening: docs/a-day-in-deploys.md. `TRUNKLINE_RENEW_GOLDEN=1` writes it
//! anew.

mod script;

use std::collections::BTreeMap;
use std::fs;

use trunkline_testing::notices::ToldRecord;
use trunkline_testing::slack::SlackChannel;

use self::script::{AUTHORS, Day};

const PAGE: &str = "docs/a-day-in-deploys.md";
/// The channel that hears everything, and the one that hears of staging only what failed there.
const CHANNELS: [(&str, &str); 2] = [("C2", "deploys"), ("C1", "deploys-all")];

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_channels_day_has_one_message_for_each_deployment_and_pings_nobody_twice() {
    let mut day = Day::begin();
    day.play().await;
    day.told.until("nothing waits", ToldRecord::is_quiet).await;
    day.told.stop().await;
    let deployments = day.deployments;
    let channels = CHANNELS.map(|(id, _)| day.told.slack.channel(id));
    let [quiet, all] = &channels;
    let of_deployments = |channel: &SlackChannel| {
        let keys = channel.top().map(|one| one.key().to_owned());
        let keys: Vec<_> = keys.filter(|key| key.starts_with("checkout/d")).collect();
        let mut once = keys.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), keys.len(), "a deployment has one message: {keys:?}");
        keys.len()
    };
    assert_eq!(of_deployments(all), deployments);
    // Production, and what failed in staging.
    assert_eq!(of_deployments(quiet), 6 + 1 + 1);
    for channel in &channels {
        // Besides them, an incident, a request and a freeze.
        assert_eq!(channel.top().count(), of_deployments(channel) + 3);
        pings_nobody_twice(channel);
        assert!(channel.pins.is_empty(), "the freeze is over");
    }
    assert!(all.topic.contains("[live: checkout #27"), "{}", all.topic);
    assert_eq!(day.told.slack.state().violations, Vec::<String>::new());
    let sections = CHANNELS.map(|(id, name)| (name, day.as_read(id)));
    hold_golden(&sections);
}

/// Slack pings for what is posted, and for no edit: nobody twice for the same message and what stands below it.
fn pings_nobody_twice(channel: &SlackChannel) {
    let mut pings: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for message in &channel.messages {
        let about = message.thread_ts.as_ref().unwrap_or(&message.ts);
        for name in AUTHORS {
            let mention = format!("<@U0{}>", name.to_uppercase());
            let count = message.texts[0].matches(&mention).count();
            *pings.entry((about.clone(), name)).or_default() += count;
        }
        let of_staging = message.texts[0].contains("→ staging");
        assert!(!of_staging || !message.texts[0].contains("<@"), "{}", message.texts[0]);
    }
    let twice: Vec<_> = pings.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    assert!(pings.values().any(|count| *count > 0), "somebody is pinged");
}

/// Each channel of the page is in a block that follows its name.
fn hold_golden(sections: &[(&str, String)]) {
    let page = fs::read_to_string(PAGE).unwrap();
    let mut new = page.clone();
    for (name, text) in sections {
        let begin = format!("## #{name}\n");
        let at = new.find(&begin).unwrap_or_else(|| panic!("{PAGE} has {begin}"));
        let from = at + new[at..].find("```text\n").expect("a block") + "```text\n".len();
        let to = from + new[from..].find("```").expect("its end");
        new.replace_range(from..to, text);
    }
    if std::env::var_os("TRUNKLINE_RENEW_GOLDEN").is_some() {
        fs::write(PAGE, &new).unwrap();
    }
    let page = fs::read_to_string(PAGE).unwrap();
    for (was, is) in page.lines().zip(new.lines()) {
        assert_eq!(was, is, "{PAGE}; TRUNKLINE_RENEW_GOLDEN=1 writes it anew");
    }
    assert_eq!(page.len(), new.len(), "{PAGE}");
}
