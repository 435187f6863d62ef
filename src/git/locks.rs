//! The lock files that a killed git leaves in a mirror, and that would stop every later one.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::error::GitError;

/// A lock that is older than this has nobody any more: git holds one for moments, and a git of ours that takes
/// longer than a minute at the network is ended. Nothing ends one that outlived its engine, but it seldom lives so
/// long.
const ABANDONED: Duration = Duration::from_mins(2);

/// Whether an abandoned lock was in the way. It is removed then, and a second try may succeed.
pub(super) fn were_abandoned<T>(mirror: &Path, result: &Result<T, GitError>) -> bool {
    let Err(GitError::Failed { said, .. }) = result else { return false };
    said.contains(".lock") && clear(mirror, true)
}

/// Removes the abandoned locks of a repository's own files and of its branches.
fn clear(folder: &Path, is_top: bool) -> bool {
    let mut cleared = false;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, kind) = (entry.path(), entry.file_type());
        if kind.is_ok_and(|kind| kind.is_dir()) {
            if !is_top || entry.file_name() == "refs" {
                cleared |= clear(&path, false);
            }
        } else if path.extension().is_some_and(|end| end == "lock") && is_abandoned(&path) {
            tracing::warn!(path = %path.display(), "a git that was killed left its lock behind");
            cleared |= fs::remove_file(&path).is_ok();
        }
    }
    cleared
}

fn is_abandoned(lock: &Path) -> bool {
    let made = fs::metadata(lock).and_then(|about| about.modified());
    made.is_ok_and(|made| SystemTime::now().duration_since(made).is_ok_and(|age| age > ABANDONED))
}
