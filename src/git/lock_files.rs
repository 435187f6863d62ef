//! Removes the lock files that a killed git leaves in a bare repository and that would block every later git.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::error::GitError;

/// A lock older than this counts as abandoned: git holds a lock for moments, and trunkline stops a git that uses the
/// network for longer than a minute. A git that outlived its engine is not stopped, but rarely runs this long.
const ABANDONED: Duration = Duration::from_mins(2);

/// Runs git in a bare repository, and once more if it failed over locks of which an abandoned one could be removed.
pub(super) async fn without_abandoned<T, R>(
    repository: &Path,
    git: impl Fn() -> R,
) -> Result<T, GitError>
where
    R: Future<Output = Result<T, GitError>>,
{
    let result = git().await;
    if removed_abandoned(repository, &result) { git().await } else { result }
}

/// Removes abandoned locks, also that of the index of the history, if git failed because of a lock. True if one was removed.
fn removed_abandoned<T>(repository: &Path, result: &Result<T, GitError>) -> bool {
    let Err(GitError::Failed { message, .. }) = result else { return false };
    if !message.contains(".lock") {
        return false;
    }
    let in_index = clear(&repository.join("objects/info/commit-graphs"), false);
    clear(repository, true) || in_index
}

/// Removes the abandoned locks of a folder; of a repository, those of its top-level files and of its branches.
fn clear(folder: &Path, is_top: bool) -> bool {
    let mut cleared = false;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, kind) = (entry.path(), entry.file_type());
        if kind.is_ok_and(|kind| kind.is_dir()) {
            if !is_top || entry.file_name() == "refs" {
                cleared |= clear(&path, false);
            }
        } else if path.extension().is_some_and(|end| end == "lock") && is_abandoned(&path) {
            tracing::warn!(path = %path.display(), "removing the lock of a killed git");
            cleared |= fs::remove_file(&path).is_ok();
        }
    }
    cleared
}

fn is_abandoned(lock: &Path) -> bool {
    let made = fs::metadata(lock).and_then(|about| about.modified());
    made.is_ok_and(|made| SystemTime::now().duration_since(made).is_ok_and(|age| age > ABANDONED))
}
