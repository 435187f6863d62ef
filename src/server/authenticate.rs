//! Who sends a request over the network: the person of its token, never what else the request says.

use std::fmt::Display;
use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Request, Response};

use super::layers::answer;
use super::listen::Network;
use super::page::{provider, visitor};
use super::response::ProblemResponse;
use super::wrong_tokens::{MOST_WRONG, RefusedTokens};
use crate::api::problem::{ProblemDocument, ProblemKind};
use crate::backend::Backend;
use crate::backend::access::{Access, AccessEnd, SigningIn};
use crate::domain::caller::Caller;
use crate::domain::link::LinkRefusal;
use crate::domain::sign_in::{SignInOffer, SignInRefusal, SignInRequest};
use crate::domain::token::TokenRefusal;

/// What a proxy says about the address for which it asks.
const FORWARDED: &str = "x-forwarded-for";

/// Access for callers of the unix socket alone.
pub(super) struct SocketOnly<F>(pub F);

impl<F, B> Access for SocketOnly<F>
where
    F: Fn(Caller) -> B + Send + Sync + 'static,
    B: Backend,
{
    type Backend = B;

    fn backend_for(&self, caller: Caller) -> B {
        (self.0)(caller)
    }

    fn authenticate(&self, _: &str, _: IpAddr) -> Result<Caller, TokenRefusal> {
        Err(TokenRefusal::Unknown)
    }

    fn offer(&self) -> SignInOffer {
        SignInOffer::default()
    }

    fn sign_in(&self, _: SignInRequest) -> SigningIn {
        Box::pin(std::future::ready(Err(SignInRefusal::NoProvider)))
    }

    fn ended(&self, _: &Caller) -> AccessEnd {
        Box::pin(std::future::pending())
    }
}

/// The address of whoever sends a request over the network.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClientAddress(pub IpAddr);

/// Lets a request over the network in as far as anybody is let in.
///
/// # Errors
/// With the answer for a request that no route may see.
pub(super) fn reach<T>(
    request: &Request<T>,
    peer: IpAddr,
    network: &Network,
) -> Result<ClientAddress, Box<Response<Body>>> {
    arrives(request, peer, network)?;
    Ok(ClientAddress(client(request.headers(), peer, network)))
}

/// Admits a request for a route.
///
/// # Errors
/// With the answer for a request without a token in force.
pub(super) fn admit<T>(
    request: &Request<T>,
    ClientAddress(peer): ClientAddress,
    access: &impl Access,
    tokens: &RefusedTokens,
) -> Result<Caller, Box<Response<Body>>> {
    if let Some(token) = bearer(request.headers()) {
        let caller = access.authenticate(token, peer);
        let is_unknown = |why: &_| matches!(why, TokenRefusal::Unknown);
        return caller.map_err(|why| Box::new(refused(&why, is_unknown(&why), peer, tokens)));
    }
    let admitted = match visitor::caller(request, access) {
        Some(caller) => caller.map_err(|why| {
            let is_unknown = why == LinkRefusal::Unknown;
            refused(&why, is_unknown, peer, tokens)
        }),
        None => Err(not_signed_in("this server needs a token; sign in")),
    };
    admitted.map_err(|mut refused| {
        provider::way_back(request, access).map(|way| refused.extensions_mut().insert(way));
        Box::new(refused)
    })
}

/// The answer to a token or a link that is not in force. Those beyond the limit are not logged: they would fill the disk.
fn refused(
    why: &dyn Display,
    is_unknown: bool,
    peer: IpAddr,
    tokens: &RefusedTokens,
) -> Response<Body> {
    // Whoever had a token or a link does not guess.
    let counted = if is_unknown { &tokens.unknown } else { &tokens.ended }.wrong(peer);
    match counted {
        Err(wait) if is_unknown => return answer(too_many_attempts(peer, wait)),
        Err(_) => {}
        Ok(()) => tracing::warn!(%peer, %why, "a caller was refused"),
    }
    not_signed_in(&format!("{why}; sign in again"))
}

/// The problem of an address from which too many wrong tokens or sign-ins came.
pub(super) fn too_many_attempts(peer: IpAddr, wait: Duration) -> ProblemResponse {
    let why = format!("more than {MOST_WRONG} wrong tokens or sign-ins came from {peer}; wait");
    ProblemResponse::after(ProblemDocument::new(ProblemKind::TooManyAttempts, why), wait)
}

/// Lets a request in that comes by a way of this server and is meant for it.
///
/// # Errors
/// With the answer for any other.
pub(super) fn arrives<T>(
    request: &Request<T>,
    peer: IpAddr,
    network: &Network,
) -> Result<(), Box<Response<Body>>> {
    let not_allowed =
        |why: String| Box::new(answer(ProblemDocument::new(ProblemKind::NotAllowed, why)));
    if !network.trusts(peer) {
        let why = format!("{peer} is not a proxy of this server; use its https address");
        return Err(not_allowed(why));
    }
    network.hosts.check(request).map_err(not_allowed)
}

/// The answer for a caller who has to sign in.
pub(super) fn not_signed_in(why: &str) -> Response<Body> {
    unauthorized(ProblemKind::NotSignedIn, why)
}

/// The answer for a caller whom no token lets in yet.
pub(super) fn unauthorized(kind: ProblemKind, why: &str) -> Response<Body> {
    let mut answer = answer(ProblemDocument::new(kind, why));
    answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    answer
}

/// The token of a request that has one, and one only.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The address for which a proxy asks. What anybody else says about it does not count.
fn client(headers: &HeaderMap, peer: IpAddr, network: &Network) -> IpAddr {
    if !network.proxies.contains(&peer) {
        return peer;
    }
    let lines = headers.get_all(FORWARDED).iter().filter_map(|line| line.to_str().ok());
    let hops: Vec<_> = lines.flat_map(|line| line.split(',')).collect();
    let hops = hops.into_iter().rev().map_while(|hop| hop.trim().parse::<IpAddr>().ok());
    let mut hops = hops.map(|hop| hop.to_canonical());
    hops.find(|hop| !network.proxies.contains(hop)).unwrap_or(peer)
}
