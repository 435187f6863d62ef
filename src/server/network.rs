//! The service of one connection from the network: each request is admitted by itself, and what waits ends with the access.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response};
use futures_util::StreamExt as _;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use super::authenticate::{admit, not_signed_in};
use super::connections::{Connection, PlaceOwner};
use super::listen::Network;
use super::{ConnectionHandler, is_stream, too_many};
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
        connection: Connection,
    ) -> Self {
        Self { handler, network, peer, connection: connection.into(), last: Mutex::default() }
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
}

impl<A: Access> Service<Request<Incoming>> for NetworkService<A> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let at_once = |answer| -> Self::Future { Box::pin(std::future::ready(Ok(answer))) };
        let handler = &self.handler;
        let admitted =
            admit(&request, self.peer, &self.network, &handler.access, &handler.wrong_tokens);
        let caller = match admitted {
            Ok(caller) => caller,
            Err(refused) => return at_once(*refused),
        };
        let connection = self.connection.clone();
        if let Some(owner) = PlaceOwner::of(&caller) {
            connection.is_of(owner);
        }
        request.extensions_mut().insert(connection.clone());
        if !connection.begin(&request) {
            return at_once(too_many());
        }
        if request.method() != Method::GET {
            let (method, path) = (request.method(), request.uri().path());
            tracing::info!(%caller, %method, path, "a caller changes something");
        }
        let reads = request.method() == Method::GET;
        let ended = handler.access.ended(&caller);
        let answer = TowerToHyperService::new(self.router_for(&caller)).call(request);
        Box::pin(async move {
            let answer = if reads { or_ended(answer, ended).await? } else { answer.await? };
            connection.end(is_stream(&answer));
            Ok(answer)
        })
    }
}

/// The answer to a read. When the access ends, a read that waits is refused, and a stream ends.
async fn or_ended(
    answer: impl Future<Output = Result<Response<Body>, Infallible>>,
    mut ended: AccessEnd,
) -> Result<Response<Body>, Infallible> {
    let answer = tokio::select! {
        biased;
        answer = answer => answer?,
        () = &mut ended => return Ok(not_signed_in("the token ended; sign in again")),
    };
    if !is_stream(&answer) {
        return Ok(answer);
    }
    Ok(answer.map(|body| Body::from_stream(body.into_data_stream().take_until(ended))))
}
