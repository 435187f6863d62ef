//! What the notifier reads of the engine: the record, the services as they are known, and the end of a step's log.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

use crate::calendar::{FreezeMode, FreezeWindow};
use crate::config::notify::ServiceDestination;
use crate::domain::event::Event;
use crate::domain::ids::{DeploymentId, Environment, Seq, ServiceName};
use crate::domain::incident::IncidentPolicy;
use crate::domain::log::LogFrom;
use crate::domain::notice::DestinationName;
use crate::domain::people::People;
use crate::domain::service::ServiceState;
use crate::engine::Handle;
use crate::gate::log_rows;

/// How many bytes of a log are read for its last lines.
const TAIL: usize = 8 * 1024;

/// What is known of one service.
#[derive(Debug, Clone, Copy)]
pub struct ToldService<'a> {
    pub state: &'a ServiceState,
    pub people: &'a People,
    /// The severities of its incidents, and what is due of them.
    pub incidents: &'a IncidentPolicy,
    /// Whether its file was read.
    pub is_read: bool,
    /// Where its own file says that it is told.
    pub destinations: &'a BTreeMap<DestinationName, ServiceDestination>,
    /// The freezes by calendar that hold its production now.
    pub windows: &'a [FreezeWindow],
    /// Who in `[people]` is on call, in the order of escalation, while somebody asks for a promoter.
    pub on_call: &'a [String],
}

/// Where the notifier reads.
pub trait NoticeSource: 'static {
    /// The newest event's number.
    fn head(&self) -> impl Future<Output = Result<Seq, String>>;

    /// The events of all services after this one, oldest first.
    fn events(&self, after: Seq, limit: usize) -> impl Future<Output = Result<Vec<Event>, String>>;

    /// Reads one service. Whoever reads keeps the engine from changing it, so not for long.
    fn look<T>(&self, service: &ServiceName, read: impl FnOnce(ToldService<'_>) -> T) -> Option<T>;

    fn services(&self) -> Vec<ServiceName>;

    /// Resolves when something may have changed.
    fn changes(&self) -> watch::Receiver<u64>;

    fn now(&self) -> DateTime<Utc>;

    /// The last lines of a step's log, as many as asked for.
    fn tail(
        &self,
        service: &ServiceName,
        deployment: DeploymentId,
        step: usize,
        lines: usize,
    ) -> impl Future<Output = Vec<String>>;

    /// Shows everybody who looks at the engine what is wrong with the notifier, or that nothing is.
    fn tell(&self, what: Option<String>) -> impl Future<Output = ()>;
}

impl NoticeSource for Handle {
    async fn head(&self) -> Result<Seq, String> {
        let span = self.span(None, None).await.map_err(|why| why.to_string())?;
        Ok(span.map_or(Seq(0), |span| span.last))
    }

    async fn events(&self, after: Seq, limit: usize) -> Result<Vec<Event>, String> {
        Self::events(self, None, after, limit).await.map_err(|why| why.to_string())
    }

    fn look<T>(&self, service: &ServiceName, read: impl FnOnce(ToldService<'_>) -> T) -> Option<T> {
        let now = NoticeSource::now(self);
        let soon = now + TimeDelta::seconds(1);
        let windows = self.freezes(service, Environment::Production, now, soon).ok()?;
        let on_call = self.on_call_for_request(service);
        self.noted(service, |state, people, file| {
            let none = BTreeMap::new();
            let destinations = file.map_or(&none, |file| &file.notify);
            let usual = IncidentPolicy::default();
            let incidents = file.map_or(&usual, |file| &file.policy.incidents);
            let is_read = file.is_some();
            // Where its policy has freezes only warn, none holds it.
            let only_warns = file.is_some_and(|file| file.policy.freeze == FreezeMode::Warn);
            let windows = if only_warns { &[][..] } else { windows.as_slice() };
            let on_call = &on_call;
            read(ToldService { state, people, incidents, is_read, destinations, windows, on_call })
        })
    }

    fn services(&self) -> Vec<ServiceName> {
        self.service_names()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        Self::changes(self)
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock().now()
    }

    async fn tail(
        &self,
        service: &ServiceName,
        deployment: DeploymentId,
        step: usize,
        lines: usize,
    ) -> Vec<String> {
        let page = self.log(service, deployment, step, LogFrom::End, TAIL, Duration::ZERO).await;
        let Ok(page) = page else { return Vec::new() };
        let mut all = Vec::new();
        for line in page.lines() {
            all.extend(log_rows(&line.text).into_iter().map(|row| row.text));
        }
        all.retain(|text: &String| !text.trim().is_empty());
        all.split_off(all.len().saturating_sub(lines))
    }

    async fn tell(&self, what: Option<String>) {
        let remedy = "see: trunkline notify status";
        Self::tell(self, "notify", what, remedy).await;
    }
}
