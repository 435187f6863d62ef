//! The routes of the API.

mod access;
mod entrance;
mod incidents;
mod logs;
mod notes;
mod record;

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum::{Extension, Json, Router};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) use self::entrance::{Entrance, peer_of};
use super::document::{
    self, BadRequestResponse, InvalidResponse, NoReceiptResponses, NotFoundResponses,
    NotModifiedResponse, RefusedResponses,
};
use super::extract::{InPath, InQuery, KeyedCommand, KnownVersions};
use super::layers::{no_such_path, wrong_method};
use super::monitor::{self, Monitor};
use super::page;
use super::response::{self, ProblemResponse};
use super::stopping::StopSignal;
use super::webhooks::{self, WebhookReceiver};
use crate::api::page::{BuildPage, DeploymentPage, FreezePage};
use crate::api::path;
use crate::api::problem::{ProblemDocument, ProblemKind};
use crate::api::query::{
    BuildsQuery, DeploymentsQuery, FreezesQuery, PlanQuery, SnapshotQuery, StatsQuery,
};
use crate::backend::access::Access;
use crate::backend::{Backend, LONGEST_WAIT};
use crate::domain::caller::Caller;
use crate::domain::command::{Action, Command, Receipt};
use crate::domain::commit_location::CommitLocation;
use crate::domain::ids::{CommitPrefix, IdempotencyKey, ServiceName};
use crate::domain::plan::Plan;
use crate::domain::snapshot::{Description, FleetSnapshot, ServiceSnapshot};
use crate::domain::stats::{DAYS, DeliveryStats};

/// The default number of builds or deployments on a page, and the most.
const ROWS: (usize, usize) = (50, 500);

/// One caller's connection.
pub(super) struct Session<B> {
    pub backend: Arc<B>,
    pub caller: Arc<Caller>,
    pub stopping: StopSignal,
}

impl<B> Clone for Session<B> {
    fn clone(&self) -> Self {
        let Self { backend, caller, stopping } = self;
        Self { backend: backend.clone(), caller: caller.clone(), stopping: stopping.clone() }
    }
}

/// The routes for callers with access.
pub(super) fn router<A: Access>(
    monitor: Monitor,
    receiver: WebhookReceiver,
    entrance: Entrance<A>,
) -> Router<Session<A::Backend>> {
    let (doors, at_doors) = self::entrance::router::<A>().split_for_parts();
    let (routes, mut api) = OpenApiRouter::with_openapi(document::titled())
        .routes(routes!(describe))
        .routes(routes!(fleet))
        .routes(routes!(service))
        .routes(routes!(builds))
        .routes(routes!(deployments))
        .routes(routes!(freezes))
        .routes(routes!(stats))
        .routes(routes!(plan))
        .routes(routes!(commit_location))
        .routes(routes!(command))
        .routes(routes!(receipt))
        .routes(routes!(logs::log))
        .routes(routes!(logs::search_log))
        .routes(routes!(logs::filter_log))
        .routes(routes!(record::events))
        .routes(routes!(record::timeline))
        .routes(routes!(incidents::incidents))
        .routes(routes!(incidents::incident))
        .routes(routes!(notes::note))
        .routes(routes!(record::chain))
        .routes(routes!(record::span))
        .routes(routes!(webhooks::deliveries))
        .routes(routes!(monitor::health))
        .routes(routes!(access::who_am_i))
        .routes(routes!(access::tokens, access::create_token))
        .routes(routes!(access::revoke_token))
        .routes(routes!(access::link_run))
        .routes(routes!(access::sign_in_link))
        .routes(routes!(page::fleet::fleet))
        .routes(routes!(page::service::service))
        .routes(routes!(page::build::build))
        .routes(routes!(page::run::run))
        .routes(routes!(page::log::log))
        .routes(routes!(page::assets::asset))
        // Only these get the extensions: a request of any other route would take copies of them.
        .merge(OpenApiRouter::new().routes(routes!(webhooks::deliver)).layer(Extension(receiver)))
        .merge(
            OpenApiRouter::new()
                .routes(routes!(monitor::readiness))
                .routes(routes!(monitor::metrics))
                .layer(Extension(monitor)),
        )
        .split_for_parts();
    api.merge(at_doors);
    let (document, of_document) =
        OpenApiRouter::new().routes(routes!(document::document)).split_for_parts();
    api.merge(of_document);
    let document = document.layer(Extension(document::finished(api)));
    with_fallbacks(routes.merge(doors.with_state(entrance)).merge(document))
}

/// The routes for callers who have no token yet.
pub(super) fn entrance<A: Access>(entrance: Entrance<A>) -> Router {
    let (doors, _) = self::entrance::router::<A>().split_for_parts();
    with_fallbacks(doors.with_state(entrance))
}

/// Adds the answers without a route.
fn with_fallbacks<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes.fallback(no_such_path).method_not_allowed_fallback(wrong_method)
}

/// The answer to every request of a caller without access.
pub(super) fn no_access(uid: u32) -> Router {
    let sentence = format!(
        "this engine belongs to another user, and user {uid} has no access; start your own trunkline"
    );
    Router::new().fallback(move || async {
        ProblemResponse::from(ProblemDocument::new(ProblemKind::NotAllowed, sentence))
    })
}

pub(super) type HttpResult<T> = Result<T, ProblemResponse>;

impl<B: Backend> Session<B> {
    /// Waits for the backend's answer, or answers that the server stops.
    pub(super) async fn ask<T>(
        &self,
        question: impl Future<Output = crate::backend::Answer<T>>,
    ) -> HttpResult<T> {
        tokio::select! {
            biased;
            answer = question => Ok(answer?),
            () = async { self.stopping.begun().await } => {
                Err(ProblemDocument::new(ProblemKind::Stopping, "the engine is stopping").into())
            }
        }
    }
}

/// Describes the engine and what it can do.
#[utoipa::path(
    get,
    path = path::DESCRIBE,
    responses((status = 200, description = "The engine.", body = Description))
)]
async fn describe<B: Backend>(State(session): State<Session<B>>) -> HttpResult<Json<Description>> {
    session.ask(session.backend.describe()).await.map(Json)
}

/// Returns one row for each service.
///
/// If the caller has the current version, the answer comes at the next change, or when `wait` is over.
#[utoipa::path(
    get,
    path = path::FLEET,
    params(SnapshotQuery, KnownVersions),
    responses(
        (status = 200, description = "The fleet.", body = FleetSnapshot,
            headers(("etag" = String, description = "The version, quoted."))),
        NotModifiedResponse,
        BadRequestResponse,
    )
)]
async fn fleet<B: Backend>(
    State(session): State<Session<B>>,
    known: KnownVersions,
    InQuery(query): InQuery<SnapshotQuery>,
) -> HttpResult<Response> {
    let wait = query.wait.up_to(LONGEST_WAIT);
    let fleet = session.ask(session.backend.fleet(known.only(), wait)).await?;
    Ok(response::snapshot(&known, fleet, |fleet| &fleet.version))
}

/// Returns one service, with everything that a screen needs.
///
/// If the caller has the current version, the answer comes at the next change, or when `wait` is over.
#[utoipa::path(
    get,
    path = path::SERVICE,
    params(("service" = ServiceName, Path), SnapshotQuery, KnownVersions),
    responses(
        (status = 200, description = "The service.", body = ServiceSnapshot,
            headers(("etag" = String, description = "The version, quoted."))),
        NotModifiedResponse,
        BadRequestResponse,
        NotFoundResponses,
    )
)]
async fn service<B: Backend>(
    State(session): State<Session<B>>,
    InPath(name): InPath<ServiceName>,
    known: KnownVersions,
    InQuery(query): InQuery<SnapshotQuery>,
) -> HttpResult<Response> {
    let wait = query.wait.up_to(LONGEST_WAIT);
    let service = session.ask(session.backend.service(&name, known.only(), wait)).await?;
    Ok(response::snapshot(&known, service, |service| &service.version))
}

/// Lists the builds of the trunk, newest first.
#[utoipa::path(
    get,
    path = path::BUILDS,
    params(("service" = ServiceName, Path), BuildsQuery),
    responses(
        (status = 200, description = "A page of builds.", body = BuildPage),
        BadRequestResponse,
        NotFoundResponses,
    )
)]
async fn builds<B: Backend>(
    State(session): State<Session<B>>,
    InPath(name): InPath<ServiceName>,
    InQuery(query): InQuery<BuildsQuery>,
) -> HttpResult<Json<BuildPage>> {
    let page = session.backend.builds(&name, query.before, within(query.limit, ROWS));
    Ok(Json(BuildPage { builds: session.ask(page).await? }))
}

/// Lists the deployments of an environment, newest first.
#[utoipa::path(
    get,
    path = path::DEPLOYMENTS,
    params(("service" = ServiceName, Path), DeploymentsQuery),
    responses(
        (status = 200, description = "A page of deployments.", body = DeploymentPage),
        BadRequestResponse,
        NotFoundResponses,
    )
)]
async fn deployments<B: Backend>(
    State(session): State<Session<B>>,
    InPath(name): InPath<ServiceName>,
    InQuery(query): InQuery<DeploymentsQuery>,
) -> HttpResult<Json<DeploymentPage>> {
    let limit = within(query.limit, ROWS);
    let page = session.backend.history(&name, query.environment, query.before, limit);
    Ok(Json(DeploymentPage { deployments: session.ask(page).await? }))
}

/// Lists the windows of the calendar freezes.
#[utoipa::path(
    get,
    path = path::FREEZES,
    params(("service" = ServiceName, Path), FreezesQuery),
    responses(
        (status = 200, description = "The windows that overlap the period.", body = FreezePage),
        BadRequestResponse,
        NotFoundResponses,
    )
)]
async fn freezes<B: Backend>(
    State(session): State<Session<B>>,
    InPath(name): InPath<ServiceName>,
    InQuery(query): InQuery<FreezesQuery>,
) -> HttpResult<Json<FreezePage>> {
    let (from, until) = query
        .period()
        .map_err(|sentence| ProblemDocument::new(ProblemKind::BadRequest, sentence))?;
    let windows = session.backend.freezes(&name, query.environment, from, until);
    Ok(Json(FreezePage { windows: session.ask(windows).await? }))
}

/// Returns how a service was delivered: the four measures of DORA and the rework rate.
///
/// They are of this service's own record. A measure of which there are too few facts is absent, and not zero.
#[utoipa::path(
    get,
    path = path::STATS,
    params(("service" = ServiceName, Path), StatsQuery),
    responses(
        (status = 200, description = "The measures of the last days.", body = DeliveryStats),
        BadRequestResponse,
        NotFoundResponses,
    )
)]
async fn stats<B: Backend>(
    State(session): State<Session<B>>,
    InPath(name): InPath<ServiceName>,
    InQuery(query): InQuery<StatsQuery>,
) -> HttpResult<Json<DeliveryStats>> {
    let (default, most) = DAYS;
    let days = query.days.unwrap_or(default).clamp(1, most);
    session.ask(session.backend.stats(&name, days)).await.map(Json)
}

/// Plans a promote or a rollback: what it would do if the caller ran it now. Nothing runs.
#[utoipa::path(
    get,
    path = path::PLAN,
    params(("service" = ServiceName, Path), PlanQuery),
    responses(
        (status = 200, description = "The plan, whose fingerprint executes it.", body = Plan),
        BadRequestResponse,
        NotFoundResponses,
        InvalidResponse,
    )
)]
async fn plan<B: Backend>(
    State(session): State<Session<B>>,
    InPath(name): InPath<ServiceName>,
    InQuery(query): InQuery<PlanQuery>,
) -> HttpResult<Json<Plan>> {
    let action = Action::try_from(query)
        .map_err(|sentence| ProblemDocument::new(ProblemKind::BadRequest, sentence))?;
    session.ask(session.backend.plan(&name, action)).await.map(Json)
}

/// Returns the location of a commit: its build, staging and production.
#[utoipa::path(
    get,
    path = path::COMMIT,
    params(
        ("service" = ServiceName, Path),
        ("commit" = CommitPrefix, Path, description = "Its sha or the beginning of it."),
    ),
    responses(
        (status = 200, description = "Its location, or that no such commit is known.", body = CommitLocation),
        NotFoundResponses,
    )
)]
async fn commit_location<B: Backend>(
    State(session): State<Session<B>>,
    InPath((name, commit)): InPath<(ServiceName, CommitPrefix)>,
) -> HttpResult<Json<CommitLocation>> {
    session.ask(session.backend.commit_location(&name, &commit)).await.map(Json)
}

/// Records a command and answers when it is durable.
///
/// The same key with the same command gets the first receipt again. The command may be recorded even if the caller
/// disconnects or the engine stops; its receipt shows that.
#[utoipa::path(
    post,
    path = path::COMMANDS,
    params(("service" = ServiceName, Path), KeyedCommand),
    request_body = Command,
    responses(
        (status = 200, description = "It was recorded.", body = Receipt),
        BadRequestResponse,
        NotFoundResponses,
        RefusedResponses,
    )
)]
async fn command<B: Backend>(
    State(session): State<Session<B>>,
    InPath(name): InPath<ServiceName>,
    order: KeyedCommand,
) -> HttpResult<Json<Receipt>> {
    Ok(Json(session.backend.command(&name, order.command, order.key).await?))
}

/// Returns the receipt of a command, by its key.
#[utoipa::path(
    get,
    path = path::RECEIPT,
    params(("key" = IdempotencyKey, Path)),
    responses((status = 200, description = "It was recorded.", body = Receipt), NoReceiptResponses)
)]
async fn receipt<B: Backend>(
    State(session): State<Session<B>>,
    InPath(key): InPath<IdempotencyKey>,
) -> HttpResult<Json<Receipt>> {
    let receipt = session.ask(session.backend.receipt(&key)).await?;
    let receipt = receipt.ok_or_else(|| {
        let sentence = format!("no command with the key {:?} was ever recorded", key.as_str());
        ProblemDocument::new(ProblemKind::NeverRecorded, sentence)
    })?;
    Ok(Json(receipt))
}

fn within(asked: Option<usize>, (default, most): (usize, usize)) -> usize {
    asked.unwrap_or(default).clamp(1, most)
}
