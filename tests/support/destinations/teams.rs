//! A workflow of Teams for tests, which posts the card of a request.

use std::time::Duration;

use serde_json::{Value, json};

use super::{AskedDestination, DestinationReply, DestinationService};

/// The most bytes of a message.
const LARGEST: usize = 28 * 1024;

/// What it has.
#[derive(Debug, Default)]
pub struct Teams {
    /// The card of each post, oldest first.
    pub cards: Vec<Value>,
}

impl Teams {
    /// Where the workflow is, below the address of the server. Its query is the secret.
    pub const PATH: &str = "/workflows/7/triggers/manual/paths/invoke?api-version=1&sig=sig-canary";

    /// What each card says, run by run and line by line.
    pub fn texts(&self) -> Vec<String> {
        self.cards.iter().map(text).collect()
    }
}

/// All text of a card.
fn text(card: &Value) -> String {
    let blocks = card["body"].as_array().into_iter().flatten();
    let lines = blocks.map(|block| {
        let runs = block["inlines"].as_array().into_iter().flatten();
        let runs = runs.map(|run| run["text"].as_str().or(run.as_str()).unwrap_or_default());
        runs.chain(block["text"].as_str()).collect::<String>()
    });
    lines.collect::<Vec<_>>().join("\n")
}

impl DestinationService for Teams {
    fn take(&mut self, asked: &AskedDestination) -> DestinationReply {
        let path = format!("{}?{}", asked.path, asked.query);
        if path != Self::PATH {
            let said = json!({"error": {"code": "DirectApiInvalidAuthorizationScheme"}});
            return DestinationReply::json(401, &said);
        }
        if asked.body.len() > LARGEST {
            return DestinationReply::of(413, "Request Entity too large");
        }
        let body = asked.json();
        let cards = body["attachments"].as_array().into_iter().flatten();
        self.cards.extend(cards.map(|card| card["content"].clone()));
        DestinationReply::of(202, "")
    }

    fn limited(&self, pause: Duration) -> DestinationReply {
        let seconds = pause.as_secs().to_string();
        DestinationReply::of(429, "").with("retry-after", seconds)
    }
}
