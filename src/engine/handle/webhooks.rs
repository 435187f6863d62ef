//! What forges tell of pushes and runs.

use super::Handle;
use crate::domain::delivery::{DeliveryLog, DeliveryResult, WebhookForge, WebhookNews};

impl Handle {
    /// Takes a webhook whose signature is right: wakes whoever watches its repository.
    #[must_use]
    pub fn take_webhook(&self, news: WebhookNews) -> DeliveryResult {
        self.0.webhooks.take(news, self.0.clock.now())
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
