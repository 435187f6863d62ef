//! What a run says of the environment that its lane is of. Pure.

use chrono::{DateTime, Utc};
use regex::Regex;

use crate::domain::event::{Outcome, UnknownCommit};
use crate::domain::ids::CommitPrefix;
use crate::domain::lane::{CommitFrom, Lane, LaneKind};
use crate::engine::runner::remote::{PartState, RepositoryRun, RunJob};

/// A deployment as a run shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SeenDeployment {
    pub started: DateTime<Utc>,
    /// How and when it ended.
    pub ended: Option<(Outcome, DateTime<Utc>)>,
}

/// The commit that a run deployed, as it names it.
pub(super) type DeployedCommit = Result<CommitPrefix, UnknownCommit>;

/// Whether the run is one of the lane.
pub(super) fn is_of(lane: &Lane, run: &RepositoryRun) -> bool {
    // A tag is told from a branch by what starts its run alone, or by looking like none.
    let is_tag =
        run.event == "release" || matches!(lane.of, Some(crate::domain::lane::RunsOf::Tag(_)));
    lane.kind == LaneKind::Workflow(run.workflow.clone())
        && lane.event.as_ref().is_none_or(|event| *event == run.event)
        && lane.is_of(&run.branch, is_tag)
}

/// The deployment of a lane that a run is; `None` while nothing of it began, and if nothing was deployed.
pub(super) fn deployment(lane: &Lane, run: &RepositoryRun) -> Option<SeenDeployment> {
    if lane.jobs.is_empty() {
        return of_run(run);
    }
    let jobs: Vec<_> = run.jobs.iter().filter(|job| is_one_of(&lane.jobs, &job.name)).collect();
    let began = jobs.iter().filter(|job| began(job)).filter_map(|job| job.started_at).min();
    let started = began?;
    let missing = lane.jobs.iter().find(|name| !jobs.iter().any(|job| is_named(job, name)));
    let all_over = jobs.iter().all(|job| job.state.is_over());
    // A job that is still to come is listed only once its needs are over.
    let is_over = all_over && (missing.is_none() || run.state.is_over());
    let ended = is_over.then(|| {
        let ends = jobs.iter().filter_map(|job| ended_at(&job.state));
        let at = ends.max().or(ended_at(&run.state)).unwrap_or(started);
        (of_jobs(&jobs, missing), at)
    });
    Some(SeenDeployment { started, ended })
}

fn of_run(run: &RepositoryRun) -> Option<SeenDeployment> {
    let started = run.started_at?;
    match &run.state {
        PartState::Waiting => None,
        PartState::Running => Some(SeenDeployment { started, ended: None }),
        PartState::Ended { word, at } => {
            // A run that was left out, or ended while it waited, deployed nothing.
            if matches!(word.as_str(), "skipped" | "startup_failure" | "action_required" | "stale")
            {
                return None;
            }
            let ended = Some((outcome(word, None), at.unwrap_or(started)));
            Some(SeenDeployment { started, ended })
        }
    }
}

/// Whether a job ran, or runs.
fn began(job: &RunJob) -> bool {
    match &job.state {
        PartState::Waiting => false,
        PartState::Running => true,
        PartState::Ended { word, at } => {
            let ran = at.zip(job.started_at).is_none_or(|(ended, started)| ended > started);
            word != "skipped" && (word != "cancelled" || ran)
        }
    }
}

fn of_jobs(jobs: &[&RunJob], missing: Option<&String>) -> Outcome {
    let bad = jobs.iter().find(|job| job.state.ended_as() != Some("success"));
    match (bad, missing) {
        (Some(job), _) => outcome(job.state.ended_as().unwrap_or_default(), Some(&job.name)),
        (None, Some(missing)) => Outcome::Failed(format!("its job {missing} did not run")),
        (None, None) => Outcome::Succeeded,
    }
}

/// The words are open: one that nobody knows is no success.
fn outcome(word: &str, job: Option<&str>) -> Outcome {
    let of_job = job.map_or(String::new(), |job| format!("job {job} "));
    match word {
        "success" => Outcome::Succeeded,
        "cancelled" => Outcome::Cancelled,
        "failure" => Outcome::Failed(format!("{of_job}failed")),
        "skipped" => Outcome::Failed(format!("{of_job}did not run")),
        "" => Outcome::Failed(format!("{of_job}ended, and it is not told how")),
        word => Outcome::Failed(format!("{of_job}ended as {word}")),
    }
}

fn ended_at(state: &PartState) -> Option<DateTime<Utc>> {
    match state {
        PartState::Ended { at, .. } => *at,
        PartState::Waiting | PartState::Running => None,
    }
}

fn is_one_of(names: &[String], job: &str) -> bool {
    names.iter().any(|name| fits(name, job))
}

fn is_named(job: &RunJob, name: &str) -> bool {
    fits(name, &job.name)
}

/// Whether this is the named job, one of its matrix, or one of the workflow that it calls.
fn fits(name: &str, job: &str) -> bool {
    let rest = job.strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" (") || rest.starts_with(" / "))
}

/// The commit that a run deploys, as far as it tells.
pub(super) fn commit(lane: &Lane, run: &RepositoryRun) -> DeployedCommit {
    let unknown = |why: String| UnknownCommit { sha: None, why };
    let named = match &lane.commit {
        CommitFrom::Head => run.sha.as_str(),
        CommitFrom::Event => match run.event.as_str() {
            "push" | "release" | "create" => run.sha.as_str(),
            "workflow_dispatch" => {
                let why = "only the inputs of a dispatch tell it; show it in run-name and name that with sha = \"title:…\"";
                return Err(unknown(why.to_owned()));
            }
            "merge_group" => {
                // It is on the trunk once the queue has merged it.
                run.sha.as_str()
            }
            event => {
                return Err(unknown(format!(
                    "a run of event {event} need not be of what it deploys"
                )));
            }
        },
        CommitFrom::Title(pattern) => {
            let regex = Regex::new(pattern).ok();
            let found = regex.as_ref().and_then(|regex| regex.captures(&run.title)?.get(1));
            match found {
                Some(found) => found.as_str(),
                None => return Err(unknown("its title does not name it".to_owned())),
            }
        }
    };
    named.to_ascii_lowercase().parse().map_err(|_| unknown("what names it is no commit".to_owned()))
}
