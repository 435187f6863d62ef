//! The line to a destination of tests: one HTTP request for each connection, read whole, and answered as badly as is wished.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

use super::DestinationFault;

/// More than any request has.
const LARGEST: usize = 1 << 20;
/// How long a connection may say nothing.
const PATIENCE: Duration = Duration::from_mins(1);
/// More than anybody should read of an answer.
pub const ENDLESS: usize = 64 << 20;

/// A request that came.
#[derive(Clone, PartialEq, Eq)]
pub struct AskedDestination {
    pub method: String,
    pub path: String,
    /// What stands behind the `?`.
    pub query: String,
    /// By names in small letters.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl AskedDestination {
    /// Its body; null if that is no JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl fmt::Debug for AskedDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.method, self.path, String::from_utf8_lossy(&self.body))
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationReply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl DestinationReply {
    pub fn of(status: u16, body: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    pub fn json(status: u16, body: &Value) -> Self {
        Self::of(status, body.to_string()).with("content-type", "application/json")
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

type Answering = dyn Fn(AskedDestination) -> (DestinationReply, DestinationFault) + Send + Sync;

/// It listens as long as the value lives.
pub struct Line {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    accepting: Mutex<Option<JoinHandle<()>>>,
    poured: Arc<AtomicUsize>,
}

impl Line {
    pub fn new(
        answer: impl Fn(AskedDestination) -> (DestinationReply, DestinationFault)
        + Send
        + Sync
        + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let (ends, answer): (_, Arc<Answering>) = (is_over.clone(), Arc::new(answer));
        let poured = Arc::new(AtomicUsize::new(0));
        let pouring = poured.clone();
        let accepting = thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let (answer, poured) = (answer.clone(), pouring.clone());
                // A client that went away is no matter of the test.
                thread::spawn(move || drop(serve(&connection, &*answer, &poured)));
            }
        });
        Self { address, is_over, accepting: Mutex::new(Some(accepting)), poured }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many bytes of answers without an end it gave.
    pub fn poured(&self) -> usize {
        self.poured.load(Ordering::SeqCst)
    }
}

impl Line {
    /// Waits until nobody listens.
    pub fn stop(&self) {
        self.is_over.store(true, Ordering::SeqCst);
        // It wakes who accepts.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.lock().ok().and_then(|mut thread| thread.take()) {
            accepting.join().unwrap();
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.stop();
    }
}

fn serve(connection: &TcpStream, answer: &Answering, poured: &AtomicUsize) -> io::Result<()> {
    connection.set_nodelay(true)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    let Some(asked) = read(&mut BufReader::new(connection))? else { return Ok(()) };
    let (reply, fault) = answer(asked);
    let mut to = connection;
    match fault {
        DestinationFault::LostAnswer | DestinationFault::Cut => connection.shutdown(Shutdown::Both),
        // Until whoever asked gives up.
        DestinationFault::Hang => to.read(&mut [0]).map(drop),
        DestinationFault::FailedAfter => write(to, &DestinationReply::of(502, "bad gateway")),
        DestinationFault::Malformed => write(to, &DestinationReply::of(200, "<html>{\"ok\": tru")),
        DestinationFault::Redirect => {
            let elsewhere = format!("{}/elsewhere", url_of(connection)?);
            write(to, &DestinationReply::of(307, "").with("location", elsewhere))
        }
        DestinationFault::Endless => {
            write!(to, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
            let piece = vec![b' '; 1 << 16];
            (0..ENDLESS / piece.len()).try_for_each(|_| {
                poured.fetch_add(piece.len(), Ordering::SeqCst);
                to.write_all(&piece)
            })
        }
        DestinationFault::None | DestinationFault::Limited(_) | DestinationFault::Unavailable => {
            write(to, &reply)
        }
    }
}

fn url_of(connection: &TcpStream) -> io::Result<String> {
    Ok(format!("http://{}", connection.local_addr()?))
}

fn write(mut to: &TcpStream, reply: &DestinationReply) -> io::Result<()> {
    let mut head = vec![format!("HTTP/1.1 {} X", reply.status), "connection: close".to_owned()];
    if reply.status != 204 {
        head.push(format!("content-length: {}", reply.body.len()));
    }
    head.extend(reply.headers.iter().map(|(name, value)| format!("{name}: {value}")));
    to.write_all(format!("{}\r\n\r\n{}", head.join("\r\n"), reply.body).as_bytes())
}

/// `None` if nothing came.
fn read(from: &mut impl io::BufRead) -> io::Result<Option<AskedDestination>> {
    let mut lines = Vec::new();
    for line in from.by_ref().take(u64::try_from(LARGEST).unwrap_or(u64::MAX)).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let Some(first) = lines.first() else { return Ok(None) };
    let mut words = first.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let pairs = lines[1..].iter().filter_map(|line| line.split_once(':'));
    let headers: BTreeMap<_, _> =
        pairs.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect();
    let length = headers.get("content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0).min(LARGEST)];
    from.read_exact(&mut body)?;
    let (path, query) = (path.to_owned(), query.to_owned());
    Ok(Some(AskedDestination { method, path, query, headers, body }))
}
