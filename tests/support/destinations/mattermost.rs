//! An incoming webhook of Mattermost for tests: it posts, and nothing more.

use std::time::Duration;

use serde_json::json;

use super::{AskedDestination, DestinationReply, DestinationService};

/// Where the webhook is, below the address of the server.
const WEBHOOK: &str = "/hooks/key-canary";
/// The most characters of a post. A longer text becomes several.
const LONGEST: usize = 16_383;

/// What it has.
#[derive(Debug, Default)]
pub struct Mattermost {
    /// Channel and text of each post, oldest first.
    pub posts: Vec<(String, String)>,
    /// The channels besides that of the webhook; any, if there is none.
    pub channels: Vec<&'static str>,
}

impl Mattermost {
    pub const PATH: &str = WEBHOOK;

    /// What it posted.
    pub fn texts(&self) -> Vec<&str> {
        self.posts.iter().map(|(_, text)| text.as_str()).collect()
    }

    fn error(status: u16, id: &str, says: &str) -> DestinationReply {
        let said = json!({"id": id, "message": says, "detailed_error": "", "status_code": status});
        DestinationReply::json(status, &said)
    }
}

impl DestinationService for Mattermost {
    fn take(&mut self, asked: &AskedDestination) -> DestinationReply {
        if (asked.method.as_str(), asked.path.as_str()) != ("POST", WEBHOOK) {
            return Self::error(400, "web.incoming_webhook.invalid.app_error", "Invalid webhook.");
        }
        let body = asked.json();
        let text = body["text"].as_str().unwrap_or_default();
        if text.is_empty() {
            return Self::error(400, "web.incoming_webhook.text.app_error", "No text specified.");
        }
        let channel = body["channel"].as_str().unwrap_or("town-square");
        if !self.channels.is_empty() && !self.channels.contains(&channel) {
            let id = "web.incoming_webhook.channel.app_error";
            return Self::error(404, id, "Couldn't find the channel.");
        }
        let letters: Vec<_> = text.chars().collect();
        for part in letters.chunks(LONGEST) {
            self.posts.push((channel.to_owned(), part.iter().collect()));
        }
        DestinationReply::of(200, "ok").with("content-type", "text/plain")
    }

    fn limited(&self, _pause: Duration) -> DestinationReply {
        let reply = DestinationReply::of(429, "limit exceeded\n");
        reply.with("x-ratelimit-remaining", "0").with("x-ratelimit-reset", "0")
    }
}
