//! The responses: snapshots with their versions, pages of logs, and problems.

use std::time::Duration;

use axum::Json;
use axum::http::header::{CONTENT_TYPE, ETAG, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::extract::KnownVersions;
use crate::api::problem::{ProblemDocument, ProblemKind};
use crate::api::{LOG_ENDED, LOG_NEXT, LOG_SIZE, LOG_START, PROBLEM};
use crate::backend::BackendError;
use crate::backend::problem::{RETRY, retry_after};
use crate::domain::log::LogPage;
use crate::domain::snapshot::Version;

/// A problem document and its `retry-after`.
#[derive(Debug)]
pub(super) struct ProblemResponse {
    problem: ProblemDocument,
    retry_after: Option<Duration>,
}

impl From<ProblemDocument> for ProblemResponse {
    fn from(problem: ProblemDocument) -> Self {
        let is_temporary = matches!(problem.kind, ProblemKind::Unreachable | ProblemKind::Stopping);
        Self { problem, retry_after: is_temporary.then_some(RETRY) }
    }
}

impl ProblemResponse {
    /// What happened, and what to do.
    pub fn detail(&self) -> &str {
        &self.problem.detail
    }

    /// A problem that is over after this time.
    pub fn after(problem: ProblemDocument, wait: Duration) -> Self {
        Self { problem, retry_after: Some(wait) }
    }
}

impl From<BackendError> for ProblemResponse {
    fn from(error: BackendError) -> Self {
        Self { retry_after: retry_after(&error), problem: error.into() }
    }
}

impl IntoResponse for ProblemResponse {
    fn into_response(self) -> Response {
        let Self { problem, retry_after } = self;
        let status =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&problem)).into_response();
        // A browser gets it as a page.
        response.extensions_mut().insert(problem);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        if let Some(wait) = retry_after {
            let seconds = wait.as_millis().div_ceil(1_000);
            let seconds = HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX));
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        response
    }
}

/// A snapshot with its version, or "not modified" if the caller has that version.
pub(super) fn snapshot<T: Serialize>(
    known: &KnownVersions,
    snapshot: Option<T>,
    version: impl Fn(&T) -> &Version,
) -> Response {
    let body = match snapshot {
        Some(snapshot) if !known.has(version(&snapshot)) => {
            let tag = version(&snapshot).clone();
            return tagged(Json(snapshot), &tag);
        }
        other => other,
    };
    let version = body.as_ref().map(|same| version(same).clone()).or_else(|| known.only());
    match version {
        Some(version) => tagged(StatusCode::NOT_MODIFIED, &version),
        None => StatusCode::NOT_MODIFIED.into_response(),
    }
}

/// Adds the version as the entity tag. A version that does not fit into a header is left out; the caller then always
/// gets the full snapshot.
fn tagged(body: impl IntoResponse, version: &Version) -> Response {
    let mut response = body.into_response();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", version.0)) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// A page of a log: its bytes unchanged, its cursors in headers.
pub(super) fn log(page: LogPage) -> Response {
    let cursors = [(LOG_START, page.start), (LOG_NEXT, page.next), (LOG_SIZE, page.size)];
    let mut response = page.bytes.into_response();
    let headers = response.headers_mut();
    for (name, cursor) in cursors {
        headers.insert(HeaderName::from_static(name), HeaderValue::from(cursor));
    }
    let ended = if page.ended { "true" } else { "false" };
    headers.insert(LOG_ENDED, HeaderValue::from_static(ended));
    response
}
