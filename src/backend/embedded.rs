//! The engine in this process as a backend, for one caller.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::{Answer, Backend, LONGEST_WAIT};
use crate::api::API;
use crate::calendar::FreezeWindow;
use crate::domain::caller::Caller;
use crate::domain::chain::{ChainFrom, ChainPage, RecordSpan};
use crate::domain::command::{Action, Command, Receipt};
use crate::domain::commit_location::CommitLocation;
use crate::domain::deployment::Deployment;
use crate::domain::event::Event;
use crate::domain::ids::{
    BuildNumber, CommitPrefix, DeploymentId, Environment, IdempotencyKey, Seq, ServiceName,
};
use crate::domain::log::{LogFind, LogFrom, LogPage, LogSearch};
use crate::domain::plan::Plan;
use crate::domain::snapshot::{
    BuildRow, Capabilities, Description, FleetSnapshot, ServiceSnapshot, Version,
};
use crate::engine::Handle;

/// The embedded engine for one caller.
#[derive(Clone)]
pub struct Embedded {
    engine: Handle,
    caller: Caller,
    /// Called at every request.
    on_request: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl Embedded {
    #[must_use]
    pub fn new(engine: Handle, caller: Caller) -> Self {
        Self { engine, caller, on_request: None }
    }

    /// Calls this at every request.
    #[must_use]
    pub fn on_request(self, call: impl Fn() + Send + Sync + 'static) -> Self {
        Self { on_request: Some(Arc::new(call)), ..self }
    }

    fn engine(&self) -> &Handle {
        if let Some(call) = &self.on_request {
            call();
        }
        &self.engine
    }
}

/// Waits until the engine has changed; false if the deadline comes first. A past deadline returns at once, without the
/// timer, which would take a millisecond.
async fn changed_before(changes: &mut watch::Receiver<u64>, deadline: Instant) -> bool {
    deadline > Instant::now() && matches!(timeout_at(deadline, changes.changed()).await, Ok(Ok(())))
}

fn deadline(wait: Duration) -> Instant {
    Instant::now() + wait.min(LONGEST_WAIT)
}

impl Backend for Embedded {
    async fn describe(&self) -> Answer<Description> {
        Ok(Description {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            api: API,
            backend: "embedded engine".to_owned(),
            demo: self.engine().is_demo(),
            instance: self.engine().instance().to_owned(),
            capabilities: Capabilities::ALL,
        })
    }

    async fn fleet(&self, after: Option<Version>, wait: Duration) -> Answer<Option<FleetSnapshot>> {
        let (mut changes, deadline) = (self.engine().changes(), deadline(wait));
        loop {
            if after != Some(self.engine().fleet_version()) {
                return Ok(Some(self.engine().fleet()));
            }
            if !changed_before(&mut changes, deadline).await {
                return Ok(None);
            }
        }
    }

    async fn service(
        &self,
        service: &ServiceName,
        after: Option<Version>,
        wait: Duration,
    ) -> Answer<Option<ServiceSnapshot>> {
        let (mut changes, deadline) = (self.engine().changes(), deadline(wait));
        loop {
            if after != Some(self.engine().service_version(service)?) {
                return Ok(Some(self.engine().service(service, &self.caller)?));
            }
            if !changed_before(&mut changes, deadline).await {
                return Ok(None);
            }
        }
    }

    async fn builds(
        &self,
        service: &ServiceName,
        before: Option<BuildNumber>,
        limit: usize,
    ) -> Answer<Vec<BuildRow>> {
        Ok(self.engine().builds(service, before, limit)?)
    }

    async fn history(
        &self,
        service: &ServiceName,
        environment: Environment,
        before: Option<DeploymentId>,
        limit: usize,
    ) -> Answer<Vec<Deployment>> {
        Ok(self.engine().history(service, environment, before, limit)?)
    }

    async fn freezes(
        &self,
        service: &ServiceName,
        environment: Environment,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Answer<Vec<FreezeWindow>> {
        Ok(self.engine().freezes(service, environment, from, until)?)
    }

    async fn plan(&self, service: &ServiceName, action: Action) -> Answer<Plan> {
        Ok(self.engine().plan(service, action, &self.caller).await?)
    }

    async fn commit_location(
        &self,
        service: &ServiceName,
        commit: &CommitPrefix,
    ) -> Answer<CommitLocation> {
        Ok(self.engine().commit_location(service, commit).await?)
    }

    async fn command(
        &self,
        service: &ServiceName,
        command: Command,
        key: IdempotencyKey,
    ) -> Answer<Receipt> {
        Ok(self.engine().command(service, &self.caller, command, key).await?)
    }

    async fn receipt(&self, key: &IdempotencyKey) -> Answer<Option<Receipt>> {
        Ok(self.engine().receipt(key).await?)
    }

    async fn log(
        &self,
        service: &ServiceName,
        deployment: DeploymentId,
        step: usize,
        from: LogFrom,
        limit: usize,
        wait: Duration,
    ) -> Answer<LogPage> {
        let wait = wait.min(LONGEST_WAIT);
        Ok(self.engine().log(service, deployment, step, from, limit, wait).await?)
    }

    async fn search_log(
        &self,
        service: &ServiceName,
        deployment: DeploymentId,
        step: usize,
        search: LogSearch,
    ) -> Answer<LogFind> {
        Ok(self.engine().search_log(service, deployment, step, search).await?)
    }

    async fn events(
        &self,
        service: Option<&ServiceName>,
        after: Seq,
        limit: usize,
        wait: Duration,
    ) -> Answer<Vec<Event>> {
        let (mut changes, deadline) = (self.engine().changes(), deadline(wait));
        loop {
            let events = self.engine().events(service, after, limit).await?;
            let waits = events.is_empty() && changed_before(&mut changes, deadline).await;
            if !waits {
                return Ok(events);
            }
        }
    }

    async fn chain(&self, from: ChainFrom, limit: usize) -> Answer<ChainPage> {
        Ok(self.engine().chain(from, limit).await?)
    }

    async fn span(
        &self,
        since: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    ) -> Answer<Option<RecordSpan>> {
        Ok(self.engine().span(since, until).await?)
    }
}
