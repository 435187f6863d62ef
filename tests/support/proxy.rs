//! A bad line between a client and an engine: from one unix socket to another, whole requests forwarded, and what
//! befalls each of them decided by the test.

use crate::PATIENCE;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// What befalls a request or its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toxic {
    Pass,
    /// The answer comes late.
    Delay(Duration),
    /// The request is done, its answer never arrives.
    DropAnswer,
    /// The same, but the line seems to live.
    HoldAnswer,
    /// Only so many of a hundred parts of the answer arrive.
    CutAnswer(usize),
    /// The line breaks before anything was forwarded.
    ResetBefore,
    /// It breaks as soon as the request was forwarded, on both sides.
    ResetAfter,
    /// Nothing is forwarded, but the line seems to live.
    Swallow,
    /// The request is forwarded twice at once.
    Twice,
}

/// Decides by the first line of a request.
type Rule = Box<dyn FnMut(&str) -> Toxic + Send>;

pub struct Proxy {
    socket: PathBuf,
    line: Arc<Line>,
}

struct Line {
    upstream: PathBuf,
    rule: Mutex<Rule>,
    /// How many requests are kept from their answer.
    kept: (Mutex<usize>, Condvar),
    closed: Mutex<bool>,
}

impl Proxy {
    /// Listens at `socket` and forwards to `upstream`.
    pub fn between(
        socket: &Path,
        upstream: &Path,
        rule: impl FnMut(&str) -> Toxic + Send + 'static,
    ) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        let line = Arc::new(Line {
            upstream: upstream.to_owned(),
            rule: Mutex::new(Box::new(rule)),
            kept: (Mutex::new(0), Condvar::new()),
            closed: Mutex::new(false),
        });
        let accepting = line.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if *accepting.closed.lock().unwrap() {
                    return;
                }
                let line = accepting.clone();
                // A line that breaks is what this is for.
                std::thread::spawn(move || line.serve(client).unwrap_or_default());
            }
        });
        Self { socket: socket.to_owned(), line }
    }

    pub fn socket(&self) -> PathBuf {
        self.socket.clone()
    }

    /// What befalls the requests from now on.
    pub fn rule(&self, rule: impl FnMut(&str) -> Toxic + Send + 'static) {
        *self.line.rule.lock().unwrap() = Box::new(rule);
    }

    /// Waits until so many requests are kept from their answer.
    pub fn keeps(&self, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        let mut kept = self.line.kept.0.lock().unwrap();
        while *kept < count {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{} requests are kept, not {count}", *kept);
            kept = self.line.kept.1.wait_timeout(kept, left).unwrap().0;
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        *self.line.closed.lock().unwrap() = true;
        // Only to wake who accepts.
        drop(UnixStream::connect(&self.socket));
        // The engine may have its own socket there again.
        let _gone_already = std::fs::remove_file(&self.socket);
    }
}

impl Line {
    fn serve(&self, mut client: UnixStream) -> io::Result<()> {
        while let Some(request) = message(&mut client)? {
            let first = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
            let toxic = (self.rule.lock().unwrap())(&String::from_utf8_lossy(first));
            if !self.befall(toxic, &mut client, &request)? {
                return client.shutdown(Shutdown::Both);
            }
        }
        Ok(())
    }

    /// Whether the line is good for another request.
    fn befall(&self, toxic: Toxic, client: &mut UnixStream, request: &[u8]) -> io::Result<bool> {
        match toxic {
            Toxic::ResetBefore => return Ok(false),
            Toxic::Swallow => return self.keep(client).map(|()| false),
            Toxic::ResetAfter => return self.forward(request).map(|_| false),
            _ => {}
        }
        let second = (toxic == Toxic::Twice).then(|| self.forward(request)).transpose()?;
        let mut answer = self.ask(request)?;
        drop(second);
        match toxic {
            Toxic::DropAnswer => return Ok(false),
            Toxic::HoldAnswer => return self.keep(client).map(|()| false),
            Toxic::CutAnswer(percent) => answer.truncate(answer.len() * percent.min(99) / 100),
            Toxic::Delay(time) => std::thread::sleep(time),
            _ => {}
        }
        client.write_all(&answer)?;
        Ok(!matches!(toxic, Toxic::CutAnswer(_)))
    }

    /// Says nothing until the client gives up.
    fn keep(&self, client: &mut UnixStream) -> io::Result<()> {
        *self.kept.0.lock().unwrap() += 1;
        self.kept.1.notify_all();
        client.read(&mut [0]).map(|_| ())
    }

    fn forward(&self, request: &[u8]) -> io::Result<UnixStream> {
        let mut engine = UnixStream::connect(&self.upstream)?;
        engine.write_all(request)?;
        Ok(engine)
    }

    fn ask(&self, request: &[u8]) -> io::Result<Vec<u8>> {
        let mut engine = self.forward(request)?;
        Ok(message(&mut engine)?.unwrap_or_default())
    }
}

/// One whole request or answer; `None` when the line ended before it.
pub(crate) fn message(stream: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 16_384]);
    while length(&bytes).is_none_or(|length| bytes.len() < length) {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(&buffer[..read]);
    }
    Ok(Some(bytes))
}

/// How long a message is, once that can be told.
fn length(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let lines = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    if lines.contains("\r\ntransfer-encoding: chunked") {
        return chunked(bytes, head);
    }
    let body = lines.lines().find_map(|line| line.strip_prefix("content-length:"));
    Some(head + body.map_or(0, |length| length.trim().parse().expect("a length is a number")))
}

/// Where the chunks that begin here end, once the last is there.
fn chunked(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let line = bytes[at..].windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[at..at + line]).expect("a size is a number");
        let size = usize::from_str_radix(size, 16).expect("a size is a number");
        at += line + 2 + size + 2;
        if at > bytes.len() {
            return None;
        }
        if size == 0 {
            return Some(at);
        }
    }
}
