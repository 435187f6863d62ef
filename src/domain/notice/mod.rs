//! What is told to people in other places: from events to notices, neutral of any destination. No I/O.

mod deployment;
mod detail;
mod from_event;
mod incident;
mod standing;
pub mod view;

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use self::from_event::{hold_after, notices};
pub use self::incident::{awaited, reminders};
pub use self::standing::{freezes_now, live_of};
use super::ids::{DeploymentId, Environment, IncidentId, InvalidName, Seq, ServiceName};

/// The name of a destination, as the operator's own file gives it. It has the form of a service's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "ServiceName", into = "ServiceName")]
pub struct DestinationName(ServiceName);

impl DestinationName {
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl From<ServiceName> for DestinationName {
    fn from(name: ServiceName) -> Self {
        Self(name)
    }
}

impl From<DestinationName> for ServiceName {
    fn from(name: DestinationName) -> Self {
        name.0
    }
}

impl std::str::FromStr for DestinationName {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<Self, InvalidName> {
        name.parse().map(Self)
    }
}

impl fmt::Display for DestinationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Names one notice for ever, so that it is told once: `checkout/d57`, `checkout/e63`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NoticeKey(String);

impl NoticeKey {
    /// The message of a deployment.
    #[must_use]
    pub fn of_deployment(service: &ServiceName, deployment: DeploymentId) -> Self {
        Self(format!("{service}/{deployment}"))
    }

    /// The message of an incident.
    #[must_use]
    pub fn of_incident(service: &ServiceName, incident: IncidentId) -> Self {
        Self(format!("{service}/{incident}"))
    }

    /// What one event tells.
    #[must_use]
    pub fn of_event(service: &ServiceName, seq: Seq) -> Self {
        Self(format!("{service}/e{}", seq.0))
    }

    /// A part of what an event tells.
    #[must_use]
    pub fn part(&self, name: &str) -> Self {
        Self(format!("{}/{name}", self.0))
    }

    /// A freeze by the rule of a calendar, which may be that of several services.
    #[must_use]
    pub fn of_calendar(rule: &str, from: DateTime<Utc>) -> Self {
        Self(format!("freeze/{rule}/{}", from.timestamp()))
    }

    /// The topic of a channel.
    #[must_use]
    pub fn topic() -> Self {
        Self("topic".to_owned())
    }

    /// A key that a store or a destination gave back.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NoticeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One thing to tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub key: NoticeKey,
    pub service: ServiceName,
    /// The event that made it; the newest one where time made it.
    pub seq: Seq,
    pub at: DateTime<Utc>,
    pub about: NoticeAbout,
}

/// What it is about. A message is rendered from the state of its service at the time when it is sent, and again as that
/// changes; a detail says one thing for ever and stands below a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "snake_case")]
pub enum NoticeAbout {
    /// The one message of a deployment.
    Deployment { deployment: DeploymentId },
    /// The one message of an incident.
    Incident { incident: IncidentId },
    /// Somebody asks for a promoter.
    Request { request: Seq },
    /// A hold that a person placed.
    Hold { hold: Seq, environment: Environment, reason: String, by: String },
    /// A freeze, by hand or by a calendar.
    Freeze(FreezeNotice),
    /// What the services of a channel run.
    Topic,
    /// How many details were not told, since too many waited.
    Dropped { count: u32 },
    /// Somebody tries whether messages arrive.
    Test { by: String },
    /// Something that belongs to a message.
    Detail(NoticeDetail),
}

/// A freeze as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreezeNotice {
    /// The number of the event that placed it; absent for one of a calendar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<Seq>,
    pub from: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
    pub reason: String,
    /// Who set it, or by which rule it is.
    pub by: String,
    /// Why it counts as a freeze, where that is not known since a calendar cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A sentence below a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeDetail {
    /// The message that it belongs to.
    pub of: NoticeKey,
    pub kind: DetailKind,
    pub sentence: String,
    /// Whether everybody is to hear it, and not only who follows the message.
    pub loud: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentId>,
    /// The step that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// The incident that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
    /// Whether somebody other than who opened the incident says it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_help: bool,
    /// Of a reminder: it is told only while this is still due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<NoticeDue>,
}

/// What a reminder asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "due", rename_all = "snake_case")]
pub enum NoticeDue {
    /// An update of an incident of which nobody wrote since then.
    Update { since: DateTime<Utc> },
    /// A postmortem.
    Postmortem,
}

/// What a detail is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DetailKind {
    /// A step ended, or its run waits for something.
    Step,
    /// A guard was overridden.
    Override,
    /// Somebody wants it to stop.
    Cancel,
    /// The deployment ended badly, or a rollback ended.
    Ended,
    /// What was looked at after it turned.
    Watch,
    /// Between two waves.
    Wave,
    /// Its hold was released.
    Released,
    /// A freeze or a hold by hand ended.
    Over,
    /// What the targets themselves said after it ended.
    Heard,
    /// Somebody says how an incident stands.
    IncidentUpdate,
    /// Something was written down about an incident that is no news of now.
    IncidentNote,
    IncidentResolved,
    IncidentReopened,
    /// The next update of an incident is due, or its postmortem.
    IncidentDue,
}

impl NoticeDetail {
    /// A quiet one about nothing but a message.
    #[must_use]
    pub fn new(of: NoticeKey, kind: DetailKind, sentence: String) -> Self {
        let (loud, deployment, step, incident, due) = (false, None, None, None, None);
        Self { of, kind, sentence, loud, deployment, step, incident, is_help: false, due }
    }

    /// Whether it is a message of its own where details cannot stand below one. `edits` says whether messages are changed
    /// there.
    #[must_use]
    pub fn stands_alone(&self, edits: bool) -> bool {
        match self.kind {
            // A message that is told at the end says how it ended.
            DetailKind::Ended => self.loud && edits,
            // A message that cannot change does not say what is new.
            DetailKind::IncidentUpdate => self.loud || !edits,
            _ => self.loud,
        }
    }
}

impl Notice {
    /// Whether it is a message of its own, and no detail of another one.
    #[must_use]
    pub fn is_message(&self) -> bool {
        !matches!(self.about, NoticeAbout::Detail(_))
    }

    /// The message that a detail belongs to.
    #[must_use]
    pub fn parent(&self) -> Option<&NoticeKey> {
        match &self.about {
            NoticeAbout::Detail(detail) => Some(&detail.of),
            _ => None,
        }
    }

    /// Whether it says that something ended or went wrong, so that it is never dropped for others.
    #[must_use]
    pub fn is_loud(&self) -> bool {
        match &self.about {
            NoticeAbout::Detail(detail) => detail.loud,
            _ => true,
        }
    }
}
