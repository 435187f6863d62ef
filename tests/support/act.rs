//! Runs the workflows of the GitHub of tests for real: act, which nobody here wrote, carries out the file, and the run at that
//! GitHub shows the steps, the log and the end that act tells.
//!
//! One thing is replaced: `actions/checkout` would ask github.com, so a small action of this file clones the repository of
//! the test instead, at the commit that the workflow asks for.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::github::{FakeRun, GitHubRunner};
use crate::proofs::installed;

const CHECKOUT: &str = r#"
name: checkout
description: Clones the repository of the test.
inputs:
  ref: { description: The commit, required: true }
  persist-credentials: { description: Not used, default: "false" }
runs:
  using: composite
  steps:
    - shell: sh
      env: { REF: "${{ inputs.ref }}" }
      run: git clone --quiet "$TEST_REPOSITORY" . && git checkout --quiet "$REF"
"#;

/// Runs workflows of one repository in a folder of its own.
pub struct Act {
    program: PathBuf,
    folder: tempfile::TempDir,
    repository: PathBuf,
}

impl Act {
    /// `None` where act is not installed.
    pub fn of(repository: &Path) -> Option<Self> {
        let program = installed("TRUNKLINE_ACT", "running the workflow file")?;
        let folder = tempfile::tempdir().unwrap();
        let checkout = folder.path().join("checkout");
        std::fs::create_dir(&checkout).unwrap();
        std::fs::write(checkout.join("action.yml"), CHECKOUT).unwrap();
        Some(Self { program, folder, repository: repository.to_owned() })
    }

    /// The folder in which workflows may leave something: their variable `OUT`.
    pub fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// Carries out a run of this workflow, to its end. Blocks.
    pub fn carry_out(&self, github: &GitHubRunner, run: &FakeRun, workflow: &str) {
        let mut act = self.start(run, workflow);
        let lines = BufReader::new(act.stdout.take().unwrap()).lines().map_while(Result::ok);
        let (mut log, mut said, mut result) = (String::new(), String::new(), None);
        for line in lines {
            let Ok(told) = serde_json::from_str::<Value>(&line) else {
                let _ = writeln!(said, "{line}");
                continue;
            };
            let word = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
            let message = word("msg");
            let _ = writeln!(said, "{message}");
            let job = word("jobID");
            if told["raw_output"] == true {
                log += &message;
            } else if begins(&told) {
                github.change(run.id, |run| run.runs(&job, &word("step")));
            }
            if let Some(ended) = told["jobResult"].as_str() {
                github.change(run.id, |run| run.job_ends(&job, ended, Some(&log)));
                result = Some(ended.to_owned());
            }
        }
        act.wait().unwrap();
        let result = result.unwrap_or_else(|| panic!("act ran no job: {said}"));
        github.change(run.id, |run| run.ends(&result));
    }

    fn start(&self, run: &FakeRun, workflow: &str) -> Child {
        let folder = self.folder.path().join(format!("run-{}", run.id));
        let workflows = folder.join("repository/.github/workflows");
        std::fs::create_dir_all(&workflows).unwrap();
        std::fs::write(workflows.join(&run.workflow), workflow).unwrap();
        let here = folder.join("repository");
        let git = |arguments: &[&str]| {
            let done = Command::new("git").arg("-C").arg(&here).args(arguments).output().unwrap();
            assert!(done.status.success(), "{done:?}");
        };
        git(&["init", "--quiet", "--initial-branch", "main"]);
        git(&["add", "--all"]);
        git(&["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "workflow"]);
        git(&["remote", "add", "origin", &format!("https://forge.example/{}.git", run.repository)]);
        let event = folder.join("event.json");
        std::fs::write(&event, json!({ "inputs": run.inputs }).to_string()).unwrap();
        let checkout = checkout(workflow);
        let checkout = format!("{checkout}={}", self.folder.path().join("checkout").display());
        let variable = |name: &str, path: &Path| format!("{name}={}", path.display());
        let mut act = Command::new(&self.program);
        act.env_clear()
            .env("HOME", &folder)
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        act.current_dir(&here).arg(&run.event).args(["--json", "--no-cache-server", "--strict"]);
        act.args(["--platform", "ubuntu-latest=-self-hosted", "--local-repository", &checkout]);
        act.arg("--eventpath").arg(event).args(["--actor", &run.actor]);
        act.args(["--env", &variable("TEST_REPOSITORY", &self.repository)]);
        act.args(["--env", &variable("OUT", &self.out())]);
        act.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        act.spawn().unwrap()
    }
}

/// The version of `actions/checkout` that a workflow uses.
fn checkout(workflow: &str) -> &str {
    let uses = workflow.lines().find_map(|line| line.trim().strip_prefix("- uses: ")).unwrap();
    let uses = uses.split_whitespace().next().unwrap();
    assert!(uses.starts_with("actions/checkout@"), "{uses}");
    uses
}

/// Whether a step of the workflow itself begins.
fn begins(told: &Value) -> bool {
    let is_own = told["stepID"].as_array().is_some_and(|ids| ids.len() == 1);
    let message = told["msg"].as_str().unwrap_or_default();
    is_own && told["stage"] == "Main" && message.contains("Run Main")
}
