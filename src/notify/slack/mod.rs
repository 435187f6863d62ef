//! Slack, by the token of a bot: one message for each thing, edited in place, with its details in its thread.

mod client;
mod errors;
mod look_up;
mod topic;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use self::client::{SlackClient, SlackError};
use super::destination::{Abilities, Act, Delivery, DestinationCheck, LookedUp, SendOutcome};
use super::template::Style;

/// The folder of the templates.
pub const TEMPLATES: &str = "slack";
/// The type of our metadata, by which a message is looked up.
const METADATA: &str = "trunkline_notice";
/// The most characters of a message: from 4,000 on Slack cuts by itself.
const LONGEST: usize = 3_500;
/// What the app has to be allowed to do, and what for.
const SCOPES: &[(&str, &str)] = &[
    ("chat:write", "to write"),
    ("channels:history", "to find after a lost answer whether a message arrived"),
    ("channels:read", "to read the topic, and to check the channel"),
    ("pins:write", "to pin a freeze"),
];
const TOPIC_SCOPE: (&str, &str) = ("channels:write.topic", "to set the topic");

/// A workspace.
#[derive(Debug)]
pub struct Slack {
    client: SlackClient,
    /// The channels to check, with the names that the operator gave them.
    channels: BTreeMap<String, String>,
    topic: bool,
}

/// How text is written for Slack.
#[must_use]
pub fn style(people: BTreeMap<String, String>) -> Style {
    Style {
        escape,
        mention: |id| format!("<@{}>", id.trim_start_matches('@')),
        // What a link shows must not look like one that leads elsewhere.
        link: |url, text| format!("<{}|{}>", url.replace('|', "%7C"), text.replace('|', "¦")),
        people: Arc::new(people),
    }
}

/// Slack acts on `<…>`, on marks around words, on names between colons and on addresses. A joiner of no width breaks the
/// marks, and a wide colon stands for one that draws or begins an address.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut before = ' ';
    let mut all = text.chars().peekable();
    let mut at = 0;
    while let Some(c) = all.next() {
        let here = at;
        at += c.len_utf8();
        let inside = before.is_alphanumeric() && all.peek().is_some_and(|c| c.is_alphanumeric());
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '_' if inside => safe.push(c),
            ':' if colon_acts(text, here) => safe.push('：'),
            '*' | '_' | '~' | '`' => safe.extend(['\u{200b}', c, '\u{200b}']),
            c => safe.push(c),
        }
        before = c;
    }
    safe
}

/// Whether a colon begins an emoji or what makes an address. That of a time between two digits does not.
fn colon_acts(text: &str, at: usize) -> bool {
    let (before, after) = (&text[..at], &text[at + 1..]);
    let end = |text: &str| text.find(|c: char| !(c.is_alphanumeric() || "_+-'".contains(c)));
    let (name, rest) = after.split_at(end(after).unwrap_or(after.len()));
    let is_digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_time = is_digits(name) && before.ends_with(|c: char| c.is_ascii_digit());
    // What stands after the text may begin with a colon too.
    let is_name = !name.is_empty() && (rest.is_empty() || rest.starts_with(':'));
    rest.starts_with("//") && name.is_empty() || is_name && !is_time
}

impl Slack {
    pub const ABILITIES: Abilities = Abilities {
        edit: true,
        thread: true,
        pin: true,
        topic: true,
        look_up: true,
        pace: Duration::from_millis(1_100),
    };

    /// # Errors
    /// When the token or the certificates cannot be used.
    pub fn new(
        url: &str,
        token: &str,
        ca: Option<&Path>,
        channels: BTreeMap<String, String>,
        topic: bool,
    ) -> Result<Self, String> {
        Ok(Self { client: SlackClient::new(url, token, ca)?, channels, topic })
    }

    /// Sends one thing.
    pub async fn send(&self, delivery: &Delivery) -> SendOutcome {
        let sent = match &delivery.act {
            Act::Post => self.post(delivery, None, false).await,
            Act::Reply { parent, loud } => self.post(delivery, Some(parent), *loud).await,
            Act::Edit { remote } => return self.edit(delivery, remote).await,
            Act::Pin { remote } => self.pin(delivery, remote, true).await,
            Act::Unpin { remote } => self.pin(delivery, remote, false).await,
            Act::Topic => return self.set_topic(delivery).await,
        };
        match sent {
            Ok(remote) => SendOutcome::Done { remote },
            Err(error) => error.into(),
        }
    }

    async fn post(
        &self,
        delivery: &Delivery,
        parent: Option<&String>,
        loud: bool,
    ) -> Result<Option<String>, SlackError> {
        let mut body = message(delivery);
        // No previews of links.
        (body["unfurl_links"], body["unfurl_media"]) = (json!(false), json!(false));
        // An edit takes it as off.
        body["link_names"] = json!(false);
        if let Some(parent) = parent {
            body["thread_ts"] = json!(parent);
            body["reply_broadcast"] = json!(loud);
        }
        let reply = self.client.post("chat.postMessage", &body).await?;
        let lost = || SlackError::Lost("Slack does not say which message it made".into());
        reply.body["ts"].as_str().map(|ts| Some(ts.to_owned())).ok_or_else(lost)
    }

    async fn edit(&self, delivery: &Delivery, remote: &str) -> SendOutcome {
        let mut body = message(delivery);
        body["ts"] = json!(remote);
        match self.client.post("chat.update", &body).await {
            Ok(_) => SendOutcome::Done { remote: Some(remote.to_owned()) },
            Err(SlackError::Said(name)) if name == "message_not_found" => {
                SendOutcome::Gone { why: "somebody deleted the message at Slack".to_owned() }
            }
            Err(error) => error.into(),
        }
    }

    /// That it is as it should be already is no error.
    async fn pin(
        &self,
        delivery: &Delivery,
        remote: &str,
        on: bool,
    ) -> Result<Option<String>, SlackError> {
        let method = if on { "pins.add" } else { "pins.remove" };
        let body = json!({ "channel": delivery.channel, "timestamp": remote });
        match self.client.post(method, &body).await {
            Ok(_) => {}
            Err(SlackError::Said(name))
                if matches!(name.as_str(), "already_pinned" | "not_pinned" | "no_pin")
                    || !on && name == "message_not_found" => {}
            Err(error) => return Err(error),
        }
        Ok(Some(remote.to_owned()))
    }

    async fn set_topic(&self, delivery: &Delivery) -> SendOutcome {
        let info = [("channel", delivery.channel.as_str())];
        let known = match self.client.get("conversations.info", &info).await {
            Ok(reply) => reply.body,
            Err(error) => return error.into(),
        };
        let before = known["channel"]["topic"]["value"].as_str().unwrap_or_default();
        let Some(topic) = topic::with_ours(before, &delivery.text) else {
            let why = "there is no room in the channel's topic beside what people wrote".to_owned();
            return SendOutcome::Failed { retry: false, why };
        };
        let done = SendOutcome::Done { remote: Some("topic".to_owned()) };
        if topic == before {
            return done;
        }
        let body = json!({ "channel": delivery.channel, "topic": topic });
        match self.client.post("conversations.setTopic", &body).await {
            Ok(_) => done,
            Err(error) => error.into(),
        }
    }

    /// Looks for a message by its key, after an answer that got lost.
    pub async fn look_up(&self, delivery: &Delivery) -> LookedUp {
        match look_up::find(&self.client, delivery).await {
            Ok(Some(remote)) => LookedUp::Found { remote },
            Ok(None) => LookedUp::Absent,
            Err(SlackError::Limit(after)) => LookedUp::Later { after },
            Err(error) => match SendOutcome::from(error) {
                SendOutcome::Failed { retry, why } => LookedUp::Failed { retry, why },
                SendOutcome::Unknown { why } => LookedUp::Failed { retry: true, why },
                other => LookedUp::Failed { retry: true, why: format!("{other:?}") },
            },
        }
    }

    /// Looks whether the token and the channels can be used. Writes nothing.
    pub async fn check(&self) -> Vec<DestinationCheck> {
        let reply = match self.client.get("auth.test", &[]).await {
            Ok(reply) => reply,
            Err(error) => return vec![("the token".to_owned(), Some(why(error)))],
        };
        let name = |key: &str| crate::gate::line(reply.body[key].as_str().unwrap_or("?"));
        let mut all = vec![(format!("{} in {}", name("user"), name("team")), None)];
        if let Some(has) = &reply.scopes {
            let topic = self.topic.then_some(&TOPIC_SCOPE);
            let lacks = SCOPES.iter().chain(topic).filter(|(scope, _)| !allows(has, scope));
            for (scope, what_for) in lacks {
                let lack =
                    format!("add it to the app and install the app again; it needs it {what_for}");
                all.push((format!("the scope {scope} is missing"), Some(lack)));
            }
        }
        for (name, id) in &self.channels {
            let found = self.client.get("conversations.info", &[("channel", id)]).await;
            all.push(match found {
                Err(error) => (format!("channel {name}"), Some(why(error))),
                Ok(reply) if reply.body["channel"]["is_member"] == Value::Bool(false) => {
                    let what = "the app is not in the channel: /invite it there".to_owned();
                    (format!("channel {name}"), Some(what))
                }
                Ok(_) => (format!("channel {name}"), None),
            });
        }
        all
    }
}

/// A scope, or the one of the same for private channels.
fn allows(has: &[String], scope: &str) -> bool {
    let private = scope.replace("channels:", "groups:");
    has.iter().any(|one| one == scope || *one == private)
}

fn why(error: SlackError) -> String {
    match SendOutcome::from(error) {
        SendOutcome::Failed { why, .. } | SendOutcome::Unknown { why } => why,
        SendOutcome::Later { .. } => "Slack wants a pause; try again in a minute".to_owned(),
        other => format!("{other:?}"),
    }
}

/// A message as it is posted and edited, with our key, by which it is looked up.
fn message(delivery: &Delivery) -> Value {
    json!({
        "channel": delivery.channel,
        "text": cut(&delivery.text),
        // What looks like an address, a channel or a name stays text; only what is between < and > leads somewhere.
        "parse": "none",
        "metadata": { "event_type": METADATA, "event_payload": { "key": delivery.key } },
    })
}

/// A text that Slack takes whole. A cut never leaves half of an escape or of a link, or a block open.
fn cut(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(LONGEST).collect();
    for (open, close) in [('<', '>'), ('&', ';')] {
        let (last, closed) = (kept.rfind(open), kept.rfind(close));
        if let Some(last) = last.filter(|last| closed.is_none_or(|closed| closed < *last)) {
            kept.truncate(last);
        }
    }
    let open = kept.matches("```").count() % 2 == 1;
    format!("{kept}…{}", if open { "\n```" } else { "" })
}
