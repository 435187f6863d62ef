//! Mattermost, by an incoming webhook: it posts, and cannot change what it posted.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::destination::{Abilities, Delivery, SendOutcome};
use super::escape::cut;
use super::http::{HttpAddress, HttpCall};

/// The most characters of a text. Of a longer one Mattermost would make several posts.
const LONGEST: usize = 4_000;
/// What Mattermost answers when it posted.
const POSTED: &[u8] = b"ok";

/// An incoming webhook.
#[derive(Debug)]
pub struct Mattermost {
    address: HttpAddress,
}

impl Mattermost {
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
    pub fn new(address: &str, ca: Option<&Path>) -> Result<Self, String> {
        Ok(Self { address: HttpAddress::new(address, ca)? })
    }

    pub async fn send(&self, delivery: &Delivery) -> SendOutcome {
        match self.address.send(HttpCall::post(&post(delivery))).await {
            Ok(reply) if reply.status.is_success() && reply.body.trim_ascii() == POSTED => {
                SendOutcome::Done { remote: None }
            }
            Ok(reply) if reply.status.is_success() => HttpAddress::strange(&reply),
            Ok(reply) => self.address.refused(&reply),
            Err(outcome) => outcome,
        }
    }
}

/// The post of a text that is Mattermost's Markdown. Its props tell other programs what it is about.
fn post(delivery: &Delivery) -> Value {
    let about = json!({ "key": delivery.key, "state": delivery.view.state });
    let mut post = json!({ "text": cut(&delivery.text, LONGEST), "props": { "trunkline": about } });
    if !delivery.channel.is_empty() {
        post["channel"] = json!(delivery.channel);
    }
    post
}
