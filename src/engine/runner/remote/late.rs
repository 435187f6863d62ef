//! Looks for the run of a step that was given up. One that turns up is unwanted: that is recorded, and it is ended at once.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::{Instant, sleep};

use super::RunNews;
use super::answers::{Found, Looked, RunState};
use super::attend::Here;
use super::client::Urgency;
use super::engine::RemoteEngine;
use super::order::Order;
use super::times::RemoteTimes;
use crate::domain::event::Outcome;
use crate::engine::backoff::pause;
use crate::engine::clock::{Clock as _, SystemClock};
use crate::engine::report::LateSight;
use crate::engine::runner::RunId;
use crate::engine::world::Service;

/// The pause before a run is asked once more to end.
const ASK_AGAIN: Duration = Duration::from_secs(10);
/// How long a look waits for a change.
const LOOK: Duration = Duration::from_secs(1);
/// How long a run that turned up is looked at, at the least, by an engine that was not there meanwhile.
const LEAST: Duration = Duration::from_mins(5);

/// A step whose run was given up.
#[derive(Debug, Clone)]
pub struct LateOrder {
    order: Order,
    /// When it was given up, or turned up.
    since: DateTime<Utc>,
    /// Whether it turned up and has not ended.
    is_there: bool,
    /// Whether it was known when it was given up: it is told when it is over.
    was_known: bool,
}

impl LateOrder {
    /// `None` if the record has no such step, or its run turned up and has ended.
    #[must_use]
    pub(in crate::engine) fn of(service: &Service, run: RunId) -> Option<Self> {
        let order = Order::given_up(&service.name, &service.state, run)?;
        let of = service.state.deployments.get(&run.deployment)?;
        let late = of.sent(run.step)?.late.and_then(|late| service.state.deployments.get(&late));
        let since = late.map(|late| late.requested_at).or(of.ended.as_ref().map(|end| end.at))?;
        let (is_there, was_known) = (late.is_some(), late.is_none() && order.found.is_some());
        Some(Self { order, since, is_there, was_known })
    }

    /// Whether it is worth a look: one that turned up is looked at until it has ended.
    pub(super) fn is_due(&self, within: Duration) -> bool {
        self.is_there || SystemClock.now() < self.since + within
    }
}

/// A run that is looked for.
pub(super) struct Following<'a> {
    here: Here<'a>,
    late: LateOrder,
    news: RunNews,
    times: RemoteTimes,
    seen: Option<Looked>,
    /// When it was last seen not to have ended, by the clock here.
    went_on_at: Option<DateTime<Utc>>,
    /// What is recorded of it.
    told: Option<LateSight>,
    asked: Option<EndAsked>,
}

/// When a run was first and last asked to end.
#[derive(Debug, Clone, Copy)]
struct EndAsked {
    first: Instant,
    last: Instant,
    forced: bool,
}

impl<'a> Following<'a> {
    pub fn new(here: Here<'a>, late: LateOrder, news: RunNews, times: RemoteTimes) -> Self {
        Self { here, late, news, times, seen: None, went_on_at: None, told: None, asked: None }
    }

    /// Until the run has ended, or is not expected any more.
    pub async fn through(mut self) {
        let (begun, mut looks) = (Instant::now(), 0);
        while !self.news.inputs.is_closed() {
            let is_open = self.late.is_there;
            match self.look().await {
                Some(true) => return,
                // It is looked at as often as any other.
                Some(false) if self.late.is_there => looks = 0,
                Some(false) | None => looks += 1,
            }
            if is_open != self.late.is_there {
                self.late.since = SystemClock.now();
            }
            let is_late = SystemClock.now() >= self.late.since + self.times.late_within;
            if is_late && (!self.late.is_there || begun.elapsed() >= LEAST) {
                return self.give_up().await;
            }
            sleep(pause(self.times.pace, looks, self.times.late)).await;
        }
    }

    /// One look. `None` if nothing was seen, else whether that is its end and recorded.
    async fn look(&mut self) -> Option<bool> {
        let engine = self.here.engines.for_job(&self.late.order.job, Urgency::Act).await.ok()?;
        if self.late.order.found.is_none() {
            let Found::Run(run) = engine.find(&self.late.order).await else { return None };
            self.late.order.found = Some(run);
        }
        let seen = engine.look(&self.late.order, self.seen.as_ref(), LOOK).await.ok()??;
        let is_over = seen.state.is_over();
        let sight = self.sight(&seen);
        self.seen = Some(seen);
        if self.told.as_ref() != Some(&sight) {
            if !self.news.is_late(sight.clone()).await {
                return None;
            }
            self.late.is_there |= !self.late.was_known;
            self.told = Some(sight);
        }
        if !is_over {
            self.went_on_at = Some(SystemClock.now());
            self.ask_to_end(&engine).await;
        }
        Some(is_over)
    }

    fn sight(&self, seen: &Looked) -> LateSight {
        let has_begun = match seen.state {
            RunState::Queued | RunState::Cancelled => seen.started_at.is_some(),
            RunState::Running | RunState::Succeeded | RunState::Failed => true,
        };
        let engine = &self.late.order.job.engine;
        let says = seen.says.as_ref().map(|says| format!(": {says}")).unwrap_or_default();
        let outcome = match seen.state {
            RunState::Queued | RunState::Running => None,
            RunState::Succeeded => Some(Outcome::Succeeded),
            RunState::Cancelled => Some(Outcome::Cancelled),
            RunState::Failed => Some(Outcome::Failed(format!("{} at {engine}{says}", seen.word))),
        };
        let ended = outcome.map(|outcome| (outcome, self.ended_at(seen)));
        LateSight { run: seen.run.clone(), has_begun, ended }
    }

    /// Their clock may be off: it ended after it was last seen here to go on, and before now.
    fn ended_at(&self, seen: &Looked) -> DateTime<Utc> {
        let now = SystemClock.now();
        let at = seen.ended_there().unwrap_or(now);
        self.went_on_at.map_or(at, |went_on| at.max(went_on)).min(now)
    }

    /// Nobody wants it: it is asked again and again, first kindly.
    async fn ask_to_end(&mut self, engine: &RemoteEngine) {
        if self.here.foundation.broken().is_some() || self.news.inputs.is_closed() {
            // An engine without its record acts no more.
            return;
        }
        let (now, (grace, _)) = (Instant::now(), engine.grace());
        let first = self.asked.map_or(now, |asked| asked.first);
        let forced = grace.is_some_and(|grace| first.elapsed() >= grace);
        let is_due = self
            .asked
            .is_none_or(|asked| asked.last.elapsed() >= ASK_AGAIN || forced && !asked.forced);
        if is_due {
            self.asked = Some(EndAsked { first, last: now, forced });
            let _heard = engine.cancel(&self.late.order, forced).await;
        }
    }

    /// Nobody looks at it any more. One that turned up is told as interrupted.
    async fn give_up(&mut self) {
        let Some(run) = self.late.order.found.clone().filter(|_| self.late.is_there) else {
            return;
        };
        let engine = &self.late.order.job.engine;
        let why = format!(
            "run {} at {engine} was asked to end, and it is not known whether it did; it may still change something",
            run.id
        );
        let ended = Some((Outcome::Interrupted(why), SystemClock.now()));
        // It may have begun since it was last seen.
        self.news.is_late(LateSight { run, has_begun: true, ended }).await;
    }
}
