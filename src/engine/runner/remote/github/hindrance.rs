//! What would keep a step from deploying, as far as GitHub tells before anybody confirms it. Changes nothing.

use super::approve::{NotWaiting, is_of_its_commit, waiting};
use super::found;
use super::refs::{TagPlace, branch_goes_forwards, tag_is_free};
use super::ways::{NamedWorkflow, runs_of_commit};
use crate::domain::ids::Sha;
use crate::domain::remote::{GitHubWay, RemoteCall, filled};
use crate::engine::runner::remote::client::{CallError, EngineClient};

/// What is not known before the deployment is recorded.
const LATER: &str = "{deployment}";

/// A build that is planned to be deployed.
pub(in crate::engine::runner::remote) struct WayTarget<'a> {
    pub build: u64,
    pub sha: &'a Sha,
    /// Whether a step before it approves something.
    pub is_after_approval: bool,
    /// The values of placeholders that are known.
    pub value: &'a (dyn Fn(&str) -> String + Sync),
}

/// The page of the newest run of the commit that has not ended, if there is one.
pub(in crate::engine::runner::remote) async fn page(
    client: &EngineClient,
    call: &RemoteCall,
    sha: &Sha,
) -> Option<String> {
    let workflow = NamedWorkflow { repository: call.allowed_as(), file: call.job() };
    let all = runs_of_commit(client, workflow, sha, None).await.ok()?;
    let mut ours = all.runs.iter().filter(|run| is_of_its_commit(run));
    let open = ours.find(|run| run.status.as_deref() != Some("completed"))?;
    found(open.id?, open.html_url.clone()).page
}

/// Why a call would not deploy; `None` if nothing is in the way that can be seen.
///
/// # Errors
/// When that cannot be asked now.
pub(in crate::engine::runner::remote) async fn hindrance(
    client: &EngineClient,
    call: &RemoteCall,
    planned: &WayTarget<'_>,
) -> Result<Option<String>, CallError> {
    let RemoteCall::GitHubBy { repository, workflow: file, way, job, .. } = call else {
        return Ok(None);
    };
    match way {
        GitHubWay::Approve { environment } => {
            let workflow = NamedWorkflow { repository, file };
            let named = (environment.as_str(), job.as_deref().unwrap_or_default());
            match waiting(client, workflow, planned.sha, named).await {
                Ok(_) => Ok(None),
                // What a step before it lets go on may come to it.
                Err(NotWaiting::NotYet(_)) if planned.is_after_approval => Ok(None),
                Err(NotWaiting::None(why) | NotWaiting::NotYet(why)) => Ok(Some(why)),
                Err(NotWaiting::CannotTell(error)) => Err(error),
            }
        }
        GitHubWay::Tag { name, .. } if name.contains(LATER) => Ok(None),
        GitHubWay::Tag { name, release } => {
            let name = filled(name, planned.value);
            match tag_is_free(client, repository, (&name, *release), planned.sha).await? {
                TagPlace::Free => Ok(None),
                TagPlace::Ours(why) | TagPlace::Taken(why) => Ok(Some(why)),
            }
        }
        GitHubWay::Branch { branch } => {
            let to = (planned.build, planned.sha);
            Ok(branch_goes_forwards(client, repository, branch, to).await?.err())
        }
    }
}
