//! A service that is watched by a real engine: a repository with builds, some of them live.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use portable_pty::CommandBuilder;

use super::floor;
use crate::home::until;
use crate::service_file::service_file;
use crate::shop::Shop;

impl Shop {
    /// With the first build live in production, and a step of staging that can flood its log.
    pub fn measured() -> Self {
        let shop = Self::empty();
        let file = floodable(&shop.flood());
        let shop = shop.with("trunkline.toml", &file).watched("");
        shop.until_all_is_staged();
        let promote = ["promote", "1", "--yes", "--wait", "--reason", "author=the first build"];
        let promoted = shop.home.trunkline(&promote);
        assert!(promoted.status.success(), "{promoted:?}");
        shop
    }

    /// While this file is there, a step of staging that begins prints and prints.
    fn flood(&self) -> PathBuf {
        self.home.path("flood")
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
            let builds = self.home.listed(&["builds", "--json"]);
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

    /// The console, to be put on a terminal.
    pub fn console_command(&self) -> CommandBuilder {
        let mut command = CommandBuilder::new(crate::program());
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

/// A service file whose staging prints 200 lines, and without an end while this file is there.
fn floodable(flood: &Path) -> String {
    let [program, argument, file] = floor::flood_while(flood);
    let staging = format!(
        "for i in $(seq 200); do echo line $i of 200; done; [ ! -e {file} ] || {program} {argument} {file}"
    );
    let file =
        service_file().step("staging", "release", &staging).step("staging", "smoke", "[\"true\"]");
    let file = file.step("production", "release", "echo released");
    file.step("rollback", "release", "echo back").text()
}

/// How long a process takes from its start to its end, which has to be a good one.
pub fn time(command: &mut Command) -> Duration {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let begin = Instant::now();
    let status = command.status().expect("the program starts");
    let time = begin.elapsed();
    assert!(status.success(), "{command:?}: {status}");
    time
}
