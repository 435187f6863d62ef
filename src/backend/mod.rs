//! The backend: one trait for where deploys live. The console, the command line and the server use only this trait.

pub mod access;
pub mod backoff;
pub mod embedded;
pub mod engine_place;
pub mod intents;
mod issue_desk;
pub mod last_state;
pub mod lost_answer;
pub mod problem;
pub mod remote;
pub mod scripted;
pub mod sign_in;

use std::future::Future;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::calendar::FreezeWindow;
use crate::domain::caller::WhoAmI;
use crate::domain::chain::{ChainFrom, ChainPage, RecordSpan};
use crate::domain::command::{Action, Command, Receipt, Refusal};
use crate::domain::commit_location::CommitLocation;
use crate::domain::delivery::DeliveryLog;
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
use crate::domain::snapshot::{BuildRow, Description, FleetSnapshot, ServiceSnapshot, Version};
use crate::domain::stats::DeliveryStats;
use crate::domain::time::say;
use crate::domain::timeline::{TimelinePage, TimelineRange};
use crate::domain::token::{MadeToken, NewToken, Token, TokenId};
use crate::engine::CommandError;

/// The longest time that a caller may ask a backend to wait for a change.
pub const LONGEST_WAIT: Duration = Duration::from_secs(25);

/// The longest time that an answer may take.
pub const LONGEST_ANSWER: Duration = LONGEST_WAIT.saturating_add(Duration::from_secs(10));

/// A system that deploys. A value acts for one caller, whom the connection identifies.
///
/// Every method may be cancelled by dropping its future. Only [`Backend::command`] changes anything. A dropped command
/// may have been recorded: [`Backend::receipt`] tells whether it was.
pub trait Backend: Send + Sync + 'static {
    /// The backend and what it can do.
    fn describe(&self) -> impl Future<Output = Answer<Description>> + Send;

    /// The fleet, or `None` if its version is still `after` when `wait` is over.
    fn fleet(
        &self,
        after: Option<Version>,
        wait: Duration,
    ) -> impl Future<Output = Answer<Option<FleetSnapshot>>> + Send;

    /// One service, or `None` if its version is still `after` when `wait` is over.
    fn service(
        &self,
        service: &ServiceName,
        after: Option<Version>,
        wait: Duration,
    ) -> impl Future<Output = Answer<Option<ServiceSnapshot>>> + Send;

    /// Builds older than `before`, newest first, at most `limit`.
    fn builds(
        &self,
        service: &ServiceName,
        before: Option<BuildNumber>,
        limit: usize,
    ) -> impl Future<Output = Answer<Vec<BuildRow>>> + Send;

    /// Deployments of an environment older than `before`, newest first, at most `limit`.
    fn history(
        &self,
        service: &ServiceName,
        environment: Environment,
        before: Option<DeploymentId>,
        limit: usize,
    ) -> impl Future<Output = Answer<Vec<Deployment>>> + Send;

    /// Incidents older than `before`, newest first, at most `limit`.
    fn incidents(
        &self,
        service: &ServiceName,
        before: Option<IncidentId>,
        limit: usize,
    ) -> impl Future<Output = Answer<Vec<IncidentStanding>>> + Send;

    /// Everything that is recorded of an incident.
    fn incident(
        &self,
        service: &ServiceName,
        id: IncidentId,
    ) -> impl Future<Output = Answer<IncidentReport>> + Send;

    /// The windows of the calendar freezes that overlap `[from, until)`, earliest first.
    fn freezes(
        &self,
        service: &ServiceName,
        environment: Environment,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> impl Future<Output = Answer<Vec<FreezeWindow>>> + Send;

    /// How the service was delivered in the last `days`, from its own record.
    fn stats(
        &self,
        service: &ServiceName,
        days: u32,
    ) -> impl Future<Output = Answer<DeliveryStats>> + Send;

    /// What the action would do if the caller did it now.
    fn plan(
        &self,
        service: &ServiceName,
        action: Action,
    ) -> impl Future<Output = Answer<Plan>> + Send;

    /// The location of a commit, by its sha or the beginning of it.
    fn commit_location(
        &self,
        service: &ServiceName,
        commit: &CommitPrefix,
    ) -> impl Future<Output = Answer<CommitLocation>> + Send;

    /// Records the command and answers when it is durable. The same key with the same command gets the first receipt
    /// again, and the command runs once.
    fn command(
        &self,
        service: &ServiceName,
        command: Command,
        key: IdempotencyKey,
    ) -> impl Future<Output = Answer<Receipt>> + Send;

    /// The receipt of a command, by its key; `None` if it was never recorded.
    fn receipt(&self, key: &IdempotencyKey)
    -> impl Future<Output = Answer<Option<Receipt>>> + Send;

    /// Whole lines of a step's log, about `limit` bytes. If there are none after the cursor and the step still runs, it
    /// waits for some.
    fn log(
        &self,
        service: &ServiceName,
        deployment: DeploymentId,
        step: usize,
        from: LogFrom,
        limit: usize,
        wait: Duration,
    ) -> impl Future<Output = Answer<LogPage>> + Send;

    /// Searches a part of a step's log, at the backend. [`LogFind::NotYet`] has the cursor from which to continue.
    fn search_log(
        &self,
        service: &ServiceName,
        deployment: DeploymentId,
        step: usize,
        search: LogSearch,
    ) -> impl Future<Output = Answer<LogFind>> + Send;

    /// The lines of a part of a step's log that pass a filter, found at the backend. If there are none after the cursor
    /// and the step still runs, it waits for some, whether or not they pass.
    fn filter_log(
        &self,
        service: &ServiceName,
        deployment: DeploymentId,
        step: usize,
        read: FilteredRead,
        wait: Duration,
    ) -> impl Future<Output = Answer<FilteredPage>> + Send;

    /// The events after `after`, oldest first, at most `limit`, of one service or of all; waits if there are none.
    fn events(
        &self,
        service: Option<&ServiceName>,
        after: Seq,
        limit: usize,
        wait: Duration,
    ) -> impl Future<Output = Answer<Vec<Event>>> + Send;

    /// A part of the timeline, newest first, or `None` if its version is still `after` when `wait` is over.
    fn timeline(
        &self,
        range: TimelineRange,
        after: Option<Version>,
        wait: Duration,
    ) -> impl Future<Output = Answer<Option<TimelinePage>>> + Send;

    /// Verifies at most `limit` rows of the record's hash chain.
    fn chain(
        &self,
        from: ChainFrom,
        limit: usize,
    ) -> impl Future<Output = Answer<ChainPage>> + Send;

    /// The first and the last event in a period; both ends are inclusive.
    fn span(
        &self,
        since: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    ) -> impl Future<Output = Answer<Option<RecordSpan>>> + Send;

    /// Who the caller is to the backend.
    fn who_am_i(&self) -> impl Future<Output = Answer<WhoAmI>> + Send;

    /// The last webhooks that forges sent.
    fn deliveries(&self) -> impl Future<Output = Answer<DeliveryLog>> + Send {
        std::future::ready(Err(BackendError::Failed("this backend takes no webhooks".into())))
    }

    /// The numbers of the backend, for a caller who is not limited to services.
    fn metrics(&self) -> impl Future<Output = Answer<EngineMetrics>> + Send {
        std::future::ready(Err(no_metrics()))
    }

    /// All tokens, oldest first, for an admin.
    fn tokens(&self) -> impl Future<Output = Answer<Vec<Token>>> + Send {
        std::future::ready(Err(no_tokens()))
    }

    /// Makes a token. Its text is in the answer and nowhere else.
    fn create_token(&self, _: NewToken) -> impl Future<Output = Answer<MadeToken>> + Send {
        std::future::ready(Err(no_tokens()))
    }

    /// Revokes a token: from now on it opens nothing.
    fn revoke_token(&self, _: TokenId) -> impl Future<Output = Answer<Token>> + Send {
        std::future::ready(Err(no_tokens()))
    }

    /// Makes a link to the page of one deployment, for whoever gets it.
    fn link_run(
        &self,
        _: &ServiceName,
        _: DeploymentId,
        _: NewLink,
    ) -> impl Future<Output = Answer<MadeLink>> + Send {
        std::future::ready(Err(no_pages()))
    }

    /// Makes a link that signs one browser in as this caller, once.
    fn sign_in_link(&self) -> impl Future<Output = Answer<MadeLink>> + Send {
        std::future::ready(Err(no_pages()))
    }

    /// Who would sign in with this code.
    ///
    /// # Errors
    /// When the code opens nothing.
    fn who_signs_in(&self, _: &str) -> Result<String, LinkRefusal> {
        Err(LinkRefusal::Unknown)
    }

    /// Signs a browser in with its code, which then opens nothing more.
    ///
    /// # Errors
    /// When the code opens nothing.
    fn sign_in(&self, _: &str) -> Result<BrowserSession, LinkRefusal> {
        Err(LinkRefusal::Unknown)
    }
}

fn no_pages() -> BackendError {
    BackendError::Failed("this backend has no pages".into())
}

fn no_metrics() -> BackendError {
    BackendError::Failed("this backend has no metrics".into())
}

fn no_tokens() -> BackendError {
    BackendError::Failed("this backend has no tokens".into())
}

/// The answer of a backend.
pub type Answer<T> = Result<T, BackendError>;

/// Why a backend did not answer a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// The backend decided against it. Nothing was done; the sentence says what to do instead.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The engine does not answer. Nothing was done.
    #[error("{0}")]
    Unreachable(String),
    /// The engine asks to wait this long before the next request. Nothing was done.
    #[error("{why}; try again in {}", say(*again))]
    Busy { why: String, again: Duration },
    /// A command was sent and its answer was lost. It may have been recorded: ask [`Backend::receipt`].
    #[error("the answer got lost: {0}")]
    Unknown(String),
    /// The two sides speak different versions.
    #[error("{0}")]
    Incompatible(String),
    /// The caller has to sign in again.
    #[error("{0}")]
    Unauthorized(String),
    /// There is no session for this person: the one before was revoked, or they have no role. Signing in again the same way
    /// changes nothing.
    #[error("{0}")]
    NoSession(String),
    /// The caller may not do this, or may not come this way.
    #[error("{0}")]
    NotAllowed(String),
    /// The engine failed.
    #[error("{0}")]
    Failed(String),
}

impl From<CommandError> for BackendError {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Refused(refusal) => Self::Refused(refusal),
            CommandError::Unknown(why) => Self::Unknown(why),
            error @ (CommandError::Outdated | CommandError::Failed(_)) => {
                Self::Failed(error.to_string())
            }
        }
    }
}

impl BackendError {
    /// How long the engine asks to wait.
    #[must_use]
    pub fn again(&self) -> Option<Duration> {
        match self {
            Self::Busy { again, .. } => Some(*again),
            _ => None,
        }
    }
}
