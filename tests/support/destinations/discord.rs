//! A webhook of Discord for tests: messages that can be edited.

use std::time::Duration;

use serde_json::{Value, json};

use super::{AskedDestination, DestinationReply, DestinationService};

/// Where the webhook is, below the address of the server.
const WEBHOOK: &str = "/api/webhooks/1198/token-canary";
/// The most characters of a message.
const LONGEST: usize = 2_000;

/// What it has.
#[derive(Debug, Default)]
pub struct Discord {
    /// Each with all that it ever said, oldest first.
    pub messages: Vec<Vec<String>>,
    /// Whether somebody deleted the webhook.
    pub is_gone: bool,
    /// Those that somebody deleted.
    pub deleted: Vec<usize>,
}

impl Discord {
    pub const PATH: &str = WEBHOOK;

    /// What each message says now.
    pub fn texts(&self) -> Vec<&str> {
        self.messages.iter().map(|all| all.last().map_or("", String::as_str)).collect()
    }

    fn content(body: &Value) -> Result<String, DestinationReply> {
        let content = body["content"].as_str().unwrap_or_default();
        let count = content.chars().count();
        if count == 0 || count > LONGEST {
            let said = json!({"content": ["Must be between 1 and 2000 in length."]});
            return Err(DestinationReply::json(400, &said));
        }
        Ok(content.to_owned())
    }

    fn of(&self, id: usize) -> DestinationReply {
        let content = self.messages[id].last();
        let message = json!({"id": (7_000 + id).to_string(), "content": content, "type": 0});
        let reply = DestinationReply::json(200, &message);
        reply.with("x-ratelimit-remaining", "4").with("x-ratelimit-reset-after", "1.5")
    }

    fn unknown(code: u32, says: &str) -> DestinationReply {
        DestinationReply::json(404, &json!({"message": says, "code": code}))
    }
}

impl DestinationService for Discord {
    fn take(&mut self, asked: &AskedDestination) -> DestinationReply {
        let Some(rest) = asked.path.strip_prefix(WEBHOOK).filter(|_| !self.is_gone) else {
            return Self::unknown(10_015, "Unknown Webhook");
        };
        if asked.method == "GET" && rest.is_empty() {
            return DestinationReply::json(
                200,
                &json!({"id": "1198", "name": "deploys", "type": 1}),
            );
        }
        let content = match Self::content(&asked.json()) {
            Ok(content) => content,
            Err(reply) => return reply,
        };
        match (asked.method.as_str(), rest.strip_prefix("/messages/")) {
            ("POST", None) if rest.is_empty() => {
                self.messages.push(vec![content]);
                if asked.query.split('&').any(|pair| pair == "wait=true") {
                    self.of(self.messages.len() - 1)
                } else {
                    DestinationReply::of(204, "")
                }
            }
            ("PATCH", Some(id)) => {
                let id = id.parse::<usize>().ok().and_then(|id| id.checked_sub(7_000));
                let is_there = |id: &usize| *id < self.messages.len() && !self.deleted.contains(id);
                let Some(id) = id.filter(is_there) else {
                    return Self::unknown(10_008, "Unknown Message");
                };
                self.messages[id].push(content);
                self.of(id)
            }
            _ => DestinationReply::of(405, ""),
        }
    }

    fn limited(&self, pause: Duration) -> DestinationReply {
        let after = pause.as_secs_f64();
        let said = json!({"message": "You are being rate limited.", "retry_after": after, "global": false});
        DestinationReply::json(429, &said)
            .with("retry-after", "1")
            .with("x-ratelimit-remaining", "0")
    }
}
