//! A server that passes everything on to a real one, until it is told to answer in another manner.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{Instant, sleep};
use trunkline::api::API;

/// What comes back for a request.
#[derive(Debug, Clone)]
pub enum Manner {
    /// What the real server answers.
    Proper,
    /// Nothing: the connection is closed.
    Closes,
    /// Nothing, for ever.
    Hangs,
    /// These bytes, and then nothing for ever.
    Stalls(String),
    /// These bytes, and then the connection is closed.
    Says(String),
    /// These bytes, one a second, for ever from the start again.
    Drips(String),
    /// The first bytes, and then the second ones for ever.
    Pours(String, String),
}

/// The head of an answer that comes from an engine.
pub fn head(status: &str, headers: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "HTTP/1.1 {status}\r\ntrunkline-api: {API}\r\ntrunkline-version: {version}\r\n{headers}\r\n"
    )
}

/// A whole answer.
pub fn answer(status: &str, headers: &str, body: &str) -> Manner {
    let headers = format!("content-length: {}\r\n{headers}", body.len());
    Manner::Says(head(status, &headers) + body)
}

/// Clones share what they do and what they were asked.
#[derive(Clone)]
pub struct Unruly {
    socket: PathBuf,
    manner: Arc<Mutex<Manner>>,
    asked: Arc<Mutex<Vec<(Instant, String)>>>,
    poured: Arc<AtomicUsize>,
}

impl Unruly {
    /// Stands before a server, at a socket in this folder.
    pub fn before(server: PathBuf, folder: &Path) -> Self {
        let socket = folder.join("unruly.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let unruly = Self {
            socket,
            manner: Arc::new(Mutex::new(Manner::Proper)),
            asked: Arc::default(),
            poured: Arc::default(),
        };
        let each = unruly.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (each, server) = (each.clone(), server.clone());
                tokio::spawn(async move { each.answer(client, &server).await });
            }
        });
        unruly
    }

    pub fn socket(&self) -> PathBuf {
        self.socket.clone()
    }

    pub fn turns(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// When each request came, and its first line.
    pub fn asked(&self) -> Vec<(Instant, String)> {
        self.asked.lock().unwrap().clone()
    }

    /// How many bytes without an end were taken.
    pub fn poured(&self) -> usize {
        self.poured.load(Ordering::Relaxed)
    }

    async fn answer(&self, mut client: UnixStream, server: &Path) {
        let mut request = Vec::new();
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            let read = client.read_buf(&mut request).await.unwrap_or(0);
            if read == 0 {
                return;
            }
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        let line = text.lines().next().unwrap_or_default().to_owned();
        self.asked.lock().unwrap().push((Instant::now(), line));
        let manner = self.manner.lock().unwrap().clone();
        match manner {
            Manner::Proper => pass_on(client, server, &request).await,
            manner => misbehave(client, manner, &self.poured).await,
        }
    }
}

/// Asks for the connection to be closed after the answer, so that the next request has its own manner.
async fn pass_on(mut client: UnixStream, server: &Path, request: &[u8]) {
    let end = request.windows(2).position(|end| end == b"\r\n").unwrap() + 2;
    let mut server = UnixStream::connect(server).await.unwrap();
    let (line, rest) = request.split_at(end);
    let parts = [line, b"connection: close\r\n", rest];
    server.write_all(&parts.concat()).await.unwrap();
    let _whoever_hangs_up = copy_bidirectional(&mut client, &mut server).await;
}

async fn misbehave(mut client: UnixStream, manner: Manner, poured: &AtomicUsize) {
    match manner {
        Manner::Proper | Manner::Closes => {}
        Manner::Hangs => gone(&mut client).await,
        Manner::Says(text) => {
            let _gone = client.write_all(text.as_bytes()).await;
        }
        Manner::Stalls(text) => {
            let _gone = client.write_all(text.as_bytes()).await;
            gone(&mut client).await;
        }
        Manner::Drips(text) => {
            for byte in text.as_bytes().iter().cycle() {
                if client.write_all(&[*byte]).await.is_err() {
                    return;
                }
                sleep(Duration::from_secs(1)).await;
            }
        }
        Manner::Pours(first, text) => {
            let mut sent = client.write_all(first.as_bytes()).await;
            while sent.is_ok() {
                poured.fetch_add(text.len(), Ordering::Relaxed);
                sent = client.write_all(text.as_bytes()).await;
            }
        }
    }
}

/// Waits until the client is gone.
async fn gone(client: &mut UnixStream) {
    while client.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
}
