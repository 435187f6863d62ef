//! Where a commit is: git tells which commit is meant and which build has it first, the events tell the rest.

use super::commands::CommandError;
use super::world::WorldReader;
use crate::domain::build::Build;
use crate::domain::command::Refusal;
use crate::domain::ids::{BuildNumber, CommitPrefix, ServiceName, Sha};
use crate::domain::policy::Policy;
use crate::domain::quarantine::BadCommit;
use crate::domain::service::ServiceState;
use crate::domain::whereabouts::{NamedCommit, Whereabouts};
use crate::git::{CommitMatch, GitError, Mirror};

/// # Errors
/// When there is no such service, or git fails.
pub async fn find(
    world: &WorldReader,
    name: &ServiceName,
    commit: &CommitPrefix,
) -> Result<Whereabouts, CommandError> {
    let gone = || Refusal::not_found(format!("there is no service {:?}", name.as_str()));
    let (mirror, builds) = {
        let world = world.world();
        let service = world.services.get(name).ok_or_else(gone)?;
        (service.mirror.clone(), Known::of(&service.state, &service.trunk))
    };
    let failed = |error: GitError| CommandError::Failed(error.to_string());
    let found = match mirror.find(commit).await.map_err(failed)? {
        CommitMatch::Several(several) => return Ok(Whereabouts::ambiguous(several)),
        CommitMatch::One(sha) => {
            Some(Box::pin(told_by_git(&mirror, &builds, sha)).await.map_err(failed)?)
        }
        CommitMatch::Nothing => None,
    };
    let world = world.world();
    let service = world.services.get(name).ok_or_else(gone)?;
    let state = &service.state;
    let Some((named, place)) = found else {
        let recorded = state.commits_that_begin_with(commit.as_str());
        return Ok(in_record(state, &service.policy(), recorded));
    };
    let recorded = || state.commits_that_begin_with(named.sha.as_str()).pop().map(|c| c.build);
    let first = if let Place::Build(first) = place { Some(first) } else { recorded() };
    Ok(match first {
        Some(first) => Whereabouts::of(state, &service.policy(), named, first),
        None if place == Place::Trunk => Whereabouts::InNoBuild { commit: named },
        None => Whereabouts::NotOnTrunk { commit: named },
    })
}

/// The builds as they are known when git is asked, oldest first, and the trunk's name.
struct Known {
    on_trunk: Vec<(BuildNumber, Sha)>,
    off_trunk: Vec<(BuildNumber, Sha)>,
    trunk: String,
}

impl Known {
    fn of(state: &ServiceState, trunk: &str) -> Self {
        let named = |build: &Build| (build.number, build.sha.clone());
        let (off, on): (Vec<_>, Vec<_>) = state.builds.values().partition(|b| b.off_trunk);
        let off_trunk = off.iter().skip(off.len().saturating_sub(OFF_TRUNK));
        Self {
            on_trunk: on.into_iter().map(named).collect(),
            off_trunk: off_trunk.map(|build| named(build)).collect(),
            trunk: trunk.to_owned(),
        }
    }
}

/// The most builds off the trunk that git is asked about, one by one.
const OFF_TRUNK: usize = 50;

/// Where git has a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Build(BuildNumber),
    /// In no build, but on the trunk.
    Trunk,
    Elsewhere,
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

/// Who wrote the commit, and the first build that has it, one on the trunk before one that was taken off it.
async fn told_by_git(
    mirror: &Mirror,
    known: &Known,
    sha: Sha,
) -> Result<(NamedCommit, Place), GitError> {
    let range = mirror.range(None, &sha, None, 1).await?;
    let named = range.commits.first().map(NamedCommit::of);
    let place = place(mirror, known, &sha).await?;
    Ok((named.unwrap_or(NamedCommit { sha, subject: String::new(), author: None }), place))
}

async fn place(mirror: &Mirror, known: &Known, sha: &Sha) -> Result<Place, GitError> {
    let shas: Vec<_> = known.on_trunk.iter().map(|(_, sha)| sha.clone()).collect();
    if let Some(at) = mirror.first_with(sha, &shas).await? {
        return Ok(Place::Build(known.on_trunk[at].0));
    }
    for (number, off_trunk) in &known.off_trunk {
        // What was taken off the trunk long ago may be gone from git; the record knows what it listed.
        if mirror.is_ancestor(sha, off_trunk).await.unwrap_or(false) {
            return Ok(Place::Build(*number));
        }
    }
    let Some(tip) = mirror.tip(&known.trunk).await? else { return Ok(Place::Elsewhere) };
    let is_on_trunk = mirror.is_ancestor(sha, &tip).await?;
    Ok(if is_on_trunk { Place::Trunk } else { Place::Elsewhere })
}
