//! The trunk's newest commit, for a command.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::domain::ids::{ServiceName, Sha};
use crate::domain::time::say;
use crate::engine::commands::{CommandError, TipOfTrunk};
use crate::engine::trunk;
use crate::engine::world::WorldReader;
use crate::git::{GitError, Mirror};

/// How long a person waits in all: for another fetch to end, for an own one, which may take 20 seconds, and for git.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn failed(error: &GitError) -> CommandError {
    CommandError::Failed(format!("{error}; nothing was done"))
}

/// The result of git, if it comes in time.
async fn before<T>(
    deadline: Instant,
    is_fetching: impl Fn() -> bool,
    work: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    timeout_at(deadline, work).await.unwrap_or_else(|_| {
        let (which, limit) =
            (if is_fetching() { "another fetch of the repository" } else { "git" }, say(PATIENCE));
        let sentence =
            format!("{which} takes longer than {limit}; nothing was done; try again in a minute");
        Err(CommandError::Failed(sentence))
    })
}

/// The trunk's newest commit, fetched now, and the commits since the newest build.
pub(super) async fn tip(
    world: &WorldReader,
    name: &ServiceName,
    deadline: Instant,
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
    let work = Box::pin(async {
        mirror.fetch_trunk_now(&trunk).await.map_err(|e| failed(&e))?;
        let missing = || CommandError::Failed(format!("the repository has no branch {trunk:?}"));
        let sha = mirror.tip(&trunk).await.map_err(|e| failed(&e))?.ok_or_else(missing)?;
        if let Some(since) = &since
            && !mirror.is_ancestor(since, &sha).await.map_err(|e| failed(&e))?
        {
            let sentence = "the trunk was force-pushed; try again once trunkline has seen that";
            return Err(CommandError::Failed(sentence.into()));
        }
        let shas = vec![sha.clone()];
        let found = trunk::new_builds(&mirror, &watched, paths.as_ref(), since.as_ref(), shas);
        let found = found.await.map_err(|e| failed(&e))?.into_iter().next();
        let trunk::NewBuild { commits, more, reverts, recipe, .. } = found.ok_or_else(missing)?;
        let (trunk, since) = (trunk.clone(), since.clone());
        Ok(TipOfTrunk { trunk, sha, since, commits, more, reverts, recipe })
    });
    before(deadline, || mirror.is_fetching(), work).await
}

/// Whether a commit is on the trunk, as it was fetched last.
pub(super) async fn is_on_trunk(mirror: &Mirror, trunk: Option<&str>, sha: &Sha) -> bool {
    let Some(trunk) = trunk else { return false };
    match mirror.tip(trunk).await {
        Ok(Some(tip)) => mirror.is_ancestor(sha, &tip).await.unwrap_or(false),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_another_fetch_for_longer_than_is_said() {
        for (is_fetching, who) in [(true, "another fetch of the repository"), (false, "git")] {
            let begin = Instant::now();
            let never = std::future::pending::<Result<(), CommandError>>();
            let late = before(begin + PATIENCE, || is_fetching, never).await.unwrap_err();
            assert_eq!(begin.elapsed().as_secs(), PATIENCE.as_secs());
            let said = "takes longer than 30s; nothing was done; try again in a minute";
            assert_eq!(late.to_string(), format!("{who} {said}"));
        }
        assert!(PATIENCE < crate::backend::LONGEST_ANSWER, "the answer is waited for");
    }
}
