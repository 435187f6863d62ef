//! A service whose steps note on the disk that they ran: the world that the engine is killed in.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use trunkline::domain::ids::{DeploymentId, ServiceName};

use trunkline_testing::home::Home;
use trunkline_testing::repository::Repository;
use trunkline_testing::service_file::service_file;
use trunkline_testing::shop::shop;

/// Two steps in staging and in production, one in a rollback, each of them the script `step` with its number.
fn service_text() -> String {
    let (release, smoke) = ("./step 0", "[\"./step\", \"1\"]");
    let file = service_file().person("ann");
    let file = file.step("staging", "release", release).step("staging", "smoke", smoke);
    let file = file.step("production", "release", release).step("production", "smoke", smoke);
    file.step("rollback", "release", release).text()
}

/// How many numbered lines a step writes.
pub const LINES: usize = 12;

/// Notes that it ran, writes half of its lines, runs for up to 50 ms, or for as long as the gate is closed, and
/// writes the rest.
const STEP: &str = r#"#!/bin/sh
echo "$TRUNKLINE_DEPLOYMENT $1" >> 'RAN'
i=1
while [ $i -le 6 ]; do echo "line $i"; i=$((i + 1)); done
sleep 0.0$((TRUNKLINE_DEPLOYMENT % 6))
while [ -e 'GATE' ]; do sleep 0.01; done
while [ $i -le 12 ]; do echo "line $i"; i=$((i + 1)); done
"#;

pub struct Shop {
    pub home: Home,
    pub repository: Repository,
}

impl Shop {
    pub fn new() -> Self {
        Self::with_step(STEP)
    }

    /// The same with another script for all steps.
    pub fn with_step(step: &str) -> Self {
        let shop = shop(&service_text());
        let place = |name| shop.home.path(name).display().to_string();
        let step = step.replace("RAN", &place("ran")).replace("GATE", &place("gate"));
        let shop = shop.with_script("step", &step).watched("poll = \"100ms\"");
        Self { home: shop.home, repository: shop.repository }
    }

    pub fn service() -> ServiceName {
        "checkout".parse().unwrap()
    }

    pub fn data(&self) -> PathBuf {
        self.home.path("data")
    }

    pub fn database(&self) -> PathBuf {
        self.data().join("trunkline.db")
    }

    pub fn runs(&self) -> PathBuf {
        self.data().join("runs")
    }

    pub fn ran_file(&self) -> PathBuf {
        self.home.path("ran")
    }

    pub fn gate(&self) -> PathBuf {
        self.home.path("gate")
    }

    /// How often each step of each deployment ran, by the steps' own notes.
    pub fn ran(&self) -> BTreeMap<(DeploymentId, usize), usize> {
        let text = fs::read_to_string(self.ran_file()).unwrap_or_default();
        let mut ran = BTreeMap::new();
        for line in text.lines() {
            let (deployment, step) = line.split_once(' ').expect("a note is whole");
            let key = (DeploymentId(deployment.parse().unwrap()), step.parse().unwrap());
            *ran.entry(key).or_default() += 1;
        }
        ran
    }

    /// The deployments that processes below the data folder belong to, by their own environment.
    pub fn living(&self) -> Vec<(i32, DeploymentId)> {
        let checkouts = self.data().join("checkouts");
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let step = |entry: fs::DirEntry| {
            let process: i32 = entry.file_name().to_str()?.parse().ok()?;
            let folder = fs::read_link(entry.path().join("cwd")).ok()?;
            let environment = fs::read(entry.path().join("environ")).ok()?;
            let mut variables = environment.split(|byte| *byte == 0);
            let id = variables.find_map(|v| v.strip_prefix(b"TRUNKLINE_DEPLOYMENT="))?;
            let id = std::str::from_utf8(id).ok()?.parse().ok()?;
            folder.starts_with(&checkouts).then_some((process, DeploymentId(id)))
        };
        processes.filter_map(step).collect()
    }
}
