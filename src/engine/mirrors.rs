//! The mirrors of all repositories. The services of a monorepo share one.

use std::collections::HashMap;
use std::path::PathBuf;

use tokio::sync::Mutex;

use crate::config::user_file::Watched;
use crate::git::{GitError, Mirror, folder_name};

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
        let name = format!("{}.git", folder_name(&watched.repository));
        let mut open = self.open.lock().await;
        if let Some(mirror) = open.get(&name) {
            return Ok(mirror.clone());
        }
        let mirror = Mirror::open(&self.folder.join(&name), &watched.repository).await?;
        open.insert(name, mirror.clone());
        Ok(mirror)
    }
}
