//! A request for a promoter: for one build, until a time, and only until production changes.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::deployment::Deployment;
use super::event::{DeploymentKind, DeploymentRequest, Event};
use super::ids::{BuildNumber, DeploymentId, Environment, Seq};
use super::people::Actor;
use super::service::ServiceState;
use super::time::{between, say};

/// The most requests that a service keeps.
pub const REMEMBERED: usize = 50;

/// A person asks somebody else to promote a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Request {
    /// The event that recorded it.
    pub id: Seq,
    pub build: BuildNumber,
    /// The build that was live when it was made.
    pub live: Option<BuildNumber>,
    pub by: Actor,
    pub at: DateTime<Utc>,
    /// Exclusive.
    pub until: DateTime<Utc>,
    pub note: String,
    /// How it was closed, if it was. A close at or after `until` means that it expired.
    pub closed: Option<Closed>,
}

/// How a request was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "closed")]
pub enum Closed {
    /// Somebody promoted the build.
    Taken {
        by: Actor,
        deployment: DeploymentId,
        at: DateTime<Utc>,
    },
    Withdrawn {
        by: Actor,
        reason: String,
        at: DateTime<Utc>,
    },
    /// Another event made it obsolete; `how` names the event.
    Superseded {
        how: String,
        at: DateTime<Utc>,
    },
}

/// The state of a request at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestState {
    Open,
    Taken,
    Withdrawn,
    Superseded,
    Expired,
}

impl RequestState {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Taken => "taken",
            Self::Withdrawn => "withdrawn",
            Self::Superseded => "superseded",
            Self::Expired => "expired",
        }
    }
}

impl Closed {
    fn at(&self) -> DateTime<Utc> {
        match self {
            Self::Taken { at, .. } | Self::Withdrawn { at, .. } | Self::Superseded { at, .. } => {
                *at
            }
        }
    }
}

impl Request {
    #[must_use]
    pub fn state(&self, now: DateTime<Utc>) -> RequestState {
        match &self.closed {
            Some(closed) if closed.at() >= self.until => RequestState::Expired,
            Some(Closed::Taken { .. }) => RequestState::Taken,
            Some(Closed::Withdrawn { .. }) => RequestState::Withdrawn,
            Some(Closed::Superseded { .. }) => RequestState::Superseded,
            None if now >= self.until => RequestState::Expired,
            None => RequestState::Open,
        }
    }

    /// Its state in words: `open for 12m`, `taken by kim (d7)`.
    #[must_use]
    pub fn became(&self, now: DateTime<Utc>) -> String {
        match &self.closed {
            _ if self.state(now) == RequestState::Expired => "expired: not taken".to_owned(),
            Some(Closed::Taken { by, deployment, .. }) => format!("taken by {by} ({deployment})"),
            Some(Closed::Withdrawn { by, reason, .. }) if reason.is_empty() => {
                format!("withdrawn by {by}")
            }
            Some(Closed::Withdrawn { by, reason, .. }) => format!("withdrawn by {by}: {reason}"),
            Some(Closed::Superseded { how, .. }) => format!("superseded: {how}"),
            None => format!("open for {}", say(between(now, self.until))),
        }
    }

    #[must_use]
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        self.state(now) == RequestState::Open
    }

    /// Closes it, unless it is closed already.
    pub(super) fn close(&mut self, closed: Closed) {
        self.closed.get_or_insert(closed);
    }
}

impl ServiceState {
    pub(super) fn promoter_requested(
        &mut self,
        event: &Event,
        build: BuildNumber,
        until: DateTime<Utc>,
        note: &str,
    ) {
        let how = format!("{} asks for {build} instead", event.actor);
        self.supersede_requests(event.at, &how, |_| true);
        let live = self.live(Environment::Production).map(|live| live.build);
        let (by, at, note) = (event.actor.clone(), event.at, note.to_owned());
        let request = Request { id: event.seq, build, live, by, at, until, note, closed: None };
        self.requests.push(request);
        let surplus = self.requests.len().saturating_sub(REMEMBERED);
        self.requests.drain(..surplus);
    }

    /// A promote of the requested build by somebody else takes the request. Any other production deployment supersedes
    /// it, a promote by the requester included.
    pub(super) fn close_requests(&mut self, event: &Event, asked: &DeploymentRequest) {
        let (by, deployment, at) = (event.actor.clone(), DeploymentId::from(event.seq), event.at);
        if asked.kind == DeploymentKind::Promote {
            let is_taken =
                |request: &&mut Request| request.build == asked.build && request.by != by;
            let taken = Closed::Taken { by: by.clone(), deployment, at };
            let same = self.requests.iter_mut().filter(is_taken);
            same.for_each(|request| request.close(taken.clone()));
        }
        let how = self.deployments.get(&deployment).map(Deployment::in_words).unwrap_or_default();
        let is_restore = self.restores.contains(&deployment);
        let how = if is_restore { format!("{by} restored the record from a copy") } else { how };
        let how = format!("{how} ({deployment})");
        self.supersede_requests(at, &how, |_| true);
    }

    /// Closes the requests whose time is over at an event. A clock that is set back later does not reopen them.
    pub(super) fn expire_requests(&mut self, at: DateTime<Utc>) {
        let how = "it expired".to_owned();
        let over = self.requests.iter_mut().filter(|request| request.until <= at);
        over.for_each(|request| request.close(Closed::Superseded { how: how.clone(), at }));
    }

    pub(super) fn supersede_requests(
        &mut self,
        at: DateTime<Utc>,
        how: &str,
        which: impl Fn(&Request) -> bool,
    ) {
        let superseded = Closed::Superseded { how: how.to_owned(), at };
        let all = self.requests.iter_mut().filter(|request| which(request));
        all.for_each(|request| request.close(superseded.clone()));
    }

    pub(super) fn request_withdrawn(&mut self, event: &Event, id: Seq, reason: &str) {
        let (by, reason, at) = (event.actor.clone(), reason.to_owned(), event.at);
        let withdrawn = Closed::Withdrawn { by, reason, at };
        let same = self.requests.iter_mut().filter(|request| request.id == id);
        same.for_each(|request| request.close(withdrawn.clone()));
    }

    /// The open request at an instant. There is at most one.
    #[must_use]
    pub fn open_request(&self, now: DateTime<Utc>) -> Option<&Request> {
        self.requests.iter().find(|request| request.is_open(now))
    }
}
