//! The listeners: the unix socket, and a port with TLS or behind a proxy.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use super::ACCEPT_PAUSE;
use super::hosts::Hosts;
use super::tls::Certificates;
use crate::domain::caller::AccessRole;

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
}

impl NetworkOptions {
    /// The addresses to listen on.
    ///
    /// # Errors
    /// When there are none, or one would be open to others without TLS.
    pub async fn check(&self) -> Result<Vec<SocketAddr>, ListenError> {
        let io = |why| ListenError::Io { listen: self.listen.clone(), why };
        let addresses: Vec<_> = tokio::net::lookup_host(&self.listen).await.map_err(io)?.collect();
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
        let NetworkOptions { listen, certificates, proxies, hosts } = options;
        let io = |why| ListenError::Io { listen: listen.clone(), why };
        let listener = TcpListener::bind(addresses.as_slice()).await.map_err(io)?;
        let address = listener.local_addr().map_err(io)?;
        let tls = certificates.as_ref().map(Certificates::acceptor).transpose();
        let tls = tls.map_err(|why| ListenError::Tls(why.to_string()))?;
        let hosts = Hosts::new(&hosts, address, certificates);
        Ok(Self { listener, network: Arc::new(Network { address, tls, proxies, hosts }) })
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
}

/// A new connection.
pub(super) enum Accepted {
    /// The role is that of everybody who reaches the socket, besides its owner.
    Unix(UnixStream, Option<AccessRole>),
    Tcp(TcpStream, IpAddr),
}

impl ServerListeners {
    /// Accepts the next connection. Whoever drops this future loses none.
    pub(super) async fn accept(&self) -> Accepted {
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted.map(|(stream, _)| Accepted::Unix(stream, None)),
                accepted = accept_of_group(self.group.as_ref()) => accepted,
                accepted = accept_tcp(self.port.as_ref()) => accepted,
            };
            match accepted {
                Ok(accepted) => return accepted,
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
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
    Ok(Accepted::Tcp(stream, peer.ip().to_canonical()))
}
