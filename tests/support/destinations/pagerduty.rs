//! `PagerDuty`'s events for tests: alerts by their keys, and changes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::{AskedDestination, DestinationReply, DestinationService};

/// Where alerts go, below the address of the server, and where changes go.
const ALERTS: &str = "/v2/enqueue";
const CHANGES: &str = "/v2/change/enqueue";

/// What it has.
#[derive(Debug)]
pub struct PagerDuty {
    /// The key that it wants.
    pub routing_key: String,
    /// Each with what happened to it, by its key.
    pub alerts: BTreeMap<String, PagedAlert>,
    pub changes: Vec<Value>,
}

/// What has one key.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct PagedAlert {
    /// How often somebody was called.
    pub called: usize,
    pub is_open: bool,
    pub is_acknowledged: bool,
    pub severity: String,
    pub summary: String,
}

impl PagerDuty {
    pub fn of(routing_key: &str) -> Self {
        Self { routing_key: routing_key.into(), alerts: BTreeMap::new(), changes: Vec::new() }
    }

    /// The summaries of the changes, oldest first.
    pub fn summaries(&self) -> Vec<&str> {
        let all = self.changes.iter();
        all.map(|change| change["payload"]["summary"].as_str().unwrap_or_default()).collect()
    }

    fn refusal(why: &str) -> DestinationReply {
        let said = json!({"status": "invalid event", "message": "Event object is invalid", "errors": [why]});
        DestinationReply::json(400, &said)
    }

    fn alert(&mut self, body: &Value) -> DestinationReply {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (key, payload) = (text(&body["dedup_key"]), &body["payload"]);
        if key.is_empty() || key.len() > 255 {
            return Self::refusal("'dedup_key' is missing or too long");
        }
        let alert = self.alerts.entry(key.clone()).or_default();
        match body["event_action"].as_str() {
            Some("trigger") => {
                if payload["summary"].as_str().is_none_or(str::is_empty) {
                    return Self::refusal("'payload.summary' is missing or blank");
                }
                if !alert.is_open {
                    *alert = PagedAlert {
                        called: alert.called + 1,
                        is_open: true,
                        ..PagedAlert::default()
                    };
                }
                (alert.severity, alert.summary) =
                    (text(&payload["severity"]), text(&payload["summary"]));
            }
            Some("acknowledge") if alert.is_open => alert.is_acknowledged = true,
            Some("resolve") if alert.is_open => alert.is_open = false,
            Some("acknowledge" | "resolve") => {}
            _ => return Self::refusal("'event_action' is invalid"),
        }
        let said = json!({"status": "success", "message": "Event processed", "dedup_key": key});
        DestinationReply::json(202, &said)
    }
}

impl DestinationService for PagerDuty {
    fn take(&mut self, asked: &AskedDestination) -> DestinationReply {
        let body = asked.json();
        if body["routing_key"] != self.routing_key.as_str() {
            return Self::refusal("'routing_key' is invalid");
        }
        match (asked.method.as_str(), asked.path.as_str()) {
            ("POST", ALERTS) => self.alert(&body),
            ("POST", CHANGES) => {
                self.changes.push(body);
                let said = json!({"status": "success", "message": "Change event processed"});
                DestinationReply::json(202, &said)
            }
            _ => DestinationReply::of(404, ""),
        }
    }

    fn limited(&self, _pause: Duration) -> DestinationReply {
        let said = json!({"status": "throttle exceeded", "message": "Requests for this service are arriving too quickly. Please retry later."});
        DestinationReply::json(429, &said).with("retry-after", "0")
    }
}
