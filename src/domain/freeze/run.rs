//! Runs of windows that overlap or touch: what they say of an instant, and when that changes.

use chrono::{DateTime, Utc};

use super::{Evaluation, FreezeState, FreezeWindow};
use crate::domain::policy::FreezeMode;
use crate::domain::stops::Freeze;

/// What windows and freezes set by hand say of an instant, for who knows them and has a clock.
#[must_use]
pub fn standing(windows: &[FreezeWindow], by_hand: &[Freeze], at: DateTime<Utc>) -> Evaluation {
    let by_hand = by_hand.iter().map(|freeze| FreezeWindow {
        freeze: freeze.id.to_string(),
        policy: FreezeMode::Override,
        from: freeze.from,
        until: freeze.until,
        reason: freeze.reason.clone(),
        why: format!("{} by {}: {}", freeze.id, freeze.by, freeze.reason),
    });
    let mut all: Vec<_> = windows.iter().cloned().chain(by_hand).collect();
    all.sort_by_key(|window| window.from);
    evaluated(all, at)
}

/// The judgement over windows that stand in the order of their beginnings.
pub(super) fn evaluated(windows: Vec<FreezeWindow>, at: DateTime<Utc>) -> Evaluation {
    let edges = windows.iter().flat_map(|window| [Some(window.from), window.until]).flatten();
    let next_change = edges.filter(|edge| *edge > at).min();
    let end = run_end(windows.iter(), at);
    let blocking = || windows.iter().filter(|window| window.policy == FreezeMode::Override);
    let blocked_until = run_end(blocking(), at);
    let next_block = blocking().map(|window| window.from).find(|from| *from > at);
    let mut matches: Vec<_> = windows.into_iter().filter(|window| window.covers(at)).collect();
    matches.sort_by(|one, other| one.why.cmp(&other.why));
    let state = matches.iter().map(|found| found.policy.into()).max().unwrap_or_default();
    let until = if state == FreezeState::Open { next_change } else { end };
    let lasts_until = match state {
        FreezeState::Open => next_change,
        FreezeState::Warn => until.into_iter().chain(next_block).min(),
        FreezeState::Frozen => blocked_until,
    };
    Evaluation { state, matches, until, lasts_until, next_change, problems: Vec::new() }
}

/// The end of the run that covers `at`; `None` when none does or nobody knows its end.
fn run_end<'a>(
    windows: impl Iterator<Item = &'a FreezeWindow>,
    at: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let mut end = at;
    let mut covered = false;
    for window in windows.filter(|window| window.until.is_none_or(|until| until > at)) {
        // A run goes on over what touches it, but nothing covers an instant by ending or beginning beside it.
        let joins = if covered { window.from <= end } else { window.from <= at };
        if !joins {
            break;
        }
        covered = true;
        end = end.max(window.until?);
    }
    covered.then_some(end)
}

/// When promotes stop to need an override, and when they begin to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turns {
    /// Whether they need one now.
    pub frozen: bool,
    /// The end of the run that lasts, or of the next one; `None` when nobody knows it.
    pub opens: Option<DateTime<Utc>>,
    /// The beginning of the next run.
    pub closes: Option<DateTime<Utc>>,
}

/// The next opening and the next closing; what only warns closes nothing.
#[must_use]
pub fn turns(windows: &[FreezeWindow], by_hand: &[Freeze], at: DateTime<Utc>) -> Turns {
    let blocking = windows.iter().filter(|window| window.policy == FreezeMode::Override);
    let by_hand = by_hand.iter().map(|freeze| (freeze.from, freeze.until));
    let mut spans: Vec<_> = blocking
        .map(|window| (window.from, window.until))
        .chain(by_hand)
        .filter(|(_, until)| until.is_none_or(|until| until > at))
        .collect();
    spans.sort_by_key(|(from, _)| *from);
    let mut runs: Vec<(DateTime<Utc>, Option<DateTime<Utc>>)> = Vec::new();
    for (from, until) in spans {
        match runs.last_mut() {
            Some((_, end)) if end.is_none_or(|end| from <= end) => {
                *end = end.zip(until).map(|(end, until)| end.max(until));
            }
            _ => runs.push((from, until)),
        }
    }
    let frozen = runs.first().is_some_and(|(from, _)| *from <= at);
    let closes = runs.get(usize::from(frozen)).map(|(from, _)| *from);
    Turns { frozen, opens: runs.first().and_then(|(_, until)| *until), closes }
}
