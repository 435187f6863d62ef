//! A lock in this process for each path: whoever makes something there waits for nobody who makes something elsewhere.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, Weak};

use tokio::sync::{Mutex, OwnedMutexGuard};

/// The locks that somebody holds or waits for.
#[derive(Debug, Default)]
pub(super) struct PathLocks(std::sync::Mutex<HashMap<PathBuf, Weak<Mutex<()>>>>);

/// Whoever holds it has a path for itself.
#[derive(Debug)]
pub struct PathGuard {
    _held: OwnedMutexGuard<()>,
}

impl PathLocks {
    pub(super) async fn lock(&self, path: &Path) -> PathGuard {
        PathGuard { _held: self.of(path).lock_owned().await }
    }

    /// Whether somebody holds the lock of a path or waits for it.
    pub(super) fn is_locked(&self, path: &Path) -> bool {
        let locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        locks.get(path).is_some_and(|lock| lock.strong_count() > 0)
    }

    fn of(&self, path: &Path) -> Arc<Mutex<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = locks.get(path).and_then(Weak::upgrade) {
            return lock;
        }
        locks.retain(|_, lock| lock.strong_count() > 0);
        let lock = Arc::default();
        locks.insert(path.to_owned(), Arc::downgrade(&lock));
        lock
    }
}
