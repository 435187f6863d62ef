//! Which path answers what, and what every answer goes through.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use tokio::time::timeout;

use super::answer::{self, Failure};
use super::ask::{InPath, InQuery, Known, Order};
use super::live;
use super::stopping::Stopping;
use crate::api::page::{DeploymentPage, EventPage};
use crate::api::problem::{Kind, Problem};
use crate::api::query::{DeploymentsQuery, EventsQuery, LogQuery, PlanQuery, SnapshotQuery};
use crate::api::version::{Side, mismatch};
use crate::api::{API, API_HEADER, LARGEST_REQUEST, VERSION, VERSION_HEADER, path};
use crate::backend::{Backend, LONGEST_WAIT};
use crate::domain::command::{Action, Receipt};
use crate::domain::ids::{DeploymentId, IdempotencyKey, ServiceName};
use crate::domain::plan::Plan;
use crate::domain::snapshot::Description;

/// A handler that takes longer than anyone may ask for hangs.
const LONGEST_ANSWER: Duration = LONGEST_WAIT.saturating_add(Duration::from_secs(10));
/// How many deployments a page has if the caller does not say, and the most that it has.
const DEPLOYMENTS: (usize, usize) = (50, 500);
const EVENTS: (usize, usize) = (100, 1_000);
/// In bytes.
const LOG: (usize, usize) = (64 * 1024, 1024 * 1024);

/// One caller's connection.
pub(super) struct Session<B> {
    pub backend: Arc<B>,
    pub stopping: Stopping,
}

impl<B> Clone for Session<B> {
    fn clone(&self) -> Self {
        Self { backend: self.backend.clone(), stopping: self.stopping.clone() }
    }
}

/// What is behind the door for those who are let in.
pub(super) fn router<B: Backend>() -> Router<Session<B>> {
    let routes = Router::new()
        .route(path::DESCRIBE, get(describe))
        .route(path::FLEET, get(fleet))
        .route(path::SERVICE, get(service))
        .route(path::DEPLOYMENTS, get(deployments))
        .route(path::PLAN, get(plan))
        .route(path::COMMANDS, post(command))
        .route(path::RECEIPT, get(receipt))
        .route(path::LOG, get(log))
        .route(path::EVENTS, get(events))
        .fallback(no_such_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(LARGEST_REQUEST))
        .layer(middleware::from_fn(in_time));
    stamped(routes)
}

/// What is behind the door for everyone else.
pub(super) fn closed(uid: u32) -> Router {
    let sentence = format!(
        "this engine belongs to another user; user {uid} is not let in: start your own trunkline"
    );
    stamped(
        Router::new()
            .fallback(move || async { Failure::from(Problem::new(Kind::NotAllowed, sentence)) }),
    )
}

fn stamped<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes.layer(middleware::from_fn(handshake)).layer(middleware::map_response(stamp))
}

/// Says on every answer which version speaks.
async fn stamp(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(API_HEADER, HeaderValue::from(API));
    headers.insert(VERSION_HEADER, HeaderValue::from_static(VERSION));
    response
}

/// Turns away a caller of another protocol; one that does not say is trusted to have read the documentation.
async fn handshake(request: Request, next: Next) -> Response {
    match incompatible(request.headers()) {
        Some(sentence) => Failure::from(Problem::new(Kind::Incompatible, sentence)).into_response(),
        None => next.run(request).await,
    }
}

fn incompatible(headers: &HeaderMap) -> Option<String> {
    let said = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    mismatch(Side::Engine, &said(API_HEADER)?, said(VERSION_HEADER).as_deref())
}

/// Ends an answer that takes too long.
async fn in_time(request: Request, next: Next) -> Response {
    timeout(LONGEST_ANSWER, next.run(request)).await.unwrap_or_else(|_| {
        let sentence = "the backend took too long; try again";
        Failure::from(Problem::new(Kind::TimedOut, sentence)).into_response()
    })
}

async fn no_such_path(uri: Uri) -> Failure {
    Problem::new(Kind::NoSuchPath, format!("there is nothing at {:?}", uri.path())).into()
}

async fn wrong_method(method: Method, uri: Uri) -> Failure {
    let sentence = format!("{:?} does not take {method}", uri.path());
    Problem::new(Kind::WrongMethod, sentence).into()
}

type Answered<T> = Result<T, Failure>;

impl<B: Backend> Session<B> {
    /// Asks a question, whose answer nobody waits for any more once the server stops.
    async fn ask<T>(
        &self,
        question: impl Future<Output = crate::backend::Answer<T>>,
    ) -> Answered<T> {
        tokio::select! {
            biased;
            answer = question => Ok(answer?),
            () = self.stopping.begun() => {
                Err(Problem::new(Kind::Stopping, "the engine is stopping").into())
            }
        }
    }
}

async fn describe<B: Backend>(State(session): State<Session<B>>) -> Answered<Json<Description>> {
    session.ask(session.backend.describe()).await.map(Json)
}

async fn fleet<B: Backend>(
    State(session): State<Session<B>>,
    known: Known,
    InQuery(query): InQuery<SnapshotQuery>,
) -> Answered<Response> {
    let wait = query.wait.up_to(LONGEST_WAIT);
    let fleet = session.ask(session.backend.fleet(known.only(), wait)).await?;
    Ok(answer::snapshot(&known, fleet, |fleet| &fleet.version))
}

async fn service<B: Backend>(
    State(session): State<Session<B>>,
    InPath(name): InPath<ServiceName>,
    known: Known,
    InQuery(query): InQuery<SnapshotQuery>,
) -> Answered<Response> {
    let wait = query.wait.up_to(LONGEST_WAIT);
    let service = session.ask(session.backend.service(&name, known.only(), wait)).await?;
    Ok(answer::snapshot(&known, service, |service| &service.version))
}

async fn deployments<B: Backend>(
    State(session): State<Session<B>>,
    InPath(name): InPath<ServiceName>,
    InQuery(query): InQuery<DeploymentsQuery>,
) -> Answered<Json<DeploymentPage>> {
    let limit = within(query.limit, DEPLOYMENTS);
    let page = session.backend.history(&name, query.environment, query.before, limit);
    Ok(Json(DeploymentPage { deployments: session.ask(page).await? }))
}

async fn plan<B: Backend>(
    State(session): State<Session<B>>,
    InPath(name): InPath<ServiceName>,
    InQuery(query): InQuery<PlanQuery>,
) -> Answered<Json<Plan>> {
    let action =
        Action::try_from(query).map_err(|sentence| Problem::new(Kind::BadRequest, sentence))?;
    session.ask(session.backend.plan(&name, action)).await.map(Json)
}

/// Runs to its end even when the server stops meanwhile.
async fn command<B: Backend>(
    State(session): State<Session<B>>,
    InPath(name): InPath<ServiceName>,
    order: Order,
) -> Answered<Json<Receipt>> {
    Ok(Json(session.backend.command(&name, order.command, order.key).await?))
}

async fn receipt<B: Backend>(
    State(session): State<Session<B>>,
    InPath(key): InPath<IdempotencyKey>,
) -> Answered<Json<Receipt>> {
    let receipt = session.ask(session.backend.receipt(&key)).await?;
    let receipt = receipt.ok_or_else(|| {
        let sentence = format!("no command with the key {:?} was ever recorded", key.as_str());
        Problem::new(Kind::NeverRecorded, sentence)
    })?;
    Ok(Json(receipt))
}

async fn log<B: Backend>(
    State(session): State<Session<B>>,
    InPath((name, deployment, step)): InPath<(ServiceName, DeploymentId, usize)>,
    InQuery(query): InQuery<LogQuery>,
) -> Answered<Response> {
    let from = query.from().map_err(|sentence| Problem::new(Kind::BadRequest, sentence))?;
    let (limit, wait) = (within(query.limit, LOG), query.wait.up_to(LONGEST_WAIT));
    let page = session.backend.log(&name, deployment, step, from, limit, wait);
    session.ask(page).await.map(answer::log)
}

async fn events<B: Backend>(
    State(session): State<Session<B>>,
    InQuery(query): InQuery<EventsQuery>,
    headers: HeaderMap,
) -> Answered<Response> {
    let after = live::resumed(&headers, query.after);
    if live::wanted(&headers) {
        return Ok(live::stream(session, query.service, after));
    }
    let (limit, wait) = (within(query.limit, EVENTS), query.wait.up_to(LONGEST_WAIT));
    let page = session.backend.events(query.service.as_ref(), after, limit, wait);
    Ok(Json(EventPage { events: session.ask(page).await? }).into_response())
}

fn within(asked: Option<usize>, (default, most): (usize, usize)) -> usize {
    asked.unwrap_or(default).clamp(1, most)
}
