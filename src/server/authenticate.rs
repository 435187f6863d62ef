//! Who sends a request over the network: the person of its token, never what else the request says.

use std::net::IpAddr;

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Request, Response};

use super::layers::answer;
use super::listen::Network;
use super::wrong_tokens::{MOST_WRONG, WrongTokens};
use crate::api::problem::{ProblemDocument, ProblemKind};
use crate::backend::Backend;
use crate::backend::access::{Access, AccessEnd};
use crate::domain::caller::Caller;
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

    fn ended(&self, _: &Caller) -> AccessEnd {
        Box::pin(std::future::pending())
    }
}

/// Admits a request over the network.
///
/// # Errors
/// With the answer for a request that no route may see.
pub(super) fn admit<T>(
    request: &Request<T>,
    peer: IpAddr,
    network: &Network,
    access: &impl Access,
    wrong_tokens: &WrongTokens,
) -> Result<Caller, Box<Response<Body>>> {
    let not_allowed =
        |why: String| Box::new(answer(ProblemDocument::new(ProblemKind::NotAllowed, why)));
    if !network.trusts(peer) {
        let why = format!("{peer} is not a proxy of this server; use its https address");
        return Err(not_allowed(why));
    }
    network.hosts.check(request).map_err(not_allowed)?;
    let peer = client(request.headers(), peer, network);
    let Some(token) = bearer(request.headers()) else {
        return Err(Box::new(not_signed_in("this server needs a token; sign in")));
    };
    access.authenticate(token, peer).map_err(|why| {
        // Whoever had a token does not guess.
        let counted = if why == TokenRefusal::Unknown { wrong_tokens.wrong(peer) } else { Ok(()) };
        Box::new(match counted {
            Ok(()) => {
                // Those beyond the limit are not logged: they would fill the disk.
                tracing::warn!(%peer, %why, "a token was refused");
                not_signed_in(&format!("{why}; sign in again"))
            }
            Err(wait) => {
                let why = format!("more than {MOST_WRONG} wrong tokens came from {peer}; wait");
                let problem = ProblemDocument::new(ProblemKind::TooManyAttempts, why);
                answer(super::response::ProblemResponse::after(problem, wait))
            }
        })
    })
}

/// The answer for a caller who has to sign in.
pub(super) fn not_signed_in(why: &str) -> Response<Body> {
    let mut answer = answer(ProblemDocument::new(ProblemKind::NotSignedIn, why));
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
