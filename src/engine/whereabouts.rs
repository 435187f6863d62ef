//! Where a commit is: git tells which commit is meant and which build has it first, the events tell the rest.

use super::gather::NotGathered;
use super::shared::Shared;
use crate::domain::command::Refusal;
use crate::domain::ids::{BuildNumber, CommitPrefix, ServiceName, Sha};
use crate::domain::policy::Policy;
use crate::domain::quarantine::BadCommit;
use crate::domain::service::ServiceState;
use crate::domain::whereabouts::{NamedCommit, Whereabouts};
use crate::git::{Found, GitError, Mirror};

/// # Errors
/// When there is no such service, or git fails.
pub async fn find(
    shared: &Shared,
    name: &ServiceName,
    commit: &CommitPrefix,
) -> Result<Whereabouts, NotGathered> {
    let gone = || Refusal::not_found(format!("there is no service {:?}", name.as_str()));
    let (mirror, builds) = {
        let world = shared.world();
        let service = world.services.get(name).ok_or_else(gone)?;
        let builds = service.state.builds.values().filter(|build| !build.off_trunk);
        let builds: Vec<_> = builds.map(|build| (build.number, build.sha.clone())).collect();
        (service.mirror.clone(), builds)
    };
    let failed = |error: GitError| NotGathered::Failed(error.to_string());
    let found = match mirror.find(commit).await.map_err(failed)? {
        Found::Several(several) => return Ok(Whereabouts::ambiguous(several)),
        Found::One(sha) => {
            Some(Box::pin(told_by_git(&mirror, &builds, sha)).await.map_err(failed)?)
        }
        Found::Nothing => None,
    };
    let world = shared.world();
    let service = world.services.get(name).ok_or_else(gone)?;
    let state = &service.state;
    let Some((named, first)) = found else {
        let recorded = state.commits_that_begin_with(commit.as_str());
        return Ok(in_record(state, &service.policy(), recorded));
    };
    // Only the record knows which build had what a force-push took off the trunk.
    let recorded = || state.commits_that_begin_with(named.sha.as_str()).pop().map(|c| c.build);
    Ok(match first.or_else(recorded) {
        Some(first) => Whereabouts::of(state, &service.policy(), named, first),
        None => Whereabouts::NotOnTrunk { commit: named },
    })
}

/// Commits that git has forgotten and the record has not.
fn in_record(state: &ServiceState, policy: &Policy, mut found: Vec<BadCommit>) -> Whereabouts {
    if found.len() > 1 {
        return Whereabouts::ambiguous(found.into_iter().map(|commit| commit.sha).collect());
    }
    found.pop().map_or(Whereabouts::UnknownHere, |only| {
        Whereabouts::of(state, policy, NamedCommit::bare(&only), only.build)
    })
}

/// Who wrote the commit, and the first build on the trunk that has it.
async fn told_by_git(
    mirror: &Mirror,
    builds: &[(BuildNumber, Sha)],
    sha: Sha,
) -> Result<(NamedCommit, Option<BuildNumber>), GitError> {
    let shas: Vec<_> = builds.iter().map(|(_, sha)| sha.clone()).collect();
    let first = mirror.first_with(&sha, &shas).await?.map(|at| builds[at].0);
    let range = mirror.range(None, &sha, None, 1).await?;
    let named = range.commits.first().map(NamedCommit::of);
    Ok((named.unwrap_or(NamedCommit { sha, subject: String::new(), author: None }), first))
}
