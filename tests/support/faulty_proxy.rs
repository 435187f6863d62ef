//! A bad line between an engine and a server of HTTP jobs: whole requests forwarded, recorded, and as faulty as a test
//! wants.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tokio::sync::watch;

use crate::PATIENCE;
use crate::jobs::Port;
use crate::proxy::message;

/// What befalls the requests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Fault {
    #[default]
    Pass,
    /// The next request that is no GET is done, and the line breaks before its answer. Then all pass.
    LoseAnswer,
    /// All are done, and answered with 502.
    BadGateway,
    /// None is forwarded.
    Unavailable { retry_after: u64 },
    /// Nobody listens, and what was connected is cut.
    Refuse,
    /// None is forwarded, and none is answered.
    Hang,
    /// All are sent on to the same path of this origin.
    Redirect { to: String },
    /// The next request is one too many. Then all pass.
    LimitedOnce { retry_after: u64 },
}

/// A request that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRequest {
    pub method: String,
    /// With its query.
    pub path: String,
    pub has_token: bool,
}

/// It listens as long as the value lives.
pub struct FaultyProxy {
    line: Arc<Line>,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

struct Line {
    port: Port,
    upstream: SocketAddr,
    fault: Mutex<Fault>,
    seen: watch::Sender<Vec<SeenRequest>>,
    clients: Mutex<Clients>,
}

#[derive(Default)]
struct Clients {
    is_closed: bool,
    count: u64,
    open: BTreeMap<u64, TcpStream>,
}

impl FaultyProxy {
    /// Everything passes at first.
    pub fn before(upstream: SocketAddr) -> Self {
        let line = Arc::new(Line {
            port: Port::new(),
            upstream,
            fault: Mutex::default(),
            seen: watch::Sender::default(),
            clients: Mutex::default(),
        });
        let accepting = Mutex::new(Some(line.clone().listen()));
        Self { line, accepting }
    }

    pub fn url(&self) -> String {
        self.line.port.url()
    }

    /// What befalls the requests from now on.
    pub fn set(&self, fault: Fault) {
        let refuses = fault == Fault::Refuse;
        *self.line.fault.lock().unwrap() = fault;
        let mut accepting = self.accepting.lock().unwrap();
        if refuses {
            self.line.close();
            if let Some(thread) = accepting.take() {
                thread.join().unwrap();
            }
        } else if accepting.is_none() {
            self.line.clients.lock().unwrap().is_closed = false;
            *accepting = Some(self.line.clone().listen());
        }
    }

    /// What befalls them now: a fault that happens once is over when this passes.
    pub fn fault(&self) -> Fault {
        self.line.fault.lock().unwrap().clone()
    }

    /// All requests that came, the oldest first.
    pub fn seen(&self) -> Vec<SeenRequest> {
        self.line.seen.borrow().clone()
    }

    /// How many of them had this method.
    pub fn count(&self, method: &str) -> usize {
        self.line.seen.borrow().iter().filter(|request| request.method == method).count()
    }

    /// Waits until what came is as a test wants it.
    pub async fn until_seen(&self, is: impl FnMut(&Vec<SeenRequest>) -> bool) {
        let mut seen = self.line.seen.subscribe();
        let waits = tokio::time::timeout(PATIENCE, seen.wait_for(is)).await;
        assert!(waits.is_ok(), "not seen within a minute; this came: {:?}", self.seen());
    }
}

impl Drop for FaultyProxy {
    fn drop(&mut self) {
        self.line.close();
        if let Some(thread) = self.accepting.get_mut().unwrap().take() {
            thread.join().unwrap();
        }
    }
}

impl Line {
    fn listen(self: Arc<Self>) -> JoinHandle<()> {
        let listener = TcpListener::bind(self.port.address()).unwrap();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Some(number) = self.open(&client) else { return };
                let line = self.clone();
                std::thread::spawn(move || {
                    // A line that breaks is what this is for.
                    line.serve(client).unwrap_or_default();
                    line.clients.lock().unwrap().open.remove(&number);
                });
            }
        })
    }

    /// The number of a new connection, unless nobody listens any more.
    fn open(&self, client: &TcpStream) -> Option<u64> {
        let mut clients = self.clients.lock().unwrap();
        if clients.is_closed {
            return None;
        }
        clients.count += 1;
        let number = clients.count;
        clients.open.insert(number, client.try_clone().unwrap());
        Some(number)
    }

    /// Cuts all connections and wakes who accepts more.
    fn close(&self) {
        let mut clients = self.clients.lock().unwrap();
        clients.is_closed = true;
        for (_, client) in std::mem::take(&mut clients.open) {
            // Its client may have left.
            let _ended_already = client.shutdown(Shutdown::Both);
        }
        drop(clients);
        drop(TcpStream::connect(self.port.address()));
    }

    fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        while let Some(request) = message(&mut client)? {
            let Some(answer) = self.befall(&request, &mut client)? else {
                return client.shutdown(Shutdown::Both);
            };
            client.write_all(&answer)?;
        }
        Ok(())
    }

    /// The answer, if the line lives.
    fn befall(&self, request: &[u8], client: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
        let seen = SeenRequest::of(request);
        let fault = self.fault_of(&seen);
        let path = seen.path.clone();
        self.seen.send_modify(|all| all.push(seen));
        Ok(match fault {
            Fault::Pass => Some(self.ask(request)?),
            Fault::LoseAnswer => self.ask(request).map(|_| None)?,
            Fault::BadGateway => self.ask(request).map(|_| Some(answer("502 Bad Gateway", "")))?,
            Fault::Unavailable { retry_after } => {
                Some(answer("503 Service Unavailable", &format!("retry-after: {retry_after}\r\n")))
            }
            Fault::LimitedOnce { retry_after } => {
                Some(answer("429 Too Many Requests", &format!("retry-after: {retry_after}\r\n")))
            }
            Fault::Redirect { to } => {
                Some(answer("307 Temporary Redirect", &format!("location: {to}{path}\r\n")))
            }
            Fault::Refuse => None,
            // Until the client gives up.
            Fault::Hang => client.read(&mut [0]).map(|_| None)?,
        })
    }

    /// What befalls this request; a fault that happens once is over.
    fn fault_of(&self, request: &SeenRequest) -> Fault {
        let mut fault = self.fault.lock().unwrap();
        match &*fault {
            Fault::LoseAnswer if request.method == "GET" => Fault::Pass,
            Fault::LoseAnswer | Fault::LimitedOnce { .. } => std::mem::take(&mut fault),
            lasting => lasting.clone(),
        }
    }

    fn ask(&self, request: &[u8]) -> io::Result<Vec<u8>> {
        let mut server = TcpStream::connect(self.upstream)?;
        server.write_all(request)?;
        message(&mut server)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

impl SeenRequest {
    fn of(request: &[u8]) -> Self {
        let text = String::from_utf8_lossy(request);
        let head = text.split("\r\n\r\n").next().unwrap_or_default();
        let mut words = head.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        Self { method, path, has_token: head.to_lowercase().contains("\r\nauthorization:") }
    }
}

fn answer(status: &str, header: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n{header}\r\n").into_bytes()
}
