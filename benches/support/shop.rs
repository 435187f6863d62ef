//! A service that is watched by a real engine: a repository with builds, some of them live.

#![allow(dead_code, reason = "each benchmark uses its own part of this")]

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use portable_pty::CommandBuilder;

use super::floor;
use trunkline_testing::home::{Home, until};
use trunkline_testing::repository::Repository;

/// A folder of work and an engine over it, which ends with this.
pub struct Shop {
    pub home: Home,
    pub repository: Repository,
}

impl Shop {
    /// With the first build live in production.
    pub fn open() -> Self {
        let shop = Self { home: Home::new(), repository: Repository::new() };
        shop.repository.write("trunkline.toml", &shop.service_file());
        shop.merge("begin");
        shop.home.watch_repository(shop.repository.path(), "");
        shop.until_all_is_staged();
        let promote = ["promote", "1", "--yes", "--wait", "--reason", "author=the first build"];
        let promoted = shop.home.trunkline(&promote);
        assert!(promoted.status.success(), "{promoted:?}");
        shop
    }

    fn service_file(&self) -> String {
        let [program, argument, file] = floor::flood_while(&self.flood());
        let step = |kind: &str, name: &str, run: &str| {
            format!("[[{kind}.steps]]\nname = \"{name}\"\nrun = {run}\n")
        };
        let release = format!(
            "'for i in $(seq 200); do echo line $i of 200; done; [ ! -e {file} ] || {program} {argument} {file}'"
        );
        let policy = "service = \"checkout\"\ntrunk = \"main\"\n[policy]\nsoak = \"0s\"\nverify = \"step:smoke\"\n";
        [
            policy.to_owned(),
            step("staging", "release", &release),
            step("staging", "smoke", "[\"true\"]"),
            step("production", "release", "\"echo released\""),
            step("rollback", "release", "\"echo back\""),
        ]
        .concat()
    }

    /// While this file is there, a step of staging that begins prints and prints.
    fn flood(&self) -> PathBuf {
        self.home.path("flood")
    }

    /// A change by somebody else reaches the trunk.
    pub fn merge(&self, subject: &str) {
        self.repository.write("page.html", subject);
        self.repository.commit_all("Ann", "ann@example.com", subject);
    }

    /// Several, each of which becomes a build.
    pub fn merge_many(&self, count: usize) {
        for number in 0..count {
            self.merge(&format!("feat: the change with the number {number} of this afternoon"));
        }
        self.until_all_is_staged();
    }

    /// Waits until the newest build is in staging and nothing runs any more.
    pub fn until_all_is_staged(&self) {
        let head = self.repository.head();
        until("the newest build is in staging", || {
            let builds = self.home.json(&["builds", "--json"]);
            let newest = &builds[0];
            newest["sha"] == head.as_str() && newest["state"] == "verified"
        });
    }

    /// Merges once more, and waits until its step floods the log.
    pub fn begin_flood(&self) {
        std::fs::write(self.flood(), "").expect("the folder can be written");
        self.merge("chore: build with many words");
        until("the flood has begun", || self.home.said(&["status"]).contains("running"));
    }

    pub fn end_flood(&self) {
        std::fs::remove_file(self.flood()).expect("the flood was begun");
        self.until_all_is_staged();
    }

    pub fn socket(&self) -> PathBuf {
        self.home.path("data").join("run/engine.sock")
    }

    pub fn engine(&self) -> u32 {
        let status = self.home.json(&["engine", "status", "--json"]);
        status["pid"].as_u64().and_then(|id| u32::try_from(id).ok()).expect("an engine runs")
    }

    /// The console, to be put on a terminal.
    pub fn console(&self) -> CommandBuilder {
        let mut command = CommandBuilder::new(trunkline_testing::program());
        command.arg("console");
        command.cwd(self.home.path(""));
        for (name, value) in self.home.environment() {
            command.env(name, value);
        }
        command
    }

    /// How long a command takes from its start to its end.
    pub fn time(&self, arguments: &[&str]) -> Duration {
        time(&mut self.home.command(arguments))
    }
}

/// How long a process takes from its start to its end, which has to be a good one.
pub fn time(command: &mut std::process::Command) -> Duration {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let begin = Instant::now();
    let status = command.status().expect("the program starts");
    let time = begin.elapsed();
    assert!(status.success(), "{command:?}: {status}");
    time
}
