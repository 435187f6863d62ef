//! The commands that are being sent, on disk. If a sender dies before its answer comes, another process finds the
//! command here and looks its receipt up by its key.
//!
//! Each command is a file that its sender keeps locked until the answer comes. The system releases the lock when the
//! sender dies, so the command of a living sender never counts as lost.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::ids::{IdempotencyKey, ServiceName};

/// The most intents that are kept. If there are more, the oldest are removed.
const KEPT: usize = 100;
/// The largest file that is read, in bytes.
const LARGEST: u64 = 16 * 1024;
/// How long to wait for the disk, so that a hanging disk does not block a rollback.
const PATIENCE: Duration = Duration::from_secs(1);
/// The age at which an unfinished file is removed.
const ABANDONED: Duration = Duration::from_hours(1);

/// A command that is about to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    pub key: IdempotencyKey,
    pub service: ServiceName,
    /// What it does, as a phrase: `the promote of #12`.
    pub what: String,
    pub at: DateTime<Utc>,
}

/// The intents of this process, and access to those of dead senders. Clones share them.
#[derive(Debug, Clone)]
pub struct Intents {
    folder: PathBuf,
    /// The intents without an answer yet. A file is locked as long as it is in this map.
    open: Arc<Mutex<BTreeMap<IdempotencyKey, File>>>,
}

impl Intents {
    #[must_use]
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder, open: Arc::default() }
    }

    /// Writes an intent durably, before the command is sent.
    ///
    /// # Errors
    /// The reason, if it could not be written in time. The command may be sent anyway.
    pub async fn note(&self, intent: Intent) -> Result<(), String> {
        let (intents, key) = (self.clone(), intent.key.clone());
        let mut writing = tokio::task::spawn_blocking(move || intents.write(&intent));
        match tokio::time::timeout(PATIENCE, &mut writing).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(why))) => {
                // A partial file must not be found later.
                let _never_made = fs::remove_file(self.path(&key));
                Err(why.to_string())
            }
            Ok(Err(_)) => Err("the program is ending".into()),
            Err(_) => {
                let intents = self.clone();
                tokio::spawn(async move {
                    // The caller knows that there is no intent, so one that is written late must not be found.
                    let _never_made = writing.await;
                    intents.settle(&key).await;
                });
                Err("the disk does not answer".into())
            }
        }
    }

    /// Removes an intent whose answer is known.
    pub async fn settle(&self, key: &IdempotencyKey) {
        let (intents, key) = (self.clone(), key.clone());
        let forgetting = tokio::task::spawn_blocking(move || intents.forget(&key));
        // If the disk hangs, the file stays, and its command is looked up once more.
        let _hangs = tokio::time::timeout(PATIENCE, forgetting).await;
    }

    /// The intents of dead senders, oldest first. This process owns them from now on and must settle them.
    pub async fn orphaned(&self) -> Vec<Intent> {
        let intents = self.clone();
        let looking = tokio::task::spawn_blocking(move || intents.take_over());
        let found = tokio::time::timeout(PATIENCE, looking).await;
        found.ok().and_then(Result::ok).unwrap_or_default()
    }

    fn path(&self, key: &IdempotencyKey) -> PathBuf {
        self.folder.join(format!("{}.json", key.as_str()))
    }

    /// Writes and locks the file before it gets its final name.
    fn write(&self, intent: &Intent) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let new = self.folder.join(format!("{}.new", intent.key.as_str()));
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        let written = file.try_lock().map_err(io::Error::from).and_then(|()| {
            file.write_all(&serde_json::to_vec(intent)?)?;
            file.sync_all()?;
            fs::rename(&new, self.path(&intent.key))?;
            File::open(&self.folder)?.sync_all()
        });
        match written {
            Ok(()) => drop(self.open().insert(intent.key.clone(), file)),
            Err(_) => drop(fs::remove_file(&new)),
        }
        written
    }

    fn forget(&self, key: &IdempotencyKey) {
        let file = self.open().remove(key);
        if file.is_some() {
            // The file is removed before its lock is released, so that it is never found unlocked.
            let _gone_already = fs::remove_file(self.path(key));
        }
    }

    fn take_over(&self) -> Vec<Intent> {
        let mut found: Vec<_> = self.unlocked().collect();
        found.sort_by_key(|(intent, _)| intent.at);
        let forgotten = found.len().saturating_sub(KEPT);
        for (intent, _locked) in found.drain(..forgotten) {
            let _gone_already = fs::remove_file(self.path(&intent.key));
        }
        let mut open = self.open();
        let take = |(intent, file): (Intent, File)| {
            open.insert(intent.key.clone(), file);
            intent
        };
        found.into_iter().map(take).collect()
    }

    /// The unlocked intents of the folder, each with its lock.
    fn unlocked(&self) -> impl Iterator<Item = (Intent, File)> {
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        files.filter_map(|entry| {
            let path = entry.path();
            let (file, text) = lock(&path)?;
            let intent: Option<Intent> = serde_json::from_slice(&text).ok();
            let intent = intent.filter(|intent| self.path(&intent.key) == path);
            if intent.is_none() {
                clear(&path, &file);
            }
            intent.map(|intent| (intent, file))
        })
    }

    fn open(&self) -> std::sync::MutexGuard<'_, BTreeMap<IdempotencyKey, File>> {
        self.open.lock().expect("no code panics while it holds the intents")
    }
}

/// Locks a file and reads it. `None` if it is locked, or was removed before its lock was released.
fn lock(path: &Path) -> Option<(File, Vec<u8>)> {
    let file = File::open(path).ok()?;
    file.try_lock().ok()?;
    let mut text = Vec::new();
    (&file).take(LARGEST).read_to_end(&mut text).ok()?;
    (file.metadata().ok()?.nlink() > 0).then_some((file, text))
}

/// Removes a file that is not an intent, unless it is so new that another process may still be writing it.
fn clear(path: &Path, file: &File) {
    let modified = file.metadata().and_then(|metadata| metadata.modified());
    let age = modified.ok().and_then(|at| SystemTime::now().duration_since(at).ok());
    if age.is_some_and(|age| age > ABANDONED) {
        // If this fails, the next search tries again.
        let _still_there = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn intent(key: &str) -> Intent {
        Intent {
            key: key.to_owned().try_into().unwrap(),
            service: "checkout".parse().unwrap(),
            what: "the promote of #12".into(),
            at: DateTime::UNIX_EPOCH,
        }
    }

    /// The intents of another process: locks that it takes are not ours.
    fn other(folder: &tempfile::TempDir) -> Intents {
        Intents::in_folder(folder.path().join("intents"))
    }

    #[tokio::test]
    async fn what_a_dead_sender_left_is_found_once_and_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let dead = other(&folder);
        dead.note(intent("12345678")).await.unwrap();
        let (first, second) = (other(&folder), other(&folder));
        assert_eq!(first.orphaned().await, [], "its sender lives");
        drop(dead);
        until_unlocked(&folder.path().join("intents"));
        assert_eq!(first.orphaned().await, [intent("12345678")]);
        assert_eq!(second.orphaned().await, [], "the first took it over");
        first.settle(&intent("12345678").key).await;
        drop(first);
        until_unlocked(&folder.path().join("intents"));
        assert_eq!(second.orphaned().await, []);
    }

    #[tokio::test]
    async fn what_was_answered_is_not_found() {
        let folder = tempfile::tempdir().unwrap();
        let intents = other(&folder);
        intents.note(intent("12345678")).await.unwrap();
        intents.settle(&intent("12345678").key).await;
        drop(intents);
        assert_eq!(other(&folder).orphaned().await, []);
        let files = fs::read_dir(folder.path().join("intents")).unwrap();
        assert_eq!(files.count(), 0);
    }

    #[tokio::test]
    async fn what_cannot_be_noted_is_said() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("intents"), "a file where the folder should be").unwrap();
        let why = other(&folder).note(intent("12345678")).await.unwrap_err();
        assert!(!why.is_empty());
    }

    #[tokio::test]
    async fn intents_are_their_owner_s_alone() {
        let folder = tempfile::tempdir().unwrap();
        let intents = other(&folder);
        intents.note(intent("12345678")).await.unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder.path().join("intents")), 0o700);
        assert_eq!(mode(&folder.path().join("intents/12345678.json")), 0o600);
    }

    /// Waits until no file of the folder is locked. A child that another test of this process starts has a copy of every
    /// lock until it runs its own program. Where the system lists no locks, this does not wait.
    fn until_unlocked(folder: &Path) {
        let inode = |entry: fs::DirEntry| format!(":{} ", entry.metadata().unwrap().ino());
        let inodes: Vec<_> = fs::read_dir(folder).unwrap().flatten().map(inode).collect();
        let is_locked = || {
            let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
            inodes.iter().any(|inode| locks.contains(inode))
        };
        let begun = std::time::Instant::now();
        while is_locked() {
            assert!(begun.elapsed() < Duration::from_mins(1), "a lock is never released");
            std::thread::yield_now();
        }
    }

    #[tokio::test]
    async fn the_oldest_go_when_there_are_too_many_and_what_is_no_intent_is_let_be() {
        let folder = tempfile::tempdir().unwrap();
        let dead = other(&folder);
        for number in 0..KEPT + 5 {
            let at =
                DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(i64::try_from(number).unwrap());
            let key = format!("intent-{number:03}").try_into().unwrap();
            dead.note(Intent { key, at, ..intent("12345678") }).await.unwrap();
        }
        drop(dead);
        until_unlocked(&folder.path().join("intents"));
        fs::write(folder.path().join("intents/half.new"), "{").unwrap();
        fs::write(folder.path().join("intents/12345678.json"), "not one").unwrap();
        let left = other(&folder).orphaned().await;
        assert_eq!(left.len(), KEPT);
        assert_eq!(left[0].key.as_str(), "intent-005");
        let files = fs::read_dir(folder.path().join("intents")).unwrap();
        assert_eq!(files.count(), KEPT + 2);
    }
}
