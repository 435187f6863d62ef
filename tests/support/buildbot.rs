//! A real Buildbot, master and worker, on this machine, and what it started, counted there.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::jobs::Port;

/// How long an answer of its own may take.
const ANSWER: Duration = Duration::from_mins(1);
/// How many builders it has, `job0` and so on.
pub const BUILDERS: usize = 12;

/// The master: each builder runs the script of its name, with what it was given as variables.
const MASTER: &str = r#"
from buildbot.plugins import schedulers, steps, util, worker
GIVEN = ["trunkline", "version", "who", "sha"]
NAMES = ["job%d" % number for number in range(BUILDERS)]
empty = {name: util.FixedParameter(name=name, default="") for name in ["branch", "revision", "repository", "project"]}
def factory(name):
    given = {"JOB_" + given.upper(): util.Property(given, default="") for given in GIVEN}
    factory = util.BuildFactory([steps.ShellCommand(name="deploy", command=["sh", "JOBS/" + name], env=given)])
    if name == "job0":
        factory.addStep(steps.ShellCommand(name="say", command=["echo", "said"]))
    return factory
BuildmasterConfig = {
    "workers": [worker.Worker("worker", "password")],
    "protocols": {"pb": {"port": "tcp:WORKERS:interface=127.0.0.1"}},
    "www": {"port": "tcp:WWW:interface=127.0.0.1"},
    "title": "test", "titleURL": "http://127.0.0.1", "buildbotURL": "http://127.0.0.1:WWW/",
    "buildbotNetUsageData": None,
    "db": {"db_url": "sqlite:///state.sqlite"},
    "schedulers": [schedulers.ForceScheduler(
        name="trunkline", builderNames=NAMES, codebases=[util.CodebaseParameter(codebase="", **empty)],
        properties=[util.StringParameter(name=name, default="") for name in GIVEN])],
    "builders": [util.BuilderConfig(name=name, workernames=["worker"], factory=factory(name)) for name in NAMES],
}
"#;

/// The worker, which is told its place by its variables.
const WORKER: &str = r#"
import os
from buildbot_worker.bot import Worker
from twisted.application import service
application = service.Application('buildbot-worker')
Worker("127.0.0.1", WORKERS, "worker", "password", os.path.abspath(os.path.dirname(__file__)), 600, allow_shutdown=None).setServiceParent(application)
"#;

/// It runs as long as the value lives.
pub struct Buildbot {
    folder: TempDir,
    installed: PathBuf,
    www: Port,
    workers: Port,
    master: Option<Child>,
    worker: Option<Child>,
}

impl Buildbot {
    /// One, or none where none is installed, which is said. Where it is said to be, it must run.
    pub async fn if_installed() -> Option<Self> {
        let Some(installed) = std::env::var_os("TRUNKLINE_BUILDBOT") else {
            eprintln!(
                "Buildbot is not tried: TRUNKLINE_BUILDBOT names no folder; .ci/buildbot makes one"
            );
            return None;
        };
        let mut buildbot = Self {
            folder: tempfile::tempdir().unwrap(),
            installed: installed.into(),
            www: Port::new(),
            workers: Port::new(),
            master: None,
            worker: None,
        };
        buildbot.make();
        buildbot.start().await;
        Some(buildbot)
    }

    pub fn url(&self) -> String {
        self.www.url()
    }

    pub fn address(&self) -> SocketAddr {
        self.www.address()
    }

    /// What a builder does from now on. Each start is counted before the script begins.
    pub fn job(&self, builder: &str, script: &str) {
        let count = format!("echo \"$JOB_TRUNKLINE\" >>'{}'", self.path("starts").display());
        let new = self.path("jobs").join(format!(".{builder}"));
        fs::write(&new, format!("{count}\n{script}\n")).unwrap();
        fs::rename(new, self.path("jobs").join(builder)).unwrap();
    }

    /// Where the scripts are.
    pub fn jobs(&self) -> PathBuf {
        self.path("jobs")
    }

    /// How often each run was started, as its script counted it.
    pub fn all_starts(&self) -> BTreeMap<String, usize> {
        let mut starts = BTreeMap::new();
        let keys = fs::read_to_string(self.path("starts")).unwrap_or_default();
        for key in keys.lines() {
            *starts.entry(key.to_owned()).or_default() += 1;
        }
        starts
    }

    /// How many builds each key has, as Buildbot itself knows it.
    pub async fn builds(&self) -> BTreeMap<String, usize> {
        let all = self.get("/api/v2/builds?property=trunkline&limit=100000").await;
        let mut builds = BTreeMap::new();
        for build in all["builds"].as_array().unwrap() {
            let key = build["properties"]["trunkline"][0].as_str().unwrap_or_default();
            *builds.entry(key.to_owned()).or_default() += 1;
        }
        builds
    }

    /// Whether a request is complete, by its number.
    pub async fn is_complete(&self, request: &str) -> bool {
        let found = self.get(&format!("/api/v2/buildrequests/{request}")).await;
        found["buildrequests"][0]["complete"] == true
    }

    pub async fn get(&self, path: &str) -> Value {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let asked = client.get(format!("{}{path}", self.url())).timeout(ANSWER);
        let body = asked.send().await.unwrap().bytes().await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn make(&self) {
        for folder in ["jobs", "master", "worker"] {
            fs::create_dir(self.path(folder)).unwrap();
        }
        for file in ["buildbot.tac", "state.sqlite"] {
            let from = self.installed.join("master").join(file);
            fs::copy(&from, self.path("master").join(file))
                .unwrap_or_else(|why| panic!("{}: {why}", from.display()));
        }
        let number = |port: &Port| port.address().port().to_string();
        let fill = |text: &str| {
            let text = text.replace("WORKERS", &number(&self.workers));
            let text = text.replace("BUILDERS", &BUILDERS.to_string());
            let text = text.replace("WWW", &number(&self.www));
            text.replace("JOBS", &self.jobs().display().to_string())
        };
        fs::write(self.path("master/master.cfg"), fill(MASTER)).unwrap();
        fs::write(self.path("worker/buildbot.tac"), fill(WORKER)).unwrap();
        for number in 0..BUILDERS {
            self.job(&format!("job{number}"), "");
        }
    }

    async fn start(&mut self) {
        self.master = Some(self.begin("buildbot", "master"));
        self.worker = Some(self.begin("buildbot-worker", "worker"));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let is_ready = async || {
            let asked = client.get(format!("{}/api/v2/workers", self.url())).timeout(ANSWER);
            let Ok(answer) = asked.send().await else { return false };
            let workers = answer.bytes().await.unwrap_or_default();
            let workers: Value = serde_json::from_slice(&workers).unwrap_or_default();
            let connected = &workers["workers"][0]["connected_to"];
            connected.as_array().is_some_and(|to| !to.is_empty())
        };
        let ready = async {
            let mut looks = tokio::time::interval(Duration::from_millis(50));
            while !is_ready().await {
                looks.tick().await;
            }
        };
        let ready = tokio::time::timeout(Duration::from_mins(2), ready).await;
        assert!(ready.is_ok(), "Buildbot is not ready: {}", self.said());
    }

    fn begin(&self, program: &str, part: &str) -> Child {
        let said = File::create(self.path(&format!("{part}.said"))).unwrap();
        let mut command = Command::new(self.installed.join("bin").join(program));
        command.args(["start", "--nodaemon"]).arg(self.path(part)).current_dir(self.path(part));
        command.env("SECRET_OF_THE_WORKER", "sesame-sesame");
        command.stdin(Stdio::null()).stdout(said.try_clone().unwrap()).stderr(said);
        let child = command.spawn();
        child.unwrap_or_else(|why| panic!("{program} of {}: {why}", self.installed.display()))
    }

    fn said(&self) -> String {
        let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
        let files = ["master.said", "worker.said", "master/twistd.log"];
        files.map(|file| read(&self.path(file))).join("\n")
    }
}

impl Drop for Buildbot {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let said = self.said();
            let from = said.len().saturating_sub(4_000);
            eprintln!("Buildbot said: …{}", said.get(from..).unwrap_or(&said));
        }
        for process in [&mut self.worker, &mut self.master].into_iter().flatten() {
            let _ended_already = process.kill();
            let _ended_already = process.wait();
        }
    }
}
