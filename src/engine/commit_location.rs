//! Finds a commit. Git resolves it and finds the first build that contains it; the record supplies the rest.

use super::commands::CommandError;
use super::trunk::TRUNK_UNKNOWN;
use super::world::WorldReader;
use crate::domain::build::Build;
use crate::domain::commit_location::{CommitLocation, NamedCommit};
use crate::domain::ids::{BuildNumber, CommitPrefix, ServiceName, Sha};
use crate::domain::service::ServiceState;
use crate::git::{CommitMatch, GitError, Mirror};

/// # Errors
/// When there is no such service, or git fails.
pub async fn find(
    world: &WorldReader,
    name: &ServiceName,
    commit: &CommitPrefix,
) -> Result<CommitLocation, CommandError> {
    let (mirror, builds) = {
        let world = world.world();
        let service = world.named(name)?;
        (service.mirror.clone(), BuildTips::of(&service.state, service.trunk.clone()))
    };
    let failed = |error: GitError| CommandError::Failed(error.to_string());
    let found = match mirror.find(commit).await.map_err(failed)? {
        CommitMatch::Several(several) => return Ok(CommitLocation::ambiguous(several)),
        CommitMatch::One(sha) => {
            Some(Box::pin(find_in_git(&mirror, &builds, sha)).await.map_err(failed)?)
        }
        CommitMatch::Nothing => None,
    };
    let world = world.world();
    let service = world.named(name)?;
    let state = &service.state;
    let Some((named, place)) = found else {
        return Ok(CommitLocation::recorded(state, &service.policy(), commit));
    };
    let recorded = || state.commits_that_begin_with(named.sha.as_str()).pop().map(|c| c.build);
    let first = if let GitPlace::Build(first) = place { Some(first) } else { recorded() };
    Ok(match first {
        Some(first) => CommitLocation::of(state, &service.policy(), named, first),
        None if place == GitPlace::Trunk => {
            let quarantined = state.quarantine.get(&named.sha).cloned();
            CommitLocation::InNoBuild { commit: named, quarantined }
        }
        None if place == GitPlace::Unknown => {
            let sentence = format!("no build has {}, and {TRUNK_UNKNOWN}", named.sha.short());
            return Err(CommandError::Failed(sentence));
        }
        None => CommitLocation::NotOnTrunk { commit: named },
    })
}

/// The builds to ask git about, oldest first, and the trunk's name.
struct BuildTips {
    on_trunk: Vec<(BuildNumber, Sha)>,
    off_trunk: Vec<(BuildNumber, Sha)>,
    trunk: Option<String>,
}

impl BuildTips {
    fn of(state: &ServiceState, trunk: Option<String>) -> Self {
        let named = |build: &Build| (build.number, build.sha.clone());
        let (off, on): (Vec<_>, Vec<_>) = state.builds.values().partition(|b| b.off_trunk);
        let off_trunk = off.iter().skip(off.len().saturating_sub(MOST_OFF_TRUNK));
        Self {
            on_trunk: on.into_iter().map(named).collect(),
            off_trunk: off_trunk.map(|build| named(build)).collect(),
            trunk,
        }
    }
}

/// The most builds off the trunk to ask git about, one by one.
const MOST_OFF_TRUNK: usize = 50;

/// Where git finds a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GitPlace {
    Build(BuildNumber),
    /// In no build, but on the trunk.
    Trunk,
    Elsewhere,
    /// In no build, and the trunk is not known.
    Unknown,
}

/// The commit and its place. A build on the trunk takes precedence over one off the trunk.
async fn find_in_git(
    mirror: &Mirror,
    builds: &BuildTips,
    sha: Sha,
) -> Result<(NamedCommit, GitPlace), GitError> {
    let range = mirror.range(None, &sha, None, 1).await?;
    let named = range.commits.first().map(NamedCommit::of);
    let place = place(mirror, builds, &sha).await?;
    Ok((named.unwrap_or(NamedCommit { sha, subject: String::new(), author: None }), place))
}

async fn place(mirror: &Mirror, builds: &BuildTips, sha: &Sha) -> Result<GitPlace, GitError> {
    let shas: Vec<_> = builds.on_trunk.iter().map(|(_, sha)| sha.clone()).collect();
    if let Some(at) = mirror.first_with(sha, &shas).await? {
        return Ok(GitPlace::Build(builds.on_trunk[at].0));
    }
    for (number, off_trunk) in &builds.off_trunk {
        // git may no longer have a commit that left the trunk long ago. The record still lists it.
        if mirror.is_ancestor(sha, off_trunk).await.unwrap_or(false) {
            return Ok(GitPlace::Build(*number));
        }
    }
    let Some(trunk) = &builds.trunk else { return Ok(GitPlace::Unknown) };
    let Some(tip) = mirror.tip(trunk).await? else { return Ok(GitPlace::Elsewhere) };
    let is_on_trunk = mirror.is_ancestor(sha, &tip).await?;
    Ok(if is_on_trunk { GitPlace::Trunk } else { GitPlace::Elsewhere })
}
