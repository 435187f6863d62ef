//! A service that tells at `/version` which commit it runs, as well or as badly as a test wants.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use crate::PATIENCE;
use tokio::sync::watch;

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionAnswer {
    /// These commits in turn, as if each came from another replica.
    Commits(Vec<String>),
    /// This text with status 200.
    Text(String),
    Status(u16),
    /// A text of so many bytes.
    Huge(usize),
    /// Sent on to this address.
    SentOn(String),
    /// Nothing, and the line stays open.
    Nothing,
}

/// A question that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionQuestion {
    pub path: String,
    pub has_token: bool,
}

pub struct VersionPage {
    address: SocketAddr,
    state: Arc<VersionState>,
}

struct VersionState {
    answer: Mutex<(VersionAnswer, usize)>,
    asked: watch::Sender<Vec<VersionQuestion>>,
    held: Mutex<Vec<TcpStream>>,
}

impl VersionPage {
    /// It answers until the process ends.
    pub fn start(answer: VersionAnswer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, _) = watch::channel(Vec::new());
        let (answer, held) = (Mutex::new((answer, 0)), Mutex::default());
        let state = Arc::new(VersionState { answer, asked, held });
        let own = state.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let state = own.clone();
                std::thread::spawn(move || state.answer(connection));
            }
        });
        Self { address, state }
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    pub fn url(&self) -> String {
        format!("http://{}/version", self.address)
    }

    pub fn set(&self, answer: VersionAnswer) {
        *self.state.answer.lock().unwrap_or_else(PoisonError::into_inner) = (answer, 0);
    }

    /// This commit from now on.
    pub fn runs(&self, commit: &str) {
        self.set(VersionAnswer::Commits(vec![commit.to_owned()]));
    }

    pub fn questions(&self) -> Vec<VersionQuestion> {
        self.state.asked.borrow().clone()
    }

    /// Waits until it was asked so many more times.
    pub async fn until_asked(&self, more: usize) {
        let mut asked = self.state.asked.subscribe();
        let wanted = asked.borrow().len() + more;
        let enough = asked.wait_for(|asked| asked.len() >= wanted);
        tokio::time::timeout(PATIENCE, enough).await.expect("the service is asked").unwrap();
    }
}

impl VersionState {
    fn answer(&self, mut connection: TcpStream) {
        let Some(head) = head(&mut connection) else { return };
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let has_token = head.to_ascii_lowercase().contains("authorization:");
        let response = {
            let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
            answer.1 += 1;
            response(&answer.0, answer.1 - 1)
        };
        match response {
            Some(response) => drop(connection.write_all(&response)),
            None => self.held.lock().unwrap_or_else(PoisonError::into_inner).push(connection),
        }
        self.asked.send_modify(|asked| asked.push(VersionQuestion { path, has_token }));
    }
}

fn head(connection: &mut TcpStream) -> Option<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        connection.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

fn response(answer: &VersionAnswer, nth: usize) -> Option<Vec<u8>> {
    let of = |status: u16, more: &str, body: &str| {
        let length = body.len();
        Some(
            format!(
                "HTTP/1.1 {status} Said\r\nContent-Length: {length}\r\nConnection: close\r\n{more}\r\n{body}"
            )
            .into_bytes(),
        )
    };
    match answer {
        VersionAnswer::Commits(all) => {
            of(200, "", &format!("{{\"sha\":\"{}\"}}", all[nth % all.len()]))
        }
        VersionAnswer::Text(text) => of(200, "", text),
        VersionAnswer::Status(status) => of(*status, "", ""),
        VersionAnswer::Huge(bytes) => {
            of(200, "", &format!("{{\"sha\":\"{}\"}}", "a".repeat(*bytes)))
        }
        VersionAnswer::SentOn(to) => of(302, &format!("Location: {to}\r\n"), ""),
        VersionAnswer::Nothing => None,
    }
}
