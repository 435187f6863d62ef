//! The logs of steps.

use axum::Json;
use axum::extract::State;
use axum::response::Response;

use super::{HttpResult, Session, within};
use crate::api::path;
use crate::api::problem::{ProblemDocument, ProblemKind};
use crate::api::query::{LogFilterQuery, LogQuery, LogSearchQuery};
use crate::backend::{Backend, LONGEST_WAIT};
use crate::domain::ids::{DeploymentId, ServiceName};
use crate::domain::log::{FilteredPage, FilteredRead, LogFind, LogSearch};
use crate::server::document::{
    BadRequestResponse, InvalidResponse, LogPageResponse, NotFoundResponses,
};
use crate::server::extract::{InPath, InQuery};
use crate::server::response;

/// The default number of bytes on a page, and the most.
const LOG: (usize, usize) = (64 * 1024, 1024 * 1024);

/// Reads a page of a step's log, by byte cursor.
///
/// If there is nothing after the cursor and the step still runs, the answer comes with the next line, or when `wait` is
/// over.
#[utoipa::path(
    get,
    path = path::LOG,
    params(
        ("service" = ServiceName, Path),
        ("deployment" = DeploymentId, Path),
        ("step" = usize, Path, description = "The index of the step, from 0."),
        LogQuery,
    ),
    responses(LogPageResponse, BadRequestResponse, NotFoundResponses)
)]
pub(super) async fn log<B: Backend>(
    State(session): State<Session<B>>,
    InPath((name, deployment, step)): InPath<(ServiceName, DeploymentId, usize)>,
    InQuery(query): InQuery<LogQuery>,
) -> HttpResult<Response> {
    let from =
        query.from().map_err(|sentence| ProblemDocument::new(ProblemKind::BadRequest, sentence))?;
    let (limit, wait) = (within(query.limit, LOG), query.wait.up_to(LONGEST_WAIT));
    let page = session.backend.log(&name, deployment, step, from, limit, wait);
    session.ask(page).await.map(response::log)
}

/// Searches a part of a step's log.
///
/// The line that is found may match; the caller checks it. After `not_yet`, continue from the cursor in `reached`.
#[utoipa::path(
    get,
    path = path::LOG_SEARCH,
    params(
        ("service" = ServiceName, Path),
        ("deployment" = DeploymentId, Path),
        ("step" = usize, Path, description = "The index of the step, from 0."),
        LogSearchQuery,
    ),
    responses(
        (status = 200, description = "The result of the search.", body = LogFind),
        BadRequestResponse,
        NotFoundResponses,
        InvalidResponse,
    )
)]
pub(super) async fn search_log<B: Backend>(
    State(session): State<Session<B>>,
    InPath((name, deployment, step)): InPath<(ServiceName, DeploymentId, usize)>,
    InQuery(query): InQuery<LogSearchQuery>,
) -> HttpResult<Json<LogFind>> {
    let search = LogSearch::try_from(query)
        .map_err(|why| ProblemDocument::new(ProblemKind::BadRequest, why))?;
    session.ask(session.backend.search_log(&name, deployment, step, search)).await.map(Json)
}

/// Reads the lines of a part of a step's log that pass a filter, with the lines around them.
///
/// Whatever passes, about 32 MB of the log are looked at for one answer. `start` and `next` say which part that was: from
/// there the next page goes on, `before` the one or `after` the other.
#[utoipa::path(
    get,
    path = path::LOG_FILTER,
    params(
        ("service" = ServiceName, Path),
        ("deployment" = DeploymentId, Path),
        ("step" = usize, Path, description = "The index of the step, from 0."),
        LogFilterQuery,
    ),
    responses(
        (status = 200, description = "The lines that pass.", body = FilteredPage),
        BadRequestResponse,
        NotFoundResponses,
        InvalidResponse,
    )
)]
pub(super) async fn filter_log<B: Backend>(
    State(session): State<Session<B>>,
    InPath((name, deployment, step)): InPath<(ServiceName, DeploymentId, usize)>,
    InQuery(query): InQuery<LogFilterQuery>,
) -> HttpResult<Json<FilteredPage>> {
    let wait = query.wait.up_to(LONGEST_WAIT);
    let read = FilteredRead::try_from(query)
        .map_err(|why| ProblemDocument::new(ProblemKind::BadRequest, why))?;
    session.ask(session.backend.filter_log(&name, deployment, step, read, wait)).await.map(Json)
}
