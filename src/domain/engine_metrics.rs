//! What a running engine tells a monitoring system: services, words and numbers, never a commit or a person.

use std::collections::BTreeMap;
use std::time::Duration;

use super::deployment::Deployment;
use super::event::DeploymentKind;
use super::ids::{Environment, ServiceName};
use super::service::ServiceState;

/// The upper bounds of how long deployments take, in seconds.
const DEPLOYMENTS: &[f64] =
    &[5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0, 1_800.0, 3_600.0, 7_200.0];
/// The upper bounds of how long a durable write of the record takes, in seconds.
const COMMITS: &[f64] = &[0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// The upper bounds of how long a fetch of git takes, in seconds.
const FETCHES: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// What the engine measures.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineMetrics {
    pub services: Vec<ServiceMetrics>,
    /// How many events the record has.
    pub events: u64,
    /// The durable writes of the record since the engine started.
    pub commits: Durations,
    /// The fetches of git that went well, since then.
    pub fetches: Durations,
    /// How many problems are shown now, of services and of the engine.
    pub problems: u64,
}

/// The deployments of one service.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceMetrics {
    pub service: ServiceName,
    /// All that ended, by environment, kind and result. What a person stated is none, and what stands for a restore.
    pub ended: BTreeMap<(Environment, DeploymentKind, &'static str), EndedDeployments>,
    /// How many are queued or running, by environment and state.
    pub open: BTreeMap<(Environment, &'static str), u64>,
}

/// Deployments that ended in one way.
#[derive(Debug, Clone, PartialEq)]
pub struct EndedDeployments {
    pub count: u64,
    /// How long those took that began here.
    pub took: Durations,
}

/// How many durations are how long.
#[derive(Debug, Clone, PartialEq)]
pub struct Durations {
    bounds: &'static [f64],
    /// One for each bound: those that are longer than the bound before.
    within: Vec<u64>,
    pub count: u64,
    /// In seconds.
    pub sum: f64,
}

impl Durations {
    fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, within: vec![0; bounds.len()], count: 0, sum: 0.0 }
    }

    /// None yet, of the record's writes.
    #[must_use]
    pub fn of_commits() -> Self {
        Self::new(COMMITS)
    }

    /// None yet, of fetches.
    #[must_use]
    pub fn of_fetches() -> Self {
        Self::new(FETCHES)
    }

    pub fn add(&mut self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        self.count += 1;
        self.sum += seconds;
        let at = self.bounds.partition_point(|bound| *bound < seconds);
        if let Some(within) = self.within.get_mut(at) {
            *within += 1;
        }
    }

    /// Each bound in seconds, and how many are above the one before and not above it.
    #[must_use]
    pub fn buckets(&self) -> Vec<(f64, u64)> {
        self.bounds.iter().copied().zip(self.within.iter().copied()).collect()
    }
}

impl ServiceMetrics {
    #[must_use]
    pub fn of(service: &ServiceName, state: &ServiceState) -> Self {
        let environments = [Environment::Staging, Environment::Production];
        let none = |environment| [((environment, "queued"), 0), ((environment, "running"), 0)];
        let mut open: BTreeMap<_, _> = environments.into_iter().flat_map(none).collect();
        let mut ended: BTreeMap<_, EndedDeployments> = BTreeMap::new();
        let is_real = |deployment: &&Deployment| {
            !state.adoptions.contains(&deployment.id)
                && !state.restores.contains(&deployment.id)
                && !deployment.is_said()
        };
        for deployment in state.deployments.values().filter(is_real) {
            let (request, state) = (&deployment.request, deployment.state().as_str());
            if deployment.is_open() {
                *open.entry((request.environment, state)).or_default() += 1;
                continue;
            }
            let key = (request.environment, request.kind, state);
            let took = Durations::new(DEPLOYMENTS);
            let ended = ended.entry(key).or_insert(EndedDeployments { count: 0, took });
            ended.count += 1;
            // What another engine took is not measured here.
            let is_ours = request.kind != DeploymentKind::External;
            if let Some(took) = deployment.took().filter(|_| is_ours) {
                ended.took.add(took);
            }
        }
        Self { service: service.clone(), ended, open }
    }
}
