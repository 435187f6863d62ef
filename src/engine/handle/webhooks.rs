//! What forges tell of pushes.

use super::Handle;
use crate::domain::delivery::{DeliveryLog, DeliveryResult, WebhookForge, WebhookPush};

impl Handle {
    /// Takes a webhook whose signature is right: wakes the watchers of its repository.
    #[must_use]
    pub fn take_push(&self, push: WebhookPush) -> DeliveryResult {
        self.0.webhooks.take(push, self.0.clock.now())
    }

    /// Notes a webhook that was refused or could not be read.
    pub fn note_delivery(&self, forge: WebhookForge, result: DeliveryResult) {
        self.0.webhooks.note(forge, result, self.0.clock.now());
    }

    /// The last webhooks since the engine started.
    #[must_use]
    pub fn deliveries(&self) -> DeliveryLog {
        self.0.webhooks.log()
    }
}
