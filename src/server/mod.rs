//! The HTTP API over any backend, on a unix socket that only its owner can reach.

mod bind;
mod document;
mod extract;
mod layers;
mod peer;
mod response;
mod routes;
mod sse;
mod stopping;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

pub use self::bind::bind;
use self::peer::{Logins, Peer};
use self::routes::Session;
use self::stopping::StopSignal;
use crate::backend::Backend;
use crate::domain::caller::Caller;

/// The most open connections; more wait in the socket's queue.
const CONNECTIONS: usize = 256;
/// How long a connection may idle or take to send the head of a request.
const HEAD: Duration = Duration::from_mins(1);
/// How long running commands may take to finish when the server stops.
const GRACE: Duration = Duration::from_secs(5);
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
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            (stream, slot) = accept(&listener, &slots) => {
                let handler = handler.clone();
                connections.spawn(async move {
                    handler.handle(stream).await;
                    drop(slot);
                });
            }
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

/// Waits for a slot and accepts the next connection.
async fn accept(
    listener: &UnixListener,
    slots: &Arc<Semaphore>,
) -> (UnixStream, OwnedSemaphorePermit) {
    let slot = slots.clone().acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, slot),
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
    async fn handle(&self, stream: UnixStream) {
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
        if let Err(error) = self.serve(stream, router).await {
            tracing::debug!(%error, "a connection broke");
        }
    }

    async fn serve(&self, stream: UnixStream, router: Router) -> hyper::Result<()> {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            result = connection.as_mut() => return result,
            () = self.stopping.begun() => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    }
}
