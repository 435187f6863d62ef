//! `PagerDuty`'s Events API v2: a change for each promote and rollback, which calls nobody, and an alert for each incident, which
//! does.

use std::path::Path;
use std::time::Duration;

use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::destination::{Abilities, Delivery, SendOutcome};
use super::escape::cut;
use super::http::{HttpAddress, HttpCall};
use crate::domain::notice::DetailKind;
use crate::domain::notice::view::{DeploymentView, IncidentView, NoticeView};
use crate::gate;

/// The address of `PagerDuty` for everybody but the accounts of its EU region.
pub const PAGERDUTY: &str = "https://events.pagerduty.com";

const CHANGES: &str = "/v2/change/enqueue";
const EVENTS: &str = "/v2/enqueue";
/// The details that change an alert.
pub(super) const ALERTS: [DetailKind; 3] =
    [DetailKind::IncidentUpdate, DetailKind::IncidentResolved, DetailKind::IncidentReopened];
/// The most characters of a summary.
const LONGEST: usize = 1_024;
/// The most characters of a key.
const LONGEST_KEY: usize = 255;
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
        let alert = alert(delivery, &self.routing_key).map(|alert| (EVENTS, alert));
        let event = alert.or_else(|| Some((CHANGES, change(delivery, &self.routing_key)?)));
        let Some((path, event)) = event else {
            return SendOutcome::Done { remote: None };
        };
        let call = HttpCall { below: path.to_owned(), ..HttpCall::post(&event) };
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

/// What brings the alert of an incident to how that stands; `None` for anything else, and for what calls nobody any more. A
/// repeat changes nothing: the alert has the key of its incident.
fn alert(delivery: &Delivery, routing_key: &str) -> Option<Value> {
    let view = &delivery.view;
    let incident = view.incident.as_ref()?;
    let is_open = incident.resolved.is_none();
    let is_help = view.detail.as_ref().is_some_and(|detail| detail.is_help);
    let action = match view.detail.as_ref().map(|detail| detail.kind) {
        None | Some(DetailKind::IncidentReopened) if is_open => "trigger",
        // Whoever opened it is not who was called.
        Some(DetailKind::IncidentUpdate) if is_open && is_help => "acknowledge",
        Some(DetailKind::IncidentResolved) => "resolve",
        _ => return None,
    };
    let key = view.detail.as_ref().map_or(view.key.as_str(), |detail| &detail.of);
    // Another engine may have an incident of this number.
    let key = cut(&format!("trunkline/{key}/{}", incident.opened_at.timestamp()), LONGEST_KEY);
    let mut event = json!({ "routing_key": routing_key, "event_action": action, "dedup_key": key });
    if action == "trigger" {
        event["payload"] = json!({
            "summary": summary(delivery),
            "timestamp": view.at.to_rfc3339_opts(SecondsFormat::Secs, true),
            "source": view.service,
            "severity": severity(incident),
            "custom_details": details_of_incident(incident),
        });
        event["client"] = json!("trunkline");
        if let Some(page) = &view.page {
            event["client_url"] = json!(page);
            event["links"] = json!([{ "href": page, "text": "Open in trunkline" }]);
        }
    }
    Some(event)
}

/// One that the service does not have any more is not taken for a slight one.
fn severity(incident: &IncidentView) -> &'static str {
    match incident.rank {
        Some(0) => "critical",
        Some(1) | None => "error",
        Some(2) => "warning",
        Some(_) => "info",
    }
}

fn details_of_incident(incident: &IncidentView) -> Value {
    let said = |text: &str| gate::line(text);
    json!({
        "incident": incident.id,
        "title": said(&incident.title),
        "severity": said(&incident.severity),
        "users": incident.users,
        "by": said(&incident.by),
        "opened": incident.opened,
        "about": incident.rollbacks.as_deref().map(said),
    })
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
