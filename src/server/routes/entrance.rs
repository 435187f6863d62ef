//! The routes for those who have no token yet: how to sign in, and signing in.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::path;
use crate::api::problem::{ProblemDocument, ProblemKind};
use crate::backend::access::Access;
use crate::domain::sign_in::{SignInOffer, SignInRefusal, SignInRequest};
use crate::domain::token::MadeToken;
use crate::server::authenticate::{ClientAddress, too_many_attempts, unauthorized};
use crate::server::document::{
    BadRequestResponse, InvalidResponse, NotFoundResponses, SignInResponses,
};
use crate::server::extract::InBody;
use crate::server::page;
use crate::server::response::ProblemResponse;
use crate::server::wrong_tokens::RefusedTokens;

/// Who signs people in, and who tried in vain.
pub struct Entrance<A> {
    pub access: Arc<A>,
    pub refused_tokens: Arc<RefusedTokens>,
}

impl<A> Clone for Entrance<A> {
    fn clone(&self) -> Self {
        Self { access: self.access.clone(), refused_tokens: self.refused_tokens.clone() }
    }
}

pub(super) fn router<A: Access>() -> OpenApiRouter<Entrance<A>> {
    OpenApiRouter::new()
        .routes(routes!(offer, sign_in))
        .routes(routes!(page::sign_in::sign_in_page, page::sign_in::sign_in))
        .routes(routes!(page::provider::send_to_provider))
        .routes(routes!(page::provider::take_answer))
}

/// Says how to sign in.
///
/// This needs no token.
#[utoipa::path(
    get,
    path = path::LOGIN,
    security(()),
    responses((status = 200, description = "The provider, if the server trusts one.", body = SignInOffer))
)]
async fn offer<A: Access>(State(entrance): State<Entrance<A>>) -> Json<SignInOffer> {
    Json(entrance.access.offer())
}

/// Opens a session for the person of an ID token.
///
/// This needs no token. The ID token must be new, of the provider that the server trusts and for its client, and opens one
/// session. What the session may do follows from the claims.
#[utoipa::path(
    post,
    path = path::LOGIN,
    security(()),
    request_body = SignInRequest,
    responses(
        (status = 200, description = "The session and the text of its token.", body = MadeToken),
        BadRequestResponse,
        NotFoundResponses,
        SignInResponses,
        InvalidResponse,
    )
)]
async fn sign_in<A: Access>(
    State(entrance): State<Entrance<A>>,
    client: Option<Extension<ClientAddress>>,
    InBody(shown): InBody<SignInRequest>,
) -> Response {
    let peer = peer_of(client);
    match entrance.access.sign_in(shown).await {
        Ok(made) => {
            tracing::info!(%peer, person = made.token.person, id = %made.token.id, "somebody signed in");
            Json(made).into_response()
        }
        Err(why) => entrance.refuse(why, peer),
    }
}

/// The address of whoever asks; over the socket it is this machine's.
pub fn peer_of(client: Option<Extension<ClientAddress>>) -> IpAddr {
    client.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |Extension(client)| client.0)
}

impl<A> Entrance<A> {
    /// The answer to a sign-in that opens nothing. Strangers can send some: those beyond a limit are not logged, because they
    /// would fill the disk.
    pub fn refuse(&self, why: SignInRefusal, peer: IpAddr) -> Response {
        let problem = match why {
            SignInRefusal::NoProvider => {
                ProblemDocument::new(ProblemKind::NotFound, why.to_string())
            }
            SignInRefusal::Unavailable(why) => {
                if self.refused_tokens.ended.wrong(peer).is_ok() {
                    tracing::warn!(%peer, %why, "nobody can sign in");
                }
                ProblemDocument::new(ProblemKind::Unreachable, why)
            }
            SignInRefusal::Refused(why) => {
                return self.refuse_for(ProblemKind::NotSignedIn, &why, peer);
            }
            SignInRefusal::NoSession(why) => {
                return self.refuse_for(ProblemKind::NoSession, &why, peer);
            }
        };
        ProblemResponse::from(problem).into_response()
    }

    fn refuse_for(&self, kind: ProblemKind, why: &str, peer: IpAddr) -> Response {
        match self.refused_tokens.unknown.wrong(peer) {
            Ok(()) => {
                tracing::warn!(%peer, why, "a sign-in was refused");
                unauthorized(kind, why)
            }
            Err(wait) => too_many_attempts(peer, wait).into_response(),
        }
    }
}
