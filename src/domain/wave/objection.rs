//! What speaks against the next wave, by kind and not by word: what a person has seen of it when they gave their reason.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::standing::WaveStanding;
use crate::domain::event::{SaidCommit, TargetSaid};
use crate::domain::watch::{LiveEvidence, SampleVerdict, WatchState};

impl WaveStanding {
    /// One entry for each thing that speaks against the next wave. It stays the same while only time passes.
    #[must_use]
    pub fn objections(&self, now: DateTime<Utc>) -> BTreeSet<String> {
        let mut objections: BTreeSet<_> =
            self.stops.iter().map(|stop| without_times(stop)).collect();
        if let Some(watch) = self.watch.as_deref() {
            objections.extend(of_watch(watch, self.evidence(now)));
        }
        let effect = self.wait.effect.iter().flat_map(|effect| &effect.targets);
        let others = effect.filter(|said| said.build() != Some(self.build));
        objections.extend(others.map(of_target));
        objections
    }

    /// What speaks against the next wave and was not there when this was seen.
    #[must_use]
    pub fn unseen(&self, seen: &BTreeSet<String>, now: DateTime<Utc>) -> Vec<String> {
        // Who saw a check BAD has also seen that it was.
        let is_seen = |objection: &String| {
            seen.contains(objection) || seen.contains(&objection.replace(WAS_BAD, BAD))
        };
        self.objections(now).into_iter().filter(|objection| !is_seen(objection)).collect()
    }
}

const BAD: &str = " BAD";
const WAS_BAD: &str = " was BAD";

fn of_watch(watch: &WatchState, is: LiveEvidence) -> Vec<String> {
    let bad = watch.judged(SampleVerdict::Bad).map(|check| format!("{}{BAD}", check.name));
    let was = watch.checks.iter().filter(|check| check.turned_bad > 0);
    let was = was.filter(|check| check.verdict != SampleVerdict::Bad);
    let was = was.map(|check| format!("{}{WAS_BAD}", check.name));
    let unknown = (is == LiveEvidence::Unknown).then(|| "the watch is UNKNOWN".to_owned());
    bad.chain(was).chain(unknown).collect()
}

fn of_target(said: &TargetSaid) -> String {
    let target = &said.target;
    match said.says() {
        Some(SaidCommit::Build { build, .. }) => format!("{target} runs {build}"),
        Some(SaidCommit::Unknown(commit)) => format!("{target} runs {commit}"),
        None => format!("{target} was not heard"),
    }
}

/// A sentence without how long something takes, as in `6m` or `1m30s`: that alone is no news.
fn without_times(sentence: &str) -> String {
    let is_time = |word: &str| {
        let word = word.trim_end_matches([',', ';', ':', '.']);
        let is_of_time = |c: char| c.is_ascii_digit() || "dhms".contains(c);
        word.starts_with(|c: char| c.is_ascii_digit())
            && word.ends_with(|c: char| "dhms".contains(c))
            && word.chars().all(is_of_time)
    };
    let words = sentence.split(' ').filter(|word| !is_time(word));
    words.collect::<Vec<_>>().join(" ")
}
