//! Approves the job of a run that waits for a review, as the person who asked for the deployment, and follows this job.

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::json;

use super::answers::{PendingBody, ReviewBody, WorkflowJobBody, WorkflowRunBody};
use super::ways::{NamedWorkflow, answered, not_looked, runs_of_commit};
use super::{GitHubActions, Workflow, found, jobs, judge, known, names_key};
use crate::domain::ids::Sha;
use crate::domain::remote::{RunRef, Waits};
use crate::engine::clock::{Clock as _, SystemClock};
use crate::engine::runner::remote::answers::{Looked, RunState, SendAnswer};
use crate::engine::runner::remote::client::{CallError, EngineClient, IsWanted, sentence};
use crate::engine::runner::remote::order::Order;

/// The most runs of one commit that are looked at.
const MOST_RUNS: usize = 10;
/// The permission that an approval needs.
const NEEDS: &str =
    "the token needs Deployments: write and Actions: read, and its owner has to be a reviewer";

/// A run whose job waits for a review.
pub(super) struct WaitingRun {
    pub id: u64,
    attempt: u64,
    page: Option<String>,
    environment: u64,
}

/// Why no run can be approved.
pub(super) enum NotWaiting {
    /// None waits, or not for this person.
    None(String),
    /// Its run goes on and may come to it.
    NotYet(String),
    CannotTell(CallError),
}

impl From<CallError> for NotWaiting {
    fn from(error: CallError) -> Self {
        Self::CannotTell(error)
    }
}

impl GitHubActions {
    pub(super) async fn approve(
        &self,
        order: &Order,
        workflow: NamedWorkflow<'_>,
        (environment, job): (&str, &str),
        is_wanted: IsWanted<'_>,
    ) -> SendAnswer {
        let Some(presser) = &self.presser else {
            return SendAnswer::Rejected("no token of whoever asked for it is there".into());
        };
        let run = match waiting(presser, workflow, &order.sha, (environment, job)).await {
            Ok(run) => run,
            Err(NotWaiting::None(why)) => return SendAnswer::Rejected(why),
            Err(NotWaiting::NotYet(why)) => {
                return SendAnswer::NotYet { why, again: self.times().pace };
            }
            Err(NotWaiting::CannotTell(error)) => return not_looked(error),
        };
        let comment = format!(
            "trunkline {}: {} of build #{} of {} by {} ({})",
            order.run.deployment, order.kind, order.build, order.service, order.by, order.key
        );
        let body = json!({
            "environment_ids": [run.environment], "state": "approved", "comment": comment,
        });
        let path = pending_path(workflow.repository, run.id);
        let headers = HeaderMap::new();
        let asked = presser.start(is_wanted, Method::POST, &path, headers, Some(&body)).await;
        match answered(asked, NEEDS) {
            Ok(_) => SendAnswer::Started(run.found()),
            Err(other) => other,
        }
    }

    /// The run that has our key in the comment of an approval.
    pub(super) async fn find_approved(
        &self,
        order: &Order,
        workflow: NamedWorkflow<'_>,
    ) -> Result<Option<RunRef>, CallError> {
        let all = runs_of_commit(&self.client, workflow, &order.sha, None).await?;
        for run in all.runs.iter().filter(|run| is_of_its_commit(run)).take(MOST_RUNS) {
            let Some(id) = run.id else { continue };
            let path = format!("/repos/{}/actions/runs/{id}/approvals", workflow.repository);
            let reviews = self.client.read::<Vec<ReviewBody>>(&path).await?;
            let reviews = reviews.map(|read| read.value).unwrap_or_default();
            let is_ours = |review: &ReviewBody| {
                let comment = review.comment.as_deref().unwrap_or_default();
                review.state.as_deref() == Some("approved") && names_key(comment, &order.key)
            };
            if reviews.iter().any(is_ours) {
                return Ok(Some(of_attempt(id, run)));
            }
        }
        Ok(None)
    }

    /// The approved job of a run, whatever else the run does. Without a path, another attempt goes on under its number.
    pub(super) async fn approved(
        &self,
        order: &Order,
        run: &WorkflowRunBody,
        all: Vec<WorkflowJobBody>,
        (path, environment): (Option<&str>, &str),
    ) -> Result<Looked, CallError> {
        let named = Workflow::of(order)?.job.unwrap_or_default();
        let jobs: Vec<_> = all.into_iter().filter(|job| judge::is_named(job, named)).collect();
        let judged = judge::judged_alone(run, &jobs, named);
        let waiting = jobs.iter().any(|job| job.status.as_deref() == Some("waiting"));
        let waits = match path.filter(|_| waiting && judged.state == RunState::Running) {
            Some(path) => self.waits_of(path, environment).await?,
            None => None,
        };
        Ok(Looked {
            state: judged.state,
            word: judged.word,
            says: judged.says,
            run: known(order, run.html_url.clone()),
            started_at: judge::began(&jobs),
            ended_at: None,
            tag: None,
            waits,
            jobs: jobs.iter().filter_map(judge::seen).collect(),
        })
    }

    /// What a run waits for before it deploys to this environment.
    async fn waits_of(&self, path: &str, environment: &str) -> Result<Option<Waits>, CallError> {
        let path = format!("{path}/pending_deployments");
        let read = self.client.read::<Vec<PendingBody>>(&path).await?;
        let pending = read.map(|read| read.value).unwrap_or_default();
        let of_it = pending.iter().filter(|one| is_of(one, environment));
        Ok(judge::waits_first(of_it, SystemClock.now()))
    }
}

impl WaitingRun {
    fn found(&self) -> RunRef {
        let attempt = (self.attempt > 1).then_some(self.attempt);
        RunRef { attempt, ..found(self.id, self.page.clone()) }
    }
}

fn of_attempt(id: u64, run: &WorkflowRunBody) -> RunRef {
    let attempt = run.run_attempt.filter(|attempt| *attempt > 1);
    RunRef { attempt, ..found(id, run.html_url.clone()) }
}

fn pending_path(repository: &str, run: u64) -> String {
    format!("/repos/{repository}/actions/runs/{run}/pending_deployments")
}

/// GitHub ignores case in the names of environments.
fn is_of(pending: &PendingBody, environment: &str) -> bool {
    let name = pending.environment.as_ref().and_then(|environment| environment.name.as_deref());
    name.is_some_and(|name| name.eq_ignore_ascii_case(environment))
}

/// Whether a run deploys the commit that it names. One of another event names the head of the branch, whatever it deploys.
pub(super) fn is_of_its_commit(run: &WorkflowRunBody) -> bool {
    matches!(run.event.as_deref(), Some("push" | "release" | "create" | "merge_group"))
}

/// The newest run of the commit that waits for a review of this environment, which whoever asks may give.
pub(super) async fn waiting(
    client: &EngineClient,
    workflow: NamedWorkflow<'_>,
    sha: &Sha,
    (environment, job): (&str, &str),
) -> Result<WaitingRun, NotWaiting> {
    let all = runs_of_commit(client, workflow, sha, None).await?.runs;
    let (ours, others): (Vec<_>, Vec<_>) = all.into_iter().partition(is_of_its_commit);
    if let Some(waits) = first_waiting(client, workflow.repository, &ours, environment).await? {
        return approvable(waits, environment);
    }
    let none = none_waits(client, workflow, (sha, ours.first()), (environment, job)).await?;
    let NotWaiting::None(why) = none else { return Err(none) };
    let other = first_waiting(client, workflow.repository, &others, environment).await?;
    Err(NotWaiting::None(other.map_or(why, |(run, id, _)| {
        let event = sentence(run.event.as_deref().unwrap_or("an event that is not told"));
        format!(
            "only run {id} of {} waits for a review of {environment}, and {event} started it: it need not be of this commit",
            workflow.file
        )
    })))
}

/// The first of some runs that waits for a review of this environment.
async fn first_waiting<'r>(
    client: &EngineClient,
    repository: &str,
    runs: &'r [WorkflowRunBody],
    environment: &str,
) -> Result<Option<(&'r WorkflowRunBody, u64, PendingBody)>, CallError> {
    let is_open = |run: &&WorkflowRunBody| run.status.as_deref() != Some("completed");
    for run in runs.iter().filter(is_open).take(MOST_RUNS) {
        let Some(id) = run.id else { continue };
        let pending = client.read::<Vec<PendingBody>>(&pending_path(repository, id)).await?;
        let pending = pending.map(|read| read.value).unwrap_or_default();
        if let Some(pending) = pending.iter().find(|one| is_of(one, environment)) {
            return Ok(Some((run, id, pending.clone())));
        }
    }
    Ok(None)
}

/// What to approve of a run that waits, unless whoever asks may not.
fn approvable(
    (run, id, pending): (&WorkflowRunBody, u64, PendingBody),
    environment: &str,
) -> Result<WaitingRun, NotWaiting> {
    if pending.current_user_can_approve == Some(false) {
        let waits = judge::waits_first([&pending].into_iter(), SystemClock.now());
        let waits = waits.map(|waits| format!("; it waits for {waits}")).unwrap_or_default();
        let why = format!(
            "GitHub does not let the owner of this token approve {environment} of run {id}{waits}"
        );
        return Err(NotWaiting::None(why));
    }
    let number = pending.environment.and_then(|environment| environment.id);
    let number = number
        .ok_or_else(|| CallError::Lost("it does not tell the number of the environment".into()))?;
    let (attempt, page) = (run.run_attempt.unwrap_or(1), run.html_url.clone());
    Ok(WaitingRun { id, attempt, page, environment: number })
}

/// Why no run of the commit waits, as far as its newest run tells.
async fn none_waits(
    client: &EngineClient,
    NamedWorkflow { repository, file }: NamedWorkflow<'_>,
    (sha, newest): (&Sha, Option<&WorkflowRunBody>),
    (environment, named): (&str, &str),
) -> Result<NotWaiting, CallError> {
    let Some((run, id)) = newest.and_then(|run| Some((run, run.id?))) else {
        let sha = sha.short();
        let why = format!("there is no run of {file} for {sha} that could be approved");
        return Ok(NotWaiting::None(why));
    };
    let which = format!("run {id} of {file}");
    if run.status.as_deref() == Some("completed") {
        let word = sentence(run.conclusion.as_deref().unwrap_or("nothing that is told"));
        let why = match word.as_str() {
            "cancelled" => ": by somebody there, or by a newer merge".to_owned(),
            _ => String::new(),
        };
        return Ok(NotWaiting::None(format!(
            "{which} has ended as {word}{why}, so nothing waits for a review of {environment}"
        )));
    }
    let all = jobs(client, &format!("/repos/{repository}/actions/runs/{id}")).await?;
    let named: Vec<_> = all.iter().filter(|job| judge::is_named(job, named)).collect();
    let is = |word: &str| named.iter().any(|job| job.status.as_deref() == Some(word));
    let says = format!("{which} does not wait for a review of {environment}");
    if is("completed") || is("in_progress") {
        return Ok(NotWaiting::None(format!("{says}: its job has gone on already")));
    }
    let how = "it has not come to it, or the environment asks for none";
    Ok(NotWaiting::NotYet(format!("{says}: {how}")))
}
