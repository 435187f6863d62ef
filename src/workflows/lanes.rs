//! What to observe: the workflow, jobs, event and branch that tell of an environment.

use serde::Serialize;

use crate::WorkflowFiles;
use crate::class::EnvironmentClass;
use crate::deploys::{ClassSource, DeployTarget, DeployingJob, Proof, lane_words};
use crate::expression;
use crate::inputs::{self, InputRole};
use crate::model::WorkflowFile;
use crate::occasion::{TriggerKind, WorkflowPlace};
use crate::reach::ShownName;
use crate::ways::{are_together, keep_targets, nearest};

/// Jobs of one workflow, for one event: what an environment is read off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObservedLane {
    pub workflow: String,
    /// As GitHub shows them; all of them have to succeed.
    pub jobs: Vec<String>,
    pub event: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Where the commit stands, if not where the event has it: `head` or `title:REGEX`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha: Option<String>,
    /// The environments' names, as the files have them.
    pub environments: Vec<String>,
    /// Its end does not say that the build is live.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub handed_over: bool,
}

/// A lane, and what keeps it from being certain.
#[derive(Debug, Clone)]
pub(crate) struct LaneGuess<'a> {
    pub lane: ObservedLane,
    pub jobs: Vec<&'a DeployingJob>,
    pub doubts: Vec<String>,
}

/// The lane of jobs that deploy together.
pub(crate) fn lane<'a>(
    jobs: &[&'a DeployingJob],
    all: &[DeployingJob],
    files: &WorkflowFiles,
    place: &WorkflowPlace,
) -> LaneGuess<'a> {
    let first = jobs[0];
    let mut doubts = Vec::new();
    let (event, branch, tag) = event(first.trigger(), place);
    let sha = commit(first, files, &mut doubts);
    let names = names(jobs, all, &mut doubts);
    let mut environments: Vec<String> = Vec::new();
    for job in jobs {
        let name = match &job.target {
            DeployTarget::Sure { name, by: ClassSource::Environment, .. }
            | DeployTarget::Unclear(Some(name)) => name,
            DeployTarget::Sure { .. } | DeployTarget::Unclear(None) => continue,
        };
        if !environments.contains(name) {
            environments.push(name.clone());
        }
    }
    if !can_be_written(&first.file) {
        doubts.push(format!(
            "{:?} cannot be written as the name of a workflow here: rename the file",
            first.file
        ));
    }
    if jobs.iter().all(|job| job.proof == Proof::Environment)
        && let Some(call) = jobs.iter().find_map(|job| job.job.foreign.as_ref())
    {
        doubts
            .push(format!("{} is given the environment, and what it does was not read", call.path));
    }
    let handed_over = jobs.iter().any(|job| hands_over(job));
    let lane = ObservedLane {
        workflow: first.file.clone(),
        jobs: names,
        event: event.to_owned(),
        branch,
        tag,
        sha,
        environments,
        handed_over,
    };
    LaneGuess { lane, jobs: jobs.to_vec(), doubts }
}

/// Whether a service file takes this name of a workflow.
pub(crate) fn can_be_written(file: &str) -> bool {
    file.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// Whether the file itself shows that others do the rest.
pub(crate) fn hands_over(job: &DeployingJob) -> bool {
    let is_webhook = |name: &String| name.to_ascii_lowercase().contains("webhook");
    let slack = |name: &String| name.to_ascii_lowercase().contains("slack");
    job.hand_over.is_some() || job.job.secrets.iter().any(|name| is_webhook(name) && !slack(name))
}

fn event(
    trigger: &TriggerKind,
    place: &WorkflowPlace,
) -> (&'static str, Option<String>, Option<String>) {
    match trigger {
        TriggerKind::PushTrunk => ("push", Some(place.trunk.clone()), None),
        TriggerKind::PushBranch(name) => ("push", Some(pattern(name)), None),
        TriggerKind::Tag(name) => ("push", None, Some(pattern(name))),
        TriggerKind::Release => ("release", None, None),
        TriggerKind::Dispatch => ("workflow_dispatch", None, None),
        TriggerKind::MergeGroup => ("merge_group", None, None),
        TriggerKind::PullRequestMerged => ("pull_request", None, None),
        TriggerKind::AfterWorkflow(_) => ("workflow_run", None, None),
        TriggerKind::Schedule => ("schedule", None, None),
        TriggerKind::RepositoryDispatch => ("repository_dispatch", None, None),
    }
}

/// GitHub's pattern with `*` alone: `v[0-9]+.*` is `v*`.
fn pattern(name: &str) -> String {
    let plain = name.replace("**", "*");
    if !plain.contains(['?', '+', '[', '\\', '!']) {
        return plain;
    }
    format!("{}*", crate::glob::beginning(&plain))
}

/// Where the commit stands that a run deployed, and why that may not be known.
fn commit(job: &DeployingJob, files: &WorkflowFiles, doubts: &mut Vec<String>) -> Option<String> {
    match job.trigger() {
        TriggerKind::PushTrunk | TriggerKind::PushBranch(_) | TriggerKind::Tag(_) => None,
        TriggerKind::Release | TriggerKind::MergeGroup | TriggerKind::Schedule => {
            Some("head".to_owned())
        }
        TriggerKind::Dispatch => {
            let workflow = files.workflow(&job.file)?;
            let input = commit_input(workflow);
            if input.is_none() && !has_artefact(workflow) {
                return Some("head".to_owned());
            }
            let title = input.and_then(|name| title(workflow, job, name));
            if title.is_none() {
                doubts.push(format!(
                    "the title of a run of {} does not show which commit it deployed",
                    job.file
                ));
            }
            title
        }
        TriggerKind::PullRequestMerged => {
            doubts.push(
                "its runs carry the commit of the pull request, which is not on the trunk".into(),
            );
            None
        }
        TriggerKind::AfterWorkflow(_) => {
            doubts.push(
                "its runs carry the head of the default branch at that moment, which may be a newer commit than the one that \
                 they deploy"
                    .into(),
            );
            Some("head".to_owned())
        }
        TriggerKind::RepositoryDispatch => {
            doubts.push("its runs do not show which commit they deploy".into());
            None
        }
    }
}

fn commit_input(workflow: &WorkflowFile) -> Option<&str> {
    let inputs = workflow.triggers.dispatch.as_deref().unwrap_or_default();
    let input = inputs.iter().find(|input| inputs::role(input) == Some(InputRole::Commit))?;
    Some(&input.name)
}

fn has_artefact(workflow: &WorkflowFile) -> bool {
    let inputs = workflow.triggers.dispatch.as_deref().unwrap_or_default();
    inputs.iter().any(|input| inputs::role(input) == Some(InputRole::Artefact))
}

/// The title of a run as a pattern with one group, around the commit.
fn title(workflow: &WorkflowFile, job: &DeployingJob, input: &str) -> Option<String> {
    let run_name = workflow.run_name.as_deref()?;
    let (mut pattern, mut has_commit) = (String::from("^"), false);
    for piece in expression::pieces(run_name) {
        match piece {
            expression::TextPiece::Plain(text) => pattern.push_str(&regex::escape(text)),
            expression::TextPiece::Expression(text) => {
                let paths = expression::paths(&format!("${{{{{text}}}}}"));
                let wanted = [format!("inputs.{input}"), format!("github.event.inputs.{input}")];
                let is_commit =
                    paths.iter().any(|path| wanted.iter().any(|w| w.eq_ignore_ascii_case(path)));
                match job.occasion.known.value(text).text() {
                    _ if is_commit && !has_commit => {
                        has_commit = true;
                        pattern.push_str("([0-9a-f]{40})");
                    }
                    Some(text) => pattern.push_str(&regex::escape(&text)),
                    None => pattern.push_str(".*"),
                }
            }
        }
    }
    has_commit.then(|| format!("title:{}$", pattern.trim_end()))
}

/// The names of the jobs. A matrix of which all runs belong to the lane is named once.
fn names(jobs: &[&DeployingJob], all: &[DeployingJob], doubts: &mut Vec<String>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for job in jobs {
        let name = match &job.job.shown {
            ShownName::Exact(name) => name.clone(),
            ShownName::Begins(start) => {
                let key = job.job.id.rsplit('/').next().unwrap_or_default();
                let begins = match start.as_str() {
                    "" => String::new(),
                    start => format!(" (GitHub shows one that begins with {start:?})"),
                };
                let doubt = format!(
                    "the name of job {key} is computed{begins} and has to be added as jobs"
                );
                if !doubts.contains(&doubt) {
                    doubts.push(doubt);
                }
                continue;
            }
        };
        let of_job = |other: &&DeployingJob| are_together(job, other) && other.job.id == job.job.id;
        let in_lane = jobs.iter().copied().filter(of_job).count();
        let is_whole = all.iter().filter(of_job).count() == in_lane;
        let key = job.job.id.rsplit('/').next().unwrap_or_default();
        // A matrix without a name of its own: GitHub adds the values to the key.
        let base = name.rfind(" (").filter(|at| is_whole && name[..*at].ends_with(key));
        let name = base.map_or(name.as_str(), |at| &name[..at]).to_owned();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// How near a trigger is to "each merge deploys staging".
fn tier(job: &DeployingJob) -> usize {
    match (job.trigger(), job.occasion.root()) {
        (TriggerKind::PushTrunk, _) => 0,
        (_, TriggerKind::PushTrunk) => 1,
        (TriggerKind::MergeGroup, _) => 2,
        (TriggerKind::PullRequestMerged, _) => 3,
        (TriggerKind::PushBranch(_), _) => 4,
        (TriggerKind::Tag(_) | TriggerKind::Release, _) => 5,
        (TriggerKind::RepositoryDispatch | TriggerKind::Schedule, _) => 6,
        (TriggerKind::Dispatch | TriggerKind::AfterWorkflow(_), _) => 7,
    }
}

/// The staging jobs that are not before production in one run, by what is nearest to a merge: each lane once.
pub(crate) fn staging_lanes(all: &[DeployingJob]) -> Vec<Vec<&DeployingJob>> {
    let is_staging = |job: &&DeployingJob| {
        job.class() == Some(EnvironmentClass::Staging) && job.hand_over.is_none()
    };
    let candidates: Vec<_> = all.iter().filter(is_staging).collect();
    let Some(best) = candidates.iter().map(|job| tier(job)).min() else { return Vec::new() };
    let mut candidates: Vec<_> = candidates.into_iter().filter(|job| tier(job) == best).collect();
    let has_environment = |job: &&DeployingJob| {
        matches!(job.target, DeployTarget::Sure { by: ClassSource::Environment, .. })
    };
    if candidates.iter().any(|job| job.proof >= Proof::Named) {
        candidates.retain(|job| job.proof >= Proof::Named);
    }
    if candidates.iter().any(has_environment) {
        candidates.retain(has_environment);
    }
    let mut lanes: Vec<Vec<&DeployingJob>> = Vec::new();
    for job in candidates {
        let same = |lane: &&mut Vec<&DeployingJob>| {
            are_together(lane[0], job) && lane_words(lane[0]) == lane_words(job)
        };
        match lanes.iter_mut().find(same) {
            Some(lane) => lane.push(job),
            None => lanes.push(vec![job]),
        }
    }
    lanes.iter_mut().for_each(keep_targets);
    lanes
}

/// Of lanes of one run, those that no other one waits for.
pub(crate) fn last_of(lanes: &[Vec<&DeployingJob>]) -> Vec<usize> {
    let all: Vec<&DeployingJob> = lanes.iter().flatten().copied().collect();
    let last = nearest(&all);
    let has_last = |lane: &&Vec<&DeployingJob>| {
        lane.iter().any(|job| last.iter().any(|l| std::ptr::eq(*l, *job)))
    };
    (0..lanes.len()).filter(|at| has_last(&&lanes[*at])).collect()
}
