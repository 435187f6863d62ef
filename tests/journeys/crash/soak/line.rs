//! A line of TCP that breaks, or seems to live and carries nothing.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub struct Line {
    port: u16,
    /// How often all connections were cut.
    cuts: watch::Sender<u64>,
    held: watch::Sender<bool>,
}

impl Line {
    /// From a port of its own to this one.
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (cuts, held) = (watch::channel(0).0, watch::channel(false).0);
        let (breaks, stands) = (cuts.subscribe(), held.subscribe());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (mut breaks, stands) = (breaks.clone(), stands.clone());
                breaks.mark_unchanged();
                tokio::spawn(async move {
                    tokio::select! {
                        // A line that breaks is what this is for.
                        _broken = forward(client, server, stands) => {}
                        _all = breaks.changed() => {}
                    }
                });
            }
        });
        Self { port, cuts, held }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Breaks all connections, in the middle of what they carry.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Carries nothing as long as this is so.
    pub fn hold(&self, is_held: bool) {
        self.held.send_replace(is_held);
    }
}

async fn forward(client: TcpStream, server: u16, held: watch::Receiver<bool>) -> io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", server)).await?;
    let ((from_client, to_client), (from_server, to_server)) =
        (client.into_split(), server.into_split());
    let back = carry(from_server, to_client, held.clone());
    tokio::try_join!(carry(from_client, to_server, held), back).map(|_| ())
}

async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut held: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        let _line_is_gone = held.wait_for(|is_held| !is_held).await.is_err();
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..read]).await?;
    }
}
