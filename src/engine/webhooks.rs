//! What forges tell of pushes: wakes the watchers, and keeps the last deliveries for `doctor`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use chrono::{DateTime, TimeDelta, Utc};

use super::trunk::Wakers;
use crate::domain::delivery::{
    DeliveryLog, DeliveryResult, WebhookDelivery, WebhookForge, WebhookPush,
};

/// The most deliveries that are kept for `doctor`.
const KEPT: usize = 50;
/// How long a delivery is known by its name, and the most that are.
const KNOWN: TimeDelta = TimeDelta::days(1);
const MOST_KNOWN: usize = 10_000;

/// The deliveries since the engine started, and the watchers that they wake. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Webhooks {
    pub wakers: Wakers,
    shared: Arc<Mutex<SharedDeliveries>>,
}

#[derive(Default)]
struct SharedDeliveries {
    log: DeliveryLog,
    known: VecDeque<(DateTime<Utc>, WebhookForge, String)>,
}

impl Webhooks {
    fn lock(&self) -> MutexGuard<'_, SharedDeliveries> {
        self.shared.lock().expect("no code panics with the deliveries")
    }

    /// Takes a delivery whose signature is right.
    pub fn take(&self, push: WebhookPush, now: DateTime<Utc>) -> DeliveryResult {
        let mut shared = self.lock();
        let WebhookPush { forge, id, is_push, addresses } = push;
        let result = if !shared.is_new(forge, &id, now) {
            DeliveryResult::Repeated
        } else if !is_push {
            DeliveryResult::NotAPush
        } else if self.wakers.wake(&addresses) {
            DeliveryResult::Woke
        } else {
            DeliveryResult::NotWatched
        };
        shared.log.add(WebhookDelivery { at: now, forge, id, result }, KEPT);
        result
    }

    /// Notes a delivery that was refused, or could not be read though it was signed.
    pub fn note(&self, forge: WebhookForge, result: DeliveryResult, now: DateTime<Utc>) {
        self.lock().log.add(WebhookDelivery { at: now, forge, id: String::new(), result }, KEPT);
    }

    pub fn log(&self) -> DeliveryLog {
        self.lock().log.clone()
    }
}

impl SharedDeliveries {
    fn is_new(&mut self, forge: WebhookForge, id: &str, now: DateTime<Utc>) -> bool {
        self.known.retain(|(at, ..)| (now - *at).abs() < KNOWN);
        if self.known.iter().any(|(_, of, known)| *of == forge && known == id) {
            return false;
        }
        if self.known.len() >= MOST_KNOWN {
            self.known.pop_front();
        }
        self.known.push_back((now, forge, id.to_owned()));
        true
    }
}
