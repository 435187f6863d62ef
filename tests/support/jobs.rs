//! The sample server of HTTP jobs, run as a user runs it, and what it started, counted outside of it.

use std::collections::BTreeMap;
use std::fs;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tokio::net::TcpSocket;

use crate::PATIENCE;
use crate::write_script;

/// A port of this machine that nobody else gets, also while nobody listens at it.
pub struct Port {
    number: u16,
    /// Elsewhere than on Linux, nobody could listen at a port that is held like this.
    _held: Option<TcpSocket>,
}

impl Port {
    pub fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let number = socket.local_addr().unwrap().port();
        Self { number, _held: cfg!(target_os = "linux").then_some(socket) }
    }

    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.number).into()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }
}

/// The server runs as long as the value lives, and so does what it started.
pub struct JobServer {
    folder: TempDir,
    port: Port,
    process: Option<Child>,
}

impl JobServer {
    /// One that wants this token, if any; or none, and it is said why. Where python is said to be, it must be there.
    pub fn if_python(token: Option<&str>) -> Option<Self> {
        let mut server =
            Self { folder: tempfile::tempdir().unwrap(), port: Port::new(), process: None };
        for folder in ["jobs", "data"] {
            fs::create_dir(server.path(folder)).unwrap();
        }
        if let Some(token) = token {
            fs::write(server.token_file(), token).unwrap();
        }
        let Err(why) = server.try_start() else { return Some(server) };
        let is_there = std::env::var_os("TRUNKLINE_PYTHON").is_some();
        assert!(!is_there, "the sample server of HTTP jobs does not run: {why}");
        eprintln!("HTTP jobs are not tried: {why}");
        None
    }

    /// Where engines and clients find it.
    pub fn url(&self) -> String {
        self.port.url()
    }

    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The file of its token. It has none if there is no such file.
    pub fn token_file(&self) -> PathBuf {
        self.path("token")
    }

    /// Makes or replaces a job. Each start of it is counted before the script begins.
    pub fn job(&self, name: &str, script: &str) {
        let count = format!("echo \"$JOB_RUN\" >>'{}'", self.path("starts").display());
        write_script(&self.jobs().join(name), &format!("#!/bin/sh\n{count}\n{script}\n"));
    }

    /// The folder in which each program is a job.
    pub fn jobs(&self) -> PathBuf {
        self.path("jobs")
    }

    /// The folder of a run: its `body`, its `log`, and after its end the exit status in `end`.
    pub fn run(&self, key: &str) -> PathBuf {
        self.path("data").join(key)
    }

    /// How often a run was started, as its job counted it.
    pub fn starts(&self, key: &str) -> usize {
        self.all_starts().get(key).copied().unwrap_or_default()
    }

    /// The same of each run that was ever started.
    pub fn all_starts(&self) -> BTreeMap<String, usize> {
        let mut starts = BTreeMap::new();
        let keys = fs::read_to_string(self.path("starts")).unwrap_or_default();
        for key in keys.lines() {
            *starts.entry(key.to_owned()).or_default() += 1;
        }
        starts
    }

    /// Waits until the job of a run has begun.
    pub async fn until_started(&self, key: &str) {
        until(&format!("{key} starts"), || self.starts(key) > 0).await;
    }

    /// Waits until the exit status of a run is written.
    pub async fn until_ended(&self, key: &str) {
        until(&format!("{key} ends"), || has_text(&self.run(key).join("end"))).await;
    }

    /// Ends the server as `kill -9` does. What it started runs on, and nobody else gets its port.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts a killed server with the same port and folders.
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "it runs");
        self.try_start().unwrap();
    }

    pub fn restart(&mut self) {
        self.kill();
        self.start_again();
    }

    /// Ends all processes of a run, so that nobody knows how it would have ended.
    pub fn lose(&self, key: &str) {
        end(&self.run(key));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// # Errors
    /// With the reason why it cannot run here.
    fn try_start(&mut self) -> Result<(), String> {
        let said = File::create(self.path("said")).unwrap();
        let mut command = python();
        command.arg("--jobs").arg(self.jobs()).arg("--data").arg(self.path("data"));
        command.args(["--port", &self.port.number.to_string()]);
        if self.token_file().exists() {
            command.arg("--token-file").arg(self.token_file());
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(said);
        let process = command.spawn().map_err(|why| format!("python3 cannot be started: {why}"))?;
        let output = self.process.insert(process).stdout.take().unwrap();
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).unwrap();
        if line.trim() == format!("listening on {}", self.url()) {
            return Ok(());
        }
        self.kill();
        Err(fs::read_to_string(self.path("said")).unwrap())
    }
}

impl Drop for JobServer {
    fn drop(&mut self) {
        self.kill();
        for run in fs::read_dir(self.path("data")).unwrap() {
            end(&run.unwrap().path());
        }
    }
}

/// The sample server, without its arguments.
pub fn python() -> Command {
    let python = std::env::var_os("TRUNKLINE_PYTHON").unwrap_or_else(|| "python3".into());
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/http-jobs/server.py"));
    command
}

/// Waits for what the processes of others do.
pub async fn until(what: &str, is: impl Fn() -> bool) {
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    let seen = async {
        while !is() {
            looks.tick().await;
        }
    };
    let seen = tokio::time::timeout(PATIENCE, seen).await;
    seen.unwrap_or_else(|_| panic!("not within a minute: {what}"));
}

fn has_text(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.len() > 0)
}

/// Whether the shell of a run still holds its lock.
fn lives(run: &Path) -> bool {
    let lock = File::open(run.join("lock"));
    lock.is_ok_and(|lock| flock(&lock, FlockOperation::NonBlockingLockShared).is_err())
}

/// Ends a run with all that it started in its group.
fn end(run: &Path) {
    let deadline = Instant::now() + PATIENCE;
    while lives(run) && Instant::now() < deadline {
        let group = fs::read_to_string(run.join("pid")).unwrap_or_default();
        if let Some(group) = group.trim().parse().ok().and_then(Pid::from_raw) {
            // It may have ended just now.
            let _ended_already = kill_process_group(group, Signal::KILL);
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
