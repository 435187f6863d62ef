//! Reads an answer: its version, its problem, and when to ask again.

use std::time::Duration;

use chrono::DateTime;
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use super::call::Reply;
use crate::api::problem::{ProblemDocument, ProblemKind};
use crate::api::version::{Side, mismatch};
use crate::api::{API_HEADER, VERSION_HEADER};
use crate::backend::{Answer, BackendError};

/// The longest wait that an answer can ask for.
const LONGEST_RETRY: Duration = Duration::from_mins(2);

/// Checks the version header, which every answer of a trunkline engine has.
pub(super) fn check_version(headers: &HeaderMap) -> Answer<()> {
    let Some(api) = header_text(headers, API_HEADER) else {
        let sentence =
            "the program at the socket is not a trunkline engine: its answer names no API";
        return Err(BackendError::Incompatible(sentence.into()));
    };
    match mismatch(Side::Client, &api, header_text(headers, VERSION_HEADER).as_deref()) {
        Some(sentence) => Err(BackendError::Incompatible(sentence)),
        None => Ok(()),
    }
}

/// The error if the answer is not from an engine of this version. A proxy may have passed a command on to one.
pub(super) fn version_error(
    why: BackendError,
    status: StatusCode,
    headers: &HeaderMap,
    is_read: bool,
) -> BackendError {
    let refuses = status.is_client_error();
    match (why, retry_after(headers)) {
        (BackendError::Incompatible(why), Some(again)) if is_read || refuses => {
            BackendError::Busy { why: format!("{why}, and answers {status}"), again }
        }
        (BackendError::Incompatible(why), _) if !is_read && !refuses => {
            BackendError::Unknown(format!("{why}, and answers {status}"))
        }
        (why, _) => why,
    }
}

/// The problem document of an answer that is an error. If the body has none, one is made.
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

/// The `retry-after` of an answer, given in seconds or as a time by the sender's clock.
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

/// A header's value, at most 40 characters of it.
fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).chars().take(40).collect())
}
