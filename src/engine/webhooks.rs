//! What forges tell of pushes and runs: wakes whoever watches them, and keeps the last deliveries for `doctor`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use chrono::{DateTime, TimeDelta, Utc};

use super::runner::remote::RunWakers;
use super::trunk::Wakers;
use crate::domain::delivery::{
    DeliveryLog, DeliveryResult, WebhookDelivery, WebhookForge, WebhookNews, WebhookSubject,
};

/// The most deliveries that are kept for `doctor`.
const KEPT: usize = 50;
/// How long a delivery is known by its name, and the most that are.
const KNOWN: TimeDelta = TimeDelta::days(1);
const MOST_KNOWN: usize = 10_000;

/// The deliveries since the engine started, and whom they wake: the watchers of trunks, and those who follow runs. Clones
/// share them.
#[derive(Clone, Default)]
pub(super) struct Webhooks {
    pub wakers: Wakers,
    pub runs: RunWakers,
    shared: Arc<Mutex<SharedDeliveries>>,
}

#[derive(Default)]
struct SharedDeliveries {
    log: DeliveryLog,
    known: VecDeque<(DateTime<Utc>, WebhookForge, String)>,
}

impl Webhooks {
    /// Tells these of runs.
    pub fn telling(runs: RunWakers) -> Self {
        Self { runs, ..Self::default() }
    }

    fn lock(&self) -> MutexGuard<'_, SharedDeliveries> {
        self.shared.lock().expect("no code panics with the deliveries")
    }

    /// Takes a delivery whose signature is right.
    pub fn take(&self, news: WebhookNews, now: DateTime<Utc>) -> DeliveryResult {
        let mut shared = self.lock();
        let WebhookNews { forge, id, about, addresses } = news;
        let result = match about {
            _ if !shared.is_new(forge, &id, now) => DeliveryResult::Repeated,
            WebhookSubject::Push if self.wakers.wake(&addresses) => DeliveryResult::Woke,
            WebhookSubject::Push => DeliveryResult::NotWatched,
            // All its addresses have the same name.
            WebhookSubject::Run if addresses.iter().any(|one| self.runs.wake(one.path())) => {
                DeliveryResult::WokeRuns
            }
            WebhookSubject::Run => DeliveryResult::NotFollowed,
            WebhookSubject::Else => DeliveryResult::NotAPush,
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
