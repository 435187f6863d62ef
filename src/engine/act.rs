//! Acting on decisions: each is started once, in the background, and reports back through the one channel.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime;

use super::checkouts;
use super::decide::Decision;
use super::gather;
use super::run::RunFolder;
use super::shared::Shared;
use super::steps;
use super::writer::Input;
use crate::domain::ids::{DeploymentId, ServiceName, Sha};

/// How long until a pipeline that could not be used is looked at again.
const UNREADABLE: Duration = Duration::from_secs(5);

/// What is under way in this process. It starts empty after a restart, and the record says what to take up again.
pub(super) struct Acts {
    shared: Arc<Shared>,
    runtime: runtime::Handle,
    preparing: HashSet<DeploymentId>,
    attending: HashSet<(DeploymentId, usize)>,
    stopping: HashSet<(DeploymentId, usize)>,
    loading: HashSet<Sha>,
}

impl Acts {
    pub fn new(shared: Arc<Shared>, runtime: runtime::Handle) -> Self {
        let (preparing, attending) = (HashSet::new(), HashSet::new());
        let (stopping, loading) = (HashSet::new(), HashSet::new());
        Self { shared, runtime, preparing, attending, stopping, loading }
    }

    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(work);
    }

    pub fn perform(&mut self, service: &ServiceName, decision: &Decision) {
        match decision {
            Decision::Record(_) => {}
            Decision::Prepare(id) => {
                if self.preparing.insert(*id) {
                    self.prepare(service, *id);
                }
            }
            Decision::Attend(id, step) => {
                if self.attending.insert((*id, *step)) {
                    self.attend(service, *id, *step);
                }
            }
            Decision::Stop(id, step) => {
                if self.stopping.insert((*id, *step)) {
                    let run = RunFolder::of(&self.shared.folders.runs, *id, *step);
                    self.spawn(async move { steps::stop(&run).await });
                }
            }
            Decision::LoadPipeline(sha) => {
                if self.loading.insert(sha.clone()) {
                    self.load_pipeline(service, sha);
                }
            }
        }
    }

    pub fn prepared(&mut self, id: DeploymentId) {
        self.preparing.remove(&id);
    }

    pub fn step_ended(&mut self, id: DeploymentId, step: usize) {
        self.attending.remove(&(id, step));
        self.stopping.remove(&(id, step));
    }

    pub fn pipeline_read(&mut self, sha: &Sha) {
        self.loading.remove(sha);
    }

    fn prepare(&self, service: &ServiceName, id: DeploymentId) {
        let (shared, service) = (self.shared.clone(), service.clone());
        self.spawn(async move {
            let result = checkouts::prepare(&shared, &service, id).await;
            let input = Input::Prepared { service, deployment: id, result };
            let _stopped = shared.inputs.send(input).await;
        });
    }

    fn attend(&self, service: &ServiceName, id: DeploymentId, step: usize) {
        let (shared, service) = (self.shared.clone(), service.clone());
        self.spawn(async move {
            let status = steps::attend(&shared, &service, id, step).await;
            let input = Input::StepEnded { service, deployment: id, step, status };
            let _stopped = shared.inputs.send(input).await;
        });
    }

    fn load_pipeline(&self, service: &ServiceName, sha: &Sha) {
        let (shared, service, sha) = (self.shared.clone(), service.clone(), sha.clone());
        self.spawn(async move {
            if let Err(why) = gather::load_pipeline(&shared, &service, &sha).await {
                tracing::warn!(%service, %sha, why, "a build's pipeline cannot be used");
                // What could not be read is asked for again as soon as this is told.
                tokio::time::sleep(UNREADABLE).await;
            }
            let _stopped = shared.inputs.send(Input::PipelineRead { service, sha }).await;
        });
    }

    /// Removes the checkouts that nobody needs any more.
    pub fn tidy(&self, service: &ServiceName) {
        let (shared, service) = (self.shared.clone(), service.clone());
        self.runtime.spawn_blocking(move || checkouts::tidy(&shared, &service));
    }
}
