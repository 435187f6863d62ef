//! Which build a commit is that another engine deployed.

use crate::domain::build::Build;
use crate::domain::event::{Adoption, OlderBuild, UnknownCommit};
use crate::domain::ids::{BuildNumber, CommitPrefix, ServiceName, Sha};
use crate::engine::gather::stated;
use crate::engine::world::{Service, WorldReader};
use crate::git::{CommitMatch, GitError, Mirror, Paths};

/// The build that a run deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployedBuild {
    pub number: BuildNumber,
    pub sha: Sha,
    /// The commit, if it is from before the first build.
    pub older: Option<Box<OlderBuild>>,
}

/// What a commit is to a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deployed {
    Build(DeployedBuild),
    Unknown(UnknownCommit),
    /// The mirror does not have it yet, or it is on the trunk and no build yet.
    NotYet,
}

/// The build of a commit: the one that it is, or the one that it equals in all files of the service.
pub(super) async fn resolve(
    world: &WorldReader,
    name: &ServiceName,
    commit: &CommitPrefix,
) -> Result<Deployed, GitError> {
    let known =
        world.read(|world| world.services.get(name).map(|service| Known::of(service, commit)));
    let Some(known) = known else { return Ok(Deployed::NotYet) };
    match known.named.as_slice() {
        [(number, sha)] => return Ok(Deployed::Build(DeployedBuild::new(*number, sha.clone()))),
        [] => {}
        _ => return Ok(unknown(None, format!("several builds begin with {commit}"))),
    }
    match known.mirror.find(commit).await? {
        CommitMatch::One(sha) => match Box::pin(known.in_git(sha)).await? {
            // Before the first build, it becomes one itself.
            Deployed::Unknown(unknown) => {
                let older = Box::pin(older(world, name, unknown.sha.as_ref())).await;
                Ok(older.map_or(Deployed::Unknown(unknown), Deployed::Build))
            }
            found => Ok(found),
        },
        CommitMatch::Several(_) => {
            Ok(unknown(None, format!("several commits begin with {commit}")))
        }
        CommitMatch::Nothing => Ok(Deployed::NotYet),
    }
}

impl DeployedBuild {
    fn new(number: BuildNumber, sha: Sha) -> Self {
        Self { number, sha, older: None }
    }
}

/// The build that a commit from before the first one becomes. `None` if it cannot become one.
async fn older(
    world: &WorldReader,
    name: &ServiceName,
    sha: Option<&Sha>,
) -> Option<DeployedBuild> {
    let stated = stated::adopted(world, name, sha?.as_str()).await.ok()?;
    let Adoption { build: number, sha, commit, no_way_back, recipe, bad, .. } = stated;
    let older = OlderBuild { commit: commit?, no_way_back, recipe, bad };
    Some(DeployedBuild { number, sha, older: Some(Box::new(older)) })
}

fn unknown(sha: Option<Sha>, why: String) -> Deployed {
    Deployed::Unknown(UnknownCommit { sha, why })
}

/// What is said of a commit that did not become a build.
pub(super) fn not_there(commit: &CommitPrefix) -> UnknownCommit {
    let sha = commit.as_str().parse().ok();
    let why = match &sha {
        Some(_) => "which is no build that trunkline knows".to_owned(),
        None => format!("no build begins with {commit}"),
    };
    UnknownCommit { sha, why }
}

/// What the service knows without git.
struct Known {
    mirror: Mirror,
    trunk: String,
    paths: Option<Paths>,
    /// The builds whose commit has this name.
    named: Vec<(BuildNumber, Sha)>,
    /// Oldest first.
    on_trunk: Vec<(BuildNumber, Sha)>,
}

impl Known {
    fn of(service: &Service, commit: &CommitPrefix) -> Self {
        let pair = |build: &Build| (build.number, build.sha.clone());
        let builds = service.state.builds.values();
        let is_named = |build: &&Build| build.sha.as_str().starts_with(commit.as_str());
        Self {
            mirror: service.mirror.clone(),
            trunk: service.trunk.clone().unwrap_or_else(|| "the trunk".to_owned()),
            paths: service.paths(),
            named: builds.clone().filter(is_named).map(pair).collect(),
            on_trunk: builds.filter(|build| !build.off_trunk).map(pair).collect(),
        }
    }

    /// The newest build that the commit contains, if nothing of the service differs between them: a commit that changes only
    /// other services, or a merge of the trunk into a branch of production.
    async fn in_git(&self, sha: Sha) -> Result<Deployed, GitError> {
        let shas: Vec<_> = self.on_trunk.iter().map(|(_, sha)| sha.clone()).collect();
        let first = self.mirror.first_with(&sha, &shas).await?;
        let mut before = first.unwrap_or(shas.len());
        // On a branch beside the trunk, the builds after the first that has it need not be in it.
        for _ in 0..MOST_LOOKED_AT {
            let Some((number, build)) = before.checked_sub(1).map(|at| &self.on_trunk[at]) else {
                break;
            };
            if self.mirror.is_ancestor(build, &sha).await? {
                if !self.mirror.differ(build, &sha, self.paths.as_ref()).await? {
                    return Ok(Deployed::Build(DeployedBuild::new(*number, build.clone())));
                }
                break;
            }
            before -= 1;
        }
        if first.is_none()
            && let Some(tip) = self.mirror.tip(&self.trunk).await?
            && self.mirror.is_ancestor(&sha, &tip).await?
        {
            return Ok(Deployed::NotYet);
        }
        Ok(unknown(Some(sha), format!("which is no build of {}", self.trunk)))
    }
}

/// The most builds that are compared with a commit beside the trunk.
const MOST_LOOKED_AT: usize = 50;
