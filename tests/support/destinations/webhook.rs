//! Somebody's own receiver of webhooks, for tests: it does what comes once for each id, as the documents tell it to.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::{AskedDestination, DestinationReply, DestinationService};

/// What it has.
#[derive(Debug, Default)]
pub struct WebhookReceiver {
    /// What came first with each id, in order.
    pub taken: Vec<Value>,
    /// How often each id came.
    pub times: BTreeMap<String, usize>,
    /// What it answers instead of 204.
    pub status: Option<u16>,
    /// And what it says with that.
    pub says: String,
}

impl WebhookReceiver {
    /// The text of the newest delivery about each notice.
    pub fn newest(&self) -> Vec<String> {
        let mut newest: BTreeMap<&str, &Value> = BTreeMap::new();
        let number = |said: &Value| said["sequence"].as_u64();
        for said in &self.taken {
            let notice = said["notice"].as_str().unwrap_or_default();
            let known = newest.entry(notice).or_insert(said);
            if number(said) >= number(known) {
                *known = said;
            }
        }
        let text = |said: &Value| said["text"].as_str().unwrap_or_default().to_owned();
        newest.into_values().map(text).collect()
    }
}

impl DestinationService for WebhookReceiver {
    fn take(&mut self, asked: &AskedDestination) -> DestinationReply {
        if let Some(status) = self.status {
            return DestinationReply::of(status, self.says.clone());
        }
        let id = asked.headers.get("webhook-id").cloned().unwrap_or_default();
        let times = self.times.entry(id).or_default();
        *times += 1;
        if *times == 1 {
            self.taken.push(asked.json());
        }
        DestinationReply::of(204, "")
    }

    fn limited(&self, pause: Duration) -> DestinationReply {
        DestinationReply::of(429, "").with("retry-after", pause.as_secs().to_string())
    }
}
