//! Who the caller is, and the tokens of all callers.

use axum::Json;
use axum::extract::State;

use super::{HttpResult, Session};
use crate::api::page::TokenPage;
use crate::api::path;
use crate::backend::Backend;
use crate::domain::caller::WhoAmI;
use crate::domain::ids::{DeploymentId, ServiceName};
use crate::domain::link::{MadeLink, NewLink};
use crate::domain::token::{MadeToken, NewToken, Token, TokenId};
use crate::server::document::{
    BadRequestResponse, InvalidResponse, NotFoundResponses, TokenResponses,
};
use crate::server::extract::{InBody, InPath};

/// Says who the caller is to the engine, and what the caller may do.
#[utoipa::path(
    get,
    path = path::WHO_AM_I,
    responses((status = 200, description = "The caller.", body = WhoAmI))
)]
pub(super) async fn who_am_i<B: Backend>(
    State(session): State<Session<B>>,
) -> HttpResult<Json<WhoAmI>> {
    session.ask(session.backend.who_am_i()).await.map(Json)
}

/// Lists all tokens, also the revoked ones, oldest first. For admins.
#[utoipa::path(
    get,
    path = path::TOKENS,
    responses((status = 200, description = "All tokens, without their texts.", body = TokenPage), TokenResponses)
)]
pub(super) async fn tokens<B: Backend>(
    State(session): State<Session<B>>,
) -> HttpResult<Json<TokenPage>> {
    Ok(Json(TokenPage { tokens: session.ask(session.backend.tokens()).await? }))
}

/// Makes a token. For admins.
///
/// Its text is in this answer and nowhere else. If the answer gets lost, revoke the token and make another.
#[utoipa::path(
    post,
    path = path::TOKENS,
    request_body = NewToken,
    responses(
        (status = 200, description = "The token and its text.", body = MadeToken),
        BadRequestResponse,
        TokenResponses,
        InvalidResponse,
    )
)]
pub(super) async fn create_token<B: Backend>(
    State(session): State<Session<B>>,
    InBody(new): InBody<NewToken>,
) -> HttpResult<Json<MadeToken>> {
    Ok(Json(session.backend.create_token(new).await?))
}

/// Revokes a token: it opens nothing from now on, and its open streams end. For admins.
#[utoipa::path(
    delete,
    path = path::TOKEN,
    params(("token" = TokenId, Path, description = "Its number.")),
    responses(
        (status = 200, description = "The revoked token.", body = Token),
        NotFoundResponses,
        TokenResponses,
        InvalidResponse,
    )
)]
pub(super) async fn revoke_token<B: Backend>(
    State(session): State<Session<B>>,
    InPath(token): InPath<TokenId>,
) -> HttpResult<Json<Token>> {
    Ok(Json(session.backend.revoke_token(token).await?))
}

/// Makes a link to the page of one deployment. Whoever gets it reads that page and its logs without signing in, until the
/// link expires or the token that made it is revoked.
#[utoipa::path(
    post,
    path = path::LINK,
    params(("service" = ServiceName, Path), ("deployment" = DeploymentId, Path)),
    request_body = NewLink,
    responses(
        (status = 200, description = "The link.", body = MadeLink),
        BadRequestResponse,
        NotFoundResponses,
        TokenResponses,
        InvalidResponse,
    )
)]
pub(super) async fn link_run<B: Backend>(
    State(session): State<Session<B>>,
    InPath((name, deployment)): InPath<(ServiceName, DeploymentId)>,
    InBody(new): InBody<NewLink>,
) -> HttpResult<Json<MadeLink>> {
    Ok(Json(session.backend.link_run(&name, deployment, new).await?))
}

/// Makes a link that signs one browser in as the caller, once, to read the pages of this server.
#[utoipa::path(
    post,
    path = path::BROWSER,
    responses((status = 200, description = "The link.", body = MadeLink), TokenResponses)
)]
pub(super) async fn sign_in_link<B: Backend>(
    State(session): State<Session<B>>,
) -> HttpResult<Json<MadeLink>> {
    Ok(Json(session.backend.sign_in_link().await?))
}
