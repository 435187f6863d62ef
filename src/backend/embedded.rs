//! The engine in this process as a backend, for one caller.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::access::{Access, AccessEnd, Readiness, SendingAway, SigningBrowserIn, SigningIn};
use super::issue_desk::IssueDesk;
use super::sign_in::Provider;
use super::{Answer, Backend, BackendError, LONGEST_WAIT};
use crate::api::{API, path};
use crate::calendar::FreezeWindow;
use crate::domain::caller::{Caller, WhoAmI};
use crate::domain::chain::{ChainFrom, ChainPage, RecordSpan};
use crate::domain::command::{Action, Command, Receipt, Refusal};
use crate::domain::commit_location::CommitLocation;
use crate::domain::delivery::{DeliveryLog, DeliveryResult, WebhookForge, WebhookNews};
use crate::domain::deployment::Deployment;
use crate::domain::engine_metrics::EngineMetrics;
use crate::domain::event::Event;
use crate::domain::ids::{
    BuildNumber, CommitPrefix, DeploymentId, Environment, IdempotencyKey, IncidentId, Seq,
    ServiceName,
};
use crate::domain::incident::{IncidentReport, IncidentStanding};
use crate::domain::link::{BrowserSession, LinkRefusal, MadeLink, NewLink};
use crate::domain::log::{FilteredPage, FilteredRead, LogFind, LogFrom, LogPage, LogSearch};
use crate::domain::plan::Plan;
use crate::domain::sign_in::{ProviderAnswer, SignInOffer, SignInRefusal, SignInRequest};
use crate::domain::snapshot::{
    BuildRow, Capabilities, Description, FleetSnapshot, ServiceSnapshot, Version,
};
use crate::domain::stats::DeliveryStats;
use crate::domain::timeline::{TimelinePage, TimelineRange};
use crate::domain::token::{MadeToken, NewToken, Token, TokenId, TokenRefusal};
use crate::engine::{Handle, IssueOpener};

/// The embedded engine for one caller.
#[derive(Clone)]
pub struct Embedded {
    engine: Handle,
    caller: Caller,
    public_url: Option<Arc<str>>,
    /// Called at every request.
    on_request: Option<Arc<dyn Fn() + Send + Sync>>,
    issues: Option<Arc<IssueDesk>>,
}

impl Embedded {
    #[must_use]
    pub fn new(engine: Handle, caller: Caller) -> Self {
        Self { engine, caller, public_url: None, on_request: None, issues: None }
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
            Some(_) => Err(BackendError::NotAllowed(
                "your access is limited to services, and this is about all of them; ask an admin"
                    .into(),
            )),
        }
    }

    /// The events that the caller may read, of a page of all services.
    fn within_limit(&self, events: Vec<Event>) -> Vec<Event> {
        let rights = &self.caller.rights;
        events.into_iter().filter(|event| rights.reach(&event.service)).collect()
    }

    /// Where people reach the pages.
    fn public_url(&self) -> Answer<&str> {
        self.public_url.as_deref().ok_or_else(|| {
            let why = "this server has no address for browsers; set listen and public_url in its server.toml";
            Refusal::Policy { sentence: why.into(), findings: Vec::new() }.into()
        })
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
    public_url: Option<Arc<str>>,
    on_request: Option<Arc<dyn Fn() + Send + Sync>>,
    provider: Option<Arc<Provider>>,
    issues: Option<Arc<IssueDesk>>,
}

impl EngineAccess {
    #[must_use]
    pub fn new(engine: Handle) -> Self {
        Self { engine, public_url: None, on_request: None, provider: None, issues: None }
    }

    /// People sign in at this provider.
    #[must_use]
    pub fn trusting(self, provider: Option<Provider>) -> Self {
        Self { provider: provider.map(Arc::new), ..self }
    }

    /// Issues with drafts of postmortems are opened by this.
    #[must_use]
    pub fn opening(self, issues: impl IssueOpener + 'static) -> Self {
        Self { issues: Some(Arc::new(IssueDesk::new(issues))), ..self }
    }

    /// Where people reach the pages of this server.
    #[must_use]
    pub fn at(self, public_url: Option<String>) -> Self {
        Self { public_url: public_url.map(Arc::from), ..self }
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
        let Self { engine, public_url, on_request, issues, .. } = self.clone();
        Embedded { engine, caller, public_url, on_request, issues }
    }

    fn authenticate(&self, token: &str, peer: IpAddr) -> Result<Caller, TokenRefusal> {
        self.engine.authenticate(token, peer)
    }

    fn offer(&self) -> SignInOffer {
        SignInOffer { oidc: self.provider.as_ref().map(|provider| provider.offer()) }
    }

    fn sign_in(&self, shown: SignInRequest) -> SigningIn {
        let (engine, provider) = (self.engine.clone(), self.provider.clone());
        Box::pin(async move {
            let provider = provider.ok_or(SignInRefusal::NoProvider)?;
            let (session, digest) = provider.session(&shown.id_token, engine.now()).await?;
            engine.open_session(session, digest, shown.renews).await
        })
    }

    fn way_in(&self) -> Option<(&str, &str)> {
        self.public_url.as_deref().zip(self.provider.as_deref().map(Provider::issuer))
    }

    fn send_to_provider(&self) -> SendingAway {
        let (public_url, provider) = (self.public_url.clone(), self.provider.clone());
        Box::pin(async move {
            let (url, provider) = public_url.zip(provider).ok_or(SignInRefusal::NoProvider)?;
            provider.send_away(&url).await
        })
    }

    fn sign_browser_in(&self, answer: ProviderAnswer) -> SigningBrowserIn {
        let Self { engine, public_url, provider, .. } = self.clone();
        Box::pin(async move {
            let (url, provider) = public_url.zip(provider).ok_or(SignInRefusal::NoProvider)?;
            let (session, digest) = provider.browser_session(&answer, &url, engine.now()).await?;
            let (token, text, expires) = engine.sign_in_at_provider(session, digest).await?;
            Ok((token, BrowserSession { text, expires, secure: is_over_tls(Some(&url)) }))
        })
    }

    fn of_link(
        &self,
        link: &str,
        service: &ServiceName,
        deployment: DeploymentId,
    ) -> Result<Caller, LinkRefusal> {
        self.engine.of_link(link, service, deployment)
    }

    fn of_browser(&self, session: &str) -> Result<Caller, LinkRefusal> {
        self.engine.of_browser(session)
    }

    fn shows_pages_over_tls(&self) -> bool {
        is_over_tls(self.public_url.as_deref())
    }

    fn ended(&self, caller: &Caller) -> AccessEnd {
        Box::pin(self.engine.token_ended(caller))
    }

    fn take_webhook(&self, news: WebhookNews) -> DeliveryResult {
        self.engine.take_webhook(news)
    }

    fn note_delivery(&self, forge: WebhookForge, result: DeliveryResult) {
        self.engine.note_delivery(forge, result);
    }

    fn ready(&self) -> Readiness {
        let engine = self.engine.clone();
        Box::pin(async move { engine.ready().await })
    }

    fn metrics(&self) -> Option<EngineMetrics> {
        Some(self.engine.metrics())
    }
}

/// Whether browsers reach this address over TLS alone.
fn is_over_tls(public_url: Option<&str>) -> bool {
    public_url.is_some_and(|url| url.starts_with("https:"))
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
            public_url: self.public_url.as_deref().map(str::to_owned),
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
        let engine = self.engine_of(service)?;
        // Whoever only looks once does not have it open.
        let _here = (!wait.is_zero()).then(|| engine.waits(service, &self.caller));
        let (mut changes, deadline) = (engine.changes(), deadline(wait));
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

    async fn incidents(
        &self,
        service: &ServiceName,
        before: Option<IncidentId>,
        limit: usize,
    ) -> Answer<Vec<IncidentStanding>> {
        Ok(self.engine_of(service)?.incidents(service, before, limit)?)
    }

    async fn incident(&self, service: &ServiceName, id: IncidentId) -> Answer<IncidentReport> {
        Ok(self.engine_of(service)?.incident(service, id, &self.caller).await?)
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
        let engine = self.engine_of(service)?;
        match (&command, &self.issues) {
            (Command::OpenPostmortemIssue { place: Some(_), .. }, _) => {
                let why = "only the engine says where the issue is: leave out its place";
                Err(Refusal::invalid(why).into())
            }
            (Command::OpenPostmortemIssue { incident, .. }, Some(issues)) => {
                let (engine, caller) = (engine.clone(), self.caller.clone());
                issues.clone().open((engine, caller), (service.clone(), *incident), key).await
            }
            _ => Ok(engine.command(service, &self.caller, command, key).await?),
        }
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

    async fn filter_log(
        &self,
        service: &ServiceName,
        deployment: DeploymentId,
        step: usize,
        read: FilteredRead,
        wait: Duration,
    ) -> Answer<FilteredPage> {
        Ok(self.engine_of(service)?.filter_log(service, deployment, step, read, wait).await?)
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

    async fn timeline(
        &self,
        range: TimelineRange,
        after: Option<Version>,
        wait: Duration,
    ) -> Answer<Option<TimelinePage>> {
        let (mut changes, deadline) = (self.engine().changes(), deadline(wait));
        loop {
            if after != Some(self.engine().timeline_version()) {
                return Ok(Some(self.engine().timeline(&self.caller.rights, range).await?));
            }
            if !changed_before(&mut changes, deadline).await {
                return Ok(None);
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

    async fn deliveries(&self) -> Answer<DeliveryLog> {
        self.reads_all()?;
        Ok(self.engine().deliveries())
    }

    async fn metrics(&self) -> Answer<EngineMetrics> {
        self.reads_all()?;
        Ok(self.engine().metrics())
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

    async fn link_run(
        &self,
        service: &ServiceName,
        deployment: DeploymentId,
        NewLink { expires }: NewLink,
    ) -> Answer<MadeLink> {
        let address = self.public_url()?;
        let engine = self.engine_of(service)?;
        let (link, expires) = engine.link_run(&self.caller, service, deployment, expires)?;
        let page = path::run_page(service, deployment);
        Ok(MadeLink { url: format!("{address}{page}?link={link}"), expires })
    }

    async fn sign_in_link(&self) -> Answer<MadeLink> {
        let address = self.public_url()?;
        let (code, expires) = self.engine().begin_sign_in(&self.caller)?;
        Ok(MadeLink { url: format!("{address}{}?code={code}", path::SIGN_IN_PAGE), expires })
    }

    fn who_signs_in(&self, code: &str) -> Result<String, LinkRefusal> {
        self.engine().who_signs_in(code)
    }

    fn sign_in(&self, code: &str) -> Result<BrowserSession, LinkRefusal> {
        let (text, expires) = self.engine().sign_in(code)?;
        let secure = is_over_tls(self.public_url.as_deref());
        Ok(BrowserSession { text, expires, secure })
    }
}
