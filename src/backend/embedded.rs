//! The engine in this process as a backend, for one caller.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::access::{Access, AccessEnd};
use super::{Answer, Backend, BackendError, LONGEST_WAIT};
use crate::api::API;
use crate::calendar::FreezeWindow;
use crate::domain::caller::{Caller, WhoAmI};
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
use crate::domain::stats::DeliveryStats;
use crate::domain::token::{MadeToken, NewToken, Token, TokenId, TokenRefusal};
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

    /// The engine, if this service exists for the caller.
    fn engine_of(&self, service: &ServiceName) -> Answer<&Handle> {
        let engine = self.engine();
        engine.admit(service, &self.caller)?;
        Ok(engine)
    }

    /// Refuses a caller for whom some services do not exist: the chain and its ends are of all services.
    fn reads_all(&self) -> Answer<()> {
        match &self.caller.rights.services {
            None => Ok(()),
            Some(_) => Err(BackendError::Unauthorized(
                "your access is limited to services, and the record's chain is of all; ask an admin".into(),
            )),
        }
    }

    /// The events that the caller may read, of a page of all services.
    fn within_limit(&self, events: Vec<Event>) -> Vec<Event> {
        let rights = &self.caller.rights;
        events.into_iter().filter(|event| rights.reach(&event.service)).collect()
    }

    fn engine(&self) -> &Handle {
        if let Some(call) = &self.on_request {
            call();
        }
        &self.engine
    }
}

/// Who may use an engine, and each caller's backend of it.
#[derive(Clone)]
pub struct EngineAccess {
    engine: Handle,
    on_request: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl EngineAccess {
    #[must_use]
    pub fn new(engine: Handle) -> Self {
        Self { engine, on_request: None }
    }

    /// Calls this at every request.
    #[must_use]
    pub fn on_request(self, call: impl Fn() + Send + Sync + 'static) -> Self {
        Self { on_request: Some(Arc::new(call)), ..self }
    }
}

impl Access for EngineAccess {
    type Backend = Embedded;

    fn backend_for(&self, caller: Caller) -> Embedded {
        Embedded { engine: self.engine.clone(), caller, on_request: self.on_request.clone() }
    }

    fn authenticate(&self, token: &str, peer: IpAddr) -> Result<Caller, TokenRefusal> {
        self.engine.authenticate(token, peer)
    }

    fn ended(&self, caller: &Caller) -> AccessEnd {
        Box::pin(self.engine.token_ended(caller))
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
            role: Some(self.caller.rights.role),
        })
    }

    async fn fleet(&self, after: Option<Version>, wait: Duration) -> Answer<Option<FleetSnapshot>> {
        let (mut changes, deadline) = (self.engine().changes(), deadline(wait));
        loop {
            if after != Some(self.engine().fleet_version()) {
                return Ok(Some(self.engine().fleet_within(&self.caller.rights)));
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
        let (mut changes, deadline) = (self.engine_of(service)?.changes(), deadline(wait));
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
        Ok(self.engine_of(service)?.builds(service, before, limit)?)
    }

    async fn history(
        &self,
        service: &ServiceName,
        environment: Environment,
        before: Option<DeploymentId>,
        limit: usize,
    ) -> Answer<Vec<Deployment>> {
        Ok(self.engine_of(service)?.history(service, environment, before, limit)?)
    }

    async fn freezes(
        &self,
        service: &ServiceName,
        environment: Environment,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Answer<Vec<FreezeWindow>> {
        Ok(self.engine_of(service)?.freezes(service, environment, from, until)?)
    }

    async fn stats(&self, service: &ServiceName, days: u32) -> Answer<DeliveryStats> {
        Ok(self.engine_of(service)?.stats(service, days)?)
    }

    async fn plan(&self, service: &ServiceName, action: Action) -> Answer<Plan> {
        Ok(self.engine_of(service)?.plan(service, action, &self.caller).await?)
    }

    async fn commit_location(
        &self,
        service: &ServiceName,
        commit: &CommitPrefix,
    ) -> Answer<CommitLocation> {
        Ok(self.engine_of(service)?.commit_location(service, commit).await?)
    }

    async fn command(
        &self,
        service: &ServiceName,
        command: Command,
        key: IdempotencyKey,
    ) -> Answer<Receipt> {
        Ok(self.engine_of(service)?.command(service, &self.caller, command, key).await?)
    }

    async fn receipt(&self, key: &IdempotencyKey) -> Answer<Option<Receipt>> {
        let Some(receipt) = self.engine().receipt(key).await? else { return Ok(None) };
        if self.caller.rights.services.is_none() {
            return Ok(Some(receipt));
        }
        let before = Seq(receipt.seq.0.saturating_sub(1));
        let recorded = self.engine().events(None, before, 1).await?;
        Ok((!self.within_limit(recorded).is_empty()).then_some(receipt))
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
        Ok(self.engine_of(service)?.log(service, deployment, step, from, limit, wait).await?)
    }

    async fn search_log(
        &self,
        service: &ServiceName,
        deployment: DeploymentId,
        step: usize,
        search: LogSearch,
    ) -> Answer<LogFind> {
        Ok(self.engine_of(service)?.search_log(service, deployment, step, search).await?)
    }

    async fn events(
        &self,
        service: Option<&ServiceName>,
        after: Seq,
        limit: usize,
        wait: Duration,
    ) -> Answer<Vec<Event>> {
        if let Some(service) = service {
            self.engine_of(service)?;
        }
        let (mut changes, deadline) = (self.engine().changes(), deadline(wait));
        let mut after = after;
        loop {
            let events = self.engine().events(service, after, limit).await?;
            let last = events.last().map(|event| event.seq);
            let events = self.within_limit(events);
            match last {
                // The page has only events of services that do not exist for the caller.
                Some(last) if events.is_empty() => after = last,
                _ if events.is_empty() && changed_before(&mut changes, deadline).await => {}
                _ => return Ok(events),
            }
        }
    }

    async fn chain(&self, from: ChainFrom, limit: usize) -> Answer<ChainPage> {
        self.reads_all()?;
        Ok(self.engine().chain(from, limit).await?)
    }

    async fn span(
        &self,
        since: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    ) -> Answer<Option<RecordSpan>> {
        self.reads_all()?;
        Ok(self.engine().span(since, until).await?)
    }

    async fn who_am_i(&self) -> Answer<WhoAmI> {
        self.engine();
        Ok(self.caller.who())
    }

    async fn tokens(&self) -> Answer<Vec<Token>> {
        Ok(self.engine().tokens(&self.caller)?)
    }

    async fn create_token(&self, new: NewToken) -> Answer<MadeToken> {
        Ok(self.engine().create_token(&self.caller, new).await?)
    }

    async fn revoke_token(&self, id: TokenId) -> Answer<Token> {
        Ok(self.engine().revoke_token(&self.caller, id).await?)
    }
}
