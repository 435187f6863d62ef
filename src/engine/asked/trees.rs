//! The trees of one service in which commands run that are asked: that of the trunk's tip, and older ones while one runs there.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use crate::domain::ids::Sha;
use crate::git::{Mirror, tree};

/// How long a tree may take. Nobody waits for it that long.
const TREE_TIMEOUT: Duration = Duration::from_mins(10);

/// A tree. It stays on disk as long as somebody has it.
pub(super) struct AskedTree {
    sha: Sha,
    pub path: PathBuf,
}

/// All of a service, in a folder of their own.
pub(super) struct AskedTrees {
    folder: PathBuf,
    all: Mutex<Vec<Arc<AskedTree>>>,
}

impl AskedTrees {
    pub fn of(folder: PathBuf) -> Self {
        Self { folder, all: Mutex::default() }
    }

    /// The tree of a commit, if it is there.
    pub fn there(&self, sha: &Sha) -> Option<Arc<AskedTree>> {
        self.locked().iter().find(|known| known.sha == *sha && known.path.is_dir()).cloned()
    }

    /// Makes the tree of a commit.
    ///
    /// # Errors
    /// When git does not give it.
    pub async fn make(&self, sha: &Sha, mirror: &Mirror) -> Result<Arc<AskedTree>, String> {
        let path = self.folder.join(sha.as_str());
        let made = timeout(TREE_TIMEOUT, mirror.checkout(sha, &path)).await;
        let made = made.map_err(|_| "git does not give the tree of the trunk's tip")?;
        drop(made.map_err(|error| format!("its checkout cannot be made: {error}"))?);
        Ok(self.add(sha.clone(), path))
    }

    fn add(&self, sha: Sha, path: PathBuf) -> Arc<AskedTree> {
        let made = Arc::new(AskedTree { sha, path });
        self.locked().push(made.clone());
        made
    }

    /// Removes what nobody has any more. Nothing may be made meanwhile.
    pub fn tidy(&self) {
        let kept: Vec<PathBuf> = {
            let mut all = self.locked();
            all.retain(|known| Arc::strong_count(known) > 1);
            all.iter().map(|known| known.path.clone()).collect()
        };
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && !kept.contains(&entry.path()) {
                let _found_next_time = tree::remove(&entry.path());
            }
        }
    }

    fn locked(&self) -> MutexGuard<'_, Vec<Arc<AskedTree>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_stays_while_a_command_runs_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let trees = AskedTrees::of(folder.path().to_owned());
        let made = |name: char| {
            let sha: Sha = name.to_string().repeat(40).parse().unwrap();
            let path = folder.path().join(sha.as_str());
            std::fs::create_dir(&path).unwrap();
            (trees.add(sha.clone(), path), sha)
        };
        let of_an_engine_before = folder.path().join("left");
        std::fs::create_dir(&of_an_engine_before).unwrap();
        let ((old, old_sha), (new, new_sha)) = (made('a'), made('b'));
        trees.tidy();
        assert!(old.path.is_dir() && new.path.is_dir() && !of_an_engine_before.exists());
        let path = old.path.clone();
        drop(old);
        trees.tidy();
        assert!(!path.exists() && trees.there(&old_sha).is_none(), "nothing runs in it any more");
        assert!(trees.there(&new_sha).is_some_and(|there| Arc::ptr_eq(&there, &new)));
    }
}
