//! The ways in which a run deploys without a dispatch: it waits and is approved, or a tag, a release or a branch starts it.

use chrono::{DateTime, TimeDelta, Utc};

use super::answers::{WorkflowRunBody, WorkflowRunsBody, instant};
use super::{GitHubActions, MOST_PAGES, PER_PAGE, found};
use crate::domain::ids::Sha;
use crate::domain::remote::{GitHubWay, RemoteCall, RunRef, filled};
use crate::engine::clock::{Clock as _, SystemClock};
use crate::engine::runner::remote::answers::SendAnswer;
use crate::engine::runner::remote::client::{
    CallError, EngineAnswer, EngineClient, IsWanted, permission, says,
};
use crate::engine::runner::remote::order::Order;

/// How far before its sending a run may have begun, once the difference of both clocks is known: GitHub tells whole seconds.
const NOT_EXACT: TimeDelta = TimeDelta::seconds(3);

/// How long after a push its run begins at the latest. One that begins later is somebody else's, who pushed the same.
const BEGINS_WITHIN: TimeDelta = TimeDelta::minutes(5);

/// A repository and the file of its workflow.
#[derive(Clone, Copy)]
pub(super) struct NamedWorkflow<'a> {
    pub repository: &'a str,
    pub file: &'a str,
}

/// The runs of a commit, the newest first, and how far GitHub's clock is ahead of this machine's.
pub(super) struct CommitRuns {
    pub runs: Vec<WorkflowRunBody>,
    ahead: TimeDelta,
}

impl GitHubActions {
    /// Does what makes the workflow deploy.
    pub(super) async fn send_by(&self, order: &Order, is_wanted: IsWanted<'_>) -> SendAnswer {
        let RemoteCall::GitHubBy { repository, workflow: file, way, job, .. } = &order.job.call
        else {
            return SendAnswer::Rejected("the step names no workflow".into());
        };
        let workflow = NamedWorkflow { repository, file };
        match way {
            GitHubWay::Approve { environment } => {
                let job = job.as_deref().unwrap_or_default();
                self.approve(order, workflow, (environment, job), is_wanted).await
            }
            GitHubWay::Tag { name, release } => {
                let named = (name_of(name, order), *release);
                self.tag(order, repository, (&named.0, named.1), is_wanted).await
            }
            GitHubWay::Branch { branch } => {
                self.move_branch(order, repository, branch, is_wanted).await
            }
        }
    }

    /// The run that was approved or begun, if there is one.
    pub(super) async fn find_by(&self, order: &Order) -> Result<Option<RunRef>, CallError> {
        let RemoteCall::GitHubBy { repository, workflow: file, way, .. } = &order.job.call else {
            return Ok(None);
        };
        let workflow = NamedWorkflow { repository, file };
        let at = match way {
            GitHubWay::Approve { .. } => return self.find_approved(order, workflow).await,
            GitHubWay::Tag { name, .. } => &name_of(name, order),
            GitHubWay::Branch { branch } => branch,
        };
        let CommitRuns { runs, ahead } =
            runs_of_commit(&self.client, workflow, &order.sha, way.event()).await?;
        let since = order.first_sent_at + ahead - NOT_EXACT;
        let until = order.sent_at + ahead + BEGINS_WITHIN;
        let is_ours = |run: &&WorkflowRunBody| {
            let began = instant(run.created_at.as_ref());
            run.head_branch.as_deref() == Some(at)
                && began.is_some_and(|began| began >= since && began <= until)
        };
        let first = runs.iter().filter(is_ours).min_by_key(|run| run.id);
        Ok(first.and_then(|run| Some(found(run.id?, run.html_url.clone()))))
    }
}

/// The name of a tag for an order.
fn name_of(template: &str, order: &Order) -> String {
    filled(template, |placeholder| order.value(placeholder))
}

/// All runs of a workflow for a commit, of this event if one is given.
pub(super) async fn runs_of_commit(
    client: &EngineClient,
    NamedWorkflow { repository, file }: NamedWorkflow<'_>,
    sha: &Sha,
    event: Option<&str>,
) -> Result<CommitRuns, CallError> {
    let event = event.map(|event| format!("&event={event}")).unwrap_or_default();
    let (mut runs, mut ahead) = (Vec::new(), TimeDelta::zero());
    for page in 1..=MOST_PAGES {
        let path = format!(
            "/repos/{repository}/actions/workflows/{file}/runs?head_sha={sha}{event}&exclude_pull_requests=true&per_page={PER_PAGE}&page={page}"
        );
        let Some(read) = client.read::<WorkflowRunsBody>(&path).await? else {
            return Err(CallError::Lost(format!("it knows no workflow {file} of {repository}")));
        };
        ahead = read.at.map_or(ahead, |at: DateTime<Utc>| at - SystemClock.now());
        let some = read.value.workflow_runs.as_deref().unwrap_or_default();
        // What was not asked for is not believed.
        let of_commit = |run: &&WorkflowRunBody| run.head_sha.as_deref() == Some(sha.as_str());
        runs.extend(some.iter().filter(of_commit).cloned());
        if some.len() < PER_PAGE {
            break;
        }
    }
    runs.sort_by_key(|run| std::cmp::Reverse(run.id));
    // Pages move while they are read.
    runs.dedup_by_key(|run| run.id);
    Ok(CommitRuns { runs, ahead })
}

/// What it means that this came of a request which would have started something.
pub(super) fn answered(
    asked: Result<EngineAnswer, CallError>,
    needs: &str,
) -> Result<EngineAnswer, SendAnswer> {
    match asked {
        Ok(answer) if answer.status.is_success() => Ok(answer),
        Ok(answer) => {
            let (status, why) = (answer.status, says(&answer.body));
            let permission = permission(&answer.headers);
            Err(SendAnswer::Rejected(format!("it answers {status}{why}{permission}; {needs}")))
        }
        Err(CallError::NotSent { why, again }) => Err(SendAnswer::NotYet { why, again }),
        Err(CallError::Lost(why)) => Err(SendAnswer::Unknown(why)),
        Err(CallError::Refused { why, .. }) => Err(SendAnswer::Rejected(format!("{why}; {needs}"))),
    }
}

/// What it means for a request that was not made yet that a look before it failed.
pub(super) fn not_looked(error: CallError) -> SendAnswer {
    let again = error.again();
    match error {
        CallError::Refused { why, .. } => SendAnswer::Rejected(why),
        CallError::NotSent { why, .. } | CallError::Lost(why) => SendAnswer::NotYet { why, again },
    }
}
