//! Whether anybody looks at the demo: its engine ends when nobody has asked for anything for a while.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::backend::{Answer, Backend};
use crate::calendar::FreezeWindow;
use crate::domain::command::{Action, Command, Receipt};
use crate::domain::deployment::Deployment;
use crate::domain::event::Event;
use crate::domain::ids::{
    CommitPrefix, DeploymentId, Environment, IdempotencyKey, Seq, ServiceName,
};
use crate::domain::log::{LogFind, LogFrom, LogPage, LogSearch};
use crate::domain::plan::Plan;
use crate::domain::snapshot::{Description, FleetSnapshot, ServiceSnapshot, Version};
use crate::domain::whereabouts::Whereabouts;

/// Longer than a console waits for news, so that one that only watches counts as present.
const AWAY_AFTER: Duration = Duration::from_secs(30);

/// When the last question came.
#[derive(Debug, Clone)]
pub struct Presence {
    last: Arc<Mutex<Instant>>,
}

impl Presence {
    /// Somebody is there now.
    pub fn new() -> Self {
        Self { last: Arc::new(Mutex::new(Instant::now())) }
    }

    /// Somebody asked for something.
    pub fn note(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    pub fn is_watched(&self) -> bool {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.elapsed() < AWAY_AFTER
    }
}

/// A backend that notes every question.
#[derive(Debug, Clone)]
pub struct Noted<B> {
    pub backend: B,
    pub presence: Presence,
}

impl<B> Noted<B> {
    fn asked(&self) -> &B {
        self.presence.note();
        &self.backend
    }
}

impl<B: Backend> Backend for Noted<B> {
    async fn describe(&self) -> Answer<Description> {
        self.asked().describe().await
    }

    async fn fleet(&self, after: Option<Version>, wait: Duration) -> Answer<Option<FleetSnapshot>> {
        self.asked().fleet(after, wait).await
    }

    async fn service(
        &self,
        service: &ServiceName,
        after: Option<Version>,
        wait: Duration,
    ) -> Answer<Option<ServiceSnapshot>> {
        self.asked().service(service, after, wait).await
    }

    async fn history(
        &self,
        service: &ServiceName,
        environment: Environment,
        before: Option<DeploymentId>,
        limit: usize,
    ) -> Answer<Vec<Deployment>> {
        self.asked().history(service, environment, before, limit).await
    }

    async fn freezes(
        &self,
        service: &ServiceName,
        environment: Environment,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Answer<Vec<FreezeWindow>> {
        self.asked().freezes(service, environment, from, until).await
    }

    async fn plan(&self, service: &ServiceName, action: Action) -> Answer<Plan> {
        self.asked().plan(service, action).await
    }

    async fn whereabouts(
        &self,
        service: &ServiceName,
        commit: &CommitPrefix,
    ) -> Answer<Whereabouts> {
        self.asked().whereabouts(service, commit).await
    }

    async fn command(
        &self,
        service: &ServiceName,
        command: Command,
        key: IdempotencyKey,
    ) -> Answer<Receipt> {
        self.asked().command(service, command, key).await
    }

    async fn receipt(&self, key: &IdempotencyKey) -> Answer<Option<Receipt>> {
        self.asked().receipt(key).await
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
        self.asked().log(service, deployment, step, from, limit, wait).await
    }

    async fn search_log(
        &self,
        service: &ServiceName,
        deployment: DeploymentId,
        step: usize,
        search: LogSearch,
    ) -> Answer<LogFind> {
        self.asked().search_log(service, deployment, step, search).await
    }

    async fn events(
        &self,
        service: Option<&ServiceName>,
        after: Seq,
        limit: usize,
        wait: Duration,
    ) -> Answer<Vec<Event>> {
        self.asked().events(service, after, limit, wait).await
    }
}

#[cfg(test)]
mod tests {
    use super::{AWAY_AFTER, Presence};

    #[tokio::test(start_paused = true)]
    async fn a_question_counts_as_somebody_being_there_for_a_while() {
        let presence = Presence::new();
        assert!(presence.is_watched());
        tokio::time::advance(AWAY_AFTER).await;
        assert!(!presence.is_watched());
        presence.note();
        assert!(presence.is_watched());
    }
}
