//! The logs of steps.

use axum::Json;
use axum::extract::State;
use axum::response::Response;

use super::{HttpResult, Session, within};
use crate::api::path;
use crate::api::problem::{ProblemDocument, ProblemKind};
use crate::api::query::{LogQuery, LogSearchQuery};
use crate::backend::{Backend, LONGEST_WAIT};
use crate::domain::ids::{DeploymentId, ServiceName};
use crate::domain::log::{LogFind, LogSearch};
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
