//! The trunk's newest commit, for a command.

use std::time::Duration;

use tokio::time::timeout;

use crate::domain::ids::{ServiceName, Sha};
use crate::domain::time::say;
use crate::engine::commands::{CommandError, TipOfTrunk};
use crate::engine::trunk;
use crate::engine::world::WorldReader;
use crate::git::{GitError, Mirror};

/// How long a person waits for the repository's server. A fetch of the trunk alone may take 20 seconds.
const FETCH: Duration = Duration::from_secs(25);

pub(super) fn failed(error: &GitError) -> CommandError {
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
    let unknown = || CommandError::Failed(format!("{}; nothing was done", trunk::TRUNK_UNKNOWN));
    let trunk = trunk.ok_or_else(unknown)?;
    let late = |_| {
        let which =
            if mirror.is_fetching() { "another fetch of the repository" } else { "a fetch" };
        let limit = say(FETCH);
        let sentence =
            format!("{which} takes longer than {limit}; nothing was done; try again in a minute");
        CommandError::Failed(sentence)
    };
    let fetched = timeout(FETCH, mirror.fetch_trunk_now(&trunk)).await;
    fetched.map_err(late)?.map_err(|e| failed(&e))?;
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

/// Whether a commit is on the trunk, as it was fetched last.
pub(super) async fn is_on_trunk(mirror: &Mirror, trunk: Option<&str>, sha: &Sha) -> bool {
    let Some(trunk) = trunk else { return false };
    match mirror.tip(trunk).await {
        Ok(Some(tip)) => mirror.is_ancestor(sha, &tip).await.unwrap_or(false),
        _ => false,
    }
}
