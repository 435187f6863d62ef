//! The engine as a child of the test: started, asked over its socket, and killed.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use trunkline::backend::Backend as _;
use trunkline::backend::remote::Remote;
use trunkline::domain::snapshot::{FleetSnapshot, ServiceSnapshot, Version};

use super::shop::Shop;
pub use trunkline_testing::PATIENCE;
use trunkline_testing::home::Home;

pub struct Engine {
    child: Child,
    pub started: Instant,
    remote: Remote,
}

impl Engine {
    /// Starts the engine of these folders and waits for nothing.
    pub fn begin(home: &Home) -> Self {
        Self::begin_as(home, home.command(&["serve"]))
    }

    /// The same by a command of the caller's.
    pub fn begin_as(home: &Home, mut command: Command) -> Self {
        let (started, remote) = (Instant::now(), remote(home));
        let complaints = OpenOptions::new().create(true).append(true).open(complaints(home));
        let child = command.stdout(Stdio::null()).stderr(complaints.unwrap()).spawn().unwrap();
        Self { child, started, remote }
    }

    /// Starts it and waits until it answers.
    pub fn start(home: &Home) -> Self {
        let mut engine = Self::begin(home);
        engine.until_it_answers(home);
        engine
    }

    pub fn until_it_answers(&mut self, home: &Home) {
        let socket = home.path("data/run/engine.sock");
        let deadline = Instant::now() + PATIENCE;
        while !answers(&socket) {
            assert_eq!(self.child.try_wait().unwrap(), None, "the engine ended: {}", log(home));
            assert!(Instant::now() < deadline, "the engine does not answer: {}", log(home));
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }

    pub fn remote(&self) -> &Remote {
        &self.remote
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed()).unwrap()
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Tells it to end, as `trunkline engine stop` does.
    pub fn stop(mut self) {
        kill_process(self.pid(), Signal::TERM).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
    }

    pub async fn snapshot(&self) -> ServiceSnapshot {
        self.until("there is a service", |snapshot| Some(snapshot.clone())).await
    }

    pub async fn fleet(&self) -> FleetSnapshot {
        self.remote.fleet(None, Duration::ZERO).await.unwrap().unwrap()
    }

    /// Waits for another fleet than this one, and answers with its version.
    async fn news_of_fleet(&self, known: Option<Version>) -> Option<Version> {
        let news = self.remote.fleet(known.clone(), Duration::from_secs(1)).await.unwrap();
        news.map_or(known, |fleet| Some(fleet.version))
    }

    /// Waits until the service's snapshot tells what is asked for.
    pub async fn until<T>(&self, what: &str, tells: impl Fn(&ServiceSnapshot) -> Option<T>) -> T {
        let mut last = None;
        let waiting = async {
            let (mut after, mut fleet) = (None, None);
            loop {
                let answer =
                    self.remote.service(&Shop::service(), after, Duration::from_secs(1)).await;
                after = None;
                match answer {
                    Ok(Some(snapshot)) => {
                        after = Some(snapshot.version.clone());
                        if let Some(told) = tells(&snapshot) {
                            return told;
                        }
                        last = Some(snapshot);
                    }
                    Ok(None) => after = last.as_ref().map(|snapshot| snapshot.version.clone()),
                    // The service is not known before its repository was looked at, and the fleet tells of that.
                    Err(_) => fleet = self.news_of_fleet(fleet).await,
                }
            }
        };
        let told = tokio::time::timeout(PATIENCE, waiting).await;
        told.unwrap_or_else(|_| panic!("not within a minute: {what}; last seen: {last:#?}"))
    }
}

/// Whether a request is answered. A program that a killed engine was starting may have its socket for a moment still.
fn answers(socket: &Path) -> bool {
    let ask = || {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"HEAD / HTTP/1.1\r\nhost: engine\r\n\r\n")?;
        stream.read(&mut [0])
    };
    ask().is_ok_and(|read: usize| read > 0)
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ended_already = self.child.wait();
    }
}

pub fn remote(home: &Home) -> Remote {
    Remote::over(home.path("data/run/engine.sock"))
}

/// What the engines wrote about themselves, and what they complained of.
pub fn log(home: &Home) -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    read(home.path("data/engine.log")) + &read(complaints(home))
}

fn complaints(home: &Home) -> PathBuf {
    home.path("engine.stderr")
}
