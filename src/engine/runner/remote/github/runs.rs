//! Reads the runs of a repository, whoever started them, with as few requests as that takes.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::answers::{NameBody, WorkflowJobBody, WorkflowRunBody, WorkflowRunsBody, instant};
use super::{PER_PAGE, jobs};
use crate::engine::runner::remote::client::{CallError, EngineClient, is_page, sentence};
use crate::engine::runner::remote::runs::{PartState, RepositoryRun, RunJob};

/// The jobs of attempts that are over: they do not change any more.
pub type KnownJobs = BTreeMap<(u64, u64), Vec<RunJob>>;

/// The most attempts whose jobs are remembered.
const MOST_REMEMBERED: usize = 500;

/// Which runs are asked for.
pub struct RunQuestion<'a> {
    /// `owner/name`.
    pub repository: &'a str,
    /// The runs that are wanted wherever they stand in the list.
    pub open: &'a [u64],
    /// Whether a run is of interest, and then whether its jobs are.
    pub wants: &'a (dyn Fn(&RepositoryRun) -> Option<bool> + Sync),
}

/// The runs of a repository that are wanted.
pub struct ListedRuns {
    /// The newest and every one that runs, in no order.
    pub runs: Vec<RepositoryRun>,
    /// None that was made after it is missing; `None` if none is missing at all.
    pub since: Option<DateTime<Utc>>,
}

/// The newest runs that are wanted and every one that runs.
///
/// # Errors
/// When a part of them cannot be read: then nobody can tell what is missing.
pub async fn runs_of(
    client: &EngineClient,
    question: &RunQuestion<'_>,
    known: &mut KnownJobs,
) -> Result<ListedRuns, CallError> {
    let RunQuestion { repository, open, wants } = *question;
    let (mut found, mut since) = (BTreeMap::new(), None);
    // A run that is started again stays deep in the list, which is sorted by when a run was made.
    for filter in ["", "&status=in_progress"] {
        let path = format!(
            "/repos/{repository}/actions/runs?exclude_pull_requests=true&per_page={PER_PAGE}{filter}"
        );
        let read = client.read::<WorkflowRunsBody>(&path).await?;
        let read = read.ok_or_else(|| CallError::Lost(not_there(repository)))?;
        let runs = read.value.workflow_runs.as_deref().unwrap_or_default();
        let is_whole = filter.is_empty() && runs.len() < PER_PAGE;
        if filter.is_empty() {
            since = oldest(runs);
        }
        found.extend(runs.iter().filter_map(run).map(|run| (run.id, run)));
        if is_whole {
            break;
        }
    }
    for id in open {
        if !found.contains_key(id) {
            let path = format!("/repos/{repository}/actions/runs/{id}");
            let read = client.read::<WorkflowRunBody>(&path).await?;
            found.extend(read.and_then(|read| run(&read.value)).map(|run| (run.id, run)));
        }
    }
    let mut runs = Vec::new();
    for mut run in found.into_values() {
        let Some(with_jobs) = wants(&run) else { continue };
        if with_jobs {
            run.jobs = jobs_of(client, known, repository, &run).await?;
        }
        runs.push(run);
    }
    Ok(ListedRuns { runs, since })
}

/// When the oldest run of a full page was made. One that does not tell hides what is behind it.
fn oldest(runs: &[WorkflowRunBody]) -> Option<DateTime<Utc>> {
    let made = runs.iter().map(|run| instant(run.created_at.as_ref()));
    let made = made.map(|at| at.unwrap_or(DateTime::<Utc>::MAX_UTC));
    made.min().filter(|_| runs.len() >= PER_PAGE)
}

async fn jobs_of(
    client: &EngineClient,
    known: &mut KnownJobs,
    repository: &str,
    run: &RepositoryRun,
) -> Result<Vec<RunJob>, CallError> {
    let name = (run.id, run.attempt);
    if let Some(jobs) = known.get(&name) {
        return Ok(jobs.clone());
    }
    let path = format!("/repos/{repository}/actions/runs/{}/attempts/{}", run.id, run.attempt);
    let jobs: Vec<_> = jobs(client, &path).await?.iter().map(job).collect();
    // The list of jobs may be older than the run.
    if run.state.is_over() && jobs.iter().all(|job| job.state.is_over()) {
        if known.len() >= MOST_REMEMBERED {
            known.pop_first();
        }
        known.insert(name, jobs.clone());
    }
    Ok(jobs)
}

fn not_there(repository: &str) -> String {
    format!("there is no repository {repository}, or the token may not see its Actions")
}

fn run(body: &WorkflowRunBody) -> Option<RepositoryRun> {
    let text = |text: &Option<String>| sentence(text.as_deref().unwrap_or_default());
    // `.github/workflows/deploy.yml`, at some servers with `@main` behind it.
    let path = body.path.as_deref().unwrap_or_default();
    let file = path.split('@').next().and_then(|path| path.rsplit('/').next());
    let login = |name: &Option<NameBody>| name.as_ref().and_then(|name| name.login.clone());
    let by = login(&body.triggering_actor).or_else(|| login(&body.actor));
    Some(RepositoryRun {
        id: body.id?,
        attempt: body.run_attempt.unwrap_or(1),
        workflow: file.unwrap_or_default().to_owned(),
        event: text(&body.event),
        branch: text(&body.head_branch),
        sha: text(&body.head_sha),
        title: text(&body.display_title),
        page: body.html_url.clone().filter(|page| is_page(page)),
        by: sentence(&by.unwrap_or_default()),
        started_at: instant(body.run_started_at.as_ref().or(body.created_at.as_ref())),
        state: state(body.status.as_ref(), body.conclusion.as_ref(), body.updated_at.as_ref()),
        jobs: Vec::new(),
    })
}

fn job(body: &WorkflowJobBody) -> RunJob {
    RunJob {
        name: sentence(body.name.as_deref().unwrap_or_default()),
        started_at: instant(body.started_at.as_ref()),
        state: state(body.status.as_ref(), body.conclusion.as_ref(), body.completed_at.as_ref()),
    }
}

/// The words are open: one that nobody knows is no end.
fn state(
    status: Option<&String>,
    conclusion: Option<&String>,
    ended: Option<&String>,
) -> PartState {
    match status.map(String::as_str).unwrap_or_default() {
        "completed" => {
            let word = conclusion.map(|word| sentence(word)).unwrap_or_default();
            PartState::Ended { word, at: instant(ended) }
        }
        "requested" | "queued" | "pending" | "waiting" => PartState::Waiting,
        _ => PartState::Running,
    }
}
