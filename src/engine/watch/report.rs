//! Which watches begin, go on and end, and what is recorded of them. Pure.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::super::world::Service;
use crate::domain::event::Fact;
use crate::domain::ids::{BuildNumber, DeploymentId, Environment, ServiceName};
use crate::domain::service::ServiceState;
use crate::domain::time::between;
use crate::domain::watch::{
    CheckSummary, EnvironmentWatch, WatchBegan, WatchCheck, WatchEnd, WatchEnded, WatchSampled,
    WatchState, WatchTurned,
};

/// A deployment that ended longer ago is not watched from now on: what it did at first was not seen.
const BEGINS_WITHIN: Duration = Duration::from_mins(5);
/// The watch of a wave ends with its pause, which has no end while something speaks against the next wave.
const AS_LONG_AS_IT_WAITS: Duration = Duration::from_hours(24 * 365);

/// News of a watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchReport {
    pub service: ServiceName,
    pub deployment: DeploymentId,
    /// The wave after which it looks, where the deployment waits between two.
    pub wave: Option<u32>,
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
    let whole = all.filter_map(|environment| {
        wanted_in(&service.name, &service.state, environment, file.watches.of(environment), now)
    });
    let of_wave = wanted_of_wave(&service.name, &service.state, &file.watches.production);
    whole.chain(of_wave).collect()
}

/// The checks that are still declared, of those with which a watch began.
fn declared_of(watch: &WatchState, declared: &EnvironmentWatch) -> Vec<WatchCheck> {
    let is_of = |check: &&WatchCheck| watch.checks.iter().any(|of| of.name == check.name);
    declared.checks.iter().filter(is_of).cloned().collect()
}

/// While production waits between two waves, somebody looks at it until it goes on.
fn wanted_of_wave(
    name: &ServiceName,
    state: &ServiceState,
    declared: &EnvironmentWatch,
) -> Option<WantedWatch> {
    let paused = state.paused(Environment::Production)?;
    let wait = paused.waiting_wave()?;
    match state.watches.of_wave(paused.id, wait.number) {
        Some(watch) => watch.is_open().then(|| WantedWatch::Open {
            service: name.clone(),
            watch: Box::new(watch.clone()),
            checks: declared_of(watch, declared),
        }),
        None if declared.checks.is_empty() => None,
        None => Some(WantedWatch::Report(WatchReport {
            service: name.clone(),
            deployment: paused.id,
            wave: Some(wait.number),
            news: WatchNews::Begins {
                environment: Environment::Production,
                checks: declared.checks.iter().map(|check| check.name.clone()).collect(),
                lasts: AS_LONG_AS_IT_WAITS,
                every: declared.slowest(),
            },
        })),
    }
}

fn wanted_in(
    name: &ServiceName,
    state: &ServiceState,
    environment: Environment,
    declared: &EnvironmentWatch,
    now: DateTime<Utc>,
) -> Option<WantedWatch> {
    let report = |deployment, news| {
        let (service, wave) = (name.clone(), None);
        Some(WantedWatch::Report(WatchReport { service, deployment, wave, news }))
    };
    let live = state.live(environment);
    if let Some(watch) = state.watches.last(environment).filter(|watch| watch.is_open()) {
        if live.is_none_or(|live| live.deployment != watch.deployment) {
            return report(watch.deployment, WatchNews::Ends { so: Some(WatchEnd::Replaced) });
        }
        return Some(WantedWatch::Open {
            service: name.clone(),
            watch: Box::new(watch.clone()),
            checks: declared_of(watch, declared),
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

    /// The build that a watch begins for, if it is still wanted.
    fn begins_for(&self, state: &ServiceState, environment: Environment) -> Option<BuildNumber> {
        let Some(wave) = self.wave else {
            let live = state.live(environment).filter(|live| live.deployment == self.deployment);
            return Some(live.filter(|_| !state.watches.knows(self.deployment))?.build);
        };
        let paused = state.paused(environment).filter(|paused| paused.id == self.deployment)?;
        let is_new = state.watches.of_wave(paused.id, wave).is_none();
        let is_it = paused.waiting_wave().is_some_and(|wait| wait.number == wave);
        (is_new && is_it).then_some(paused.request.build)
    }

    /// What is recorded of it, given what is recorded already.
    pub fn facts(&self, state: &ServiceState, now: DateTime<Utc>) -> Vec<Fact> {
        let (deployment, wave) = (self.deployment, self.wave);
        match (&self.news, state.watches.open(deployment, wave)) {
            (WatchNews::Begins { environment, checks, lasts, every }, None) => {
                let Some(build) = self.begins_for(state, *environment) else { return Vec::new() };
                vec![Fact::WatchBegan(WatchBegan {
                    deployment,
                    environment: *environment,
                    build,
                    wave,
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
