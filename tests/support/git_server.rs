//! A git server on this machine. It can be told to leave whoever asks without an answer, as a network that hangs does.

use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use crate::repository::Repository;

/// How long a test waits until somebody asks; much longer than it ever takes.
const PATIENCE: Duration = Duration::from_mins(1);

pub struct GitServer {
    port: u16,
    is_silent: Arc<AtomicBool>,
    /// How many asked and got no answer.
    unanswered: watch::Receiver<usize>,
}

impl GitServer {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_silent = Arc::new(AtomicBool::new(false));
        let (asked, unanswered) = watch::channel(0);
        let silent = is_silent.clone();
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for connection in listener.incoming().map_while(Result::ok) {
                if silent.load(Ordering::SeqCst) {
                    held.push(connection);
                    asked.send_replace(held.len());
                } else {
                    answer(connection);
                }
            }
        });
        Self { port, is_silent, unanswered }
    }

    /// The address of a repository. That of one that is gone too.
    pub fn url(&self, repository: &Repository) -> String {
        format!("git://127.0.0.1:{}{}", self.port, repository.address())
    }

    /// Whoever asks from now on waits forever.
    pub fn fall_silent(&self) {
        self.is_silent.store(true, Ordering::SeqCst);
    }

    pub fn answer_again(&self) {
        self.is_silent.store(false, Ordering::SeqCst);
    }

    /// Waits until so many wait for an answer.
    pub async fn until_asked(&self, times: usize) {
        let mut unanswered = self.unanswered.clone();
        let asked = unanswered.wait_for(|asked| *asked >= times);
        tokio::time::timeout(PATIENCE, asked).await.expect("somebody asks").unwrap();
    }
}

fn answer(connection: TcpStream) {
    let output = OwnedFd::from(connection.try_clone().unwrap());
    let daemon = Command::new("git")
        .args(["daemon", "--inetd", "--export-all", "--timeout=60"])
        .stdin(Stdio::from(OwnedFd::from(connection)))
        .stdout(Stdio::from(output))
        .stderr(Stdio::null())
        .spawn();
    let mut daemon = daemon.unwrap();
    std::thread::spawn(move || daemon.wait());
}
