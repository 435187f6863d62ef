//! The HTTP API over any backend, on a unix socket that only its owner can reach.

mod bind;
mod connections;
mod document;
mod extract;
mod layers;
mod peer;
mod response;
mod routes;
mod sse;
mod stopping;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Request, Response};
use axum::response::IntoResponse as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

pub use self::bind::bind;
use self::connections::{Connection, Connections, WAITING, WAITING_OF_ONE};
use self::peer::{Logins, Peer};
use self::response::ProblemResponse;
use self::routes::Session;
use self::stopping::StopSignal;
use crate::backend::{Backend, BackendError};
use crate::domain::caller::Caller;

/// How long a connection may idle or take to send the head of a request. A client drops an idle one earlier.
const HEAD: Duration = Duration::from_secs(20);
/// How long running commands may take to finish when the server stops.
const GRACE: Duration = Duration::from_secs(5);
/// When a caller that could not wait for news may try again.
const BUSY: Duration = Duration::from_secs(5);
/// How long to wait after an accept failed, for example because file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown`. `backend_for` makes the backend of each connection, for its caller.
///
/// On shutdown, waiting reads end at once with an error, and running commands finish.
///
/// # Errors
/// None at present.
pub async fn serve<B: Backend>(
    listener: UnixListener,
    backend_for: impl Fn(Caller) -> B + Clone + Send + Sync + 'static,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stop, stopping) = stopping::channel();
    let (routes, logins) = (routes::router(), Logins::default());
    let handler = Arc::new(ConnectionHandler { backend_for, routes, logins, stopping });
    let places = Connections::default();
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    // A caller for whom there is no place yet. It stays here whatever else ends meanwhile.
    let mut next = None;
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            stream = accept(&listener), if next.is_none() => next = Some(stream),
            () = sleep(ACCEPT_PAUSE), if next.is_some() => {}
        }
        if next.is_some()
            && let Some(connection) = places.enter()
            && let Some(stream) = next.take()
        {
            let handler = handler.clone();
            connections.spawn(async move { handler.handle(stream, connection).await });
        }
    }
    drop(listener);
    stop.stop();
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(GRACE, drained).await.is_err() {
        tracing::warn!("{} connections did not end in time and were cut", connections.len());
    }
    Ok(())
}

/// Accepts the next connection. Whoever drops this future loses none.
async fn accept(listener: &UnixListener) -> UnixStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Handles connections: identifies the caller and serves the routes.
struct ConnectionHandler<F, B> {
    backend_for: F,
    routes: Router<Session<B>>,
    logins: Logins,
    stopping: StopSignal,
}

impl<F, B> ConnectionHandler<F, B>
where
    F: Fn(Caller) -> B + Send + Sync,
    B: Backend,
{
    async fn handle(&self, stream: UnixStream, connection: Connection) {
        if let Ok(peer) = stream.peer_cred() {
            connection.is_of(peer.uid());
        }
        let closed = connection.closed();
        tokio::select! {
            () = self.handle_open(stream, connection) => {}
            () = closed => tracing::debug!("a connection was closed for another"),
        }
    }

    async fn handle_open(&self, stream: UnixStream, connection: Connection) {
        let router = match peer::of(&stream, &self.logins).await {
            Ok(Peer::Admitted(caller)) => {
                tracing::debug!(%caller, "a caller connected");
                let backend = Arc::new((self.backend_for)(caller));
                let session = Session { backend, stopping: self.stopping.clone() };
                self.routes.clone().with_state(session)
            }
            Ok(Peer::Stranger(uid)) => routes::no_access(uid),
            Err(error) => return tracing::warn!(%error, "could not identify the caller"),
        };
        let service =
            NotedService { inner: TowerToHyperService::new(router), connection: connection.into() };
        if let Err(error) = self.serve(stream, service).await {
            tracing::debug!(%error, "a connection broke");
        }
    }

    async fn serve(&self, stream: UnixStream, service: NotedService) -> hyper::Result<()> {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            result = connection.as_mut() => return result,
            () = self.stopping.begun() => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    }
}

/// The routes, with what the connection does noted.
struct NotedService {
    inner: TowerToHyperService<Router>,
    connection: Arc<Connection>,
}

impl Service<Request<Incoming>> for NotedService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let connection = self.connection.clone();
        request.extensions_mut().insert(connection.clone());
        if !connection.begin(&request) {
            return Box::pin(std::future::ready(Ok(too_many())));
        }
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            let kind = answer.headers().get(CONTENT_TYPE);
            connection
                .end(kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")));
            Ok(answer)
        })
    }
}

fn too_many() -> Response<Body> {
    let why = format!(
        "too many callers wait for news (at most {WAITING_OF_ONE} of one user and {WAITING} of all); commands still work"
    );
    ProblemResponse::from(BackendError::Busy { why, again: BUSY }).into_response()
}
