//! The mirrors of all repositories. The services of a monorepo share one.

use std::collections::HashMap;
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use crate::config::user_file::Watched;
use crate::git::{GitError, Mirror};

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
        // The address may contain any character, so its digest names the folder.
        let digest = Sha256::digest(watched.repository.as_bytes());
        let name = u64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"));
        let name = format!("{name:016x}.git");
        let mut open = self.open.lock().await;
        if let Some(mirror) = open.get(&name) {
            return Ok(mirror.clone());
        }
        let mirror = Mirror::open(&self.folder.join(&name), &watched.repository).await?;
        open.insert(name, mirror.clone());
        Ok(mirror)
    }
}
