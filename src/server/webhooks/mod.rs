//! Webhooks: a forge tells of a push or of a run, and the engine looks at once. What a forge says deploys nothing.

mod news;
mod signature;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Request};
use axum::{Extension, Json, Router};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use self::signature::WebhookSecret;
use super::BUSY;
use super::document::{BadRequestResponse, NotFoundResponses, WebhookResponses};
use super::extract::{BODY, InPath};
use super::layers::wrong_method;
use super::response::ProblemResponse;
use super::routes::{HttpResult, Session};
use crate::api::path;
use crate::api::problem::{ProblemDocument, ProblemKind};
use crate::backend::access::Access;
use crate::backend::{Backend, BackendError};
use crate::domain::delivery::{DeliveryLog, DeliveryResult, WebhookForge, WebhookNews};

/// The most bytes of a webhook. What a larger one tells, the next poll finds.
const LARGEST: usize = 1024 * 1024;
/// The most webhooks that are read at the same time.
const AT_ONCE: usize = 8;

/// The secret of each forge that may send webhooks.
pub type WebhookSecrets = BTreeMap<WebhookForge, WebhookSecret>;

/// What a server does with webhooks.
#[derive(Clone)]
pub(super) struct WebhookReceiver {
    secrets: Arc<WebhookSecrets>,
    places: Arc<Semaphore>,
    take: Arc<dyn Fn(WebhookNews) -> DeliveryResult + Send + Sync>,
    note: Arc<dyn Fn(WebhookForge, DeliveryResult) + Send + Sync>,
}

impl WebhookReceiver {
    pub fn new(secrets: WebhookSecrets, access: &Arc<impl Access>) -> Self {
        let (take, note) = (access.clone(), access.clone());
        Self {
            secrets: Arc::new(secrets),
            places: Arc::new(Semaphore::new(AT_ONCE)),
            take: Arc::new(move |news| take.take_webhook(news)),
            note: Arc::new(move |forge, result| note.note_delivery(forge, result)),
        }
    }

    /// The route for whoever has no token: the signature takes its place.
    pub fn open_route(self) -> Router {
        let (route, _) = OpenApiRouter::new().routes(routes!(deliver)).split_for_parts();
        let route = route.method_not_allowed_fallback(wrong_method);
        route.layer(Extension(self))
    }

    /// The secret for a webhook whose body is worth reading: strangers take no place.
    fn secret_for(&self, forge: WebhookForge, headers: &HeaderMap) -> Option<&WebhookSecret> {
        // Of a forge without a secret nothing is noted either: nobody expects it.
        let secret = self.secrets.get(&forge)?;
        if !signature::has_signature(forge, headers) {
            (self.note)(forge, DeliveryResult::Refused);
            return None;
        }
        Some(secret)
    }

    fn result(
        &self,
        forge: WebhookForge,
        secret: &WebhookSecret,
        headers: &HeaderMap,
        body: &[u8],
    ) -> DeliveryResult {
        if !secret.signs(forge, headers, body) {
            (self.note)(forge, DeliveryResult::Refused);
            return DeliveryResult::Refused;
        }
        let Some(news) = news::read(forge, headers, body) else {
            (self.note)(forge, DeliveryResult::Unreadable);
            return DeliveryResult::Unreadable;
        };
        (self.take)(news)
    }
}

/// Whether this is a webhook.
pub(super) fn is_webhook<T>(request: &Request<T>) -> bool {
    let rest = request.uri().path().strip_prefix(path::WEBHOOKS);
    request.method() == Method::POST && rest.is_some_and(|rest| rest.starts_with('/'))
}

/// What became of a webhook.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct DeliveryAnswer {
    result: DeliveryResult,
    /// The same in words.
    detail: String,
}

/// Takes a webhook of a forge about a push or a run. The engine looks at once; nothing in the body deploys anything.
///
/// It needs no token but the signature of the forge over the exact bytes of the body, with the secret in `server.toml`;
/// from GitLab the secret itself.
#[utoipa::path(
    post,
    path = path::WEBHOOK,
    security(()),
    params(("forge" = WebhookForge, Path, description = "The form of the webhook.")),
    request_body(content = serde_json::Value, description = "What the forge sends."),
    responses(
        (status = 200, description = "It was signed.", body = DeliveryAnswer),
        BadRequestResponse,
        NotFoundResponses,
        WebhookResponses,
    )
)]
pub(super) async fn deliver(
    Extension(receiver): Extension<WebhookReceiver>,
    InPath(forge): InPath<WebhookForge>,
    headers: HeaderMap,
    body: Body,
) -> HttpResult<Json<DeliveryAnswer>> {
    let Some(secret) = receiver.secret_for(forge, &headers) else { return Err(refused(forge)) };
    let busy = |_| BackendError::Busy { why: "too many webhooks come at once".into(), again: BUSY };
    let _place = receiver.places.try_acquire().map_err(busy)?;
    let late = |_| ProblemDocument::new(ProblemKind::TimedOut, "the body did not come in time");
    let read = timeout(BODY, to_bytes(body, LARGEST)).await.map_err(late)?;
    let too_large = |_| {
        let why = format!("a webhook may have {LARGEST} bytes; the next poll finds what it tells");
        ProblemDocument::new(ProblemKind::TooLarge, why)
    };
    let body = read.map_err(too_large)?;
    let result = receiver.result(forge, secret, &headers, &body);
    let detail = result.sentence();
    match result {
        DeliveryResult::Refused => Err(refused(forge)),
        DeliveryResult::Unreadable => {
            Err(ProblemDocument::new(ProblemKind::BadRequest, detail).into())
        }
        result => Ok(Json(DeliveryAnswer { result, detail: detail.to_owned() })),
    }
}

fn refused(forge: WebhookForge) -> ProblemResponse {
    let detail = DeliveryResult::Refused.sentence();
    let why = format!("{detail}, or server.toml names no webhooks of {forge}");
    ProblemDocument::new(ProblemKind::NotSignedIn, why).into()
}

/// Lists the last webhooks since the engine started, newest first, for a caller who is not limited to services.
#[utoipa::path(
    get,
    path = path::WEBHOOKS,
    responses((status = 200, description = "The last webhooks.", body = DeliveryLog))
)]
pub(super) async fn deliveries<B: Backend>(
    State(session): State<Session<B>>,
) -> Result<Json<DeliveryLog>, ProblemResponse> {
    session.ask(session.backend.deliveries()).await.map(Json)
}
