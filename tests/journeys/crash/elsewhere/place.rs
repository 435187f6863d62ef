//! The engines at which the steps run: the sample server of HTTP jobs, and Buildbot.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use trunkline_testing::buildbot::Buildbot;
use trunkline_testing::home::Home;
use trunkline_testing::jobs::JobServer;

/// Prints, takes a moment, waits while it is to, prints the rest, and marks that.
const SCRIPT: &str = r#"i=1
while [ $i -le 6 ]; do echo "line $i"; i=$((i + 1)); done
sleep 0.$(($(date +%s) % 2))
while [ -e JOBS/.wait-JOB ]; do sleep 0.02; done
while [ $i -le 12 ]; do echo "line $i"; i=$((i + 1)); done
echo "$KEY" >>JOBS/.printed
"#;

#[derive(Clone)]
pub struct Place {
    server: Server,
    job: String,
}

#[derive(Clone)]
enum Server {
    Jobs(Arc<JobServer>),
    Buildbot(Arc<Buildbot>),
}

impl Place {
    /// So many jobs of one server; none where it cannot run, which is said.
    pub fn jobs(count: usize) -> Vec<Self> {
        let Some(server) = JobServer::if_python(Some("tok_4f9d8a7c6b5e4d3c")) else {
            return Vec::new();
        };
        Self::of(&Server::Jobs(Arc::new(server)), count)
    }

    /// So many builders of one Buildbot; none where it cannot run, which is said.
    pub async fn buildbot(count: usize) -> Vec<Self> {
        let Some(buildbot) = Buildbot::if_installed().await else { return Vec::new() };
        Self::of(&Server::Buildbot(Arc::new(buildbot)), count)
    }

    fn of(server: &Server, count: usize) -> Vec<Self> {
        let place = |number| Self { server: server.clone(), job: format!("job{number}") };
        let places: Vec<_> = (1..=count).map(place).collect();
        for place in &places {
            let folder = place.folder().display().to_string();
            let script = SCRIPT.replace("JOBS", &folder).replace("JOB", &place.job);
            match server {
                Server::Jobs(server) => server.job(&place.job, &script.replace("KEY", "JOB_RUN")),
                Server::Buildbot(buildbot) => {
                    buildbot.job(&place.job, &script.replace("KEY", "JOB_TRUNKLINE"));
                }
            }
        }
        places
    }

    fn folder(&self) -> PathBuf {
        match &self.server {
            Server::Jobs(server) => server.jobs(),
            Server::Buildbot(buildbot) => buildbot.jobs(),
        }
    }

    pub fn job(&self) -> &str {
        &self.job
    }

    pub fn address(&self) -> SocketAddr {
        match &self.server {
            Server::Jobs(server) => server.address(),
            Server::Buildbot(buildbot) => buildbot.address(),
        }
    }

    /// The settings of an engine here that asks it at this address.
    pub fn settings(&self, url: &str, home: &Home) -> String {
        let more = match &self.server {
            Server::Jobs(server) => {
                format!("token = {{ file = \"{}\" }}", server.token_file().display())
            }
            Server::Buildbot(_) => format!("preset = \"{}\"", impatient(home).display()),
        };
        let job = &self.job;
        format!(
            "poll = \"50ms\"\n[engines.deployer]\nkind = \"http\"\nurl = \"{url}\"\nmay = [\"{job}\"]\n{more}\n"
        )
    }

    /// Whether runs wait from now on.
    pub fn wait(&self, waits: bool) {
        let file = self.folder().join(format!(".wait-{}", self.job));
        if waits {
            fs::write(file, "").unwrap();
        } else {
            let _none_there = fs::remove_file(file);
        }
    }

    /// How often a run was started, as its script counted it.
    pub fn starts(&self, key: &str) -> usize {
        self.all_starts().get(key).copied().unwrap_or_default()
    }

    pub fn all_starts(&self) -> BTreeMap<String, usize> {
        match &self.server {
            Server::Jobs(server) => server.all_starts(),
            Server::Buildbot(buildbot) => buildbot.all_starts(),
        }
    }

    /// Whether the script of a run has printed all.
    pub fn has_printed_all(&self, key: &str) -> bool {
        let printed = fs::read_to_string(self.folder().join(".printed")).unwrap_or_default();
        printed.lines().any(|line| line == key)
    }

    /// Whether it knows that a run has ended, which it has under this number.
    pub async fn has_ended(&self, (key, run): &(String, String)) -> bool {
        match &self.server {
            Server::Jobs(server) => server.run(key).join("end").exists(),
            Server::Buildbot(buildbot) => buildbot.is_complete(run).await,
        }
    }

    /// That it has no other count itself of what it started.
    pub async fn agrees(&self) {
        if let Server::Buildbot(buildbot) = &self.server {
            let builds = buildbot.builds().await;
            for (key, starts) in self.all_starts() {
                assert_eq!(builds.get(&key), Some(&starts), "{key}, counted at Buildbot");
            }
            assert!(builds.values().all(|count| *count == 1), "{builds:?}");
        }
    }
}

/// The preset of the product, for an impatient reader.
fn impatient(home: &Home) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shipped = fs::read_to_string(root.join("assets/presets/buildbot.toml")).unwrap();
    let (pace, settling) = ("pace = \"1s\"", "settling = \"30s\"");
    assert!(shipped.contains(pace) && shipped.contains(settling));
    let quick = shipped.replace(pace, "pace = \"500ms\"").replace(settling, "settling = \"3s\"");
    let file = home.path("buildbot.toml");
    fs::write(&file, quick).unwrap();
    file
}
