//! What the watches of what was taken back saw that was bad.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::timeline::IncidentInput;
use super::times::is_taken_back;
use crate::domain::event::Fact;
use crate::domain::ids::{DeploymentId, Seq};
use crate::domain::time::between;
use crate::domain::watch::SampleVerdict;

/// The first turn of a check to bad, and the longest time in which a check was judged bad.
#[derive(Debug, Default)]
pub(super) struct BadSamples {
    pub first: Option<FirstBad>,
    pub longest: Option<(Duration, String)>,
}

/// The first turn to bad. A bad sample that turned nothing was tolerated, and nobody was told of it.
#[derive(Debug)]
pub(super) struct FirstBad {
    pub at: DateTime<Utc>,
    pub seq: Seq,
    pub check: String,
    pub deployment: DeploymentId,
}

impl BadSamples {
    pub fn of(input: IncidentInput<'_>) -> Self {
        let mut seen = Self::default();
        // Since when a check is judged bad.
        let mut bad: BTreeMap<(DeploymentId, &str), DateTime<Utc>> = BTreeMap::new();
        for event in input.events.iter().filter(|event| event.service == *input.service) {
            let at = event.at;
            match &event.fact {
                Fact::WatchTurned(turned) if is_taken_back(input.incident, turned.deployment) => {
                    let key = (turned.deployment, turned.check.as_str());
                    if turned.to == SampleVerdict::Bad {
                        seen.first(at, event.seq, &turned.check, turned.deployment);
                        bad.entry(key).or_insert(at);
                    } else {
                        bad.remove(&key);
                    }
                }
                Fact::WatchSampled(sampled)
                    if is_taken_back(input.incident, sampled.deployment) =>
                {
                    for check in sampled.checks.iter().filter(|check| check.bad > 0) {
                        let since = bad.get(&(sampled.deployment, check.check.as_str()));
                        // The last sample tells until when; one that is not bad any more may be of long before.
                        if let Some(since) = since.filter(|_| check.last == SampleVerdict::Bad) {
                            seen.lasted(between(*since, at), &check.check);
                        }
                    }
                }
                _ => {}
            }
        }
        seen
    }

    fn first(&mut self, at: DateTime<Utc>, seq: Seq, check: &str, deployment: DeploymentId) {
        let check = check.to_owned();
        self.first.get_or_insert(FirstBad { at, seq, check, deployment });
    }

    fn lasted(&mut self, took: Duration, check: &str) {
        let is_longer = self.longest.as_ref().is_none_or(|(longest, _)| took > *longest);
        if is_longer && !took.is_zero() {
            self.longest = Some((took, check.to_owned()));
        }
    }
}
