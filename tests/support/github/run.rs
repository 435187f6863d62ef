//! A run of the GitHub of tests, its jobs and their steps.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::clock::GitHubClock;
use super::objects;

/// What somebody else starts. What is left empty is as it is most often: a push to `main` of `acme/shop`.
#[derive(Debug, Clone, Copy)]
pub struct RunOf<'a> {
    pub repository: &'a str,
    /// The file of the workflow.
    pub workflow: &'a str,
    pub event: &'a str,
    /// The branch or the tag.
    pub branch: &'a str,
    pub sha: &'a str,
    pub actor: &'a str,
    pub title: &'a str,
    pub status: &'a str,
    pub conclusion: Option<&'a str>,
}

impl Default for RunOf<'_> {
    fn default() -> Self {
        Self {
            repository: super::REPOSITORY,
            workflow: "deploy-staging.yml",
            event: "push",
            branch: "main",
            sha: "",
            actor: "bob",
            title: "a change",
            status: "queued",
            conclusion: None,
        }
    }
}

/// The run of a workflow. A test changes it as it likes.
#[derive(Debug, Clone, Default)]
pub struct FakeRun {
    pub id: u64,
    /// Such as `acme/shop`.
    pub repository: String,
    /// The file of the workflow.
    pub workflow: String,
    pub title: String,
    pub event: String,
    /// The branch or the tag.
    pub branch: String,
    pub sha: String,
    /// Who began it, and who started this attempt.
    pub actor: String,
    pub triggering_actor: String,
    pub inputs: BTreeMap<String, String>,
    pub status: String,
    pub conclusion: Option<String>,
    pub attempt: u64,
    /// The attempts before this one, the first one first.
    pub earlier: Vec<FakeAttempt>,
    pub jobs: Vec<FakeJob>,
    /// The deployments that wait, as they are told.
    pub pending: Vec<Value>,
    /// What reviewers said.
    pub reviews: Vec<FakeReview>,
    /// Its concurrency group.
    pub group: Option<String>,
    /// Whether the lists of runs show it, and since when.
    pub is_listed: bool,
    pub listed_at: DateTime<Utc>,
    pub cancels: u32,
    pub forces: u32,
    /// Whether a cancellation that is not forced ends it.
    pub hears: bool,
    /// Whether not even force ends it.
    pub is_deaf: bool,
    pub created_at: DateTime<Utc>,
    /// When this attempt began.
    pub started_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub(super) clock: GitHubClock,
}

/// What a reviewer said of a run.
#[derive(Debug, Clone, Default)]
pub struct FakeReview {
    /// `approved` or `rejected`.
    pub state: String,
    pub by: String,
    pub comment: String,
    pub environments: Vec<String>,
}

/// An attempt that is over.
#[derive(Debug, Clone, Default)]
pub struct FakeAttempt {
    pub status: String,
    pub conclusion: Option<String>,
    pub jobs: Vec<FakeJob>,
    pub triggering_actor: String,
    pub started_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Default)]
pub struct FakeJob {
    pub id: u64,
    pub name: String,
    pub status: String,
    pub conclusion: Option<String>,
    /// The environment that it deploys to.
    pub environment: Option<String>,
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
    pub fn is_over(&self) -> bool {
        self.status == "completed"
    }

    /// The job of this name, which is added if there is none.
    pub fn job(&mut self, name: &str) -> &mut FakeJob {
        let at = self.jobs.iter().position(|job| job.name == name).unwrap_or_else(|| {
            let id = self.id * 10_000 + self.attempt * 100 + self.jobs.len() as u64;
            let status = "queued".to_owned();
            self.jobs.push(FakeJob { id, name: name.to_owned(), status, ..FakeJob::default() });
            self.jobs.len() - 1
        });
        &mut self.jobs[at]
    }

    /// It runs, in this step of this job.
    pub fn runs(&mut self, job: &str, step: &str) {
        self.status = "in_progress".into();
        let now = self.clock.now();
        let job = self.job(job);
        job.status = "in_progress".into();
        job.began_at.get_or_insert(now);
        for step in &mut job.steps {
            (step.status, step.conclusion) = ("completed".into(), Some("success".into()));
        }
        let (name, status) = (step.to_owned(), "in_progress".to_owned());
        job.steps.push(FakeStep { name, status, conclusion: None });
    }

    /// A job ends with this text.
    pub fn job_ends(&mut self, job: &str, conclusion: &str, log: Option<&str>) {
        let now = self.clock.now();
        let job = self.job(job);
        job.status = "completed".into();
        job.began_at.get_or_insert(now);
        job.ended_at = Some(now);
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

    /// One of its jobs waits for such a review, which the others do not.
    pub fn job_waits_for(&mut self, job: &str, environment: &str, reviewers: &[&str]) {
        self.job(job).status = "waiting".into();
        self.job(job).environment = Some(environment.to_owned());
        self.waits_for(environment, reviewers);
    }

    /// It waits for a review of an environment, by these people; a name with `team ` before it is a team's.
    pub fn waits_for(&mut self, environment: &str, reviewers: &[&str]) {
        self.status = "waiting".into();
        let reviewers = reviewers.iter().map(|name| objects::reviewer(name));
        self.pending = vec![json!({
            "environment": objects::environment_name(environment),
            "wait_timer": 0,
            "wait_timer_started_at": null,
            "current_user_can_approve": true,
            "reviewers": reviewers.collect::<Vec<_>>(),
        })];
    }

    /// Somebody starts it once more: it keeps its number, and the jobs are new ones.
    pub fn again(&mut self) {
        self.earlier.push(FakeAttempt {
            status: std::mem::replace(&mut self.status, "queued".into()),
            conclusion: self.conclusion.take(),
            jobs: std::mem::take(&mut self.jobs),
            triggering_actor: self.triggering_actor.clone(),
            started_at: self.started_at,
            updated_at: self.updated_at,
        });
        self.pending.clear();
        self.attempt += 1;
        self.started_at = self.clock.now();
    }

    /// The run as it was in an attempt. `None` if there was none.
    pub(super) fn at(&self, attempt: u64) -> Option<Self> {
        if attempt == self.attempt {
            return Some(self.clone());
        }
        let earlier = self.earlier.get(usize::try_from(attempt).ok()?.checked_sub(1)?)?.clone();
        Some(Self {
            attempt,
            status: earlier.status,
            conclusion: earlier.conclusion,
            jobs: earlier.jobs,
            triggering_actor: earlier.triggering_actor,
            started_at: earlier.started_at,
            updated_at: earlier.updated_at,
            ..self.clone()
        })
    }

    /// The jobs of all attempts.
    pub(super) fn all_jobs(&self) -> impl Iterator<Item = &FakeJob> {
        self.earlier.iter().flat_map(|attempt| &attempt.jobs).chain(&self.jobs)
    }
}

/// As GitHub gives a log: a mark of its encoding, and a time before each line.
fn timed(text: &str) -> String {
    let lines = text.lines().map(|line| format!("2026-11-27T05:00:00.1234567Z {line}\n"));
    format!("\u{feff}{}", lines.collect::<Vec<_>>().concat())
}
