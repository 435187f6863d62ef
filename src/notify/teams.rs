//! Microsoft Teams, by the webhook of a workflow that posts a card: it cannot change what it posted.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::destination::{Abilities, Delivery, SendOutcome};
use super::escape::cut;
use super::http::{HttpAddress, HttpCall};

/// The most characters of a card: Teams takes 28 KB, and JSON may need six bytes for one.
const LONGEST: usize = 3_500;

/// A workflow.
#[derive(Debug)]
pub struct Teams {
    address: HttpAddress,
}

impl Teams {
    pub const ABILITIES: Abilities = Abilities {
        edit: false,
        thread: false,
        pin: false,
        topic: false,
        look_up: false,
        pace: Duration::from_secs(1),
    };

    /// # Errors
    /// When the address is none, or the certificates cannot be used.
    pub fn new(address: &str, ca: Option<&Path>) -> Result<Self, String> {
        Ok(Self { address: HttpAddress::new(address, ca)? })
    }

    pub async fn send(&self, delivery: &Delivery) -> SendOutcome {
        match self.address.send(HttpCall::post(&message(delivery))).await {
            // What a workflow answers is up to whoever made it.
            Ok(reply) if reply.status.is_success() => SendOutcome::Done { remote: None },
            Ok(reply) => self.address.refused(&reply),
            Err(outcome) => outcome,
        }
    }
}

/// A message with one card. Its text stands in runs, in which no Markdown counts; the first line is strong.
fn message(delivery: &Delivery) -> Value {
    let text = cut(&delivery.text, LONGEST);
    let lines = text.lines().filter(|line| !line.trim().is_empty()).enumerate();
    let blocks: Vec<_> =
        lines.map(|(at, line)| block(line, at == 0, delivery.view.symbol)).collect();
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": { "width": "Full" },
        "body": blocks,
    });
    if let Some(page) = &delivery.view.page {
        card["actions"] =
            json!([{ "type": "Action.OpenUrl", "title": "Open in trunkline", "url": page }]);
    }
    let attachment = json!({
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": null,
        "content": card,
    });
    json!({ "type": "message", "attachments": [attachment] })
}

fn block(line: &str, is_first: bool, symbol: &str) -> Value {
    let mut run = json!({ "type": "TextRun", "text": line });
    if is_first {
        run["weight"] = json!("Bolder");
        let color = match symbol {
            "✖" => Some("Attention"),
            "✔" => Some("Good"),
            _ => None,
        };
        if let Some(color) = color {
            run["color"] = json!(color);
        }
    }
    // Lines of a log are set in by their template.
    if let Some(said) = line.strip_prefix("> ") {
        run["text"] = json!(said);
        run["fontType"] = json!("Monospace");
    }
    json!({ "type": "RichTextBlock", "inlines": [run], "spacing": if is_first { "Default" } else { "Small" } })
}
