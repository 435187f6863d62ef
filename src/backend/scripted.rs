//! A backend in memory that changes only when a test says so: for tests of the console and of the backend contract.

mod command;
mod incidents;
mod log;
mod story;
mod timeline;
mod world;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

pub use self::world::{PUBLIC_URL, SERVICE, ScriptedService, ScriptedWorld};
use super::{Answer, Backend, BackendError};
use crate::api::{API, VERSION};
use crate::calendar::FreezeWindow;
use crate::domain::caller::{Caller, WhoAmI};
use crate::domain::chain::{ChainFrom, ChainPage, RecordSpan};
use crate::domain::command::{Action, Command, Receipt, Refusal};
use crate::domain::commit_location::CommitLocation;
use crate::domain::deployment::Deployment;
use crate::domain::event::Event;
use crate::domain::ids::{
    BuildNumber, CommitPrefix, DeploymentId, Environment, IdempotencyKey, IncidentId, Seq,
    ServiceName,
};
use crate::domain::incident::{IncidentReport, IncidentStanding};
use crate::domain::log::{FilteredPage, FilteredRead, LogFind, LogFrom, LogPage, LogSearch};
use crate::domain::plan::Plan;
use crate::domain::snapshot::{
    BuildRow, Capabilities, Description, FleetSnapshot, ServiceSnapshot, Version,
};
use crate::domain::stats::DeliveryStats;
use crate::domain::timeline::{TimelinePage, TimelineRange};

/// The scripted backend as one caller sees it. Clones share one world.
#[derive(Debug, Clone)]
pub struct Scripted {
    shared: Arc<SharedWorld>,
    caller: Caller,
}

#[derive(Debug)]
struct SharedWorld {
    world: Mutex<ScriptedWorld>,
    changed: watch::Sender<()>,
}

/// A fault that a test injects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Every request fails until [`Scripted::heal`].
    Unreachable,
    /// Every request is refused until [`Scripted::heal`], as of somebody who is not signed in or has no role any more.
    SignedOut(BackendError),
    /// Every answer takes this long until [`Scripted::heal`].
    Slow(Duration),
    /// The next command is recorded and its answer is lost.
    LostAnswer,
    /// The next command is refused.
    Refuse(Refusal),
}

impl Scripted {
    /// A world with one service, [`SERVICE`], at the instant `now`, for the login `sam`.
    #[must_use]
    pub fn new(now: DateTime<Utc>) -> Self {
        let shared = SharedWorld {
            world: Mutex::new(ScriptedWorld::new(now)),
            changed: watch::channel(()).0,
        };
        Self { shared: Arc::new(shared), caller: Caller::in_process("sam") }
    }

    /// The same world for another login.
    #[must_use]
    pub fn seen_by(&self, login: &str) -> Self {
        self.called_by(Caller::in_process(login))
    }

    /// The same world for this caller.
    #[must_use]
    pub fn called_by(&self, caller: Caller) -> Self {
        Self { shared: self.shared.clone(), caller }
    }

    /// Changes the world and wakes all waiting callers.
    pub fn change<T>(&self, change: impl FnOnce(&mut ScriptedWorld) -> T) -> T {
        let changed = change(&mut self.world());
        self.shared.changed.send_replace(());
        changed
    }

    /// Injects a fault.
    pub fn fault(&self, fault: Fault) {
        self.change(|world| world.faults.push(fault));
    }

    /// Ends all faults.
    pub fn heal(&self) {
        self.change(|world| world.faults.clear());
    }

    /// How many callers wait for a change. A test can wait for them before it changes something.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.changed.receiver_count()
    }

    fn world(&self) -> MutexGuard<'_, ScriptedWorld> {
        self.shared.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails or waits as the injected faults say.
    async fn answer(&self) -> Answer<()> {
        let slow = {
            let world = self.world();
            if world.faults.contains(&Fault::Unreachable) {
                return Err(BackendError::Unreachable("the engine does not answer".into()));
            }
            let signed_out = world.faults.iter().find_map(|fault| match fault {
                Fault::SignedOut(why) => Some(why.clone()),
                _ => None,
            });
            if let Some(why) = signed_out {
                return Err(why);
            }
            world.faults.iter().find_map(|fault| match fault {
                Fault::Slow(time) => Some(*time),
                _ => None,
            })
        };
        if let Some(time) = slow {
            tokio::time::sleep(time).await;
        }
        Ok(())
    }

    /// Calls `look` after every change until it returns something, at most for `wait`.
    async fn until<T>(
        &self,
        wait: Duration,
        look: impl Fn(&ScriptedWorld) -> Result<Option<T>, Refusal>,
    ) -> Answer<Option<T>> {
        self.answer().await?;
        let mut changes = self.shared.changed.subscribe();
        let deadline = Instant::now() + wait;
        loop {
            if let Some(seen) = look(&self.world())? {
                return Ok(Some(seen));
            }
            let Ok(Ok(())) = timeout_at(deadline, changes.changed()).await else {
                return Ok(None);
            };
        }
    }

    /// Takes the fault for the next command.
    fn command_fault(&self) -> Option<Fault> {
        let faults = &mut self.world().faults;
        let is_for_commands = |fault: &Fault| matches!(fault, Fault::LostAnswer | Fault::Refuse(_));
        let at = faults.iter().position(is_for_commands)?;
        Some(faults.remove(at))
    }
}

impl Backend for Scripted {
    async fn describe(&self) -> Answer<Description> {
        self.answer().await?;
        Ok(Description {
            version: VERSION.to_owned(),
            api: API,
            backend: "scripted".to_owned(),
            demo: false,
            instance: "scripted".to_owned(),
            capabilities: Capabilities::ALL,
            role: Some(self.caller.rights.role),
            public_url: Some(PUBLIC_URL.to_owned()),
        })
    }

    async fn fleet(&self, after: Option<Version>, wait: Duration) -> Answer<Option<FleetSnapshot>> {
        self.until(wait, |world| {
            let moved = after.as_ref() != Some(&world.version());
            Ok(moved.then(|| world.fleet()))
        })
        .await
    }

    async fn service(
        &self,
        service: &ServiceName,
        after: Option<Version>,
        wait: Duration,
    ) -> Answer<Option<ServiceSnapshot>> {
        self.until(wait, |world| {
            let moved = after.as_ref() != Some(&world.version());
            world.snapshot(service, &self.caller).map(|snapshot| moved.then_some(snapshot))
        })
        .await
    }

    async fn builds(
        &self,
        service: &ServiceName,
        before: Option<BuildNumber>,
        limit: usize,
    ) -> Answer<Vec<BuildRow>> {
        self.answer().await?;
        Ok(self.world().builds(service, before, limit)?)
    }

    async fn history(
        &self,
        service: &ServiceName,
        environment: Environment,
        before: Option<DeploymentId>,
        limit: usize,
    ) -> Answer<Vec<Deployment>> {
        self.answer().await?;
        Ok(self.world().history(service, environment, before, limit)?)
    }

    async fn incidents(
        &self,
        service: &ServiceName,
        before: Option<IncidentId>,
        limit: usize,
    ) -> Answer<Vec<IncidentStanding>> {
        self.answer().await?;
        Ok(self.world().incidents(service, before, limit)?)
    }

    async fn incident(&self, service: &ServiceName, id: IncidentId) -> Answer<IncidentReport> {
        self.answer().await?;
        Ok(self.world().incident(service, id)?)
    }

    async fn freezes(
        &self,
        service: &ServiceName,
        environment: Environment,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Answer<Vec<FreezeWindow>> {
        self.answer().await?;
        Ok(self.world().freezes(service, environment, (from, until))?)
    }

    async fn stats(&self, service: &ServiceName, days: u32) -> Answer<DeliveryStats> {
        self.answer().await?;
        let world = self.world();
        let state = &world.service(service)?.state;
        Ok(DeliveryStats::of(service, state, days, world.now))
    }

    async fn plan(&self, service: &ServiceName, action: Action) -> Answer<Plan> {
        self.answer().await?;
        Ok(self.world().plan(service, action, &self.caller)?)
    }

    async fn commit_location(
        &self,
        service: &ServiceName,
        commit: &CommitPrefix,
    ) -> Answer<CommitLocation> {
        self.answer().await?;
        Ok(self.world().commit_location(service, commit)?)
    }

    async fn command(
        &self,
        service: &ServiceName,
        command: Command,
        key: IdempotencyKey,
    ) -> Answer<Receipt> {
        self.answer().await?;
        let fault = self.command_fault();
        if let Some(Fault::Refuse(refusal)) = fault {
            return Err(refusal.into());
        }
        let receipt = self.change(|world| world.command(service, command, key, &self.caller))?;
        match fault {
            Some(_) => Err(BackendError::Unknown("the connection was cut".into())),
            None => Ok(receipt),
        }
    }

    async fn receipt(&self, key: &IdempotencyKey) -> Answer<Option<Receipt>> {
        self.answer().await?;
        Ok(self.world().receipt(key))
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
        let read = |world: &ScriptedWorld| world.log(service, deployment, step, from, limit);
        let news = |world: &ScriptedWorld| {
            let page = read(world)?;
            let never_grows = matches!(from, LogFrom::Before(_));
            let has_news = never_grows || page.ended || !page.bytes.is_empty();
            Ok(has_news.then_some(page))
        };
        match self.until(wait, news).await? {
            Some(page) => Ok(page),
            None => Ok(read(&self.world())?),
        }
    }

    async fn search_log(
        &self,
        service: &ServiceName,
        deployment: DeploymentId,
        step: usize,
        search: LogSearch,
    ) -> Answer<LogFind> {
        self.answer().await?;
        Ok(self.world().search_log(service, deployment, step, &search)?)
    }

    async fn filter_log(
        &self,
        service: &ServiceName,
        deployment: DeploymentId,
        step: usize,
        wanted: FilteredRead,
        wait: Duration,
    ) -> Answer<FilteredPage> {
        let read = |world: &ScriptedWorld| world.filter_log(service, deployment, step, &wanted);
        let news = |world: &ScriptedWorld| {
            let page = read(world)?;
            let grows = matches!(wanted.from, LogFrom::After(_));
            let has_news = !grows || page.ended || page.next > page.start;
            Ok(has_news.then_some(page))
        };
        match self.until(wait, news).await? {
            Some(page) => Ok(page),
            None => Ok(read(&self.world())?),
        }
    }

    async fn events(
        &self,
        service: Option<&ServiceName>,
        after: Seq,
        limit: usize,
        wait: Duration,
    ) -> Answer<Vec<Event>> {
        let news = |world: &ScriptedWorld| {
            let events = world.events(service, after, limit)?;
            Ok((!events.is_empty()).then_some(events))
        };
        Ok(self.until(wait, news).await?.unwrap_or_default())
    }

    async fn timeline(
        &self,
        range: TimelineRange,
        after: Option<Version>,
        wait: Duration,
    ) -> Answer<Option<TimelinePage>> {
        self.until(wait, |world| {
            let moved = after.as_ref() != Some(&world.version());
            Ok(moved.then(|| world.timeline(range)))
        })
        .await
    }

    async fn chain(&self, from: ChainFrom, limit: usize) -> Answer<ChainPage> {
        self.answer().await?;
        Ok(self.world().chain(from, limit))
    }

    async fn span(
        &self,
        since: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    ) -> Answer<Option<RecordSpan>> {
        self.answer().await?;
        Ok(self.world().span(since, until))
    }

    async fn who_am_i(&self) -> Answer<WhoAmI> {
        self.answer().await?;
        Ok(self.caller.who())
    }
}
