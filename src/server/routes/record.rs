//! The record: its events, its hash chain and its span.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

use super::{HttpResult, Session, within};
use crate::api::page::{EventPage, SpanPage};
use crate::api::path;
use crate::api::query::{ChainQuery, EventsQuery, SpanQuery, TimelineQuery};
use crate::backend::{Backend, LONGEST_WAIT};
use crate::domain::chain::ChainPage;
use crate::domain::timeline::TimelinePage;
use crate::server::document::{BadRequestResponse, NotFoundResponses, NotModifiedResponse};
use crate::server::extract::{InQuery, KnownVersions};
use crate::server::response;
use crate::server::sse::{self, LastEvent};

/// The default number of events on a page, and the most. The same for rows of the chain.
const EVENTS: (usize, usize) = (100, 1_000);
const CHAIN: (usize, usize) = (1_000, 1_000);

/// Reads a page of the recorded events, or streams them to a caller that accepts `text/event-stream`.
///
/// A page waits for its first event. A stream ignores `limit` and `wait`. Each message of a stream has the sequence
/// number as its `id`, the name of the fact as its `event` and an `Event` as its `data`. If the engine fails, the last
/// message has the name `problem` and a `ProblemDocument`.
#[utoipa::path(
    get,
    path = path::EVENTS,
    params(EventsQuery, LastEvent),
    responses(
        (status = 200, description = "Events, oldest first.",
            content((EventPage = "application/json"), (serde_json::Value = "text/event-stream"))),
        BadRequestResponse,
        NotFoundResponses,
    )
)]
pub(super) async fn events<B: Backend>(
    State(session): State<Session<B>>,
    InQuery(query): InQuery<EventsQuery>,
    headers: HeaderMap,
) -> HttpResult<Response> {
    let after = LastEvent::of(&headers).map_or(query.after, |LastEvent(seq)| seq);
    if sse::wanted(&headers) {
        return Ok(sse::stream(session, query.service, after));
    }
    let (limit, wait) = (within(query.limit, EVENTS), query.wait.up_to(LONGEST_WAIT));
    let page = session.backend.events(query.service.as_ref(), after, limit, wait);
    Ok(Json(EventPage { events: session.ask(page).await? }).into_response())
}

/// Returns what changed in all services: deployments, notes, observed changes, holds and freezes, newest first.
///
/// If the caller has the current version, the answer comes at the next change, or when `wait` is over.
#[utoipa::path(
    get,
    path = path::TIMELINE,
    params(TimelineQuery, KnownVersions),
    responses(
        (status = 200, description = "A page of the timeline.", body = TimelinePage,
            headers(("etag" = String, description = "The version, quoted."))),
        NotModifiedResponse,
        BadRequestResponse,
    )
)]
pub(super) async fn timeline<B: Backend>(
    State(session): State<Session<B>>,
    known: KnownVersions,
    InQuery(query): InQuery<TimelineQuery>,
) -> HttpResult<Response> {
    let wait = query.wait.up_to(LONGEST_WAIT);
    let page = session.backend.timeline(query.range(), known.only(), wait);
    let page = session.ask(page).await?;
    Ok(response::snapshot(&known, page, |page| &page.version))
}

/// Verifies a part of the record's hash chain and names the first row that breaks it.
///
/// To verify all of it, continue with the sequence number and the hash of the last row of each page.
#[utoipa::path(
    get,
    path = path::CHAIN,
    params(ChainQuery),
    responses((status = 200, description = "The valid rows.", body = ChainPage), BadRequestResponse)
)]
pub(super) async fn chain<B: Backend>(
    State(session): State<Session<B>>,
    InQuery(query): InQuery<ChainQuery>,
) -> HttpResult<Json<ChainPage>> {
    let limit = within(query.limit, CHAIN);
    session.ask(session.backend.chain(query.from(), limit)).await.map(Json)
}

/// Returns the first and the last event of a period.
#[utoipa::path(
    get,
    path = path::SPAN,
    params(SpanQuery),
    responses((status = 200, description = "Its first and its last event.", body = SpanPage), BadRequestResponse)
)]
pub(super) async fn span<B: Backend>(
    State(session): State<Session<B>>,
    InQuery(query): InQuery<SpanQuery>,
) -> HttpResult<Json<SpanPage>> {
    let span = session.ask(session.backend.span(query.since, query.until)).await?;
    Ok(Json(SpanPage { span }))
}
