//! Whether a message was posted whose answer got lost: by our key in its metadata.

use chrono::TimeDelta;
use serde_json::Value;

use super::METADATA;
use super::client::{SlackClient, SlackError};
use crate::notify::destination::{Act, Delivery};

/// The messages of a page, and the most pages.
const PAGE: &str = "200";
const PAGES: usize = 10;
/// So much the clocks of Slack and of this machine may differ.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(10);

/// What Slack calls the message of this key; `None` if it has none. Nothing older than its event is looked at.
pub(super) async fn find(
    client: &SlackClient,
    delivery: &Delivery,
) -> Result<Option<String>, SlackError> {
    let oldest = (delivery.view.at - CLOCKS_DIFFER).timestamp().max(0).to_string();
    let mut query = vec![
        ("channel", delivery.channel.as_str()),
        ("include_all_metadata", "true"),
        ("limit", PAGE),
        ("oldest", oldest.as_str()),
    ];
    let method = match &delivery.act {
        Act::Reply { parent, .. } => {
            query.push(("ts", parent.as_str()));
            "conversations.replies"
        }
        _ => "conversations.history",
    };
    let mut cursor = String::new();
    for _ in 0..PAGES {
        let mut page = query.clone();
        if !cursor.is_empty() {
            page.push(("cursor", &cursor));
        }
        let reply = client.get(method, &page).await?.body;
        let messages = reply["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        if let Some(found) = messages.iter().find(|message| is_ours(message, &delivery.key)) {
            return Ok(found["ts"].as_str().map(str::to_owned));
        }
        let next = reply["response_metadata"]["next_cursor"].as_str().unwrap_or_default();
        if next.is_empty() {
            return Ok(None);
        }
        next.clone_into(&mut cursor);
    }
    // The newest come first: what was posted a moment ago is not further back.
    Ok(None)
}

fn is_ours(message: &Value, key: &str) -> bool {
    let metadata = &message["metadata"];
    metadata["event_type"] == METADATA && metadata["event_payload"]["key"] == key
}
