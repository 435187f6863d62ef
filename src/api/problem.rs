//! The one form that every error has on the wire: a problem document after RFC 9457.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::command::Refusal;

/// What went wrong, for programs (`type`, `status`, `refusal`) and for people (`title`, `detail`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ProblemDocument)]
pub struct ProblemDocument {
    #[serde(rename = "type")]
    pub kind: ProblemKind,
    pub title: String,
    /// The HTTP status, repeated here for those who only see the document.
    pub status: u16,
    /// The sentence to show: what happened, and what to do.
    pub detail: String,
    /// The decision behind it, when it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
}

/// The kinds of problems; each has one status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ProblemKind)]
pub enum ProblemKind {
    /// A guard refuses, or an override has no reason: the caller is known and may not do this now.
    #[serde(rename = "urn:trunkline:problem:policy")]
    Policy,
    /// The world moved since it was looked at; for a plan the refusal carries the new one.
    #[serde(rename = "urn:trunkline:problem:changed")]
    Changed,
    /// The service, build or deployment does not exist.
    #[serde(rename = "urn:trunkline:problem:not-found")]
    NotFound,
    #[serde(rename = "urn:trunkline:problem:invalid")]
    Invalid,
    #[serde(rename = "urn:trunkline:problem:key-reused")]
    KeyReused,
    /// No command with this key was ever recorded. A fact, unlike a path that does not exist.
    #[serde(rename = "urn:trunkline:problem:never-recorded")]
    NeverRecorded,
    #[serde(rename = "urn:trunkline:problem:bad-request")]
    BadRequest,
    #[serde(rename = "urn:trunkline:problem:no-such-path")]
    NoSuchPath,
    #[serde(rename = "urn:trunkline:problem:wrong-method")]
    WrongMethod,
    #[serde(rename = "urn:trunkline:problem:too-large")]
    TooLarge,
    #[serde(rename = "urn:trunkline:problem:not-json")]
    NotJson,
    /// The two sides speak different versions of the API.
    #[serde(rename = "urn:trunkline:problem:incompatible")]
    Incompatible,
    /// The caller is not let in at all.
    #[serde(rename = "urn:trunkline:problem:not-allowed")]
    NotAllowed,
    /// What the server stands in front of does not answer; nothing was done.
    #[serde(rename = "urn:trunkline:problem:unreachable")]
    Unreachable,
    /// The server is going down and has not begun to work on this.
    #[serde(rename = "urn:trunkline:problem:stopping")]
    Stopping,
    /// The server does not know whether a command was recorded; ask for its receipt.
    #[serde(rename = "urn:trunkline:problem:unknown")]
    Unknown,
    #[serde(rename = "urn:trunkline:problem:timed-out")]
    TimedOut,
    #[serde(rename = "urn:trunkline:problem:failed")]
    Failed,
    /// A kind that this program is too old to know.
    #[serde(other, rename = "about:blank")]
    Other,
}

impl ProblemKind {
    /// Its HTTP status and its title.
    #[must_use]
    pub fn status_and_title(self) -> (u16, &'static str) {
        match self {
            Self::BadRequest => (400, "the request makes no sense"),
            Self::Policy => (403, "refused by policy"),
            Self::NotAllowed => (403, "not allowed in"),
            Self::NotFound => (404, "not found"),
            Self::NeverRecorded => (404, "never recorded"),
            Self::NoSuchPath => (404, "no such path"),
            Self::WrongMethod => (405, "wrong method"),
            Self::Changed => (409, "the world changed"),
            Self::TooLarge => (413, "too large"),
            Self::NotJson => (415, "not JSON"),
            Self::Invalid => (422, "invalid"),
            Self::KeyReused => (422, "idempotency key reused"),
            Self::Incompatible => (426, "incompatible versions"),
            Self::Failed | Self::Other => (500, "failed"),
            Self::Unreachable => (503, "unreachable"),
            Self::Stopping => (503, "stopping"),
            Self::Unknown => (504, "the answer got lost"),
            Self::TimedOut => (504, "timed out"),
        }
    }
}

impl ProblemDocument {
    #[must_use]
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        let (status, title) = kind.status_and_title();
        Self { kind, title: title.to_owned(), status, detail: detail.into(), refusal: None }
    }
}
