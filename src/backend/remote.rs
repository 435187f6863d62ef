//! A trunkline server as a backend, over HTTP on a unix socket, or over the network with a token.

mod budget;
mod call;
mod server;
mod verdict;

use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, IF_NONE_MATCH};
use reqwest::{Client, Method, StatusCode};

use self::budget::Budget;
use self::call::{Call, Reply};
use self::server::Server;
pub use self::server::{RenewToken, ServerAddress};
use super::{Answer, Backend, BackendError, LONGEST_ANSWER};
use crate::api::page::{
    BuildPage, DeploymentPage, EventPage, FreezePage, IncidentPage, SpanPage, TokenPage,
};
use crate::api::query::{
    BuildsQuery, ChainQuery, DeploymentsQuery, EventsQuery, FreezesQuery, IncidentsQuery,
    LogFilterQuery, LogQuery, LogSearchQuery, PlanQuery, SnapshotQuery, SpanQuery, StatsQuery,
    TimelineQuery,
};
use crate::api::{KEY_HEADER, LOG_ENDED, LOG_NEXT, LOG_SIZE, LOG_START, path};
use crate::calendar::FreezeWindow;
use crate::domain::caller::WhoAmI;
use crate::domain::chain::{ChainFrom, ChainPage, RecordSpan};
use crate::domain::command::{Action, Command, Receipt};
use crate::domain::commit_location::CommitLocation;
use crate::domain::delivery::DeliveryLog;
use crate::domain::deployment::Deployment;
use crate::domain::event::Event;
use crate::domain::ids::{
    BuildNumber, CommitPrefix, DeploymentId, Environment, IdempotencyKey, IncidentId, Seq,
    ServiceName,
};
use crate::domain::incident::{IncidentReport, IncidentStanding};
use crate::domain::link::{MadeLink, NewLink};
use crate::domain::log::{FilteredPage, FilteredRead, LogFind, LogFrom, LogPage, LogSearch};
use crate::domain::plan::Plan;
use crate::domain::sign_in::{SignInOffer, SignInRequest};
use crate::domain::snapshot::{BuildRow, Description, FleetSnapshot, ServiceSnapshot, Version};
use crate::domain::stats::DeliveryStats;
use crate::domain::timeline::{TimelinePage, TimelineRange};
use crate::domain::token::{MadeToken, NewToken, Token, TokenId};

/// How long it may take to connect.
const CONNECT: Duration = Duration::from_secs(2);
/// How long an idle connection is kept: shorter than the server keeps it, so that no command is sent into a closing one.
const IDLE: Duration = Duration::from_secs(15);

/// A server. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Remote {
    client: Client,
    server: Arc<Server>,
    reviver: Option<Reviver>,
    budget: Arc<Budget>,
}

/// Starts the server again if it does not answer. It limits its own time.
#[derive(Clone)]
struct Reviver(Arc<dyn Fn(Urgency) -> Reviving + Send + Sync>);

type Reviving = Pin<Box<dyn Future<Output = Revival> + Send>>;

/// Why the server is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// For a screen that is kept up to date.
    Watched,
    /// A person asked for a plan or sent a command.
    Pressed,
}

/// What became of a server that did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revival {
    /// It answers again.
    Up,
    /// Somebody stopped it, so it was not started.
    Stopped,
    /// It could not be started, and why.
    Failed(String),
}

impl fmt::Debug for Reviver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reviver")
    }
}

impl Remote {
    /// The server at this socket. It connects at the first request.
    #[must_use]
    pub fn over(socket: PathBuf) -> Self {
        Self::of(Server::at_socket(socket))
    }

    /// The server at this address. It connects at the first request.
    ///
    /// # Errors
    /// When the trusted certificates cannot be used.
    pub fn at(address: ServerAddress) -> Result<Self, String> {
        Server::at_address(address).map(Self::of)
    }

    /// The server at this address, for somebody who has not signed in yet.
    ///
    /// # Errors
    /// When the trusted certificates cannot be used.
    pub fn at_entrance(url: String, ca: Option<Vec<u8>>) -> Result<Self, String> {
        Server::at_entrance(url, ca).map(Self::of)
    }

    /// How to sign in there.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn offer(&self) -> Answer<SignInOffer> {
        match self.get(path::LOGIN).answer().await {
            // A server from before there was another way.
            Err(BackendError::Unauthorized(_)) => Ok(SignInOffer::default()),
            answered => answered?.json(),
        }
    }

    /// Signs in.
    ///
    /// # Errors
    /// When the server refuses, or its answer got lost: then there may be a session that nobody has.
    pub async fn sign_in(&self, shown: &SignInRequest) -> Answer<MadeToken> {
        let call = Call::new(self, Method::POST, path::LOGIN).waits(LONGEST_ANSWER).pressed();
        let reply = call.body(shown).answer().await?;
        reply.json().map_err(|error| BackendError::Unknown(error.to_string()))
    }

    /// The engine of another user of this machine, at the socket of a group.
    #[must_use]
    pub fn of_group(socket: PathBuf) -> Self {
        let (client, _) = Server::at_socket(socket.clone());
        Self::of((client, Server::OfGroup(socket)))
    }

    fn of((client, server): (Client, Server)) -> Self {
        Self { client, server: Arc::new(server), reviver: None, budget: Arc::default() }
    }

    /// If the connection to the socket fails, this runs before the request is sent once more.
    #[must_use]
    pub fn revived_by<F>(self, revive: impl Fn(Urgency) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Revival> + Send + 'static,
    {
        Self { reviver: Some(Reviver(Arc::new(move |why| Box::pin(revive(why))))), ..self }
    }

    fn get(&self, path: &str) -> Call<'_> {
        Call::new(self, Method::GET, path)
    }

    /// A snapshot, or `None` if its version is still `after`.
    async fn snapshot(
        &self,
        path: &str,
        after: Option<Version>,
        wait: Duration,
    ) -> Answer<Option<Reply>> {
        let call = self.get(path).query(&SnapshotQuery { wait: wait.into() }).waits(wait);
        changed_since(call, after).await
    }
}

/// The answer, or `None` if its version is still `after`.
async fn changed_since(mut call: Call<'_>, after: Option<Version>) -> Answer<Option<Reply>> {
    if let Some(Version(version)) = after {
        call = call.header(IF_NONE_MATCH, &format!("\"{version}\""));
    }
    let reply = call.answer().await?;
    Ok((reply.status != StatusCode::NOT_MODIFIED).then_some(reply))
}

/// How long the engine may take to make a plan. A rollback hardly waits for git; a promote or a retry has the
/// longest time of any answer.
fn planning_time(action: Action) -> Duration {
    match action {
        Action::Promote { .. } | Action::Retry { .. } => LONGEST_ANSWER,
        Action::Rollback { .. } | Action::RollbackByTrunk { .. } => Duration::ZERO,
    }
}

impl Backend for Remote {
    async fn describe(&self) -> Answer<Description> {
        self.get(path::DESCRIBE).answer().await?.json()
    }

    async fn fleet(&self, after: Option<Version>, wait: Duration) -> Answer<Option<FleetSnapshot>> {
        self.snapshot(path::FLEET, after, wait).await?.map(|reply| reply.json()).transpose()
    }

    async fn service(
        &self,
        service: &ServiceName,
        after: Option<Version>,
        wait: Duration,
    ) -> Answer<Option<ServiceSnapshot>> {
        let reply = self.snapshot(&path::service(service), after, wait).await?;
        reply.map(|reply| reply.json()).transpose()
    }

    async fn builds(
        &self,
        service: &ServiceName,
        before: Option<BuildNumber>,
        limit: usize,
    ) -> Answer<Vec<BuildRow>> {
        let query = BuildsQuery { before, limit: Some(limit) };
        let reply = self.get(&path::builds(service)).query(&query).answer().await?;
        Ok(reply.json::<BuildPage>()?.builds)
    }

    async fn history(
        &self,
        service: &ServiceName,
        environment: Environment,
        before: Option<DeploymentId>,
        limit: usize,
    ) -> Answer<Vec<Deployment>> {
        let query = DeploymentsQuery { environment, before, limit: Some(limit) };
        let reply = self.get(&path::deployments(service)).query(&query).answer().await?;
        Ok(reply.json::<DeploymentPage>()?.deployments)
    }

    async fn incidents(
        &self,
        service: &ServiceName,
        before: Option<IncidentId>,
        limit: usize,
    ) -> Answer<Vec<IncidentStanding>> {
        let query = IncidentsQuery { before, limit: Some(limit) };
        let reply = self.get(&path::incidents(service)).query(&query).answer().await?;
        Ok(reply.json::<IncidentPage>()?.incidents)
    }

    async fn incident(&self, service: &ServiceName, id: IncidentId) -> Answer<IncidentReport> {
        self.get(&path::incident(service, id)).answer().await?.json()
    }

    async fn freezes(
        &self,
        service: &ServiceName,
        environment: Environment,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Answer<Vec<FreezeWindow>> {
        let query = FreezesQuery { environment, from, until };
        let reply = self.get(&path::freezes(service)).query(&query).answer().await?;
        Ok(reply.json::<FreezePage>()?.windows)
    }

    async fn stats(&self, service: &ServiceName, days: u32) -> Answer<DeliveryStats> {
        let query = StatsQuery { days: Some(days) };
        self.get(&path::stats(service)).query(&query).answer().await?.json()
    }

    async fn plan(&self, service: &ServiceName, action: Action) -> Answer<Plan> {
        let call = self.get(&path::plan(service)).waits(planning_time(action)).pressed();
        call.query(&PlanQuery::from(action)).answer().await?.json()
    }

    async fn commit_location(
        &self,
        service: &ServiceName,
        commit: &CommitPrefix,
    ) -> Answer<CommitLocation> {
        self.get(&path::commit(service, commit)).answer().await?.json()
    }

    async fn command(
        &self,
        service: &ServiceName,
        command: Command,
        key: IdempotencyKey,
    ) -> Answer<Receipt> {
        let wait = match &command {
            Command::Execute { action, .. } => planning_time(*action),
            Command::Ask { build, .. } => planning_time(Action::Promote { build: *build }),
            // The engine fetches the trunk, or asks git about the whole history.
            Command::BuildTip {} | Command::Adopt { .. } | Command::OpenPostmortemIssue { .. } => {
                LONGEST_ANSWER
            }
            _ => Duration::ZERO,
        };
        let reply = Call::new(self, Method::POST, &path::commands(service))
            .waits(wait)
            .pressed()
            .header(KEY_HEADER, key.as_str())
            .body(&command)
            .answer()
            .await?;
        // An answer with this status means that the command was recorded, even if the receipt is unreadable.
        reply.json().map_err(|error| BackendError::Unknown(error.to_string()))
    }

    async fn receipt(&self, key: &IdempotencyKey) -> Answer<Option<Receipt>> {
        let reply = self.get(&path::receipt(key)).or_never_recorded().answer().await?;
        if reply.status == StatusCode::NOT_FOUND { Ok(None) } else { reply.json().map(Some) }
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
        let call = self.get(&path::log(service, deployment, step)).waits(wait);
        let reply = call.query(&LogQuery::new(from, limit, wait)).answer().await?;
        let cursor = |name| number(&reply.headers, name);
        Ok(LogPage {
            start: cursor(LOG_START)?,
            next: cursor(LOG_NEXT)?,
            size: cursor(LOG_SIZE)?,
            ended: reply.headers.get(LOG_ENDED).is_some_and(|ended| ended == "true"),
            bytes: reply.bytes,
        })
    }

    async fn search_log(
        &self,
        service: &ServiceName,
        deployment: DeploymentId,
        step: usize,
        search: LogSearch,
    ) -> Answer<LogFind> {
        let call = self.get(&path::log_search(service, deployment, step));
        call.query(&LogSearchQuery::from(search)).answer().await?.json()
    }

    async fn filter_log(
        &self,
        service: &ServiceName,
        deployment: DeploymentId,
        step: usize,
        read: FilteredRead,
        wait: Duration,
    ) -> Answer<FilteredPage> {
        let call = self.get(&path::log_filter(service, deployment, step)).waits(wait);
        call.query(&LogFilterQuery::new(read, wait)).answer().await?.json()
    }

    async fn events(
        &self,
        service: Option<&ServiceName>,
        after: Seq,
        limit: usize,
        wait: Duration,
    ) -> Answer<Vec<Event>> {
        let (service, limit) = (service.cloned(), Some(limit));
        let query = EventsQuery { service, after, limit, wait: wait.into() };
        let reply = self.get(path::EVENTS).query(&query).waits(wait).answer().await?;
        Ok(reply.json::<EventPage>()?.events)
    }

    async fn timeline(
        &self,
        range: TimelineRange,
        after: Option<Version>,
        wait: Duration,
    ) -> Answer<Option<TimelinePage>> {
        let call = self.get(path::TIMELINE).query(&TimelineQuery::new(range, wait)).waits(wait);
        let reply = changed_since(call, after).await?;
        reply.map(|reply| reply.json()).transpose()
    }

    async fn chain(&self, from: ChainFrom, limit: usize) -> Answer<ChainPage> {
        self.get(path::CHAIN).query(&ChainQuery::new(from, limit)).answer().await?.json()
    }

    async fn span(
        &self,
        since: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    ) -> Answer<Option<RecordSpan>> {
        let reply = self.get(path::SPAN).query(&SpanQuery { since, until }).answer().await?;
        Ok(reply.json::<SpanPage>()?.span)
    }

    async fn who_am_i(&self) -> Answer<WhoAmI> {
        self.get(path::WHO_AM_I).answer().await?.json()
    }

    async fn deliveries(&self) -> Answer<DeliveryLog> {
        self.get(path::WEBHOOKS).answer().await?.json()
    }

    async fn tokens(&self) -> Answer<Vec<Token>> {
        Ok(self.get(path::TOKENS).answer().await?.json::<TokenPage>()?.tokens)
    }

    async fn create_token(&self, new: NewToken) -> Answer<MadeToken> {
        let call = Call::new(self, Method::POST, path::TOKENS).pressed().body(&new);
        let reply = call.answer().await?;
        reply.json().map_err(|error| BackendError::Unknown(error.to_string()))
    }

    async fn revoke_token(&self, id: TokenId) -> Answer<Token> {
        let reply = Call::new(self, Method::DELETE, &path::token(id)).pressed().answer().await?;
        reply.json().map_err(|error| BackendError::Unknown(error.to_string()))
    }

    async fn link_run(
        &self,
        service: &ServiceName,
        deployment: DeploymentId,
        new: NewLink,
    ) -> Answer<MadeLink> {
        let path = path::link(service, deployment);
        Call::new(self, Method::POST, &path).pressed().body(&new).answer().await?.json()
    }

    async fn sign_in_link(&self) -> Answer<MadeLink> {
        Call::new(self, Method::POST, path::BROWSER).pressed().answer().await?.json()
    }
}

fn number(headers: &HeaderMap, name: &str) -> Answer<u64> {
    let value = headers.get(name).and_then(|value| value.to_str().ok()?.parse().ok());
    value.ok_or_else(|| BackendError::Failed(format!("the answer has no header {name:?}")))
}
