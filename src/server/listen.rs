//! The listeners: the unix socket, and a port with TLS or behind a proxy.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::ACCEPT_PAUSE;
use super::hosts::Hosts;
use super::tls::Certificates;
use super::webhooks::WebhookSecrets;
use crate::domain::caller::AccessRole;
use crate::domain::time::say;

/// How long to wait before a port is tried again that could not be opened.
pub const RETRY: Duration = Duration::from_secs(30);
/// How long the look-up of the name to listen on may take.
const LOOKUP: Duration = Duration::from_secs(5);

/// How a server listens on a port.
#[derive(Debug, Clone, Default)]
pub struct NetworkOptions {
    /// `HOST:PORT`.
    pub listen: String,
    pub certificates: Option<Arc<Certificates>>,
    /// The addresses of the proxies that may say for whom they ask.
    pub proxies: Vec<IpAddr>,
    /// Names of this server besides those of the certificate.
    pub hosts: Vec<String>,
    /// The secrets of the forges that may send webhooks.
    pub webhooks: WebhookSecrets,
    /// Whether everybody may read the numbers.
    pub open_metrics: bool,
}

impl NetworkOptions {
    /// The addresses to listen on.
    ///
    /// # Errors
    /// When there are none, or one would be open to others without TLS.
    pub async fn check(&self) -> Result<Vec<SocketAddr>, ListenError> {
        let io = |why| ListenError::Io { listen: self.listen.clone(), why };
        let found = timeout(LOOKUP, tokio::net::lookup_host(&self.listen)).await;
        let late = |_| io(io::Error::other(format!("its name is not found in {}", say(LOOKUP))));
        let addresses: Vec<_> = found.map_err(late)?.map_err(io)?.collect();
        let is_open = |address: &&SocketAddr| !address.ip().is_loopback();
        let is_plain = self.certificates.is_none() && self.proxies.is_empty();
        match addresses.iter().find(is_open).filter(|_| is_plain) {
            Some(&address) => Err(ListenError::Plain { address }),
            None => Ok(addresses),
        }
    }
}

/// A port.
pub struct NetworkListener {
    listener: TcpListener,
    pub(super) network: Arc<Network>,
}

/// What the connections of a port have in common.
pub(super) struct Network {
    pub address: SocketAddr,
    pub tls: Option<TlsAcceptor>,
    pub proxies: Vec<IpAddr>,
    pub hosts: Hosts,
    pub open_metrics: bool,
}

/// Why a port is not opened.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("cannot listen on {listen:?}: {why}")]
    Io { listen: String, why: io::Error },
    #[error(
        "{address} can be reached from other machines, so everybody on the way could read the tokens; set [tls] in \
         server.toml, or listen on 127.0.0.1, or name the proxy that ends TLS: --behind-proxy ADDRESS"
    )]
    Plain { address: SocketAddr },
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

impl NetworkListener {
    /// Opens the port.
    ///
    /// # Errors
    /// When it cannot be opened, or would be open to others without TLS.
    pub async fn bind(options: NetworkOptions) -> Result<Self, ListenError> {
        let addresses = options.check().await?;
        let NetworkOptions { listen, certificates, proxies, hosts, open_metrics, .. } = options;
        let io = |why| ListenError::Io { listen: listen.clone(), why };
        let listener = TcpListener::bind(addresses.as_slice()).await.map_err(io)?;
        let address = listener.local_addr().map_err(io)?;
        let tls = certificates.as_ref().map(Certificates::acceptor).transpose();
        let tls = tls.map_err(|why| ListenError::Tls(why.to_string()))?;
        let hosts = Hosts::new(&hosts, address, certificates);
        Ok(Self {
            listener,
            network: Arc::new(Network { address, tls, proxies, hosts, open_metrics }),
        })
    }

    /// Opens the port as soon as it can be opened: somebody else may have it still.
    pub async fn bind_late(options: NetworkOptions) -> Self {
        loop {
            sleep(RETRY).await;
            match Self::bind(options.clone()).await {
                Ok(listener) => return listener,
                Err(error) => tracing::debug!(%error, "the port cannot be opened yet"),
            }
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.network.address
    }
}

impl Network {
    /// Whether this peer may speak without TLS where only proxies should: from afar only they may.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.tls.is_some() || peer.is_loopback() || self.proxies.contains(&peer)
    }
}

/// All listeners of a server.
pub struct ServerListeners {
    pub socket: UnixListener,
    /// The socket of a group, and what its members may do.
    pub group: Option<(UnixListener, AccessRole)>,
    pub port: Option<NetworkListener>,
    /// Gives the port as soon as it is open, if it could not be opened at the start.
    pub late: Option<oneshot::Receiver<NetworkListener>>,
    /// The secrets of the forges that may send webhooks to the port.
    pub webhooks: WebhookSecrets,
}

impl ServerListeners {
    /// A server on its own socket alone.
    #[must_use]
    pub fn of_socket(socket: UnixListener) -> Self {
        Self { socket, group: None, port: None, late: None, webhooks: WebhookSecrets::new() }
    }
}

/// A new connection.
pub(super) enum Accepted {
    /// The role is that of everybody who reaches the socket, besides its owner.
    Unix(UnixStream, Option<AccessRole>),
    Tcp(TcpStream, IpAddr, Arc<Network>),
}

impl ServerListeners {
    /// Accepts the next connection of the engine's own socket. Whoever drops this future loses none.
    pub(super) async fn accept_own(&self) -> Accepted {
        loop {
            let accepted = self.socket.accept().await;
            if let Some(accepted) = or_pause(accepted).await {
                return Accepted::Unix(accepted.0, None);
            }
        }
    }

    /// The same for all others.
    pub(super) async fn accept_other(&self) -> Accepted {
        loop {
            let accepted = tokio::select! {
                accepted = accept_of_group(self.group.as_ref()) => accepted,
                accepted = accept_tcp(self.port.as_ref()) => accepted,
            };
            if let Some(accepted) = or_pause(accepted).await {
                return accepted;
            }
        }
    }
}

async fn or_pause<T>(accepted: io::Result<T>) -> Option<T> {
    match accepted {
        Ok(accepted) => Some(accepted),
        Err(error) => {
            tracing::warn!(%error, "could not accept a connection");
            sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// The port that was opened late; never, if none is awaited.
pub(super) async fn opened_late(
    late: &mut Option<oneshot::Receiver<NetworkListener>>,
) -> Option<NetworkListener> {
    match late {
        Some(late) => late.await.ok(),
        None => std::future::pending().await,
    }
}

async fn accept_of_group(group: Option<&(UnixListener, AccessRole)>) -> io::Result<Accepted> {
    let Some((listener, role)) = group else { return std::future::pending().await };
    let (stream, _) = listener.accept().await?;
    Ok(Accepted::Unix(stream, Some(*role)))
}

async fn accept_tcp(port: Option<&NetworkListener>) -> io::Result<Accepted> {
    let Some(port) = port else { return std::future::pending().await };
    let (stream, peer) = port.listener.accept().await?;
    // Small answers are sent at once.
    let _reset_already = stream.set_nodelay(true);
    Ok(Accepted::Tcp(stream, peer.ip().to_canonical(), port.network.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_port_that_is_taken_is_opened_once_it_is_free() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let options = NetworkOptions { listen: address.to_string(), ..NetworkOptions::default() };
        assert!(matches!(
            NetworkListener::bind(options.clone()).await,
            Err(ListenError::Io { .. })
        ));
        let mut late = std::pin::pin!(NetworkListener::bind_late(options));
        assert!(timeout(RETRY * 2, &mut late).await.is_err(), "it is taken still");
        drop(taken);
        let opened = timeout(RETRY * 2, late).await.expect("it is free");
        assert_eq!(opened.address(), address);
    }
}
