//! What an answer means: whether the other side speaks our version, and which error a problem is.

use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::call::Reply;
use crate::api::problem::{Kind, Problem};
use crate::api::version::{Side, mismatch};
use crate::api::{API_HEADER, VERSION_HEADER};
use crate::backend::{Answer, BackendError};

/// Checks the header that every trunkline engine puts on every answer.
pub(super) fn speaks_our_version(headers: &HeaderMap) -> Answer<()> {
    let Some(api) = said(headers, API_HEADER) else {
        let sentence = "what answers is not a trunkline engine: it does not name its API";
        return Err(BackendError::Incompatible(sentence.into()));
    };
    match mismatch(Side::Client, &api, said(headers, VERSION_HEADER).as_deref()) {
        Some(sentence) => Err(BackendError::Incompatible(sentence)),
        None => Ok(()),
    }
}

/// The problem that an answer is, if it is one; what is no document becomes one.
pub(super) fn problem(reply: &Reply) -> Option<Problem> {
    if reply.status.is_success() || reply.status.as_u16() == 304 {
        return None;
    }
    let document = serde_json::from_slice(&reply.bytes);
    Some(document.unwrap_or_else(|_| {
        Problem::new(Kind::Other, format!("the engine answered {}", reply.status))
    }))
}

/// The error that a problem stands for, when the request was a question (`asks`) or a command.
pub(super) fn error(problem: Problem, headers: &HeaderMap, asks: bool) -> BackendError {
    if let Some(refusal) = problem.refusal {
        return refusal.into();
    }
    let detail = match said(headers, RETRY_AFTER.as_str()) {
        Some(seconds) => format!("{}; try again in {seconds}s", problem.detail),
        None => problem.detail,
    };
    match problem.kind {
        Kind::Unreachable | Kind::Stopping => BackendError::Unreachable(detail),
        Kind::Incompatible => BackendError::Incompatible(detail),
        Kind::NotAllowed => BackendError::Unauthorized(detail),
        Kind::Unknown => BackendError::Unknown(detail),
        Kind::TimedOut | Kind::Other if !asks && problem.status >= 500 => {
            BackendError::Unknown(detail)
        }
        _ => BackendError::Failed(detail),
    }
}

/// A header's value, at most as much of it as a sentence can carry.
fn said(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).chars().take(40).collect())
}
