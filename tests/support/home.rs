//! A user with folders of their own: what a test needs to run the real binary as somebody would.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::pty::Pty;
use crate::{PATIENCE, program};

/// A user, and perhaps an engine, which ends with them.
pub struct Home {
    folder: tempfile::TempDir,
}

impl Drop for Home {
    fn drop(&mut self) {
        let stopped = self.trunkline(&["engine", "stop"]);
        assert!(stopped.status.success() || std::thread::panicking(), "{stopped:?}");
    }
}

impl Home {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// Has this repository watched, with these settings besides.
    pub fn watch_repository(&self, repository: &Path, settings: &str) {
        let config = self.path("config");
        fs::create_dir(&config).unwrap();
        let service = format!("[[services]]\nrepository = '{}'\n", repository.display());
        fs::write(config.join("config.toml"), format!("{settings}\n{service}")).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        vec![
            ("TRUNKLINE_CONFIG_DIR", self.path("config")),
            ("TRUNKLINE_DATA_DIR", self.path("data")),
            ("HOME", self.path("")),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
            // A report with a backtrace is long, and slow to make.
            ("RUST_BACKTRACE", "0".into()),
        ]
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.current_dir(self.folder.path()).args(arguments).envs(self.environment());
        command.stdin(Stdio::null());
        command
    }

    pub fn trunkline(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The program on a terminal of this many columns and rows.
    pub fn on_terminal(&self, arguments: &[&str], size: (u16, u16)) -> Pty {
        let environment = self.environment();
        let settings: Vec<_> =
            environment.iter().map(|(name, value)| (*name, value.as_path())).collect();
        Pty::start(self.folder.path(), arguments, &settings, size)
    }

    /// The same with more settings, by name.
    pub fn on_terminal_with(
        &self,
        arguments: &[&str],
        size: (u16, u16),
        more: &[(&str, &str)],
    ) -> Pty {
        let environment = self.environment();
        let settings = environment.iter().map(|(name, value)| (*name, value.as_path()));
        let more = more.iter().map(|(name, value)| (*name, Path::new(*value)));
        let settings: Vec<_> = settings.chain(more).collect();
        Pty::start(self.folder.path(), arguments, &settings, size)
    }

    /// A shell with job control on a terminal, and in it this script; `$TRUNKLINE` is the program.
    pub fn shell_on_terminal(&self, script: &str, size: (u16, u16)) -> Pty {
        let mut command = portable_pty::CommandBuilder::new("sh");
        command.args(["-c", script]);
        command.cwd(self.folder.path());
        for (name, value) in self.environment() {
            command.env(name, value);
        }
        command.env("TRUNKLINE", program());
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        Pty::run(command, size)
    }

    /// Runs a command that has to succeed and answers with what it printed.
    pub fn said(&self, arguments: &[&str]) -> String {
        let output = self.trunkline(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.said(arguments)).unwrap()
    }

    /// A list for somebody who waits for what is in it: it is empty as long as the engine does not give it, as one that
    /// has just begun or that a busy machine keeps from answering.
    pub fn listed(&self, arguments: &[&str]) -> Value {
        let said = self.trunkline(arguments);
        serde_json::from_slice(&said.stdout).unwrap_or_else(|_| Value::Array(Vec::new()))
    }

    /// The process of the engine, if one runs.
    pub fn engine(&self) -> Option<u32> {
        let status = self.json(&["engine", "status", "--json"]);
        Some(status["pid"].as_u64()?.try_into().unwrap())
    }

    /// Waits until a build is verified.
    pub fn verified(&self, number: u64) {
        until("the build is verified", || {
            let builds = self.listed(&["builds", "--json"]);
            let of = |build: &Value| build["number"] == number && build["state"] == "verified";
            builds.as_array().unwrap().iter().any(of)
        });
    }

    /// Ends the engine without a warning, as a machine in trouble does.
    pub fn kill_engine(&self) {
        use rustix::process::{Pid, Signal, kill_process};
        let engine = self.engine().expect("an engine runs");
        let pid = i32::try_from(engine).ok().and_then(Pid::from_raw);
        kill_process(pid.unwrap(), Signal::KILL).unwrap();
        until("the killed engine is gone", || self.engine() != Some(engine));
    }
}

/// Waits for what nobody tells of.
pub fn until(what: &str, is: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < deadline, "it does not happen: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
