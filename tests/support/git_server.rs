//! A git server on this machine. It can be told to leave whoever asks without an answer, as a network that hangs does.

use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tempfile::TempDir;
use tokio::sync::watch;

use crate::PATIENCE;
use crate::repository::Repository;

pub struct GitServer {
    port: u16,
    /// Where it has repositories under names of their own.
    named: TempDir,
    is_silent: Arc<AtomicBool>,
    /// How many asked and got one.
    answered: Arc<AtomicUsize>,
    /// How many asked and got no answer.
    unanswered: watch::Receiver<usize>,
}

impl GitServer {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_silent = Arc::new(AtomicBool::new(false));
        let (asked, unanswered) = watch::channel(0);
        let (silent, answered) = (is_silent.clone(), Arc::<AtomicUsize>::default());
        let count = answered.clone();
        let named = tempfile::tempdir().unwrap();
        let base = named.path().to_owned();
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for connection in listener.incoming().map_while(Result::ok) {
                if silent.load(Ordering::SeqCst) {
                    held.push(connection);
                    asked.send_replace(held.len());
                } else {
                    count.fetch_add(1, Ordering::SeqCst);
                    answer(connection, &base);
                }
            }
        });
        Self { port, named, is_silent, answered, unanswered }
    }

    /// The address of a repository. That of one that is gone too.
    pub fn url(&self, repository: &Repository) -> String {
        format!("git://127.0.0.1:{}{}", self.port, repository.address())
    }

    /// The address of a repository that has this name here, as `acme/shop`.
    pub fn url_as(&self, name: &str, repository: &Repository) -> String {
        let place = self.named.path().join(name);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(repository.path(), &place).unwrap();
        format!("git://127.0.0.1:{}/{name}", self.port)
    }

    /// How often somebody fetched or looked.
    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
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

fn answer(connection: TcpStream, base: &Path) {
    let output = OwnedFd::from(connection.try_clone().unwrap());
    let daemon = Command::new("git")
        .args(["daemon", "--inetd", "--export-all", "--timeout=60", "--base-path-relaxed"])
        .arg(format!("--base-path={}", base.display()))
        .stdin(Stdio::from(OwnedFd::from(connection)))
        .stdout(Stdio::from(output))
        .stderr(Stdio::null())
        .spawn();
    let mut daemon = daemon.unwrap();
    std::thread::spawn(move || daemon.wait());
}
