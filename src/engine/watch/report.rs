//! Which watches begin, go on and end, and what is recorded of them. Pure.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::super::world::Service;
use crate::domain::event::Fact;
use crate::domain::ids::{DeploymentId, Environment, ServiceName};
use crate::domain::service::ServiceState;
use crate::domain::time::between;
use crate::domain::watch::{
    CheckSummary, EnvironmentWatch, WatchBegan, WatchCheck, WatchEnd, WatchEnded, WatchSampled,
    WatchState, WatchTurned,
};

/// A deployment that ended longer ago is not watched from now on: what it did at first was not seen.
const BEGINS_WITHIN: Duration = Duration::from_mins(5);

/// News of a watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchReport {
    pub service: ServiceName,
    pub deployment: DeploymentId,
    pub news: WatchNews,
}

/// What is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchNews {
    Begins {
        environment: Environment,
        checks: Vec<String>,
        lasts: Duration,
        every: Duration,
    },
    /// What was seen since the last time, and which checks turned.
    Seen {
        summaries: Vec<CheckSummary>,
        turned: Vec<WatchTurned>,
    },
    /// It ends as it stands, or so.
    Ends {
        so: Option<WatchEnd>,
    },
}

/// What has to be done about the watch of an environment.
pub(super) enum WantedWatch {
    Report(WatchReport),
    Open { service: ServiceName, watch: Box<WatchState>, checks: Vec<WatchCheck> },
}

/// What has to be done about the watches of a service.
pub(super) fn wanted(service: &Service, now: DateTime<Utc>) -> Vec<WantedWatch> {
    let Some(file) = &service.file else { return Vec::new() };
    let all = [Environment::Production, Environment::Staging].into_iter();
    all.filter_map(|environment| {
        wanted_in(&service.name, &service.state, environment, file.watches.of(environment), now)
    })
    .collect()
}

fn wanted_in(
    name: &ServiceName,
    state: &ServiceState,
    environment: Environment,
    declared: &EnvironmentWatch,
    now: DateTime<Utc>,
) -> Option<WantedWatch> {
    let report = |deployment, news| {
        Some(WantedWatch::Report(WatchReport { service: name.clone(), deployment, news }))
    };
    let live = state.live(environment);
    if let Some(watch) = state.watches.last(environment).filter(|watch| watch.is_open()) {
        if live.is_none_or(|live| live.deployment != watch.deployment) {
            return report(watch.deployment, WatchNews::Ends { so: Some(WatchEnd::Replaced) });
        }
        let is_of = |check: &&WatchCheck| watch.checks.iter().any(|of| of.name == check.name);
        return Some(WantedWatch::Open {
            service: name.clone(),
            watch: Box::new(watch.clone()),
            checks: declared.checks.iter().filter(is_of).cloned().collect(),
        });
    }
    let live = live?;
    let is_new = !state.watches.knows(live.deployment) && !declared.checks.is_empty();
    let is_young = between(live.since, now) < BEGINS_WITHIN;
    if !is_new || !is_young || !state.is_worth_a_watch(live.deployment) {
        return None;
    }
    report(
        live.deployment,
        WatchNews::Begins {
            environment,
            checks: declared.checks.iter().map(|check| check.name.clone()).collect(),
            lasts: declared.lasts(),
            every: declared.slowest(),
        },
    )
}

impl WatchReport {
    /// Whether a check turned.
    pub fn has_turns(&self) -> bool {
        matches!(&self.news, WatchNews::Seen { turned, .. } if !turned.is_empty())
    }

    /// What is recorded of it, given what is recorded already.
    pub fn facts(&self, state: &ServiceState, now: DateTime<Utc>) -> Vec<Fact> {
        let deployment = self.deployment;
        let all = [Environment::Production, Environment::Staging].into_iter();
        let mut open = all.filter_map(|of| state.watches.last(of));
        let open = open.find(|watch| watch.deployment == deployment && watch.is_open());
        match (&self.news, open) {
            (WatchNews::Begins { environment, checks, lasts, every }, None) => {
                let live = state.live(*environment).filter(|live| live.deployment == deployment);
                let Some(live) = live.filter(|_| !state.watches.knows(deployment)) else {
                    return Vec::new();
                };
                vec![Fact::WatchBegan(WatchBegan {
                    deployment,
                    environment: *environment,
                    build: live.build,
                    checks: checks.clone(),
                    until: now + *lasts,
                    every: *every,
                })]
            }
            (WatchNews::Seen { summaries, turned }, Some(_)) => {
                let checks = summaries.clone();
                let sampled = WatchSampled { deployment, checks };
                let sampled = (!summaries.is_empty()).then_some(Fact::WatchSampled(sampled));
                let turned = turned.iter().cloned().map(Fact::WatchTurned);
                sampled.into_iter().chain(turned).collect()
            }
            (WatchNews::Ends { so }, Some(open)) => {
                let end = so.unwrap_or_else(|| open.end_at(now));
                vec![Fact::WatchEnded(WatchEnded { deployment, end })]
            }
            _ => Vec::new(),
        }
    }
}
