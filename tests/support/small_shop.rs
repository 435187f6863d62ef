//! A user who watches one small repository called `shop`, in which every step takes no time.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::home::Home;

/// How long anything here may take before it counts as broken.
const DEADLINE: Duration = Duration::from_mins(1);

impl Home {
    /// A user who watches one repository with one commit, by sam.
    pub fn with_shop() -> Self {
        Self::with_service(&service_file("echo shipped"))
    }

    pub fn with_service(file: &str) -> Self {
        let home = Self::new();
        home.watch(file);
        home
    }

    /// Makes the shop's repository with this service file and watches it.
    pub fn watch(&self, file: &str) {
        fs::create_dir(self.shop()).unwrap();
        self.git(&["init", "--quiet", "--initial-branch=main"]);
        self.merge("sam", "trunkline.toml", file);
        self.watch_repository(&self.shop(), "poll = \"200ms\"");
    }

    pub fn shop(&self) -> PathBuf {
        self.path("shop")
    }

    pub fn git(&self, arguments: &[&str]) {
        let output = Command::new("git")
            .current_dir(self.shop())
            .args(arguments)
            .envs(self.environment())
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }

    /// One more commit on the trunk, by somebody.
    pub fn merge(&self, who: &str, path: &str, text: &str) {
        let file = self.shop().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
        self.git(&["add", "."]);
        let (name, email) = (format!("user.name={who}"), format!("user.email={who}@shop.example"));
        self.git(&[
            "-c",
            &name,
            "-c",
            &email,
            "commit",
            "--quiet",
            "-m",
            &format!("change {path}"),
        ]);
    }

    /// Waits until a build is in this state.
    pub fn await_build(&self, number: u64, state: &str) {
        let mut last = Value::Null;
        let deadline = Instant::now() + DEADLINE;
        while Instant::now() < deadline {
            last = self.listed(&["builds", "--json"]);
            let mut builds = last.as_array().into_iter().flatten();
            if builds.any(|build| build["number"] == number && build["state"] == state) {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        panic!("build {number} is not {state}: {last:#}");
    }

    /// Two verified builds, the first of them live.
    pub fn with_one_live() -> Self {
        let home = Self::with_shop();
        home.await_build(1, "verified");
        home.said(&["promote", "1", "--yes", "--wait"]);
        home.merge("sam", "page.html", "two");
        home.await_build(2, "verified");
        home
    }
}

/// A service whose steps take no time; `me` is whoever runs this.
pub fn service_file(release: &str) -> String {
    let step = |pipeline: &str, name: &str, run: &str| {
        format!("[[{pipeline}.steps]]\nname = {name:?}\nrun = {run:?}\n\n")
    };
    [
        "service = \"shop\"\ntrunk = \"main\"\n\n".to_owned(),
        step("staging", "smoke", "echo staged"),
        step("production", "release", release),
        step("rollback", "release", "echo back again"),
        "[policy]\nsoak = \"0s\"\nverify = \"step:smoke\"\n\n".to_owned(),
        format!("[people.me]\nlogins = [{:?}]\nemails = [\"me@shop.example\"]\n", crate::login()),
        "[people.sam]\nemails = [\"sam@shop.example\"]\n".to_owned(),
    ]
    .concat()
}
