//! A run of the GitHub of tests, its jobs and their steps, and how they are told.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

/// The run of a workflow. A test changes it as it likes.
#[derive(Debug, Clone, Default)]
pub struct FakeRun {
    pub id: u64,
    pub workflow: String,
    pub title: String,
    pub inputs: BTreeMap<String, String>,
    pub status: String,
    pub conclusion: Option<String>,
    pub attempt: u64,
    /// How the first attempt ended, once there is another.
    pub first_attempt: Option<(String, Option<String>)>,
    pub jobs: Vec<FakeJob>,
    /// The concurrency groups that it holds as a whole.
    pub groups: Vec<String>,
    /// The deployments that wait, as they are told.
    pub pending: Vec<Value>,
    /// Whether the list of runs shows it.
    pub is_listed: bool,
    pub cancels: u32,
    pub forces: u32,
    /// Whether a cancellation that is not forced ends it.
    pub hears: bool,
    /// Whether not even force ends it.
    pub is_deaf: bool,
    pub created_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Default)]
pub struct FakeJob {
    pub id: u64,
    pub name: String,
    pub status: String,
    pub conclusion: Option<String>,
    pub steps: Vec<FakeStep>,
    /// `None` as long as there is none.
    pub log: Option<String>,
    pub began_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Default)]
pub struct FakeStep {
    pub name: String,
    pub status: String,
    pub conclusion: Option<String>,
}

impl FakeRun {
    /// The job of this name, which is added if there is none.
    pub fn job(&mut self, name: &str) -> &mut FakeJob {
        let at = self.jobs.iter().position(|job| job.name == name).unwrap_or_else(|| {
            let id = self.id * 100 + self.jobs.len() as u64;
            let status = "queued".to_owned();
            self.jobs.push(FakeJob { id, name: name.to_owned(), status, ..FakeJob::default() });
            self.jobs.len() - 1
        });
        &mut self.jobs[at]
    }

    /// It runs, in this step of this job.
    pub fn runs(&mut self, job: &str, step: &str) {
        self.status = "in_progress".into();
        let job = self.job(job);
        job.status = "in_progress".into();
        job.began_at.get_or_insert_with(Utc::now);
        for step in &mut job.steps {
            (step.status, step.conclusion) = ("completed".into(), Some("success".into()));
        }
        let (name, status) = (step.to_owned(), "in_progress".to_owned());
        job.steps.push(FakeStep { name, status, conclusion: None });
    }

    /// A job ends with this text.
    pub fn job_ends(&mut self, job: &str, conclusion: &str, log: Option<&str>) {
        let job = self.job(job);
        job.status = "completed".into();
        job.began_at.get_or_insert_with(Utc::now);
        job.ended_at = Some(Utc::now());
        for step in job.steps.iter_mut().filter(|step| step.status != "completed") {
            (step.status, step.conclusion) = ("completed".into(), Some(conclusion.into()));
        }
        (job.conclusion, job.log) = (Some(conclusion.into()), log.map(timed));
    }

    pub fn ends(&mut self, conclusion: &str) {
        (self.status, self.conclusion) = ("completed".into(), Some(conclusion.into()));
    }

    /// It has one job, which succeeds with this text.
    pub fn succeeds(&mut self, job: &str, log: &str) {
        self.job_ends(job, "success", Some(log));
        self.ends("success");
    }

    /// Somebody starts it once more.
    pub fn again(&mut self) {
        self.first_attempt = Some((self.status.clone(), self.conclusion.take()));
        (self.status, self.attempt) = ("queued".into(), self.attempt + 1);
    }

    pub(super) fn told(&self, url: &str) -> Value {
        self.told_as(url, self.attempt, &self.status, self.conclusion.as_deref())
    }

    pub(super) fn told_first(&self, url: &str) -> Value {
        let now = (self.status.clone(), self.conclusion.clone());
        let (status, conclusion) = self.first_attempt.clone().unwrap_or(now);
        self.told_as(url, 1, &status, conclusion.as_deref())
    }

    fn told_as(&self, url: &str, attempt: u64, status: &str, conclusion: Option<&str>) -> Value {
        json!({
            "id": self.id,
            "name": null,
            "display_title": self.title,
            "path": format!(".github/workflows/{}", self.workflow),
            "event": "workflow_dispatch",
            "status": status,
            "conclusion": conclusion,
            "run_attempt": attempt,
            "head_branch": "main",
            "head_sha": "0".repeat(40),
            "html_url": format!("{url}/acme/shop/actions/runs/{}", self.id),
            "pull_requests": null,
            "created_at": instant(self.created_at),
            "run_started_at": instant(self.created_at),
            "triggering_actor": null,
        })
    }

    pub(super) fn told_jobs(&self) -> Vec<Value> {
        self.jobs.iter().map(|job| job.told(self.id)).collect()
    }
}

impl FakeJob {
    fn told(&self, run: u64) -> Value {
        let steps = self.steps.iter().enumerate().map(|(at, step)| {
            json!({
                "name": step.name,
                "number": at + 1,
                "status": step.status,
                "conclusion": step.conclusion,
                "started_at": null,
            })
        });
        json!({
            "id": self.id,
            "run_id": run,
            "name": self.name,
            "status": self.status,
            "conclusion": self.conclusion,
            "started_at": self.began_at.map(instant),
            "completed_at": self.ended_at.map(instant),
            "steps": steps.collect::<Vec<_>>(),
            "workflow_name": null,
            "runner_name": null,
        })
    }
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// As GitHub gives a log: a mark of its encoding, and a time before each line.
fn timed(text: &str) -> String {
    let lines = text.lines().map(|line| format!("2026-11-27T05:00:00.1234567Z {line}\n"));
    format!("\u{feff}{}", lines.collect::<Vec<_>>().concat())
}
