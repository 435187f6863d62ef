//! The samples of each check since the last summary, and how each check is judged. Pure.

use crate::domain::ids::DeploymentId;
use crate::domain::watch::{
    CheckSummary, SampleVerdict, WatchRule, WatchSample, WatchState, WatchTurned,
};

/// The checks of one watch.
pub(super) struct WatchTally {
    deployment: DeploymentId,
    checks: Vec<CheckTally>,
}

struct CheckTally {
    name: String,
    rule: WatchRule,
    /// Whether anything was told of it: that nothing can be seen is news too.
    is_told: bool,
    since: Option<CheckSummary>,
}

impl WatchTally {
    /// Goes on from what is recorded.
    pub fn of(watch: &WatchState) -> Self {
        let tally = |check: &crate::domain::watch::CheckState| CheckTally {
            name: check.name.clone(),
            rule: WatchRule::from(check.verdict),
            is_told: check.is_known(),
            since: None,
        };
        Self { deployment: watch.deployment, checks: watch.checks.iter().map(tally).collect() }
    }

    /// Takes a sample. Returns how its check turned by it, if it did.
    pub fn add(&mut self, check: &str, sample: WatchSample) -> Option<WatchTurned> {
        let tally = self.checks.iter_mut().find(|tally| tally.name == check)?;
        let WatchSample { verdict, says, value } = sample;
        let before = tally.rule.verdict();
        let to = tally.rule.add(verdict);
        let summary = tally.since.get_or_insert_with(|| CheckSummary {
            check: check.to_owned(),
            good: 0,
            bad: 0,
            unknown: 0,
            last: verdict,
            says: String::new(),
            value: None,
        });
        match verdict {
            SampleVerdict::Good => summary.good += 1,
            SampleVerdict::Bad => summary.bad += 1,
            SampleVerdict::Unknown => summary.unknown += 1,
        }
        summary.last = verdict;
        summary.says.clone_from(&says);
        summary.value.clone_from(&value);
        let is_news = to != before || !tally.is_told && tally.rule.is_blind();
        tally.is_told |= is_news;
        is_news.then(|| WatchTurned {
            deployment: self.deployment,
            check: check.to_owned(),
            to,
            says,
            value,
        })
    }

    /// What was seen since the last time.
    pub fn take(&mut self) -> Vec<CheckSummary> {
        self.checks.iter_mut().filter_map(|tally| tally.since.take()).collect()
    }
}
