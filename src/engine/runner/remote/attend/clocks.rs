//! How long a run may take: for its start, for its work, and for people. A wait stops the first two, which begin anew after it.

use super::{Attending, EndWhy, Watch};
use crate::domain::event::StepOutcome;
use crate::domain::remote::Waits;
use crate::domain::time::say;
use crate::engine::runner::remote::answers::RunState;

impl Attending<'_> {
    /// Whether it has to end, and why.
    pub(super) fn end_why(&self, watch: &Watch) -> Option<EndWhy> {
        let (seen, now) = (watch.seen.as_ref(), self.now());
        if self.is_cancelled() {
            return Some(EndWhy::Cancelled);
        }
        let moved = watch.waits_at.map(|at| (now - at).to_std().unwrap_or_default());
        if watch.waits.as_ref().is_some_and(Waits::stops_clocks) {
            // What was recorded may be over since.
            let is_late = self.order.job.call.wait_within().zip(moved);
            let is_late = is_late.is_some_and(|(within, waits)| waits >= within);
            return (is_late && seen.is_some()).then_some(EndWhy::Waited);
        }
        let began = seen.and_then(|seen| seen.started_at).map(|at| now - at);
        let sent = (now - self.order.sent_at).to_std().unwrap_or_default();
        // It may have gone out late.
        let waits = self.known_at.map_or(sent, |known| known.elapsed().min(sent));
        let waits = moved.map_or(waits, |moved| waits.min(moved));
        // Their clock may be off, but no run is older than its sending.
        let began = began.and_then(|began| began.to_std().ok()).unwrap_or_default().min(waits);
        let runs = watch.running_since.map(|since| since.elapsed().max(began));
        let runs = runs.map(|runs| moved.map_or(runs, |moved| runs.min(moved)));
        if runs.is_some_and(|runs| runs >= self.order.timeout) {
            return Some(EndWhy::TimedOut);
        }
        let is_queued = seen.is_some_and(|seen| seen.state == RunState::Queued) && runs.is_none();
        (is_queued && waits >= self.order.job.start_within).then_some(EndWhy::NotStarted)
    }

    /// What it waits for now. A change is recorded.
    pub(super) async fn waits(&self, watch: &mut Watch, waits: Option<Waits>) {
        if watch.waits == waits {
            return;
        }
        if watch.waits.is_some() != waits.is_some() {
            watch.waits_at = Some(self.now());
        }
        if let Some(before) = std::mem::replace(&mut watch.waits, waits.clone()) {
            watch.waited_for = Some(before);
        }
        self.news.waits(waits).await;
    }

    /// How a run ended that waited for too long.
    pub(super) fn waited(&self, watch: &Watch) -> StepOutcome {
        let within = self.order.job.call.wait_within().unwrap_or_default();
        let what = watch.waits.as_ref().or(watch.waited_for.as_ref());
        let what = what.map(|what| format!(" for {what}")).unwrap_or_default();
        let engine = &self.order.job.engine;
        StepOutcome::Concluded(format!(
            "it waited at {engine}{what} for longer than {}",
            say(within)
        ))
    }
}
