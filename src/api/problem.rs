//! The form of every error in the API: a problem document (RFC 9457).

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
    /// The HTTP status, for readers who have only the document.
    pub status: u16,
    /// The sentence to show: what happened, and what to do.
    pub detail: String,
    /// The refusal, if the engine decided against a command or a plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
}

/// The kinds of problems. Each has one status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ProblemKind)]
pub enum ProblemKind {
    /// A guard refuses, or an override has no reason.
    #[serde(rename = "urn:trunkline:problem:policy")]
    Policy,
    /// Something changed since the caller looked. For a plan, the refusal contains the new one.
    #[serde(rename = "urn:trunkline:problem:changed")]
    Changed,
    /// The service, build or deployment does not exist.
    #[serde(rename = "urn:trunkline:problem:not-found")]
    NotFound,
    #[serde(rename = "urn:trunkline:problem:invalid")]
    Invalid,
    #[serde(rename = "urn:trunkline:problem:key-reused")]
    KeyReused,
    /// No command with this key was ever recorded. This is an answer, unlike `no-such-path`.
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
    /// The caller has no access.
    #[serde(rename = "urn:trunkline:problem:not-allowed")]
    NotAllowed,
    /// The request has no token that opens the server.
    #[serde(rename = "urn:trunkline:problem:not-signed-in")]
    NotSignedIn,
    /// There is no session for who signs in: the one before was revoked, or the person has no role. Another try does not help.
    #[serde(rename = "urn:trunkline:problem:no-session")]
    NoSession,
    /// Too many wrong tokens or sign-ins came from the caller's address.
    #[serde(rename = "urn:trunkline:problem:too-many-attempts")]
    TooManyAttempts,
    /// The backend behind the server does not answer. Nothing was done.
    #[serde(rename = "urn:trunkline:problem:unreachable")]
    Unreachable,
    /// The server is stopping. Nothing was done.
    #[serde(rename = "urn:trunkline:problem:stopping")]
    Stopping,
    /// It is unknown whether the command was recorded: ask for its receipt.
    #[serde(rename = "urn:trunkline:problem:unknown")]
    Unknown,
    #[serde(rename = "urn:trunkline:problem:timed-out")]
    TimedOut,
    #[serde(rename = "urn:trunkline:problem:failed")]
    Failed,
    /// A kind that this version does not know.
    #[serde(other, rename = "about:blank")]
    Other,
}

impl ProblemKind {
    /// Its HTTP status and its title.
    #[must_use]
    pub fn status_and_title(self) -> (u16, &'static str) {
        match self {
            Self::BadRequest => (400, "invalid request"),
            Self::NotSignedIn => (401, "not signed in"),
            Self::NoSession => (401, "no session"),
            Self::Policy => (403, "refused by policy"),
            Self::NotAllowed => (403, "no access"),
            Self::NotFound => (404, "not found"),
            Self::NeverRecorded => (404, "never recorded"),
            Self::NoSuchPath => (404, "no such path"),
            Self::WrongMethod => (405, "wrong method"),
            Self::Changed => (409, "changed since you looked"),
            Self::TooLarge => (413, "too large"),
            Self::NotJson => (415, "not JSON"),
            Self::Invalid => (422, "invalid"),
            Self::KeyReused => (422, "idempotency key reused"),
            Self::Incompatible => (426, "incompatible versions"),
            Self::TooManyAttempts => (429, "too many attempts"),
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
