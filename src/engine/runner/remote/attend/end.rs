//! The end of a run: why it is asked for, how it came, and when nobody waits for it any more.

use std::time::Duration;

use tokio::time::Instant;

use super::{Attending, EndWhy, RunEnding, Watch};
use crate::domain::event::StepOutcome;
use crate::domain::time::say;
use crate::engine::runner::remote::Attended;
use crate::engine::runner::remote::answers::RunState;
use crate::engine::runner::remote::client::CallError;
use crate::engine::runner::remote::engine::RemoteEngine;

/// How long an engine that does not answer may keep a cancelled deployment open.
const SILENT_FOR: Duration = Duration::from_mins(1);
/// The pause before a run is asked once more to end.
const ASK_AGAIN: Duration = Duration::from_secs(10);

impl Attending<'_> {
    /// Asks the run to end where that is due, and again until it was heard.
    pub(super) async fn ask_to_end(&mut self, jobs: &RemoteEngine, watch: &mut Watch) {
        if let Some(why) = self.end_why(watch)
            && watch
                .ending
                .as_ref()
                .is_none_or(|ending| ending.why != why && why == EndWhy::Cancelled)
        {
            let (since, accepted, asked, forced) = (Instant::now(), false, None, false);
            let considered = None;
            watch.ending = Some(RunEnding { why, since, accepted, asked, forced, considered });
            watch.mirror.note(match why {
                EndWhy::Cancelled => "cancelled: the run is asked to end",
                EndWhy::TimedOut => "timed out: the run is asked to end",
                EndWhy::NotStarted => "it did not start in time: the run is asked to end",
                EndWhy::Waited => "it waits for too long: the run is asked to end",
            });
        }
        let Some(ending) = &mut watch.ending else { return };
        if self.here.foundation.broken().is_some() {
            // An engine without its record acts no more.
            return;
        }
        let (grace, _) = jobs.grace();
        let is_forced = grace.is_some_and(|grace| ending.since.elapsed() >= grace);
        let is_due = ending.asked.is_none_or(|asked| asked.elapsed() >= ASK_AGAIN);
        if is_due || is_forced && !ending.forced {
            ending.asked = Some(Instant::now());
            ending.forced = is_forced;
            ending.accepted |= jobs.cancel(&self.order, is_forced).await.is_ok();
        }
    }

    /// Lets the rollback go out that waits for the end of the run, where the engine itself keeps it behind this one.
    pub(super) async fn make_way(&self, jobs: &RemoteEngine, watch: &mut Watch) {
        let next = self.wish.borrow().next.clone();
        let Some(ending) = watch.ending.as_mut().filter(|ending| ending.is_heard()) else { return };
        if next.is_none() || ending.considered == next {
            return;
        }
        let Some(next) = next else { return };
        let kept = match jobs.keeps_behind(&self.order, &next).await {
            Ok(kept) => kept,
            Err(CallError::Refused { .. }) => None,
            // It is asked again with the next look.
            Err(_) => return,
        };
        ending.considered = Some(next);
        match kept {
            Some(group) => {
                let engine = &self.order.job.engine;
                watch.mirror.note(&format!(
                    "the rollback goes out now: {engine} keeps it behind this run, in the concurrency group {group}"
                ));
                self.news.makes_way().await;
            }
            None => watch.mirror.note("the rollback waits for the end of this run"),
        }
    }

    /// What is said of a run that was asked to end and goes on for too long.
    pub(super) fn goes_on(&self, jobs: &RemoteEngine, watch: &Watch) -> Option<StepOutcome> {
        let (_, within) = jobs.grace();
        let late = watch.ending.as_ref().filter(|ending| ending.since.elapsed() >= within)?;
        let heard =
            if late.accepted { "was asked to end and goes on" } else { "cannot be asked to end" };
        let (engine, key) = (&self.order.job.engine, &self.order.key);
        let why = format!("the run {key} at {engine} {heard}; it may still change something");
        Some(StepOutcome::Unfound(why))
    }

    /// How a run ended that is over.
    pub(super) fn outcome(&self, watch: &Watch) -> StepOutcome {
        let Some(seen) = &watch.seen else { return StepOutcome::Lost };
        let engine = &self.order.job.engine;
        let says = seen.says.as_ref().map(|says| format!(": {}", watch.mirror.hidden(says)));
        let says = says.unwrap_or_default();
        match (seen.state, watch.ending.as_ref().map(|ending| ending.why)) {
            // A run that could still succeed has succeeded, whatever was asked of it.
            (RunState::Succeeded, _) => StepOutcome::Succeeded,
            (_, Some(EndWhy::TimedOut)) => StepOutcome::TimedOut,
            (_, Some(EndWhy::NotStarted)) => {
                let within = say(self.order.job.start_within);
                StepOutcome::Concluded(format!("it did not start at {engine} within {within}"))
            }
            (_, Some(EndWhy::Waited)) => self.waited(watch),
            (RunState::Cancelled, Some(EndWhy::Cancelled)) => StepOutcome::Cancelled,
            (RunState::Cancelled, None) => {
                StepOutcome::Concluded(format!("cancelled at {engine}{says}"))
            }
            (RunState::Failed, why) if seen.word == "failed" => {
                if why == Some(EndWhy::Cancelled) {
                    StepOutcome::Cancelled
                } else {
                    StepOutcome::Concluded(format!("failed at {engine}{says}"))
                }
            }
            _ => StepOutcome::Concluded(format!("ended as {} at {engine}{says}", seen.word)),
        }
    }

    /// Whether a run that is to end is not waited for any more.
    pub(super) fn give_up(&self, ending: Option<&RunEnding>) -> Option<Attended> {
        if self.has_ended() {
            return Some(Attended::LeftAlone);
        }
        let silent = self.silent_since.map(|since| since.elapsed()).unwrap_or_default();
        let wants_end = ending.is_some() || self.is_cancelled();
        if !wants_end || silent < SILENT_FOR {
            return None;
        }
        let engine = &self.order.job.engine;
        let why = format!(
            "{engine} has not answered for {}; the run {} may still change something",
            say(silent),
            self.order.key
        );
        Some(self.ended(StepOutcome::Unfound(why)))
    }
}

impl RunEnding {
    /// Whether a cancellation was heard.
    fn is_heard(&self) -> bool {
        self.accepted && self.why == EndWhy::Cancelled
    }
}
