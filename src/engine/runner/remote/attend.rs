//! Sees one run through: sends it or finds it, watches it, mirrors its log, and ends it when it is cancelled or late.

mod clocks;
mod end;
mod logs;
mod preset_logs;
mod start;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::answers::{Looked, RunState, SendAnswer};
use super::client::CallError;
use super::engine::RemoteEngine;
use super::engines::{Engines, NoEngine};
use super::mirror::LogMirror;
use super::order::{Order, SendPermit};
use super::{Attended, RunNews};
use crate::domain::event::{DeploymentKind, StepOutcome};
use crate::domain::remote::{FoundBy, RunRef, Waits};
use crate::engine::backoff::pause;
use crate::engine::clock::{Clock as _, SystemClock};
use crate::engine::foundation::Foundation;
use crate::engine::reserve::Reserve;
use crate::engine::runner::Status;
use crate::engine::runner::local::run::RunFolder;
use crate::engine::variables::Secret;
use crate::engine::world::Trouble;

/// The pauses between two looks while an engine does not answer.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// The longest pause for a run that is to end.
const ENDING_PAUSE: Duration = Duration::from_secs(5);
/// How long a look waits for a change.
const LOOK: Duration = Duration::from_secs(1);

/// What this engine has for it.
#[derive(Clone, Copy)]
pub(super) struct Here<'a> {
    pub engines: &'a Engines,
    pub foundation: &'a Foundation,
}

pub(super) struct Attending<'a> {
    here: Here<'a>,
    order: Order,
    folder: RunFolder,
    secrets: Vec<Secret>,
    news: RunNews,
    cancelled: watch::Receiver<bool>,
    /// How often in a row the engine gave no answer, and since when.
    failures: u32,
    silent_since: Option<Instant>,
    /// When its run became known to this engine.
    known_at: Option<Instant>,
    /// When this began: later instants are counted from there, since the wall clock may be set.
    begun: (Instant, DateTime<Utc>),
}

/// Why a run was asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EndWhy {
    Cancelled,
    TimedOut,
    NotStarted,
    /// For people or a timer, for too long.
    Waited,
}

/// A run that is watched.
struct Watch {
    mirror: LogMirror,
    seen: Option<Looked>,
    /// When it was first seen to run.
    running_since: Option<Instant>,
    ending: Option<RunEnding>,
    /// When it was first not there.
    gone_since: Option<(Instant, u32)>,
    /// What it waits for, and when that began or ended.
    waits: Option<Waits>,
    waits_at: Option<DateTime<Utc>>,
    /// What it waited for in the end, and for which it was asked to end.
    waited_for: Option<Waits>,
    /// How often the log of a job was not there.
    missed: HashMap<u64, u32>,
    /// What was read whole of a log that has levels.
    walked: HashSet<String>,
}

impl Watch {
    fn new(mirror: LogMirror, order: &Order) -> Self {
        Self {
            mirror,
            seen: None,
            running_since: None,
            ending: None,
            gone_since: None,
            waits: order.waits.clone(),
            waits_at: order.waits_at,
            waited_for: None,
            missed: HashMap::new(),
            walked: HashSet::new(),
        }
    }
}

/// A run that was asked to end.
struct RunEnding {
    why: EndWhy,
    since: Instant,
    accepted: bool,
    asked: Option<Instant>,
    /// Whether it was asked with force.
    forced: bool,
}

impl<'a> Attending<'a> {
    pub fn new(
        here: Here<'a>,
        order: Order,
        folder: RunFolder,
        secrets: Vec<Secret>,
        news: RunNews,
        cancelled: watch::Receiver<bool>,
    ) -> Self {
        let (failures, silent_since) = (0, None);
        let begun = (Instant::now(), SystemClock.now());
        let known_at = None;
        Self {
            here,
            order,
            folder,
            secrets,
            news,
            cancelled,
            failures,
            silent_since,
            known_at,
            begun,
        }
    }

    pub async fn through(mut self, permit: Option<SendPermit>) -> Attended {
        if self.order.found.is_some() {
            return self.watch().await;
        }
        if let Some(permit) = permit.filter(|permit| permit.run() == self.order.run) {
            match self.send(permit).await {
                SendAnswer::Started(run) => {
                    self.known(run, FoundBy::Answer).await;
                    return self.watch().await;
                }
                SendAnswer::Rejected(why) => return self.not_started(why),
                SendAnswer::NotYet { .. } if self.has_ended() => return Attended::LeftAlone,
                SendAnswer::NotYet { .. } => return self.ended(StepOutcome::Cancelled),
                SendAnswer::Unknown(why) => self.silent(&why).await,
            }
        }
        self.find().await
    }

    /// Watches the run until it has ended.
    async fn watch(mut self) -> Attended {
        let mut watch: Option<Watch> = None;
        loop {
            let error = match self.jobs().await {
                Ok(jobs) => {
                    let watch =
                        watch.get_or_insert_with(|| Watch::new(self.mirror_of(&jobs), &self.order));
                    match self.look(&jobs, watch).await {
                        Ok(Some(ended)) => return ended,
                        Ok(None) => continue,
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            self.no_answer(&error).await;
            let ending = watch.as_ref().and_then(|watch| watch.ending.as_ref());
            if let Some(given_up) = self.give_up(ending) {
                if let Some(watch) = &mut watch {
                    watch.mirror.note("trunkline does not look at this run any more");
                    watch.mirror.finish();
                }
                return given_up;
            }
            self.rest(error.again()).await;
        }
    }

    /// The log of the step, in which the token of the engine is masked too.
    fn mirror_of(&self, jobs: &RemoteEngine) -> LogMirror {
        let is_rollback = self.order.kind == DeploymentKind::Rollback;
        let data = self.folder.path().ancestors().nth(3).filter(|_| !is_rollback);
        let token = jobs.token().map(|token| Secret {
            name: "token".into(),
            value: token.to_owned(),
            own: false,
        });
        let secrets: Vec<_> = self.secrets.iter().cloned().chain(token).collect();
        LogMirror::open(&self.folder, data.map(Reserve::of), &secrets)
    }

    /// One look at the run and its log. What has ended is returned.
    async fn look(
        &mut self,
        jobs: &RemoteEngine,
        watch: &mut Watch,
    ) -> Result<Option<Attended>, CallError> {
        if self.has_ended() {
            return Ok(Some(Attended::LeftAlone));
        }
        self.ask_to_end(jobs, watch).await;
        let (order, begun) = (self.order.clone(), Instant::now());
        let looking = jobs.look(&order, watch.seen.as_ref(), LOOK);
        let seen = tokio::select! {
            seen = looking => seen?,
            () = self.cancel_comes(watch.ending.is_none()) => return Ok(None),
        };
        self.answers().await;
        let Some(seen) = seen else {
            let (since, looks) = watch.gone_since.get_or_insert_with(|| (Instant::now(), 0));
            *looks += 1;
            let absence = jobs.absence();
            if *looks < absence.looks || since.elapsed() < absence.lasting {
                sleep(jobs.pace()).await;
                return Ok(None);
            }
            let engine = &self.order.job.engine;
            let why = format!("{engine} does not know run {} any more", order.key);
            watch.mirror.finish();
            return Ok(Some(self.ended(StepOutcome::Unfound(why))));
        };
        watch.gone_since = None;
        let is_same = watch.seen.as_ref().is_some_and(|known| known.is_like(&seen));
        if seen.run.page.is_some() && self.order.found.as_ref() != Some(&seen.run) {
            // Its page is known now.
            self.known(seen.run.clone(), FoundBy::Answer).await;
        }
        if seen.state != RunState::Queued && seen.waits.is_none() {
            watch.running_since.get_or_insert_with(Instant::now);
        }
        let is_over = seen.state.is_over();
        self.waits(watch, seen.waits.clone().filter(|_| !is_over)).await;
        watch.seen = Some(seen);
        self.mirror(jobs, watch, is_over).await;
        if self.has_ended() {
            // The next engine reads the rest.
            return Ok(Some(Attended::LeftAlone));
        }
        if is_over {
            watch.mirror.finish();
            let outcome = self.outcome(watch);
            return Ok(Some(self.ended(outcome)));
        }
        if let Some(outcome) = self.goes_on(jobs, watch) {
            watch.mirror.finish();
            return Ok(Some(self.ended(outcome)));
        }
        if is_same || !jobs.waits_for_change() {
            // It may have waited for a change, or not.
            tokio::select! {
                () = sleep(jobs.pace().saturating_sub(begun.elapsed())) => {}
                () = self.cancel_comes(watch.ending.is_none()) => {}
            }
        }
        Ok(None)
    }

    async fn known(&mut self, run: RunRef, how: FoundBy) {
        self.answers().await;
        self.order.found = Some(run.clone());
        self.known_at.get_or_insert_with(Instant::now);
        self.news.found(run, how).await;
    }

    async fn jobs(&self) -> Result<Arc<RemoteEngine>, CallError> {
        let jobs = self.here.engines.for_job(&self.order.job).await;
        jobs.map_err(|(NoEngine::Ever(why) | NoEngine::Now(why))| CallError::Lost(why))
    }

    /// The engine answered.
    async fn answers(&mut self) {
        self.failures = 0;
        if self.silent_since.take().is_some() {
            self.news.trouble(self.order.job.engine.as_str(), None).await;
        }
    }

    /// The engine gave no answer to use. A token that it does not know is read again.
    async fn no_answer(&mut self, error: &CallError) {
        if matches!(error, CallError::Refused { .. }) {
            self.here.engines.forget(&self.order.job.engine);
        }
        self.silent(error.why()).await;
    }

    /// What is waited for, for whoever looks at the engine here.
    async fn silent(&mut self, why: &str) {
        self.failures += 1;
        self.silent_since.get_or_insert_with(Instant::now);
        let engine = &self.order.job.engine;
        let what = format!("{} waits for {engine}: {why}", self.order.run.deployment);
        let remedy = "trunkline asks again by itself; look at the run there";
        self.news.trouble(engine.as_str(), Some(Trouble::new(what, remedy))).await;
    }

    /// Waits before the next try, but not for a cancellation.
    async fn rest(&mut self, asked: Duration) {
        let pause = pause(PAUSE, self.failures.saturating_sub(1), LONGEST_PAUSE).max(asked);
        // What is to end is not left alone for as long as an engine asks.
        let pause = if self.is_cancelled() { pause.min(ENDING_PAUSE) } else { pause };
        tokio::select! {
            () = sleep(pause) => {}
            () = self.cancel_comes(true) => {}
        }
    }

    /// Resolves when the cancellation comes that is not known yet.
    async fn cancel_comes(&mut self, is_new: bool) {
        if !is_new || self.is_cancelled() || self.cancelled.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The time by the clock that this began with.
    fn now(&self) -> DateTime<Utc> {
        let (instant, at) = self.begun;
        at + instant.elapsed()
    }

    /// Whether this engine records nothing any more, and so does nothing more for the run. The next one finds it.
    fn has_ended(&self) -> bool {
        self.news.inputs.is_closed()
    }

    fn is_cancelled(&self) -> bool {
        *self.cancelled.borrow()
    }

    fn not_started(&self, why: String) -> Attended {
        self.ended(StepOutcome::NotStarted(why))
    }

    fn ended(&self, outcome: StepOutcome) -> Attended {
        let took = (self.now() - self.order.sent_at).to_std().unwrap_or_default();
        Attended::Ended(Status { outcome, took })
    }
}
