//! What an answer says: whether the other side speaks our version, which problem it is, and when to ask again.

use std::time::Duration;

use chrono::DateTime;
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use super::call::Reply;
use crate::api::problem::{ProblemDocument, ProblemKind};
use crate::api::version::{Side, mismatch};
use crate::api::{API_HEADER, VERSION_HEADER};
use crate::backend::{Answer, BackendError};

/// The longest wait that the other side can ask for.
const LONGEST_RETRY: Duration = Duration::from_mins(2);

/// Checks the header that every trunkline engine puts on every answer.
pub(super) fn speaks_our_version(headers: &HeaderMap) -> Answer<()> {
    let Some(api) = header_text(headers, API_HEADER) else {
        let sentence = "what answers is not a trunkline engine: it does not name its API";
        return Err(BackendError::Incompatible(sentence.into()));
    };
    match mismatch(Side::Client, &api, header_text(headers, VERSION_HEADER).as_deref()) {
        Some(sentence) => Err(BackendError::Incompatible(sentence)),
        None => Ok(()),
    }
}

/// The error when a program answers that is not an engine of our version. It may have passed a command on to one.
pub(super) fn stranger(
    why: BackendError,
    status: StatusCode,
    headers: &HeaderMap,
    asks: bool,
) -> BackendError {
    let refuses = status.is_client_error();
    match (why, retry_after(headers)) {
        (BackendError::Incompatible(why), Some(again)) if asks || refuses => {
            BackendError::Busy { why: format!("{why}, and answers {status}"), again }
        }
        (BackendError::Incompatible(why), _) if !asks && !refuses => {
            BackendError::Unknown(format!("{why}, and answers {status}"))
        }
        (why, _) => why,
    }
}

/// The problem that an answer is, if it is one; what is no document becomes one.
pub(super) fn problem(reply: &Reply) -> Option<ProblemDocument> {
    if reply.status.is_success() || reply.status.as_u16() == 304 {
        return None;
    }
    let document: Option<ProblemDocument> = serde_json::from_slice(&reply.bytes).ok();
    let nameless = || {
        ProblemDocument::new(ProblemKind::Other, format!("the engine answered {}", reply.status))
    };
    // The status of the answer counts, not the one in the document.
    Some(ProblemDocument { status: reply.status.as_u16(), ..document.unwrap_or_else(nameless) })
}

/// How long not to ask again: in seconds, or until a time by the clock of who says so.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok();
    let value = text(RETRY_AFTER)?.trim();
    let wait = value.parse().map(Duration::from_secs).ok().or_else(|| {
        let time = DateTime::parse_from_rfc2822(value).ok()?;
        let now = DateTime::parse_from_rfc2822(text(DATE)?).ok()?;
        Some((time - now).to_std().unwrap_or_default())
    })?;
    Some(wait.min(LONGEST_RETRY))
}

/// A header's value, at most as much of it as a sentence can carry.
fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).chars().take(40).collect())
}
