//! Incidents: the list of a service's, and the report of one. Commands change them.

use axum::Json;
use axum::extract::State;

use super::{HttpResult, ROWS, Session, within};
use crate::api::page::IncidentPage;
use crate::api::path;
use crate::api::query::IncidentsQuery;
use crate::backend::Backend;
use crate::domain::ids::{IncidentId, ServiceName};
use crate::domain::incident::IncidentReport;
use crate::server::document::{BadRequestResponse, NotFoundResponses};
use crate::server::extract::{InPath, InQuery};

/// Lists the incidents of a service, newest first.
#[utoipa::path(
    get,
    path = path::INCIDENTS,
    params(("service" = ServiceName, Path), IncidentsQuery),
    responses(
        (status = 200, description = "A page of incidents.", body = IncidentPage),
        BadRequestResponse,
        NotFoundResponses,
    )
)]
pub(super) async fn incidents<B: Backend>(
    State(session): State<Session<B>>,
    InPath(name): InPath<ServiceName>,
    InQuery(query): InQuery<IncidentsQuery>,
) -> HttpResult<Json<IncidentPage>> {
    let page = session.backend.incidents(&name, query.before, within(query.limit, ROWS));
    Ok(Json(IncidentPage { incidents: session.ask(page).await? }))
}

/// Returns everything that is recorded of an incident: its times with their evidence, its timeline, and what is not known.
#[utoipa::path(
    get,
    path = path::INCIDENT,
    params(("service" = ServiceName, Path), ("incident" = IncidentId, Path)),
    responses(
        (status = 200, description = "The report.", body = IncidentReport),
        BadRequestResponse,
        NotFoundResponses,
    )
)]
pub(super) async fn incident<B: Backend>(
    State(session): State<Session<B>>,
    InPath((name, id)): InPath<(ServiceName, IncidentId)>,
) -> HttpResult<Json<IncidentReport>> {
    session.ask(session.backend.incident(&name, id)).await.map(Json)
}
