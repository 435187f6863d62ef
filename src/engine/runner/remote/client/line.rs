//! The line to one server with one credential: what acts never waits for what only looks, neither for a turn nor for a limit.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::HeaderMap;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use super::about::EngineAbout;
use super::budget::CallBudget;
use super::reply::CallError;
use super::urgency::CallUrgency;
use crate::engine::backoff::pause;

/// How many requests of each urgency are made at once.
const LOOKS: usize = 4;
const FOLLOWS: usize = 32;
const ACTS: usize = 16;
/// How many more may wait for their turn.
const WAITING: usize = 1_000;
/// How long a request waits for its turn.
const TURN_WITHIN: Duration = Duration::from_secs(30);
/// The pauses of those who look at what others do, while there is no answer.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// When to look again whether there is more to use: another token may have come.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

pub struct EngineLine {
    looks: Queue,
    follows: Queue,
    acts: Queue,
    state: Mutex<LineState>,
}

/// The requests of one urgency.
struct Queue {
    waiting: Semaphore,
    turns: Semaphore,
}

#[derive(Default)]
struct LineState {
    /// What is left of the engine's limit.
    budget: Option<CallBudget>,
    about: EngineAbout,
    /// The engine asked for fewer requests until then.
    held_until: Option<Instant>,
    /// How often in a row there was no answer, why, and until when nobody has to try who has time.
    failures: u32,
    failure: Option<(String, Instant)>,
}

impl Default for EngineLine {
    fn default() -> Self {
        let [looks, follows, acts] = [LOOKS, FOLLOWS, ACTS].map(|count| Queue {
            waiting: Semaphore::new(count + WAITING),
            turns: Semaphore::new(count),
        });
        Self { looks, follows, acts, state: Mutex::default() }
    }
}

impl EngineLine {
    /// Waits for the turn of a request, which lasts as long as the value lives.
    ///
    /// # Errors
    /// When it does not come in time, or the request should not be made now.
    pub async fn turn(&self, urgency: CallUrgency) -> Result<SemaphorePermit<'_>, CallError> {
        self.may_ask(urgency)?;
        let queue = match urgency {
            CallUrgency::Observe => &self.looks,
            CallUrgency::Follow => &self.follows,
            CallUrgency::Act => &self.acts,
        };
        let crowded = || not_sent("too many requests to it wait for their turn", Duration::ZERO);
        let _waits = queue.waiting.try_acquire().map_err(|_| crowded())?;
        let turn = timeout(TURN_WITHIN, queue.turns.acquire()).await;
        let turn = turn.ok().and_then(Result::ok).ok_or_else(crowded)?;
        // It may have waited for a while.
        self.may_ask(urgency)?;
        Ok(turn)
    }

    /// What GitHub says of itself, of the token and of its limit in an answer.
    pub fn told(&self, token: Option<&str>, headers: &HeaderMap) {
        let mut state = self.state();
        state.about.told(headers);
        if let Some(token) = token {
            state.about.sent(token);
        }
        let Some(told) = CallBudget::told(headers) else { return };
        state.budget = Some(told.after(state.budget.take()));
    }

    /// It answered, and asks for nothing.
    pub fn answered(&self) {
        let mut state = self.state();
        (state.failures, state.failure) = (0, None);
    }

    /// It asks for fewer requests for so long.
    pub fn hold(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut state = self.state();
        state.held_until = state.held_until.max(Some(until));
    }

    /// There was no answer.
    pub fn failed(&self, why: &str) {
        let mut state = self.state();
        let until = Instant::now() + pause(PAUSE, state.failures, LONGEST_PAUSE);
        state.failures += 1;
        state.failure = Some((why.to_owned(), until));
    }

    pub fn about(&self) -> EngineAbout {
        let state = self.state();
        let left = state.budget.as_ref().map(|budget| (budget.left, budget.limit, budget.ends_at));
        EngineAbout { left, ..state.about.clone() }
    }

    fn may_ask(&self, urgency: CallUrgency) -> Result<(), CallError> {
        if urgency == CallUrgency::Act {
            return Ok(());
        }
        let (state, now) = (self.state(), Instant::now());
        if let Some(until) = state.held_until.filter(|until| *until > now) {
            return Err(not_sent("it asks for fewer requests", until - now));
        }
        if let Some(budget) = state.budget.as_ref().filter(|budget| !budget.allows(urgency)) {
            let again = budget.resets_in().min(LONGEST_WAIT);
            return Err(not_sent(&budget.sentence(urgency), again));
        }
        match &state.failure {
            Some((why, until)) if urgency == CallUrgency::Observe && *until > now => {
                Err(not_sent(why, *until - now))
            }
            _ => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, LineState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_sent(why: &str, again: Duration) -> CallError {
    CallError::NotSent { why: why.to_owned(), again }
}

#[cfg(test)]
mod tests {
    use super::*;

    use CallUrgency::{Act, Follow, Observe};

    #[tokio::test(start_paused = true)]
    async fn what_acts_waits_for_no_look() {
        let line = EngineLine::default();
        let mut looks = Vec::new();
        for _ in 0..LOOKS {
            looks.push(line.turn(Observe).await.unwrap());
        }
        assert!(line.turn(Follow).await.is_ok() && line.turn(Act).await.is_ok());
        // Nobody ends a look: the clock of the test goes on by itself.
        let crowded = line.turn(Observe).await;
        assert!(crowded.is_err_and(|why| why.why().contains("wait for their turn")));
        looks.pop();
        assert!(line.turn(Observe).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_wait() {
        let line = EngineLine::default();
        let _all = line.looks.waiting.acquire_many(1_004).await.unwrap();
        let begun = Instant::now();
        assert!(line.turn(Observe).await.is_err());
        assert_eq!(begun.elapsed(), Duration::ZERO, "it does not wait");
    }

    #[tokio::test(start_paused = true)]
    async fn an_engine_that_asks_for_fewer_requests_is_only_acted_on() {
        let line = EngineLine::default();
        line.hold(Duration::from_mins(1));
        line.hold(Duration::from_secs(1));
        for urgency in [Observe, Follow] {
            let why = line.turn(urgency).await.unwrap_err();
            assert_eq!(why.again(), Duration::from_mins(1), "{why:?}");
        }
        assert!(line.turn(Act).await.is_ok());
        tokio::time::advance(Duration::from_mins(1)).await;
        assert!(line.turn(Observe).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_time_does_not_try_all_the_time() {
        let line = EngineLine::default();
        for _ in 0..10 {
            line.failed("it does not answer in time");
        }
        let why = line.turn(Observe).await.unwrap_err();
        assert_eq!(why.why(), "it does not answer in time");
        assert!((10..13).contains(&why.again().as_secs()), "{why:?}");
        assert!(line.turn(Follow).await.is_ok() && line.turn(Act).await.is_ok());
        line.answered();
        assert!(line.turn(Observe).await.is_ok());
    }
}
