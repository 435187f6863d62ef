//! GitHub Actions: a step is a run of a workflow, started by a dispatch or in one of the ways of `ways`.
//!
//! A dispatch has no key of ours, and one that is repeated deploys twice. So it is sent once, and after a lost answer its run is
//! only looked for: the workflow shows the key, which is one of its inputs, in its `run-name`.

mod answers;
mod approve;
mod deployments;
mod group;
mod hindrance;
mod judge;
mod refs;
mod runs;
mod ways;

use std::time::Duration;

use chrono::{SecondsFormat, TimeDelta};
use reqwest::header::HeaderMap;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use self::answers::{
    DispatchedBody, PendingBody, WorkflowJobBody, WorkflowJobsBody, WorkflowRunBody,
    WorkflowRunsBody,
};
pub use self::deployments::{DeploymentQuestion, KnownDeployments, deployments_of};
pub(super) use self::hindrance::{WayTarget, hindrance, page};
pub use self::refs::head_of;
pub use self::runs::{KnownJobs, ListedRuns, RunQuestion, runs_of};
use super::answers::{Absence, Found, Looked, SendAnswer};
use super::client::{CallError, EngineClient, IsWanted, is_page, permission, says};
use super::order::Order;
use super::times::RemoteTimes;
use crate::domain::remote::{GitHubWay, RemoteCall, RunKey, RunRef, Waits};
use crate::engine::clock::{Clock as _, SystemClock};

/// How many runs or jobs are read at once.
const PER_PAGE: usize = 50;
/// The most pages of them: GitHub shows no more than 1,000 runs.
const MOST_PAGES: usize = 20;
/// How far before its sending a run may have begun, by GitHub's clock.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::hours(1);

pub(super) struct GitHubActions {
    client: EngineClient,
    times: RemoteTimes,
    /// What the operator allows.
    may: Vec<String>,
    /// Asks in the name of whoever asked for the deployment.
    presser: Option<EngineClient>,
}

/// A workflow whose run a step is.
struct Workflow<'a> {
    repository: &'a str,
    file: &'a str,
    job: Option<&'a str>,
}

impl<'a> Workflow<'a> {
    fn of(order: &'a Order) -> Result<Self, CallError> {
        match &order.job.call {
            RemoteCall::GitHub { repository, workflow: file, job, .. }
            | RemoteCall::GitHubBy { repository, workflow: file, job, .. } => {
                Ok(Self { repository, file, job: job.as_deref() })
            }
            RemoteCall::Http { .. } => Err(CallError::Lost("the step names no workflow".into())),
        }
    }

    fn path(&self) -> String {
        format!("/repos/{}/actions/workflows/{}", self.repository, self.file)
    }

    /// The path of the run of this order, if it is known.
    fn run(&self, order: &Order) -> Result<String, CallError> {
        let id = order.found.as_ref().map(|run| run.id.as_str());
        let id = id.filter(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()));
        let id = id.ok_or_else(|| CallError::Lost("its run is not known".into()))?;
        Ok(format!("/repos/{}/actions/runs/{id}", self.repository))
    }
}

impl GitHubActions {
    /// How long a run that was forced to end may take for it.
    pub const FORCED_WITHIN: Duration = Duration::from_mins(2);

    pub fn new(client: EngineClient, times: RemoteTimes, may: Vec<String>) -> Self {
        Self { client, times, may, presser: None }
    }

    /// The same, which asks as this person where that is due.
    pub fn in_the_name_of(self, presser: EngineClient) -> Self {
        Self { presser: Some(presser), ..self }
    }

    pub fn token(&self) -> Option<String> {
        self.client.token()
    }

    pub fn times(&self) -> RemoteTimes {
        self.times
    }

    /// A run may appear late, and a second one would deploy twice.
    pub fn absence(&self, order: &Order) -> Absence {
        let call = &order.job.call;
        let (what, hint) = match call.way() {
            None => ("run", "; the run-name of its workflow has to show the key"),
            Some(GitHubWay::Approve { .. }) => ("approval", ""),
            Some(GitHubWay::Tag { .. } | GitHubWay::Branch { .. }) => ("run", ""),
        };
        let (lasting, may_send_again) = (self.times.settling, call.starts_once());
        Absence { looks: 3, lasting, may_send_again, what, hint }
    }

    /// Whether it answers, and the token may see the Actions of each repository that is named.
    pub async fn check(&self) -> Result<(), String> {
        let named: Vec<_> = self.may.iter().filter(|name| !name.contains('*')).collect();
        if named.is_empty() {
            return self.check_path("/rate_limit", "it").await;
        }
        for repository in named {
            self.check_path(&format!("/repos/{repository}"), repository).await?;
            let workflows = format!("/repos/{repository}/actions/workflows?per_page=1");
            self.check_path(&workflows, &format!("Actions of {repository}")).await?;
        }
        Ok(())
    }

    async fn check_path(&self, path: &str, what: &str) -> Result<(), String> {
        let none: Option<&()> = None;
        let asked = self.client.ask(Method::GET, path, HeaderMap::new(), none, Duration::ZERO);
        match asked.await {
            Ok(answer) if answer.status.is_success() => Ok(()),
            Ok(answer) => Err(format!(
                "{what} cannot be seen with this token, or is not there: it answers {}{}",
                answer.status,
                permission(&answer.headers)
            )),
            Err(error) => Err(format!("{what} cannot be asked: {}", error.why())),
        }
    }

    /// Dispatches the workflow, or has it deploy in another way.
    pub async fn send(&self, order: &Order, is_wanted: IsWanted<'_>) -> SendAnswer {
        let RemoteCall::GitHub { at, .. } = &order.job.call else {
            return self.send_by(order, is_wanted).await;
        };
        let workflow = match Workflow::of(order) {
            Ok(workflow) => workflow,
            Err(error) => return SendAnswer::Rejected(error.why().to_owned()),
        };
        if !self.tells_runs() && !is_keyed(order) {
            let why = "this server does not tell the number of a run, and no input of the step has {run}: the run could not be found";
            return SendAnswer::Rejected(why.into());
        }
        let mut body = json!({ "ref": at, "inputs": order.inputs });
        if self.tells_runs() {
            body["return_run_details"] = Value::Bool(true);
        }
        let path = format!("{}/dispatches", workflow.path());
        let headers = HeaderMap::new();
        let asked = self.client.start(is_wanted, Method::POST, &path, headers, Some(&body));
        match asked.await {
            Ok(answer) if answer.status.is_success() => {
                let details = serde_json::from_slice::<DispatchedBody>(&answer.body);
                let details = details.unwrap_or_default();
                match details.workflow_run_id {
                    Some(id) => SendAnswer::Started(found(id, details.html_url)),
                    None => SendAnswer::Unknown("it does not tell the number of the run".into()),
                }
            }
            Ok(answer) => {
                let (status, why) = (answer.status, says(&answer.body));
                let permission = permission(&answer.headers);
                let hint = if status == StatusCode::NOT_FOUND {
                    "; there is no such repository or workflow, or the token may not start it (it needs Actions: write)"
                } else {
                    ""
                };
                SendAnswer::Rejected(format!("it answers {status}{why}{permission}{hint}"))
            }
            Err(CallError::NotSent { why, again }) => SendAnswer::NotYet { why, again },
            Err(CallError::Lost(why)) => SendAnswer::Unknown(why),
            Err(CallError::Refused { why, .. }) => SendAnswer::Rejected(why),
        }
    }

    /// Whether this server can answer a dispatch with its run. An Enterprise server refuses to be asked for it.
    fn tells_runs(&self) -> bool {
        !self.client.url().ends_with("/api/v3")
    }

    /// Looks for a run that shows the key in its title, or for what became of another way.
    pub async fn find(&self, order: &Order) -> Found {
        if order.job.call.way().is_some() {
            return match self.find_by(order).await {
                Ok(Some(run)) => Found::Run(run),
                Ok(None) => Found::Absent,
                Err(error) => Found::CannotTell(error),
            };
        }
        if !is_keyed(order) {
            let why = "no input of the step has {run}, so its run cannot be told from others; look there before you try again";
            return Found::Never(why.into());
        }
        match self.titled(order).await {
            Ok(Some(run)) => Found::Run(run),
            Ok(None) => Found::Absent,
            Err(error) => Found::CannotTell(error),
        }
    }

    /// The first run with the key, of all that were dispatched since it was sent.
    async fn titled(&self, order: &Order) -> Result<Option<RunRef>, CallError> {
        let workflow = Workflow::of(order)?;
        let since = order.sent_at - CLOCKS_DIFFER;
        let since = since.to_rfc3339_opts(SecondsFormat::Secs, true);
        let (mut seen, mut first): (usize, Option<WorkflowRunBody>) = (0, None);
        for page in 1..=MOST_PAGES {
            let path = format!(
                "{}/runs?event=workflow_dispatch&created=%3E%3D{since}&exclude_pull_requests=true&per_page={PER_PAGE}&page={page}",
                workflow.path()
            );
            let Some(read) = self.client.read::<WorkflowRunsBody>(&path).await? else {
                return Err(CallError::Lost("it does not know the workflow any more".into()));
            };
            let runs = read.value.workflow_runs.as_deref().unwrap_or_default();
            let (count, total) = (runs.len(), read.value.total_count.unwrap_or_default());
            seen += count;
            let ours = runs.iter().filter(|run| has_key(run, &order.key)).cloned();
            first = first.into_iter().chain(ours).min_by_key(|run| run.id);
            if count == 0 || seen as u64 >= total {
                return Ok(first.and_then(|run| Some(found(run.id?, run.html_url))));
            }
        }
        let found = first.and_then(|run| Some(found(run.id?, run.html_url)));
        let why = || CallError::Lost("it has more runs than it shows".into());
        found.map(Some).ok_or_else(why)
    }

    /// Looks at the run. `None` if there is no such run.
    pub async fn look(&self, order: &Order) -> Result<Option<Looked>, CallError> {
        let workflow = Workflow::of(order)?;
        let path = workflow.run(order)?;
        let Some(read) = self.client.read::<WorkflowRunBody>(&path).await? else {
            return Ok(None);
        };
        let mut run = WorkflowRunBody::clone(&read.value);
        // A run that somebody started once more goes on under its number. Ours is the first attempt, or the one that was approved.
        let mut of_attempt = path.clone();
        let ours = order.found.as_ref().map_or(1, RunRef::attempt);
        if run.run_attempt.is_some_and(|attempt| attempt > ours) {
            of_attempt = format!("{path}/attempts/{ours}");
            let Some(first) = self.client.read::<WorkflowRunBody>(&of_attempt).await? else {
                return Ok(None);
            };
            run =
                WorkflowRunBody { html_url: run.html_url, ..WorkflowRunBody::clone(&first.value) };
        }
        let status = run.status.as_deref().unwrap_or_default();
        if let Some(GitHubWay::Approve { environment }) = order.job.call.way() {
            // Another attempt may begin after the run was read, and its jobs are not ours.
            let jobs = jobs(&self.client, &format!("{path}/attempts/{ours}")).await?;
            let path = (run.run_attempt == Some(ours)).then_some(path.as_str());
            return self.approved(order, &run, jobs, (path, environment)).await.map(Some);
        }
        let jobs = jobs(&self.client, &of_attempt).await?;
        let waits = match status {
            "pending" => Some(Waits::Behind),
            "waiting" => self.waits(&path).await?,
            _ => None,
        };
        let judged = judge::judged(&run, &jobs, workflow.job);
        Ok(Some(Looked {
            state: judged.state,
            word: judged.word,
            says: judged.says,
            run: known(order, run.html_url),
            started_at: judge::began(&jobs),
            ended_at: None,
            tag: None,
            waits,
            jobs: jobs.iter().filter_map(judge::seen).collect(),
        }))
    }

    async fn waits(&self, path: &str) -> Result<Option<Waits>, CallError> {
        let path = format!("{path}/pending_deployments");
        let Some(read) = self.client.read::<Vec<PendingBody>>(&path).await? else {
            return Ok(None);
        };
        Ok(judge::waits(&read.value, SystemClock.now()))
    }

    /// The text of a job that has ended. `None` if there is none, perhaps not yet.
    pub async fn log(&self, order: &Order, job: u64) -> Result<Option<Response>, CallError> {
        let repository = Workflow::of(order)?.repository;
        self.client.open(&format!("/repos/{repository}/actions/jobs/{job}/logs")).await
    }

    /// Asks the run to end; with force, also where its jobs say that they always run.
    ///
    /// # Errors
    /// When it is not known whether GitHub heard it.
    pub async fn cancel(&self, order: &Order, is_forced: bool) -> Result<(), CallError> {
        let how = if is_forced { "force-cancel" } else { "cancel" };
        let path = format!("{}/{how}", Workflow::of(order)?.run(order)?);
        let none: Option<&()> = None;
        let asked = self.client.ask(Method::POST, &path, HeaderMap::new(), none, Duration::ZERO);
        match asked.await {
            Ok(answer) if answer.status.is_success() => Ok(()),
            // A run that has ended already is a conflict.
            Ok(answer) => Err(CallError::Lost(format!("it answers {}", answer.status))),
            Err(error) => Err(error),
        }
    }
}

/// All jobs of a run, or of one of its attempts.
async fn jobs(client: &EngineClient, path: &str) -> Result<Vec<WorkflowJobBody>, CallError> {
    let mut jobs = Vec::new();
    for page in 1..=MOST_PAGES {
        let path = format!("{path}/jobs?per_page={PER_PAGE}&page={page}");
        let Some(read) = client.read::<WorkflowJobsBody>(&path).await? else {
            return Err(CallError::Lost("it does not show the jobs of the run".into()));
        };
        let some = read.value.jobs.as_deref().unwrap_or_default();
        let total = usize::try_from(read.value.total_count.unwrap_or(0)).unwrap_or(0);
        let is_last = some.is_empty() || jobs.len() + some.len() >= total;
        jobs.extend_from_slice(some);
        if is_last {
            break;
        }
    }
    Ok(jobs)
}

/// Whether the run can be told from others by its title.
fn is_keyed(order: &Order) -> bool {
    order.job.inputs.values().any(|text| text.contains("{run}"))
}

fn found(id: u64, page: Option<String>) -> RunRef {
    RunRef::new(id.to_string(), page.filter(|page| is_page(page)))
}

/// The run of an order, with its page as it is now.
fn known(order: &Order, page: Option<String>) -> RunRef {
    let run = order.found.clone().unwrap_or_else(|| RunRef::new("", None));
    RunRef { page: page.filter(|page| is_page(page)), ..run }
}

/// Whether the title of a run has this key as a word of its own.
fn has_key(run: &WorkflowRunBody, key: &RunKey) -> bool {
    names_key(run.display_title.as_deref().unwrap_or_default(), key)
}

/// Whether a text has this key as a word of its own.
fn names_key(title: &str, key: &RunKey) -> bool {
    let is_inside = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    // A point may end a sentence.
    let goes_on = |after: &str| {
        let rest = after.strip_prefix('.').unwrap_or(after);
        rest.starts_with(is_inside)
    };
    title.match_indices(key.as_str()).any(|(at, found)| {
        let (before, after) = (&title[..at], &title[at + found.len()..]);
        !before.ends_with(|c| is_inside(c) || c == '.') && !goes_on(after)
    })
}
