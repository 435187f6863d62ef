//! The mirrors of all repositories. The services of a monorepo share one.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tokio::sync::Mutex;

use crate::config::user_file::Watched;
use crate::git::{GitError, Mirror, folder_name};

/// The start of the name of a mirror that is being removed.
const REMOVED: &str = ".removed-";

pub struct Mirrors {
    folder: PathBuf,
    open: Mutex<HashMap<String, Mirror>>,
}

impl Mirrors {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, open: Mutex::default() }
    }

    /// The mirror of a repository. The first call creates it.
    pub async fn open(&self, watched: &Watched) -> Result<Mirror, GitError> {
        let name = name_of(watched);
        let mut open = self.open.lock().await;
        if let Some(mirror) = open.get(&name) {
            return Ok(mirror.clone());
        }
        let mirror = Mirror::open(&self.folder.join(&name), &watched.repository).await?;
        open.insert(name, mirror.clone());
        Ok(mirror)
    }

    /// Moves aside the mirrors that nobody uses or wants and that no fetch has changed since then. Returns where they are, to
    /// be removed.
    ///
    /// # Errors
    /// When the folder cannot be read or one of them cannot be moved.
    pub async fn put_aside(
        &self,
        wanted: &[Watched],
        since: SystemTime,
    ) -> io::Result<Vec<PathBuf>> {
        let wanted: HashSet<_> = wanted.iter().map(name_of).collect();
        // While this is held, nobody opens one of them.
        let open = self.open.lock().await;
        let mut aside = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.starts_with(REMOVED) {
                aside.push(entry.path());
                continue;
            }
            let is_mirror = entry.path().extension().is_some_and(|ending| ending == "git");
            if !is_mirror || wanted.contains(&name) || open.contains_key(&name) {
                continue;
            }
            if is_older(&entry.path(), since) {
                let removed = self.folder.join(format!("{REMOVED}{name}"));
                std::fs::rename(entry.path(), &removed)?;
                aside.push(removed);
            }
        }
        Ok(aside)
    }

    /// All that are open.
    pub async fn all(&self) -> Vec<Mirror> {
        self.open.lock().await.values().cloned().collect()
    }
}

fn name_of(watched: &Watched) -> String {
    format!("{}.git", folder_name(&watched.repository))
}

/// Whether nothing was written there since: what a fetch writes is new in one of these folders.
fn is_older(mirror: &Path, since: SystemTime) -> bool {
    let written = ["", "objects", "objects/pack", "refs/heads", "packed-refs"]
        .iter()
        .filter_map(|part| mirror.join(part).metadata().and_then(|found| found.modified()).ok());
    written.max().is_some_and(|last| last < since)
}
