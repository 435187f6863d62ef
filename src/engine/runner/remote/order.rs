//! What another engine is asked to do, and the permit to ask it.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::domain::deployment::Deployment;
use crate::domain::event::DeploymentKind;
use crate::domain::ids::{Environment, ServiceName, Sha};
use crate::domain::remote::{RemoteJob, RunKey, RunRef, Waits, filled};
use crate::domain::service::ServiceState;
use crate::engine::runner::RunId;

/// Proof that this process has just recorded that the step goes out. A restart leaves none.
#[derive(Debug)]
pub struct SendPermit(RunId);

impl SendPermit {
    /// Only the writer makes one, when it has recorded it.
    pub(in crate::engine) fn recorded(run: RunId) -> Self {
        Self(run)
    }

    #[must_use]
    pub fn run(&self) -> RunId {
        self.0
    }
}

/// One step of one deployment, as another engine is asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub run: RunId,
    pub key: RunKey,
    pub job: RemoteJob,
    /// The inputs, with the values of their placeholders.
    pub inputs: BTreeMap<String, String>,
    pub service: ServiceName,
    pub environment: Environment,
    pub build: u64,
    pub sha: Sha,
    pub previous_sha: Option<Sha>,
    pub kind: DeploymentKind,
    pub by: String,
    /// The identity of whoever asked, where the step acts in their name.
    pub presser: Option<String>,
    /// How often it was recorded that it goes out, and when first.
    pub times: u32,
    pub first_sent_at: DateTime<Utc>,
    /// When it was recorded that it goes out.
    pub sent_at: DateTime<Utc>,
    /// The run, if it is known.
    pub found: Option<RunRef>,
    /// What it was last seen to wait for, and when that began or ended.
    pub waits: Option<Waits>,
    pub waits_at: Option<DateTime<Utc>>,
    /// How long it may run.
    pub timeout: Duration,
}

impl Order {
    /// The order of a recorded step that runs and was sent. `None` if the record has no such step.
    #[must_use]
    pub fn of(service: &ServiceName, deployment: &Deployment, step: usize) -> Option<Self> {
        deployment.runs_step(step).then(|| Self::sent(service, deployment, step))?
    }

    /// The order of a recorded step that was sent and given up, unless its run turned up and has ended.
    #[must_use]
    pub fn given_up(service: &ServiceName, state: &ServiceState, run: RunId) -> Option<Self> {
        let RunId { deployment, step } = run;
        let of = state.deployments.get(&deployment)?;
        let late = of.sent(step)?.late.and_then(|late| state.deployments.get(&late));
        let is_over = late.is_some_and(|late| !late.is_open());
        (!is_over).then(|| Self::sent(service, of, step))?
    }

    fn sent(service: &ServiceName, deployment: &Deployment, step: usize) -> Option<Self> {
        let request = &deployment.request;
        let spec = request.steps.get(step)?;
        let (job, sent) = (spec.remote()?, deployment.sent(step)?);
        let mut order = Self {
            run: RunId { deployment: deployment.id, step },
            key: sent.key.clone(),
            job: job.clone(),
            inputs: BTreeMap::new(),
            service: service.clone(),
            environment: request.environment,
            build: request.build.0,
            sha: request.sha.clone(),
            previous_sha: request.previous_sha.clone(),
            kind: request.kind,
            by: deployment.by.to_string(),
            presser: request.presser.clone(),
            times: sent.times,
            first_sent_at: sent.since,
            sent_at: sent.at,
            found: sent.run.clone(),
            waits: sent.waits.clone(),
            waits_at: sent.waits_at,
            timeout: spec.timeout,
        };
        let values = job.inputs.iter();
        let values = values.map(|(name, text)| (name.clone(), filled(text, |p| order.value(p))));
        order.inputs = values.collect();
        Some(order)
    }

    /// The value of a placeholder. The service file has no others than these.
    pub(super) fn value(&self, placeholder: &str) -> String {
        match placeholder {
            "sha" => self.sha.to_string(),
            "short_sha" => self.sha.short().to_owned(),
            "build" => self.build.to_string(),
            "previous_sha" => self.previous_sha.as_ref().map(Sha::to_string).unwrap_or_default(),
            "kind" => self.kind.to_string(),
            "environment" => self.environment.to_string(),
            "service" => self.service.to_string(),
            "deployment" => self.run.deployment.to_string(),
            "actor" => self.by.clone(),
            "run" => self.key.to_string(),
            _ => String::new(),
        }
    }
}
