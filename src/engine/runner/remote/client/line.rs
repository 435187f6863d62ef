//! The line to one server with one credential: a few requests at once, and what acts never waits for what only looks.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::reply::CallError;

/// How many requests of each kind are made at once.
const LOOKS: usize = 4;
const FOLLOWS: usize = 32;
const ACTS: usize = 16;
/// How long a request waits for its turn.
const TURN_WITHIN: Duration = Duration::from_secs(30);

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// It looks at what others do.
    Observe,
    /// It looks at a run of ours.
    Follow,
    /// It starts or ends a run, or looks at a rollback or at a run that is to end.
    Act,
}

#[derive(Debug)]
pub struct Line {
    looks: Semaphore,
    follows: Semaphore,
    acts: Semaphore,
}

impl Default for Line {
    fn default() -> Self {
        let [looks, follows, acts] = [LOOKS, FOLLOWS, ACTS].map(Semaphore::new);
        Self { looks, follows, acts }
    }
}

impl Line {
    /// Waits for the turn of a request, which lasts as long as the value lives.
    ///
    /// # Errors
    /// When it does not come in time.
    pub async fn turn(&self, urgency: Urgency) -> Result<SemaphorePermit<'_>, CallError> {
        let queue = match urgency {
            Urgency::Observe => &self.looks,
            Urgency::Follow => &self.follows,
            Urgency::Act => &self.acts,
        };
        let turn = timeout(TURN_WITHIN, queue.acquire()).await;
        turn.ok().and_then(Result::ok).ok_or_else(|| {
            let why = "too many requests to it wait for their turn".to_owned();
            CallError::NotSent { why, again: Duration::ZERO }
        })
    }
}
