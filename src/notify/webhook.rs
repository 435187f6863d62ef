//! Any receiver of JSON: what is told, signed by Standard Webhooks, with an id by which a repeat is known.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::body::BodyTemplate;
use super::destination::{Abilities, Act, Delivery, SendOutcome};
use super::http::{HttpAddress, HttpCall};
use super::signature::SigningKeys;
use crate::domain::chain::Hash;
use crate::domain::notice::view::{IncidentView, NoticeView};
use crate::gate;

/// How many digits of a digest an id has.
const DIGITS: usize = 16;

/// A receiver.
pub struct Webhook {
    address: HttpAddress,
    keys: SigningKeys,
    body: Option<BodyTemplate>,
}

/// What a delivery says. Members are only ever added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WebhookBody {
    /// The same for each try to deliver this; also in the header `webhook-id`.
    pub id: String,
    /// What it is about, the same for ever: `checkout/d57`.
    pub notice: String,
    /// The number of the newest event of the service: of deliveries about one notice, the one with the greatest is the newest.
    pub sequence: u64,
    /// `deployment`, `incident`, `request`, `hold`, `freeze`, `detail`, `dropped` or `test`.
    pub kind: &'static str,
    pub service: String,
    pub environment: Option<String>,
    /// `d57`.
    pub deployment: Option<String>,
    /// `promote`, `rollback`, `auto`: what kind of deployment.
    pub action: Option<String>,
    /// `#1290`.
    pub build: Option<String>,
    pub commit: Option<String>,
    /// `i63`, of an incident; and its severity, its title, and whether users were affected, in words.
    pub incident: Option<String>,
    pub severity: Option<String>,
    pub title: Option<String>,
    pub users: Option<String>,
    /// How it stands, in a word or a few: `deploying`, `live`, `failed at migrate`.
    pub state: String,
    /// Whether it has ended, and whether nothing more can change what is said of it.
    pub settled: bool,
    #[serde(rename = "final")]
    pub is_final: bool,
    /// Whether it ended badly; null as long as it has not ended.
    pub failed: Option<bool>,
    /// Of a deployment: whether no other one that succeeded or failed ended in its environment after it.
    pub last: Option<bool>,
    pub by: Option<String>,
    /// Why it did not succeed.
    pub why: Option<String>,
    /// The same in one text to read, without markup.
    pub text: String,
    pub links: WebhookLinks,
    /// When what it is about was recorded.
    pub at: DateTime<Utc>,
    /// How late it is told, `12m`; null in time.
    pub late: Option<String>,
    /// Of a detail: the notice to which it belongs, what it is, and whether everybody should hear it.
    pub of: Option<String>,
    pub detail: Option<serde_json::Value>,
    pub loud: Option<bool>,
}

/// Where people find more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WebhookLinks {
    pub page: Option<String>,
}

impl Webhook {
    pub const ABILITIES: Abilities = Abilities {
        edit: true,
        thread: true,
        pin: false,
        topic: false,
        // A repeat has the same id, so it changes nothing.
        look_up: true,
        pace: Duration::ZERO,
    };

    /// With the secret in force, and the one before it while it is changed.
    ///
    /// # Errors
    /// When the address, a secret, the certificates or the form of the body cannot be used.
    pub fn new<S: AsRef<str>>(
        address: &str,
        secrets: &[S],
        body: Option<&str>,
        ca: Option<&Path>,
    ) -> Result<Self, String> {
        let secrets = secrets.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(" ");
        let keys = SigningKeys::parse(&secrets)?;
        let body = body.map(BodyTemplate::named).transpose()?;
        Ok(Self { address: HttpAddress::new(address, ca)?.hiding(&secrets), keys, body })
    }

    pub async fn send(&self, delivery: &Delivery) -> SendOutcome {
        let said = WebhookBody::of(delivery);
        let body = match &self.body {
            None => serde_json::to_vec(&said).map(Some).map_err(|why| why.to_string()),
            Some(template) => template.render(&said),
        };
        let done = SendOutcome::Done { remote: Some(said.notice.clone()) };
        let body = match body {
            Ok(Some(body)) => body,
            // A receiver of another form does not want to hear of everything.
            Ok(None) => return done,
            Err(why) => return SendOutcome::Failed { retry: false, why },
        };
        let headers = vec![
            ("webhook-id", said.id.clone()),
            ("webhook-timestamp", delivery.now.timestamp().to_string()),
            ("webhook-signature", self.keys.sign(&said.id, delivery.now, &body)),
        ];
        let call = HttpCall { headers, body, ..HttpCall::post(&serde_json::Value::Null) };
        match self.address.send(call).await {
            Ok(reply) if reply.status.is_success() => done,
            Ok(reply) => self.address.refused(&reply),
            Err(outcome) => outcome,
        }
    }
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Webhook")
    }
}

impl WebhookBody {
    /// What a delivery says.
    #[must_use]
    pub fn of(delivery: &Delivery) -> Self {
        let Delivery { key, view, text, act, .. } = delivery;
        let (run, detail) = (view.deployment.as_ref(), view.detail.as_ref());
        let by = [
            run.map(|run| &run.by),
            view.request.as_ref().map(|request| &request.by),
            view.hold.as_ref().map(|hold| &hold.by),
            view.freeze.as_ref().map(|freeze| &freeze.by),
            view.incident.as_ref().map(|incident| &incident.by),
            view.tester.as_ref(),
        ];
        let hold = view.hold.as_ref().map(|hold| hold.environment.clone());
        let request = view.request.as_ref().map(|request| request.build.clone());
        let incident = view.incident.as_ref();
        let of_incident = |part: fn(&IncidentView) -> &str| incident.map(|of| gate::line(part(of)));
        let is_reply = matches!(act, Act::Reply { .. });
        Self {
            id: format!("{key}/{}", digest(delivery)),
            notice: key.clone(),
            sequence: view.sequence,
            kind: view.kind,
            service: view.service.clone(),
            environment: run.map(|run| run.environment.clone()).or(hold),
            deployment: run.map(|run| run.id.clone()),
            action: run.map(|run| gate::line(&run.kind)),
            build: run.map(|run| run.build.clone()).or(request).map(|build| gate::line(&build)),
            commit: run.map(|run| run.sha.clone()).filter(|sha| !sha.is_empty()),
            incident: of_incident(|of| &of.id),
            severity: of_incident(|of| &of.severity),
            title: of_incident(|of| &of.title),
            users: of_incident(|of| &of.users),
            state: gate::line(&view.state),
            settled: view.settled,
            is_final: view.is_final || is_reply,
            failed: run.filter(|_| view.settled).map(|run| run.why.is_some() || view.symbol == "✖"),
            last: run.map(|run| run.is_last),
            by: by.into_iter().flatten().next().map(|by| gate::line(by)),
            why: run.and_then(|run| run.why.as_deref().map(gate::line)),
            text: text.clone(),
            links: WebhookLinks { page: view.page.clone() },
            at: view.at,
            late: view.late.clone(),
            of: detail.map(|detail| detail.of.clone()),
            detail: detail.and_then(|detail| serde_json::to_value(detail.kind).ok()),
            loud: detail.map(|detail| detail.loud),
        }
    }
}

/// A digest of what is to be told, the same for each try.
fn digest(delivery: &Delivery) -> String {
    // A detail says one thing for ever; what stands around it may be another by the next try.
    if let Some(detail) = &delivery.view.detail {
        let text = serde_json::to_string(&(&delivery.key, &detail.sentence)).unwrap_or_default();
        return shortened(&text);
    }
    let view = NoticeView { late: None, sequence: 0, ..delivery.view.clone() };
    let text = serde_json::to_string(&(delivery.since, view)).unwrap_or_default();
    shortened(&text)
}

fn shortened(text: &str) -> String {
    let mut digest = Hash::of(text).to_string();
    digest.truncate(DIGITS);
    digest
}
