//! The summaries of watches as lines of a timeline: the first with a bad sample, and the bad ones after it as one line.

use std::collections::{BTreeMap, BTreeSet};

use super::timeline::{IncidentInput, IncidentWindow, of_production};
use crate::domain::event::{Event, Fact};
use crate::domain::ids::{DeploymentId, Seq};
use crate::domain::watch::{SampleVerdict, WatchSampled};

/// What a line says, and the later summaries that it is from.
#[derive(Debug)]
pub(super) struct WatchLine {
    pub what: String,
    pub more: Vec<Seq>,
}

/// What was read of the watch of one deployment.
#[derive(Debug, Default)]
struct WatchReading {
    /// The checks that had a bad sample.
    seen: BTreeSet<String>,
    /// Whether the last summary had no bad sample, after one that had.
    is_clean: bool,
    run: Option<BadRun>,
}

/// Bad summaries, one after the other.
#[derive(Debug)]
struct BadRun {
    first: Seq,
    is_again: bool,
    checks: BTreeSet<String>,
}

/// The lines by the event of their first summary.
pub(super) fn watch_lines(
    input: IncidentInput<'_>,
    window: IncidentWindow,
) -> BTreeMap<Seq, WatchLine> {
    let mut lines = BTreeMap::new();
    let mut all: BTreeMap<DeploymentId, WatchReading> = BTreeMap::new();
    let own = input.events.iter().filter(|event| event.service == *input.service);
    for event in own.filter(|event| window.has(event.at)) {
        match &event.fact {
            Fact::WatchTurned(turned) if turned.to == SampleVerdict::Bad => {
                let reading = all.entry(turned.deployment).or_default();
                reading.seen.insert(turned.check.clone());
            }
            Fact::WatchSampled(sampled)
                if of_production(input.state, sampled.deployment).is_some() =>
            {
                let reading = all.entry(sampled.deployment).or_default();
                reading.summary(input, event, sampled, &mut lines);
            }
            _ => {}
        }
    }
    lines
}

impl WatchReading {
    fn summary(
        &mut self,
        input: IncidentInput<'_>,
        event: &Event,
        sampled: &WatchSampled,
        lines: &mut BTreeMap<Seq, WatchLine>,
    ) {
        let bad = sampled.checks.iter().filter(|check| check.bad > 0);
        let bad: Vec<_> = bad.map(|check| check.check.clone()).collect();
        if bad.is_empty() {
            self.is_clean = !self.seen.is_empty();
            self.run = None;
            return;
        }
        let id = sampled.deployment;
        let (before, first): (Vec<_>, Vec<_>) =
            bad.into_iter().partition(|check| self.seen.contains(check));
        if first.is_empty() {
            let is_again = self.is_clean;
            let begins = || BadRun { first: event.seq, is_again, checks: BTreeSet::new() };
            let run = self.run.get_or_insert_with(begins);
            run.checks.extend(before);
            run.extend(input, id, event, lines);
        } else {
            let checks = first.join(" and ");
            let what = format!("the watch of {id}: first summary with a bad sample of {checks}");
            lines.insert(event.seq, WatchLine { what, more: Vec::new() });
            self.seen.extend(first);
            // The next summary begins a line of its own, so that the two stay in the order of time.
            self.run = None;
        }
        self.is_clean = false;
    }
}

impl BadRun {
    /// Takes this summary into the run's line.
    fn extend(
        &self,
        input: IncidentInput<'_>,
        id: DeploymentId,
        event: &Event,
        lines: &mut BTreeMap<Seq, WatchLine>,
    ) {
        let none = || WatchLine { what: String::new(), more: Vec::new() };
        let line = lines.entry(self.first).or_insert_with(none);
        if event.seq != self.first {
            line.more.push(event.seq);
        }
        let checks: Vec<_> = self.checks.iter().map(String::as_str).collect();
        let checks = checks.join(" and ");
        let how = if self.is_again { "bad samples again of" } else { "still bad samples of" };
        let until = (!line.more.is_empty())
            .then(|| format!(", until the summary of {}", input.incident.clock(event.at)));
        line.what = format!("the watch of {id}: {how} {checks}{}", until.unwrap_or_default());
    }
}
