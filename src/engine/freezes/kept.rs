//! The last good texts on disk, so that they hold after a restart too.

use std::fs;
use std::path::{Path, PathBuf};

use crate::domain::ids::ServiceName;

/// The folder of the kept texts: `engine.toml`, and `of-SERVICE.toml` for each service's own.
#[derive(Debug)]
pub(super) struct Kept {
    folder: PathBuf,
}

impl Kept {
    pub fn in_folder(folder: PathBuf) -> Self {
        if let Err(error) = fs::create_dir_all(&folder) {
            tracing::warn!(%error, "the last good freezes cannot be kept");
        }
        Self { folder }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn engine(&self) -> Option<String> {
        fs::read_to_string(self.folder.join("engine.toml")).ok()
    }

    pub fn keep_engine(&self, text: &str) {
        write(&self.folder.join("engine.toml"), text.as_bytes());
    }

    pub fn of_services(&self) -> Vec<(ServiceName, String)> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let named = entries.filter_map(|entry| {
            let name = entry.file_name();
            let name = name.to_str()?.strip_prefix("of-")?.strip_suffix(".toml")?.parse().ok()?;
            Some((name, fs::read_to_string(entry.path()).ok()?))
        });
        named.collect()
    }

    pub fn keep(&self, service: &ServiceName, text: &str) {
        write(&self.of(service), text.as_bytes());
    }

    pub fn forget(&self, service: &ServiceName) {
        // It may never have been there.
        let _ = fs::remove_file(self.of(service));
    }

    fn of(&self, service: &ServiceName) -> PathBuf {
        self.folder.join(format!("of-{service}.toml"))
    }
}

/// Writes a file whole or not at all.
pub(super) fn write(path: &Path, bytes: &[u8]) {
    let half = path.with_extension("new");
    if let Err(error) = fs::write(&half, bytes).and_then(|()| fs::rename(&half, path)) {
        tracing::warn!(%error, path = %path.display(), "cannot be kept");
    }
}
