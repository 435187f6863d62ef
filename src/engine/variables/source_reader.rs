//! One source that is read again and again: its last answer, and the last good one. It is read by one task at a time, which
//! may outlive whoever asked: a file on a mount that is gone never answers.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// How a source is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// A command's answer of this age is not asked for again.
    young: Duration,
    /// A file that was read within this time is not read again.
    file_young: Duration,
    /// How long all sources together may take.
    within: Duration,
    /// The same for a source without a good answer so far.
    first_within: Duration,
    /// Whether the last good answer of a file counts when it cannot be read. That of a command always does.
    is_forgiving: bool,
}

/// How long a source may take.
pub(super) const LONG: Duration = Duration::from_secs(10);
/// The same where somebody waits for a rollback.
const SHORT: Duration = Duration::from_secs(2);
/// The same where no answer is known yet. It is below what a client waits for the plan of a rollback.
const FIRST: Duration = Duration::from_secs(5);
/// So long an answer counts for the plan of a rollback: what was repaired a moment ago must count.
const JUST_NOW: Duration = Duration::from_secs(5);
/// So long an answer counts as fresh, so that a deployment of many steps asks once.
const FRESH: Duration = Duration::from_mins(1);
/// The same where nobody waits for the answer.
const WATCHED: Duration = Duration::from_mins(5);
/// So long what a file said counts where nobody waits for it: whoever looks at all services reads it once.
const ONE_ROUND: Duration = Duration::from_secs(1);

impl Ask {
    /// For a promote: what is there now.
    pub const PROMOTE: Self = Self {
        young: FRESH,
        file_young: Duration::ZERO,
        within: LONG,
        first_within: LONG,
        is_forgiving: false,
    };
    /// For the plan of a rollback, which must not wait for a secret store that is down too.
    pub const ROLLBACK: Self = Self {
        young: JUST_NOW,
        file_young: Duration::ZERO,
        within: SHORT,
        first_within: FIRST,
        is_forgiving: true,
    };
    /// For what was begun: a mistake that somebody saves meanwhile must not stop it midway.
    pub const BEGUN: Self = Self {
        young: FRESH,
        file_young: Duration::ZERO,
        within: SHORT,
        first_within: LONG,
        is_forgiving: true,
    };
    /// For the problems on screen.
    pub const WATCH: Self = Self {
        young: WATCHED,
        file_young: ONE_ROUND,
        within: LONG,
        first_within: LONG,
        is_forgiving: false,
    };
    /// For the secrets that are masked in what is only looked at. It is looked at often, so a command is not asked each time.
    pub const MASKED: Self = Self { young: FRESH, ..Self::ROLLBACK };
    /// For what the screen says about the next rollback.
    pub const WATCH_ROLLBACK: Self = Self { is_forgiving: true, ..Self::WATCH };

    /// The same for what was begun.
    #[must_use]
    pub fn begun(self) -> Self {
        if self.is_forgiving { Self::BEGUN } else { self }
    }
}

#[derive(Debug, Clone)]
struct SourceAnswer<V> {
    at: Instant,
    said: Result<V, String>,
    good: Option<V>,
}

impl<V> SourceAnswer<V> {
    /// Whether it is not asked for again. A failure is after a minute, and at once by who cannot do without an answer.
    fn is_young(&self, kind: SourceKind, ask: Ask) -> bool {
        if ask.is_forgiving && self.good.is_none() {
            return false;
        }
        let limit = match kind {
            SourceKind::File => ask.file_young,
            SourceKind::Command if self.said.is_ok() => ask.young,
            SourceKind::Command => ask.young.min(FRESH),
        };
        self.at.elapsed() < limit
    }
}

/// A source with what it said.
#[derive(Debug)]
pub(super) struct SourceReader<V> {
    busy: Arc<tokio::sync::Mutex<()>>,
    answer: Arc<Mutex<Option<SourceAnswer<V>>>>,
}

impl<V> Default for SourceReader<V> {
    fn default() -> Self {
        Self { busy: Arc::default(), answer: Arc::default() }
    }
}

#[cfg(test)]
impl Ask {
    pub(super) fn never_young(self) -> Self {
        Self { young: Duration::ZERO, file_young: Duration::ZERO, ..self }
    }

    pub(super) fn within(self, limit: Duration) -> Self {
        Self { within: limit, first_within: limit, ..self }
    }
}

/// What a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SourceKind {
    File,
    Command,
}

impl<V: Clone + Send + 'static> SourceReader<V> {
    /// The answer to whoever began to ask at `start`.
    pub async fn ask<R>(
        &self,
        kind: SourceKind,
        ask: Ask,
        start: Instant,
        read: impl FnOnce() -> R + Send,
    ) -> Result<V, String>
    where
        R: Future<Output = Result<V, String>> + Send + 'static,
    {
        let known = self.known();
        let good = known.as_ref().and_then(|answer| answer.good.clone());
        let or_last = |said: Result<V, String>, good: Option<V>| match (said, good) {
            (Err(_), Some(good)) if ask.is_forgiving || kind == SourceKind::Command => Ok(good),
            (said, _) => said,
        };
        if let Some(answer) = known.filter(|answer| answer.is_young(kind, ask)) {
            return or_last(answer.said, good);
        }
        let limit = if good.is_some() { ask.within } else { ask.first_within };
        let said = timeout_at(start + limit, self.read(read)).await;
        let said = said
            .unwrap_or_else(|_| Err(format!("did not answer within {} s", limit.as_secs())))
            .inspect_err(|why| tracing::warn!(why, "a source of variables cannot be read"));
        or_last(said, good)
    }

    /// Reads in a task of its own, once no other task reads.
    async fn read<R>(&self, read: impl FnOnce() -> R + Send) -> Result<V, String>
    where
        R: Future<Output = Result<V, String>> + Send + 'static,
    {
        let busy = self.busy.clone().lock_owned().await;
        let (answer, reading) = (self.answer.clone(), read());
        let task = tokio::spawn(async move {
            let said = reading.await;
            let mut answer = answer.lock().unwrap_or_else(PoisonError::into_inner);
            let before = answer.take().and_then(|answer| answer.good);
            let good = said.as_ref().ok().cloned().or(before);
            *answer = Some(SourceAnswer { at: Instant::now(), said: said.clone(), good });
            drop(busy);
            said
        });
        task.await.unwrap_or_else(|error| Err(error.to_string()))
    }

    /// The last good answer.
    pub fn last_good(&self) -> Option<V> {
        self.known().and_then(|answer| answer.good)
    }

    fn known(&self) -> Option<SourceAnswer<V>> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
