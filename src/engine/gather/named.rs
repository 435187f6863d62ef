//! The commit that a command is about: the trunk's newest one, or one that a person names.

use std::time::Duration;

use tokio::time::timeout;

use crate::domain::command::Refusal;
use crate::domain::commit::Commit;
use crate::domain::event::{Adoption, DeploymentKind};
use crate::domain::ids::{BuildNumber, CommitPrefix, Environment, ServiceName, Sha};
use crate::domain::remedy::Remedy;
use crate::domain::time::say;
use crate::engine::commands::{CommandError, TipOfTrunk};
use crate::engine::trunk;
use crate::engine::world::WorldReader;
use crate::git::{CommitMatch, GitError, Mirror};

/// How long a person waits for the repository's server. A fetch of the trunk alone may take 20 seconds.
const FETCH: Duration = Duration::from_secs(25);

fn failed(error: &GitError) -> CommandError {
    CommandError::Failed(format!("{error}; nothing was done"))
}

/// The trunk's newest commit, fetched now, and the commits since the newest build.
pub(super) async fn tip(
    world: &WorldReader,
    name: &ServiceName,
) -> Result<TipOfTrunk, CommandError> {
    let (mirror, watched, trunk, paths, since) = {
        let world = world.world();
        let service = world.named(name)?;
        let since = service.state.newest_build().map(|build| build.sha.clone());
        let (mirror, watched) = (service.mirror.clone(), service.watched.clone());
        (mirror, watched, service.trunk.clone(), service.paths(), since)
    };
    let late = |_| {
        let limit = say(FETCH);
        let sentence =
            format!("a fetch takes longer than {limit}; nothing was done; try again in a minute");
        CommandError::Failed(sentence)
    };
    timeout(FETCH, mirror.fetch(Some(&trunk))).await.map_err(late)?.map_err(|e| failed(&e))?;
    let missing = || CommandError::Failed(format!("the repository has no branch {trunk:?}"));
    let sha = mirror.tip(&trunk).await.map_err(|e| failed(&e))?.ok_or_else(missing)?;
    if let Some(since) = &since
        && !mirror.is_ancestor(since, &sha).await.map_err(|e| failed(&e))?
    {
        let sentence = "the trunk was force-pushed; try again once trunkline has seen that";
        return Err(CommandError::Failed(sentence.into()));
    }
    let found =
        trunk::new_builds(&mirror, &watched, paths.as_ref(), since.as_ref(), vec![sha.clone()]);
    let found = found.await.map_err(|e| failed(&e))?.into_iter().next();
    let found = found.ok_or_else(missing)?;
    let trunk::NewBuild { commits, more, reverts, recipe, .. } = found;
    Ok(TipOfTrunk { trunk, sha, since, commits, more, reverts, recipe })
}

/// The commit that a person says production runs: that of a build, or one older than the first build.
pub(super) async fn adopted(
    world: &WorldReader,
    name: &ServiceName,
    commit: &str,
) -> Result<Adoption, CommandError> {
    let (mirror, watched, paths, builds) = {
        let world = world.world();
        let service = world.named(name)?;
        let builds = service.state.builds.values();
        let builds: Vec<_> =
            builds.map(|build| (build.number, build.sha.clone(), build.off_trunk)).collect();
        (service.mirror.clone(), service.watched.clone(), service.paths(), builds)
    };
    let sha = found(&mirror, commit).await?;
    let file = trunk::read_file(&mirror, &watched, &sha).await.map_err(|e| failed(&e))?;
    let no_way_back = file.ok().filter(|file| file.name == *name).is_none_or(|file| {
        file.steps(Environment::Production, DeploymentKind::Rollback).is_empty()
    });
    let adoption = |build, commit| {
        let (sha, reason) = (sha.clone(), String::new());
        Adoption { build, sha, commit, no_way_back, reason }
    };
    if let Some((number, ..)) = builds.iter().find(|(_, of, _)| *of == sha) {
        return Ok(adoption(*number, None));
    }
    let on_trunk: Vec<_> = builds.iter().filter(|(.., off_trunk)| !off_trunk).collect();
    let shas: Vec<_> = on_trunk.iter().map(|(_, sha, _)| sha.clone()).collect();
    let first_with = mirror.first_with(&sha, &shas).await.map_err(|e| failed(&e))?;
    match first_with {
        Some(0) => {}
        Some(at) => return Err(between(&sha, on_trunk[at - 1].0, &on_trunk[at - 1].1)),
        None => return Err(in_no_build(&sha)),
    }
    let count =
        mirror.count_first_parents(None, &sha, paths.as_ref()).await.map_err(|e| failed(&e))?;
    let is_free = |number: &u64| !builds.iter().any(|(taken, ..)| taken.0 == *number);
    let older = (1..=count.min(on_trunk[0].0.0.saturating_sub(1))).rev().find(is_free);
    let number = older.ok_or_else(|| {
        let sentence = format!("{} has nothing of this service yet", sha.short());
        CommandError::from(Refusal::invalid(sentence))
    })?;
    let own = mirror.range(None, &sha, None, 1).await.map_err(|e| failed(&e))?;
    mirror.keep(&sha).await.map_err(|e| failed(&e))?;
    let bare = |commit| Commit { files: Vec::new(), ..commit };
    Ok(adoption(BuildNumber(number), own.commits.into_iter().next().map(bare)))
}

async fn found(mirror: &Mirror, commit: &str) -> Result<Sha, CommandError> {
    let prefix: CommitPrefix = commit.trim().parse().map_err(|_| {
        let shown: String = commit.chars().take(64).collect();
        Refusal::invalid(format!("{shown:?} is not the id of a commit; write at least 4 digits"))
    })?;
    match mirror.find(&prefix).await.map_err(|e| failed(&e))? {
        CommitMatch::One(sha) => Ok(sha),
        CommitMatch::Several(_) => {
            Err(Refusal::invalid(format!("several commits start with {prefix}; write more of it"))
                .into())
        }
        CommitMatch::Nothing => {
            let sentence = format!("no fetched commit of the repository starts with {prefix}");
            Err(Refusal::not_found(sentence).into())
        }
    }
}

/// A commit between two builds changes nothing of the service, so the build before it stands for it.
fn between(sha: &Sha, before: BuildNumber, its: &Sha) -> CommandError {
    let sentence = format!("{} made no build; {before} is the newest build before it", sha.short());
    let remedy = Remedy::Adopt { commit: Some(its.short().to_owned()) };
    Refusal::invalid(sentence).with(remedy).into()
}

fn in_no_build(sha: &Sha) -> CommandError {
    let sentence = format!("no build of the trunk contains {}", sha.short());
    let remedy = Remedy::FindCommit { commit: sha.short().to_owned() };
    Refusal::not_found(sentence).with(remedy).into()
}

/// Whether a commit is on the trunk, as it was fetched last.
pub(super) async fn is_on_trunk(mirror: &Mirror, trunk: &str, sha: &Sha) -> bool {
    match mirror.tip(trunk).await {
        Ok(Some(tip)) => mirror.is_ancestor(sha, &tip).await.unwrap_or(false),
        _ => false,
    }
}
