//! The HTTP API over any backend, on a unix socket that only its owner can reach, and on a port for those with a token.

mod authenticate;
mod bind;
mod connections;
mod document;
mod extract;
mod held;
mod hosts;
mod layers;
mod listen;
mod monitor;
mod network;
mod page;
mod peer;
mod protocols;
mod response;
mod routes;
mod sse;
mod stopping;
mod tls;
mod validity;
mod webhooks;
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
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::Service;
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use self::authenticate::SocketOnly;
pub use self::bind::{bind, bind_for_group};
use self::connections::{
    COMMANDS_OF_ONE, Connection, Connections, Door, PlaceOwner, RequestKind, WAITING,
    WAITING_OF_ONE, WORKING_OF_ONE,
};
use self::held::held;
use self::layers::answered;
use self::listen::{Accepted, Network, opened_late};
pub use self::listen::{ListenError, NetworkListener, NetworkOptions, RETRY, ServerListeners};
use self::monitor::Monitor;
use self::network::NetworkService;
use self::peer::{Logins, Peer};
use self::protocols::{HTTP2, serve_http1, serve_http2};
use self::response::ProblemResponse;
use self::routes::{Entrance, Session};
use self::stopping::StopSignal;
pub use self::tls::{Certificates, TlsError, TlsFiles};
use self::webhooks::{WebhookReceiver, is_webhook};
pub use self::webhooks::{WebhookSecret, WebhookSecrets};
use self::wrong_tokens::RefusedTokens;
use crate::api::path;
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
    let listeners = ServerListeners::of_socket(listener);
    serve_all(listeners, SocketOnly(backend_for), shutdown).await
}

/// Serves all listeners until `shutdown`.
///
/// On shutdown, waiting reads end at once with an error, and running commands finish.
///
/// # Errors
/// None at present.
pub async fn serve_all(
    mut listeners: ServerListeners,
    access: impl Access,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stop, stopping) = stopping::channel();
    let (places, access) = (Connections::default(), Arc::new(access));
    let (ready, metrics) = (access.clone(), access.clone());
    let monitor = Monitor {
        connections: places.clone(),
        ready: Arc::new(move || ready.ready()),
        metrics: Arc::new(move || metrics.metrics()),
    };
    let webhooks = WebhookReceiver::new(std::mem::take(&mut listeners.webhooks), &access);
    let refused_tokens = Arc::new(RefusedTokens::default());
    let entrance = Entrance { access: access.clone(), refused_tokens: refused_tokens.clone() };
    let handler = Arc::new(ConnectionHandler {
        access,
        routes: routes::router(monitor.clone(), webhooks.clone(), entrance.clone()),
        open_routes: monitor.clone().open_routes(),
        open_numbers: monitor.open_numbers(),
        webhook_route: webhooks.open_route(),
        entrance: routes::entrance(entrance),
        logins: Logins::default(),
        refused_tokens,
        stopping,
    });
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    let mut late = listeners.late.take();
    // Callers for whom there is no place yet. They stay here whatever else ends meanwhile.
    let (mut own, mut other) = (None, None);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = listeners.accept_own(), if own.is_none() => own = Some(accepted),
            accepted = listeners.accept_other(), if other.is_none() => other = Some(accepted),
            port = opened_late(&mut late) => (late, listeners.port) = (None, port),
            () = sleep(ACCEPT_PAUSE), if own.is_some() || other.is_some() => {}
        }
        for (next, door) in [(&mut own, Door::Own), (&mut other, Door::Other)] {
            if next.is_some()
                && let Some(connection) = places.enter(door)
                && let Some(accepted) = next.take()
            {
                let handler = handler.clone();
                connections.spawn(async move { handler.handle(accepted, connection).await });
            }
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
    access: Arc<A>,
    routes: Router<Session<A::Backend>>,
    /// For requests without a caller: what needs no token.
    open_routes: Router,
    /// The same for the numbers, where the server shows them to everybody.
    open_numbers: Router,
    /// The same for the webhooks of forges.
    webhook_route: Router,
    /// The same for signing in.
    entrance: Router,
    logins: Logins,
    refused_tokens: Arc<RefusedTokens>,
    stopping: StopSignal,
}

impl<A: Access> ConnectionHandler<A> {
    async fn handle(self: Arc<Self>, accepted: Accepted, connection: Connection) {
        let owner = match &accepted {
            Accepted::Unix(stream, _) => {
                stream.peer_cred().ok().map(|peer| PlaceOwner::User(peer.uid()))
            }
            Accepted::Tcp(_, peer, _) => Some(PlaceOwner::Address(*peer)),
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
                Accepted::Tcp(stream, peer, network) => {
                    self.handle_remote(stream, peer, network, connection).await;
                }
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
        let connection = Arc::new(connection);
        let service = NotedService { routes: router, connection: connection.clone() };
        serve_http1(stream, service, &self.stopping, &connection).await;
    }

    async fn handle_remote(
        self: &Arc<Self>,
        stream: TcpStream,
        peer: IpAddr,
        network: Arc<Network>,
        connection: Connection,
    ) {
        let (tls, connection) = (network.tls.clone(), Arc::new(connection));
        let service = NetworkService::new(self.clone(), network, peer, connection.clone());
        let Some(tls) = tls else {
            return serve_http1(stream, service, &self.stopping, &connection).await;
        };
        match timeout(HANDSHAKE, tls.accept(stream)).await {
            Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(HTTP2) => {
                serve_http2(stream, service, &self.stopping, &connection).await;
            }
            Ok(Ok(stream)) => serve_http1(stream, service, &self.stopping, &connection).await,
            Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
            Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
        }
    }

    /// The routes for a request that needs no token.
    fn without_caller<T>(&self, request: &Request<T>, network: &Network) -> Option<Router> {
        match request.uri().path() {
            path::HEALTH | path::READINESS => Some(self.open_routes.clone()),
            path::METRICS if network.open_metrics => Some(self.open_numbers.clone()),
            _ if is_webhook(request) => Some(self.webhook_route.clone()),
            _ => None,
        }
    }

    /// The routes for one caller.
    fn router_for(&self, caller: Caller) -> Router {
        let backend = Arc::new(self.access.backend_for(caller.clone()));
        let stopping = self.stopping.clone();
        self.routes.clone().with_state(Session { backend, caller: Arc::new(caller), stopping })
    }
}

/// The routes, with what the connection does noted.
struct NotedService {
    routes: Router,
    connection: Arc<Connection>,
}

impl Service<Request<Incoming>> for NotedService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let place = match self.connection.begin_noted(&mut request) {
            Ok(place) => place,
            Err(kind) => return Box::pin(std::future::ready(Ok(too_many(kind)))),
        };
        let answer = answered(self.routes.clone(), request);
        Box::pin(async move { Ok(held(answer.await, place)) })
    }
}

/// The answer when one more of this kind would be too many.
fn too_many(kind: RequestKind) -> Response<Body> {
    let why = match kind {
        RequestKind::Command => format!(
            "too many commands at the same time (at most {COMMANDS_OF_ONE} of one user); this one did nothing"
        ),
        RequestKind::Read | RequestKind::News => format!(
            "too many wait for news (at most {WAITING_OF_ONE} of one user and {WAITING} of all) or read at the same time \
             (at most {WORKING_OF_ONE} of one user); commands still work"
        ),
    };
    layers::answer(ProblemResponse::from(BackendError::Busy { why, again: BUSY }))
}
