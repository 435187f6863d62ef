//! Observes what other engines deploy: asks each repository that a lane names, and tells the writer what began and ended there.

mod commit;
mod judge;
mod judge_deployment;
mod live;
mod live_answer;
mod live_command;
mod live_lines;
mod live_target;
mod repository;
mod undeployed;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

pub(super) use self::live::{LiveReads, ask_all};
use self::repository::RepositoryObserver;
use super::clock::Clock;
use super::input::Input;
use super::runner::remote::{Engines, RemoteTimes, RunWakers};
use super::trunk::Wakers;
use super::world::{World, WorldReader};
use crate::domain::ids::{Environment, ServiceName};
use crate::domain::lane::{Lane, Lanes};
use crate::domain::remote::EngineName;

/// What an observer needs.
#[derive(Clone)]
pub struct ObserveContext {
    pub world: WorldReader,
    pub inputs: mpsc::Sender<Input>,
    pub clock: Arc<dyn Clock>,
    pub engines: Arc<Engines>,
    /// Looks at trunks, for commits that no build is of yet.
    pub trunks: Wakers,
    /// Tells of runs before the next look.
    pub runs: RunWakers,
    pub times: RemoteTimes,
    /// How often a trunk is looked at.
    pub poll: Duration,
}

impl ObserveContext {
    pub fn new(
        (world, engines): (WorldReader, Arc<Engines>),
        (inputs, clock): (mpsc::Sender<Input>, Arc<dyn Clock>),
        (trunks, runs): (Wakers, RunWakers),
        (times, poll): (RemoteTimes, Duration),
    ) -> Self {
        Self { world, inputs, clock, engines, trunks, runs, times, poll }
    }
}

/// A repository at an engine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ObservedRepository {
    pub engine: EngineName,
    /// `owner/name`.
    pub repository: String,
}

/// A lane of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServiceLane {
    pub service: ServiceName,
    pub environment: Environment,
    pub lane: Lane,
}

/// Observes what the lanes of all services name, as they are now.
pub(super) async fn observe_all(context: ObserveContext) {
    let mut tasks = JoinSet::new();
    let mut running: HashMap<ObservedRepository, AbortHandle> = HashMap::new();
    loop {
        let wanted = context.world.read(repositories);
        for (_, gone) in running.extract_if(|repository, _| !wanted.contains(repository)) {
            gone.abort();
        }
        for repository in wanted {
            if running.get(&repository).is_none_or(AbortHandle::is_finished) {
                let observer = RepositoryObserver::new(context.clone(), repository.clone());
                running.insert(repository, tasks.spawn(observer.observe()));
            }
        }
        while tasks.try_join_next().is_some() {}
        for input in context.world.read(of_nobody) {
            let _stopped = context.inputs.send(input).await;
        }
        tokio::time::sleep(context.poll).await;
    }
}

fn repositories(world: &World) -> Vec<ObservedRepository> {
    let mut all = Vec::new();
    for lane in lanes(world) {
        let Lane { engine, repository, .. } = lane.lane;
        let repository = ObservedRepository { engine, repository };
        if !all.contains(&repository) {
            all.push(repository);
        }
    }
    all
}

fn lanes(world: &World) -> Vec<ServiceLane> {
    let mut all = Vec::new();
    for service in world.services.values() {
        let lanes = service.file.as_ref().map(|file| &file.lanes);
        for (environment, lane) in lanes.into_iter().flat_map(Lanes::all) {
            all.push(ServiceLane {
                service: service.name.clone(),
                environment,
                lane: lane.clone(),
            });
        }
    }
    all
}

/// Ends what was observed where no lane is any more.
fn of_nobody(world: &World) -> Vec<Input> {
    let mut inputs = Vec::new();
    for service in world.services.values() {
        let Some(file) = &service.file else { continue };
        if file.lanes.staging.is_none() && !service.state.undeployed.is_empty() {
            let (service, builds) = (service.name.clone(), BTreeMap::new());
            inputs.push(Input::Undeployed { service, builds });
        }
        for deployment in service.state.open_sightings() {
            let environment = deployment.request.environment;
            let engine = deployment.seen.as_ref().and_then(|seen| seen.engine.as_ref());
            let lane = file.lanes.of(environment);
            if lane.is_none_or(|lane| Some(&lane.engine) != engine) {
                inputs.push(Input::SightingLost {
                    service: service.name.clone(),
                    deployment: deployment.id,
                    why: "nobody looks at its engine any more".to_owned(),
                });
            }
        }
    }
    inputs
}
