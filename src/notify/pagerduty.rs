//! `PagerDuty`'s Events API v2: a change for each promote and rollback, which calls nobody, and an alert for each incident, which
//! does.

use std::path::Path;
use std::time::Duration;

use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::destination::{Abilities, Delivery, SendOutcome};
use super::escape::cut;
use super::http::{HttpAddress, HttpCall};
use crate::domain::notice::view::{DeploymentView, NoticeView};
use crate::gate;

/// The address of `PagerDuty` for everybody but the accounts of its EU region.
pub const PAGERDUTY: &str = "https://events.pagerduty.com";

const CHANGES: &str = "/v2/change/enqueue";
/// The most characters of a summary.
const LONGEST: usize = 1_024;
/// How `PagerDuty` says that it took an event.
const TAKEN: &str = "success";

/// An integration of a service at `PagerDuty`.
pub struct PagerDuty {
    address: HttpAddress,
    routing_key: String,
}

impl PagerDuty {
    pub const ABILITIES: Abilities = Abilities {
        edit: false,
        thread: false,
        pin: false,
        topic: false,
        look_up: false,
        pace: Duration::from_millis(500),
    };

    /// # Errors
    /// When the address is none, or the certificates cannot be used.
    pub fn new(url: &str, routing_key: &str, ca: Option<&Path>) -> Result<Self, String> {
        let address = HttpAddress::new(url, ca)?.hiding(routing_key);
        Ok(Self { address, routing_key: routing_key.trim().to_owned() })
    }

    pub async fn send(&self, delivery: &Delivery) -> SendOutcome {
        let Some(change) = change(delivery, &self.routing_key) else {
            return SendOutcome::Done { remote: None };
        };
        let call = HttpCall { below: CHANGES.to_owned(), ..HttpCall::post(&change) };
        match self.address.send(call).await {
            Ok(reply) if reply.status.is_success() && reply.json()["status"] == TAKEN => {
                SendOutcome::Done { remote: None }
            }
            Ok(reply) if reply.status.is_success() => HttpAddress::strange(&reply),
            Ok(reply) => self.address.refused(&reply),
            Err(outcome) => outcome,
        }
    }

    /// Whether it is told of this: what changes production, and tests.
    #[must_use]
    pub fn wants(view: &NoticeView) -> bool {
        let run = view.deployment.as_ref().filter(|_| view.kind == "deployment");
        view.tester.is_some() || run.is_some_and(|run| run.environment == "production")
    }
}

impl std::fmt::Debug for PagerDuty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PagerDuty")
    }
}

/// A change of production that ended; `None` for anything else.
fn change(delivery: &Delivery, routing_key: &str) -> Option<Value> {
    let view = &delivery.view;
    if !PagerDuty::wants(view) {
        return None;
    }
    let mut payload = json!({
        "summary": summary(delivery),
        "timestamp": view.at.to_rfc3339_opts(SecondsFormat::Secs, true),
        "source": "trunkline",
    });
    if let Some(run) = &view.deployment {
        payload["custom_details"] = details(view, run);
    }
    let mut event = json!({ "routing_key": routing_key, "payload": payload });
    if let Some(page) = &view.page {
        event["links"] = json!([{ "href": page, "text": "Open in trunkline" }]);
    }
    Some(event)
}

/// In one line.
fn summary(delivery: &Delivery) -> String {
    let line = delivery.text.lines().next().unwrap_or_default();
    cut(line.trim(), LONGEST)
}

fn details(view: &NoticeView, run: &DeploymentView) -> Value {
    let said = |text: &str| gate::line(text);
    json!({
        "service": view.service,
        "environment": run.environment,
        "build": said(&run.build),
        "commit": run.sha,
        "kind": said(&run.kind),
        "state": said(&view.state),
        "by": said(&run.by),
        "deployment": run.id,
        "previous": run.previous,
        "took": run.took,
    })
}
