//! Runs of windows that overlap or touch: whether an instant is frozen, and when that changes.

use chrono::{DateTime, Utc};

use crate::evaluation::{Evaluation, FreezeMode, FreezeState, FreezeWindow};

/// Evaluates windows in the order of their starts.
#[must_use]
pub fn evaluate_windows(windows: Vec<FreezeWindow>, at: DateTime<Utc>) -> Evaluation {
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

/// The end of the run that covers `at`; `None` without a run or without a known end.
fn run_end<'a>(
    windows: impl Iterator<Item = &'a FreezeWindow>,
    at: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let mut end = at;
    let mut covered = false;
    for window in windows.filter(|window| window.until.is_none_or(|until| until > at)) {
        // A window that touches a run extends it; a window covers `at` only if it starts at or before it.
        let joins = if covered { window.from <= end } else { window.from <= at };
        if !joins {
            break;
        }
        covered = true;
        end = end.max(window.until?);
    }
    covered.then_some(end)
}

/// The freeze that is in force or comes next, and the one after it. Windows that only warn do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreezeOutlook {
    /// Whether promotes need an override now.
    pub is_frozen: bool,
    /// The end of the freeze in force, or else of the next one; `None` without a known end.
    pub ends: Option<DateTime<Utc>>,
    /// The start of the next freeze that is not in force yet.
    pub next_start: Option<DateTime<Utc>>,
}

/// The freezes at and after `at`.
#[must_use]
pub fn outlook<'a>(
    windows: impl IntoIterator<Item = &'a FreezeWindow>,
    at: DateTime<Utc>,
) -> FreezeOutlook {
    let mut spans: Vec<_> = windows
        .into_iter()
        .filter(|window| window.policy == FreezeMode::Override)
        .map(|window| (window.from, window.until))
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
    let is_frozen = runs.first().is_some_and(|(from, _)| *from <= at);
    FreezeOutlook {
        is_frozen,
        ends: runs.first().and_then(|(_, until)| *until),
        next_start: runs.get(usize::from(is_frozen)).map(|(from, _)| *from),
    }
}
