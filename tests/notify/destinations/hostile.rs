//! Whatever others write stays text at each destination.

use serde_json::Value;
use trunkline::notify::destination::SendOutcome;
use trunkline::notify::escape;
use trunkline_testing::corpus::corpus;

use super::kind::{Kind, Pair};
use super::{delivery, views};

/// What others may write to ping, link, draw or format, beside what the corpus has.
const MARKUP: &[&str] = &[
    "@everyone @here @channel @all",
    "<!channel> <!here> <@U012AB3CD> <@&5> <#C012> <@123456789012345678>",
    "<https://evil.example|the run> [the run](https://evil.example) <https://evil.example>",
    "https://evil.example/a?b=c www.evil.example mailto:a@evil.example",
    ":white_check_mark: :tada: <:ok:123> <t:1618953630:R>",
    "**bold** __under__ ~~gone~~ ||spoiler|| `code` ```block``` ![x](https://evil.example/x.png)",
    "# head\n> quote\n- item\n1. item\n| a | b |\n|---|---|",
    "{{DATE(2026-11-30T00:00:00Z, SHORT)}} ${x} <at>ann</at>",
    "\\[x\\](https://evil.example) \\\\[y](https://evil.example) \\@everyone",
    "~town-square #tag $$x$$",
];

fn texts() -> Vec<String> {
    let corpus =
        corpus().into_iter().map(|entry| String::from_utf8_lossy(&entry.bytes()).into_owned());
    MARKUP.iter().map(|text| (*text).to_owned()).chain(corpus).collect()
}

/// What is left of a text in Markdown when what a backslash made harmless is taken out.
fn active(text: &str) -> String {
    let (mut left, mut characters) = (String::new(), text.chars());
    while let Some(c) = characters.next() {
        match c {
            '\\' => drop(characters.next()),
            c => left.push(c),
        }
    }
    left
}

/// What acts in a text of Discord.
fn acts_at_discord(text: &str) -> Option<&'static str> {
    let left = active(text);
    ["*", "_", "~", "`", "|", "<", ">", "#", "[", "]", "@", "://", "\n", "\u{1b}"]
        .into_iter()
        .find(|sign| left.contains(sign))
}

/// What acts in a text of Mattermost. Its mentions are found before any Markdown is.
fn acts_at_mattermost(text: &str) -> Option<&'static str> {
    let left = active(text);
    let of_markdown = ["*", "_", "~", "`", "|", ">", "#", "[", "]", "\n", "www."].into_iter();
    let before = ["@", "<", "://"].into_iter().find(|sign| text.contains(sign));
    before.or_else(|| of_markdown.into_iter().find(|sign| left.contains(sign)))
}

/// A character in any text of a body that no reader should get.
fn control(body: &Value) -> Option<char> {
    match body {
        Value::String(text) => {
            text.chars().find(|c| c.is_control() && *c != '\n' || *c == '\u{202e}')
        }
        Value::Array(all) => all.iter().find_map(control),
        Value::Object(all) => all.values().find_map(control),
        _ => None,
    }
}

#[test]
fn no_text_of_others_acts_at_discord_or_mattermost() {
    for text in texts() {
        assert_eq!(acts_at_discord(&escape::discord(&text)), None, "{text:?}");
        assert_eq!(acts_at_mattermost(&escape::mattermost(&text)), None, "{text:?}");
        let card = escape::card(&text);
        assert!(!card.contains("{{") && !card.contains('\n'), "{text:?}: {card:?}");
    }
}

#[test]
fn an_emoji_of_others_is_not_drawn() {
    for name in ["white_check_mark", "tada", "+1", "100", "a-b"] {
        let escaped = escape::mattermost(&format!("x:{name}: :{name}:y"));
        let plain = active(&escaped).replace('：', "");
        assert!(!plain.contains(':'), "{name}: {escaped}");
    }
}

#[tokio::test]
async fn what_others_write_reaches_each_destination_as_text() {
    for kind in Kind::ALL {
        let pair = Pair::of(kind);
        let short = texts().into_iter().filter(|text| text.len() < 500).enumerate();
        let short = short.filter(|(at, _)| *at < MARKUP.len() || at % 8 == 0);
        for (at, text) in short {
            let all = views(&text);
            // The second one has a text of others in most of its places.
            let few = if at < MARKUP.len() { 0..all.len() } else { 1..2 };
            for view in all[few].iter().cloned() {
                let outcome = pair.send(&delivery(kind, view)).await;
                assert!(
                    matches!(outcome, SendOutcome::Done { .. }),
                    "{kind:?} {text:?}: {outcome:?}"
                );
            }
        }
        for body in pair.bodies() {
            let said = body.to_string();
            assert_eq!(control(&body), None, "{kind:?}: {said}");
            match kind {
                Kind::Discord => {
                    assert_eq!(body["allowed_mentions"], serde_json::json!({"parse": []}));
                    let left = active(body["content"].as_str().unwrap());
                    assert!(!left.contains('@') && !left.contains('<'), "{left}");
                    let links = left.matches("://").count();
                    assert_eq!(
                        links,
                        left.matches("https://deploys.example.org/").count(),
                        "{left}"
                    );
                }
                Kind::Mattermost => {
                    let text = body["text"].as_str().unwrap();
                    assert!(!text.contains('@') && !text.contains('<'), "{text}");
                    let links = text.matches("://").count();
                    assert_eq!(
                        links,
                        text.matches("https://deploys.example.org/").count(),
                        "{text}"
                    );
                }
                Kind::Teams => {
                    // All text stands in runs, and the one link is ours.
                    assert!(!said.contains("\"TextBlock\"") && !said.contains("{{"), "{said}");
                    let urls = said.matches("\"url\":").count();
                    assert_eq!(
                        urls,
                        said.matches("\"url\":\"https://deploys.example.org/").count()
                    );
                }
                Kind::PagerDuty | Kind::Webhook => {}
            }
        }
    }
}
