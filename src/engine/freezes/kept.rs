//! The last good texts on disk, so that they hold after a restart too.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::domain::ids::ServiceName;

/// How the names of copies of feeds begin.
pub(super) const COPY: &str = "feed-";

/// The folder of the kept texts: `engine.toml`, `of-SERVICE.toml` for each service's own, and copies of their feeds.
#[derive(Debug)]
pub(super) struct Kept {
    folder: PathBuf,
}

/// A kept text, or why it cannot be read.
pub(super) type Text = Result<String, String>;

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

    /// The engine's own, if there ever was one.
    pub fn engine(&self) -> Option<Text> {
        text(&self.path(None))
    }

    pub fn of_services(&self) -> Vec<(ServiceName, Text)> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let named = entries.filter_map(|entry| {
            let name = entry.file_name();
            let name = name.to_str()?.strip_prefix("of-")?.strip_suffix(".toml")?.parse().ok()?;
            Some((name, text(&entry.path())?))
        });
        named.collect()
    }

    /// Keeps the text of a service's own file or of the engine's, or forgets it where there is none.
    ///
    /// # Errors
    /// When the disk does not take it; then the one before is still there.
    pub fn put(&self, service: Option<&ServiceName>, text: Option<&str>) -> io::Result<()> {
        let path = self.path(service);
        match text {
            Some(text) => write(&path, text.as_bytes()),
            None => match fs::remove_file(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        }
    }

    /// The last good text of a feed that is a file.
    pub fn feed(&self, key: &str) -> Option<String> {
        fs::read_to_string(place(&self.folder, key).with_extension("ics")).ok()
    }

    /// # Errors
    /// When the disk does not take it; then the one before is still there.
    pub fn put_feed(&self, key: &str, text: &str) -> io::Result<()> {
        write(&place(&self.folder, key).with_extension("ics"), text.as_bytes())
    }

    fn path(&self, service: Option<&ServiceName>) -> PathBuf {
        self.folder.join(service.map_or("engine.toml".to_owned(), |name| format!("of-{name}.toml")))
    }
}

fn text(path: &Path) -> Option<Text> {
    match fs::read_to_string(path) {
        Ok(text) => Some(Ok(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => Some(Err(error.to_string())),
    }
}

/// Where the copy of a feed lies; what it is known by may hold anything, and secrets too.
pub(super) fn place(folder: &Path, key: &str) -> PathBuf {
    let digest = Sha256::digest(key.as_bytes());
    let name = u64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"));
    folder.join(format!("{COPY}{name:016x}"))
}

/// Writes a file whole or not at all, also when the power goes: an empty one would end all freezes.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let half = path.with_extension("new");
    let mut file = File::create(&half)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&half, path)
}
