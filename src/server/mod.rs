//! The HTTP API over any backend, on a unix socket that only its owner can reach, and on a port for those with a token.

mod authenticate;
mod bind;
mod connections;
mod document;
mod extract;
mod hosts;
mod layers;
mod listen;
mod network;
mod peer;
mod response;
mod routes;
mod sse;
mod stopping;
mod tls;
mod wrong_tokens;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use self::authenticate::SocketOnly;
pub use self::bind::{bind, bind_for_group};
use self::connections::{Connection, Connections, PlaceOwner, WAITING, WAITING_OF_ONE};
use self::listen::{Accepted, Network};
pub use self::listen::{ListenError, NetworkListener, NetworkOptions, ServerListeners};
use self::network::NetworkService;
use self::peer::{Logins, Peer};
use self::response::ProblemResponse;
use self::routes::Session;
use self::stopping::StopSignal;
pub use self::tls::{Certificates, TlsError, TlsFiles};
use self::wrong_tokens::WrongTokens;
use crate::backend::access::Access;
use crate::backend::{Backend, BackendError};
use crate::domain::caller::{AccessRole, Caller};

/// How long a connection may idle or take to send the head of a request. A client drops an idle one earlier.
const HEAD: Duration = Duration::from_secs(20);
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long running commands may take to finish when the server stops.
const GRACE: Duration = Duration::from_secs(5);
/// When a caller that could not wait for news may try again.
const BUSY: Duration = Duration::from_secs(5);
/// How long to wait after an accept failed, for example because file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves the unix socket until `shutdown`. `backend_for` makes the backend of each connection, for its caller.
///
/// # Errors
/// None at present.
pub async fn serve<B: Backend>(
    listener: UnixListener,
    backend_for: impl Fn(Caller) -> B + Clone + Send + Sync + 'static,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let listeners = ServerListeners { socket: listener, group: None, port: None };
    serve_all(listeners, SocketOnly(backend_for), shutdown).await
}

/// Serves all listeners until `shutdown`.
///
/// On shutdown, waiting reads end at once with an error, and running commands finish.
///
/// # Errors
/// None at present.
pub async fn serve_all(
    listeners: ServerListeners,
    access: impl Access,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stop, stopping) = stopping::channel();
    let network = listeners.port.as_ref().map(|port| port.network.clone());
    let handler = Arc::new(ConnectionHandler {
        access,
        routes: routes::router(),
        logins: Logins::default(),
        wrong_tokens: WrongTokens::default(),
        network,
        stopping,
    });
    let places = Connections::default();
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    // A caller for whom there is no place yet. It stays here whatever else ends meanwhile.
    let mut next = None;
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = listeners.accept(), if next.is_none() => next = Some(accepted),
            () = sleep(ACCEPT_PAUSE), if next.is_some() => {}
        }
        if next.is_some()
            && let Some(connection) = places.enter()
            && let Some(accepted) = next.take()
        {
            let handler = handler.clone();
            connections.spawn(async move { handler.handle(accepted, connection).await });
        }
    }
    drop(listeners);
    stop.stop();
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(GRACE, drained).await.is_err() {
        tracing::warn!("{} connections did not end in time and were cut", connections.len());
    }
    Ok(())
}

/// Handles connections: identifies the caller and serves the routes.
struct ConnectionHandler<A: Access> {
    access: A,
    routes: Router<Session<A::Backend>>,
    logins: Logins,
    wrong_tokens: WrongTokens,
    network: Option<Arc<Network>>,
    stopping: StopSignal,
}

impl<A: Access> ConnectionHandler<A> {
    async fn handle(self: Arc<Self>, accepted: Accepted, connection: Connection) {
        let owner = match &accepted {
            Accepted::Unix(stream, _) => {
                stream.peer_cred().ok().map(|peer| PlaceOwner::User(peer.uid()))
            }
            Accepted::Tcp(_, peer) => Some(PlaceOwner::Address(*peer)),
        };
        if let Some(owner) = owner {
            connection.is_of(owner);
        }
        let closed = connection.closed();
        let open = async {
            match accepted {
                Accepted::Unix(stream, others) => {
                    self.handle_local(stream, others, connection).await;
                }
                Accepted::Tcp(stream, peer) => self.handle_remote(stream, peer, connection).await,
            }
        };
        tokio::select! {
            () = open => {}
            () = closed => tracing::debug!("a connection was closed for another"),
        }
    }

    async fn handle_local(
        &self,
        stream: UnixStream,
        others: Option<AccessRole>,
        connection: Connection,
    ) {
        let router = match peer::of(&stream, others, &self.logins).await {
            Ok(Peer::Admitted(caller)) => {
                tracing::debug!(%caller, "a caller connected");
                self.router_for(caller)
            }
            Ok(Peer::Stranger(uid)) => routes::no_access(uid),
            Err(error) => return tracing::warn!(%error, "could not identify the caller"),
        };
        let service =
            NotedService { inner: TowerToHyperService::new(router), connection: connection.into() };
        self.serve(stream, service).await;
    }

    async fn handle_remote(
        self: &Arc<Self>,
        stream: TcpStream,
        peer: IpAddr,
        connection: Connection,
    ) {
        let Some(network) = self.network.clone() else { return };
        let tls = network.tls.clone();
        let service = NetworkService::new(self.clone(), network, peer, connection);
        let Some(tls) = tls else { return self.serve(stream, service).await };
        match timeout(HANDSHAKE, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.serve(stream, service).await,
            Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
            Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
        }
    }

    /// The routes for one caller.
    fn router_for(&self, caller: Caller) -> Router {
        let backend = Arc::new(self.access.backend_for(caller));
        self.routes.clone().with_state(Session { backend, stopping: self.stopping.clone() })
    }

    async fn serve<S>(&self, stream: impl AsyncRead + AsyncWrite + Unpin, service: S)
    where
        S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
    {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => Some(ended),
            () = self.stopping.begun() => None,
        };
        let ended = if let Some(ended) = ended {
            ended
        } else {
            connection.as_mut().graceful_shutdown();
            connection.await
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection broke");
        }
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
            connection.end(is_stream(&answer));
            Ok(answer)
        })
    }
}

fn too_many() -> Response<Body> {
    let why = format!(
        "too many callers wait for news (at most {WAITING_OF_ONE} of one user and {WAITING} of all); commands still work"
    );
    layers::answer(ProblemResponse::from(BackendError::Busy { why, again: BUSY }))
}

fn is_stream(answer: &Response<Body>) -> bool {
    let kind = answer.headers().get(CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}
