//! Discord, by a webhook of a channel: one message for each deployment, which is edited in place.

use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::destination::{Abilities, Act, Delivery, DestinationCheck, SendOutcome};
use super::escape::cut;
use super::http::{HttpAddress, HttpCall, HttpReply};

/// The most characters of a message.
const LONGEST: usize = 2_000;
/// No previews of links (`SUPPRESS_EMBEDS`).
const FLAGS: u32 = 4;
/// How Discord says that somebody deleted the message.
const UNKNOWN_MESSAGE: u64 = 10_008;

/// A webhook of a channel.
#[derive(Debug)]
pub struct Discord {
    address: HttpAddress,
    /// It takes nothing before this.
    not_before: Mutex<Option<Instant>>,
}

impl Discord {
    pub const ABILITIES: Abilities = Abilities {
        edit: true,
        thread: false,
        pin: false,
        topic: false,
        look_up: false,
        pace: Duration::from_millis(500),
    };

    /// # Errors
    /// When the address is none, or the certificates cannot be used.
    pub fn new(address: &str, ca: Option<&Path>) -> Result<Self, String> {
        Ok(Self { address: HttpAddress::new(address, ca)?, not_before: Mutex::default() })
    }

    pub async fn send(&self, delivery: &Delivery) -> SendOutcome {
        if let Some(after) = self.pause() {
            return SendOutcome::Later { after };
        }
        let body = message(&delivery.text);
        let call = match &delivery.act {
            Act::Edit { remote } if is_id(remote) => HttpCall {
                method: Method::PATCH,
                below: format!("/messages/{remote}"),
                ..HttpCall::post(&body)
            },
            // With the message in the answer, and not before it is stored.
            _ => HttpCall { query: vec![("wait", "true".to_owned())], ..HttpCall::post(&body) },
        };
        let is_edit = call.method == Method::PATCH;
        match self.address.send(call).await {
            Ok(reply) => self.outcome(&reply, is_edit),
            Err(outcome) => outcome,
        }
    }

    /// Whether the webhook is there.
    pub async fn check(&self) -> Vec<DestinationCheck> {
        let call =
            HttpCall { method: Method::GET, body: Vec::new(), ..HttpCall::post(&Value::Null) };
        let wrong = match self.address.send(call).await {
            Ok(reply) if reply.status.is_success() => None,
            Ok(reply) => Some(self.address.refused(&reply)),
            Err(outcome) => Some(outcome),
        };
        vec![("webhook".to_owned(), wrong.map(|outcome| outcome.why().to_owned()))]
    }

    fn outcome(&self, reply: &HttpReply, is_edit: bool) -> SendOutcome {
        self.note(reply.spent());
        let json = reply.json();
        if reply.status.is_success() {
            let id = json["id"].as_str().filter(|id| is_id(id));
            return match id {
                Some(id) => SendOutcome::Done { remote: Some(id.to_owned()) },
                None => HttpAddress::strange(reply),
            };
        }
        if is_edit && reply.status == StatusCode::NOT_FOUND && json["code"] == UNKNOWN_MESSAGE {
            return SendOutcome::Gone { why: "somebody deleted the message".to_owned() };
        }
        let outcome = self.address.refused(reply);
        if let SendOutcome::Later { after } = outcome {
            self.note(Some(after));
        }
        outcome
    }

    fn note(&self, pause: Option<Duration>) {
        if let (Some(pause), Ok(mut not_before)) = (pause, self.not_before.lock()) {
            *not_before = Instant::now().checked_add(pause);
        }
    }

    fn pause(&self) -> Option<Duration> {
        let not_before = self.not_before.lock().ok().and_then(|at| *at)?;
        let left = not_before.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }
}

/// The message of a text that is Discord's Markdown. Whatever stands in it, nobody is pinged.
fn message(text: &str) -> Value {
    json!({
        "content": cut(text, LONGEST),
        "allowed_mentions": { "parse": [] },
        "flags": FLAGS,
    })
}

/// Whether it is what Discord calls a message.
fn is_id(remote: &str) -> bool {
    (1..=20).contains(&remote.len()) && remote.bytes().all(|byte| byte.is_ascii_digit())
}
