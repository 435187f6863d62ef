//! The service of one connection from the network: each request is admitted by itself, and what waits ends with the access.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use futures_util::StreamExt as _;
use hyper::body::Incoming;
use hyper::service::Service;

use super::authenticate::{admit, arrives, not_signed_in, reach};
use super::connections::{Connection, PlaceOwner, RequestKind, RequestPlace};
use super::held::{held, is_stream};
use super::layers::answered;
use super::listen::Network;
use super::webhooks::is_webhook;
use super::{ConnectionHandler, page, too_many};
use crate::api::path;
use crate::backend::access::{Access, AccessEnd};
use crate::domain::caller::Caller;

pub(super) struct NetworkService<A: Access> {
    handler: Arc<ConnectionHandler<A>>,
    network: Arc<Network>,
    peer: IpAddr,
    connection: Arc<Connection>,
    /// The caller of the last request and the routes for it: most connections have one caller.
    last: Mutex<Option<(Caller, Router)>>,
}

impl<A: Access> NetworkService<A> {
    pub fn new(
        handler: Arc<ConnectionHandler<A>>,
        network: Arc<Network>,
        peer: IpAddr,
        connection: Arc<Connection>,
    ) -> Self {
        Self { handler, network, peer, connection, last: Mutex::default() }
    }

    fn router_for(&self, caller: &Caller) -> Router {
        let mut last = self.last.lock().expect("no code panics with the routes");
        if let Some((known, router)) = &*last
            && known == caller
        {
            return router.clone();
        }
        tracing::debug!(%caller, "a caller sends a request");
        let router = self.handler.router_for(caller.clone());
        *last = Some((caller.clone(), router.clone()));
        router
    }

    /// A place for a request of this owner.
    fn begin(
        &self,
        request: &mut Request<Incoming>,
        owner: PlaceOwner,
    ) -> Result<Arc<RequestPlace>, RequestKind> {
        self.connection.is_of(owner);
        self.connection.begin_noted(request)
    }

    /// The answer of routes that need no token.
    fn answer_stranger(
        &self,
        routes: Router,
        mut request: Request<Incoming>,
        address: IpAddr,
    ) -> <Self as Service<Request<Incoming>>>::Future {
        let wants = page::wants_page(&request);
        let place = match self.begin(&mut request, PlaceOwner::Address(address)) {
            Ok(place) => place,
            Err(kind) => {
                return Box::pin(std::future::ready(Ok(page::dressed(wants, too_many(kind)))));
            }
        };
        Box::pin(async move { Ok(held(answered(routes, request).await, place)) })
    }
}

impl<A: Access> Service<Request<Incoming>> for NetworkService<A> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let wants = page::wants_page(&request);
        let at_once = |answer| -> Self::Future {
            Box::pin(std::future::ready(Ok(page::dressed(wants, answer))))
        };
        let handler = &self.handler;
        if let Some(open) = handler.without_caller(&request, &self.network) {
            if is_webhook(&request)
                && let Err(refused) = arrives(&request, self.peer, &self.network)
            {
                return at_once(*refused);
            }
            return self.answer_stranger(open, request, self.peer);
        }
        let client = match reach(&request, self.peer, &self.network) {
            Ok(client) => client,
            Err(refused) => return at_once(*refused),
        };
        let path = request.uri().path();
        if path == path::LOGIN || path::is_of_sign_in(path) {
            request.extensions_mut().insert(client);
            return self.answer_stranger(handler.entrance.clone(), request, client.0);
        }
        let caller = match admit(&request, client, &*handler.access, &handler.refused_tokens) {
            Ok(caller) => caller,
            Err(refused) => return at_once(*refused),
        };
        let owner = PlaceOwner::of(&caller).unwrap_or(PlaceOwner::Address(client.0));
        let place = match self.begin(&mut request, owner) {
            Ok(place) => place,
            Err(kind) => return at_once(too_many(kind)),
        };
        let reads = request.method().is_safe();
        if !reads {
            let (method, path) = (request.method(), request.uri().path());
            tracing::info!(%caller, %method, path, "a caller changes something");
        }
        let answer = answered(self.router_for(&caller), request);
        if !reads {
            return Box::pin(async move { Ok(held(answer.await, place)) });
        }
        let access = handler.access.clone();
        Box::pin(async move {
            let ended = || access.ended(&caller);
            Ok(held(or_ended(answer, ended, wants).await, place))
        })
    }
}

/// The answer to a read. When the access ends, a read that waits is refused, and a stream ends. Whoever is answered at once needs
/// no look at the end.
async fn or_ended(
    answer: impl Future<Output = Response<Body>>,
    ended: impl Fn() -> AccessEnd,
    wants: Option<bool>,
) -> Response<Body> {
    let answer = tokio::select! {
        biased;
        answer = answer => answer,
        () = async { ended().await } => {
            let refused = not_signed_in("the token ended; sign in again");
            return page::dressed(wants, refused);
        }
    };
    if !is_stream(&answer) {
        return answer;
    }
    answer.map(|body| Body::from_stream(body.into_data_stream().take_until(ended())))
}
