//! Sees one run through: sends it or finds it, watches it, mirrors its log, and ends it when it is cancelled or late.

mod clocks;
mod end;
mod logs;
mod preset_logs;
mod start;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::answers::{Looked, RunState, SendAnswer};
use super::client::{CallError, CallUrgency};
use super::engine::RemoteEngine;
use super::engines::{Engines, NoEngine};
use super::mirror::LogMirror;
use super::order::{Order, SendPermit};
use super::sent_to::SentTo;
use super::{Attended, RunNews, RunWakers, RunsWoken};
use crate::domain::event::{DeploymentKind, StepOutcome};
use crate::domain::remote::{FoundBy, RemoteJob, RunRef, Waits};
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

/// The least time between two tellings of what a run does.
const SAID_EACH: Duration = Duration::from_secs(1);

/// What this engine has for it.
#[derive(Clone, Copy)]
pub(super) struct Here<'a> {
    pub engines: &'a Engines,
    pub foundation: &'a Foundation,
    pub wakers: &'a RunWakers,
}

/// What is wanted of a run.
#[derive(Debug, Clone, Default)]
pub(super) struct Wish {
    pub is_cancelled: bool,
    /// The job of the rollback that waits for the end of the run.
    pub next: Option<RemoteJob>,
    /// Nobody waits for it any more.
    pub is_given_up: bool,
}

pub(super) struct Attending<'a> {
    here: Here<'a>,
    order: Order,
    folder: RunFolder,
    /// The address that it was sent to.
    sent_to: SentTo,
    secrets: Vec<Secret>,
    news: RunNews,
    wish: watch::Receiver<Wish>,
    /// Whether the engine took it and does not tell its run.
    is_accepted: bool,
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
    /// The token that the log hides.
    hides: Option<String>,
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
    /// What it was last told to do, and when that was told.
    said: (Option<String>, Option<Instant>),
    woken: RunsWoken,
    /// What was read whole of a log that has levels.
    walked: HashSet<String>,
}

impl Watch {
    fn new(mirror: LogMirror, order: &Order, woken: RunsWoken) -> Self {
        Self {
            mirror,
            hides: None,
            seen: None,
            running_since: None,
            ending: None,
            gone_since: None,
            waits: order.waits.clone(),
            waits_at: order.waits_at,
            waited_for: None,
            missed: HashMap::new(),
            said: (None, None),
            woken,
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
    /// The job of a rollback for which it was looked whether this run makes way.
    considered: Option<RemoteJob>,
}

impl<'a> Attending<'a> {
    pub fn new(
        here: Here<'a>,
        order: Order,
        folder: RunFolder,
        secrets: Vec<Secret>,
        news: RunNews,
        wish: watch::Receiver<Wish>,
    ) -> Self {
        let (failures, silent_since) = (0, None);
        let begun = (Instant::now(), SystemClock.now());
        let known_at = None;
        let sent_to = SentTo::of(&folder, &order.key);
        Self {
            here,
            order,
            folder,
            sent_to,
            secrets,
            news,
            wish,
            is_accepted: false,
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
                SendAnswer::Rejected(why) => return self.rejected(why),
                SendAnswer::NotYet { .. } if self.has_ended() => return Attended::LeftAlone,
                SendAnswer::NotYet { .. } => return self.cancelled_unsent(),
                SendAnswer::Accepted => self.is_accepted = true,
                SendAnswer::Unknown(why) => self.silent(&why).await,
            }
        }
        self.find().await
    }

    /// Watches the run until it has ended.
    async fn watch(mut self) -> Attended {
        let mut watch: Option<Watch> = None;
        loop {
            let is_ending = watch.as_ref().is_some_and(|watch| watch.ending.is_some());
            let error = match self.jobs(is_ending).await {
                Ok(jobs) => {
                    let watch = watch.get_or_insert_with(|| self.begin_watch(&jobs));
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

    fn begin_watch(&self, jobs: &RemoteEngine) -> Watch {
        let woken = self.here.wakers.follow(self.order.job.call.allowed_as());
        Watch::new(self.mirror_of(jobs), &self.order, woken)
    }

    /// The log of the step, in which the token of the engine is masked too.
    fn mirror_of(&self, jobs: &RemoteEngine) -> LogMirror {
        let is_rollback = self.order.kind == DeploymentKind::Rollback;
        let data = self.folder.path().ancestors().nth(3).filter(|_| !is_rollback);
        let token = jobs.token();
        let token = token.map(|value| Secret { name: "token".into(), value, own: false });
        let secrets: Vec<_> = self.secrets.iter().cloned().chain(token).collect();
        LogMirror::open(&self.folder, data.map(Reserve::of), &secrets)
    }

    /// Hides the token in the log as it is now.
    fn hide(&self, jobs: &RemoteEngine, watch: &mut Watch) {
        let token = jobs.token();
        if watch.hides.is_some() && watch.hides != token {
            // The log goes on from its mark, as after a crash.
            watch.mirror = self.mirror_of(jobs);
        }
        watch.hides = token;
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
        self.make_way(jobs, watch).await;
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
            let absence = jobs.absence(&self.order);
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
        self.hide(jobs, watch);
        self.say(watch);
        self.mirror(jobs, watch, is_over).await;
        if self.has_ended() {
            // The next engine reads the rest.
            return Ok(Some(Attended::LeftAlone));
        }
        if is_over {
            watch.mirror.finish();
            let ended_at = watch.seen.as_ref().and_then(Looked::ended_there);
            return Ok(Some(self.ended_at(self.outcome(watch), ended_at)));
        }
        if let Some(outcome) = self.goes_on(jobs, watch) {
            watch.mirror.finish();
            return Ok(Some(self.ended(outcome)));
        }
        if is_same || !jobs.waits_for_change() {
            // It may have waited for a change, or not.
            tokio::select! {
                () = watch.woken.pause(jobs.pace().saturating_sub(begun.elapsed())) => {}
                () = self.cancel_comes(watch.ending.is_none()) => {}
            }
        }
        Ok(None)
    }

    /// Tells what the run does, not too often, for whoever looks on.
    fn say(&self, watch: &mut Watch) {
        let Some(seen) = &watch.seen else { return };
        let says = seen.says.as_ref().filter(|_| seen.state == RunState::Running);
        let says = says.map(|says| watch.mirror.hidden(says));
        let (known, at) = &watch.said;
        if *known == says || at.is_some_and(|at| at.elapsed() < SAID_EACH) {
            return;
        }
        self.news.says(says.clone());
        watch.said = (says, Some(Instant::now()));
    }

    async fn known(&mut self, run: RunRef, how: FoundBy) {
        self.answers().await;
        self.order.found = Some(run.clone());
        self.known_at.get_or_insert_with(Instant::now);
        self.news.found(run, how).await;
    }

    async fn jobs(&self, is_ending: bool) -> Result<RemoteEngine, CallError> {
        let is_rollback = self.order.kind == DeploymentKind::Rollback;
        let is_urgent = is_rollback || is_ending || self.is_cancelled();
        let urgency = if is_urgent { CallUrgency::Act } else { CallUrgency::Follow };
        let Here { engines, .. } = self.here;
        let jobs = engines.for_job(&self.order.job, urgency).await;
        let jobs =
            jobs.map_err(|(NoEngine::Ever(why) | NoEngine::Now(why))| CallError::Lost(why))?;
        self.sent_to.check(engines.url_of(&self.order.job.engine).as_deref())?;
        Ok(jobs)
    }

    /// The engine answered.
    async fn answers(&mut self) {
        self.failures = 0;
        if self.silent_since.take().is_some() {
            self.news.trouble(self.order.job.engine.as_str(), None).await;
        }
    }

    /// The engine gave no answer to use.
    async fn no_answer(&mut self, error: &CallError) {
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
        if !is_new || self.is_cancelled() || self.wish.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The time by the clock that this began with.
    fn now(&self) -> DateTime<Utc> {
        let (instant, at) = self.begun;
        at + instant.elapsed()
    }

    /// Whether nothing more is done here for the run: this engine records nothing any more, and the next one finds it, or nobody
    /// waits for it.
    fn has_ended(&self) -> bool {
        self.news.inputs.is_closed() || self.wish.borrow().is_given_up
    }

    fn is_cancelled(&self) -> bool {
        self.wish.borrow().is_cancelled
    }

    fn ended(&self, outcome: StepOutcome) -> Attended {
        self.ended_at(outcome, None)
    }

    /// It ended then by the clock of its engine.
    fn ended_at(&self, outcome: StepOutcome, ended_at: Option<DateTime<Utc>>) -> Attended {
        let took = (self.now() - self.order.sent_at).to_std().unwrap_or_default();
        Attended::Ended(Status { outcome, took, ended_at })
    }
}
