//! Saves the last valid texts on disk, so that they stay in force after a restart.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::domain::ids::ServiceName;

/// The prefix of the file names of feed copies.
pub(super) const COPY_PREFIX: &str = "feed-";

/// The folder of the saved texts: `engine.toml`, `of-SERVICE.toml` for each service's own, and copies of their feeds.
#[derive(Debug)]
pub(super) struct SavedTexts {
    folder: PathBuf,
}

/// A saved text, or why it cannot be read.
pub(super) type SavedText = Result<String, String>;

impl SavedTexts {
    pub fn in_folder(folder: PathBuf) -> Self {
        if let Err(error) = fs::create_dir_all(&folder) {
            tracing::warn!(%error, "the last good freezes cannot be kept");
        }
        Self { folder }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The engine's own file, if there is one.
    pub fn engine(&self) -> Option<SavedText> {
        text(&self.path(None))
    }

    pub fn of_services(&self) -> Vec<(ServiceName, SavedText)> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let named = entries.filter_map(|entry| {
            let name = entry.file_name();
            let name = name.to_str()?.strip_prefix("of-")?.strip_suffix(".toml")?.parse().ok()?;
            Some((name, text(&entry.path())?))
        });
        named.collect()
    }

    /// Saves the text of a service's own file or of the engine's. `None` removes it.
    ///
    /// # Errors
    /// If it cannot be written. The previous text stays.
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

    /// The last valid text of a feed file.
    pub fn feed(&self, key: &str) -> Option<String> {
        fs::read_to_string(place(&self.folder, key).with_extension("ics")).ok()
    }

    /// # Errors
    /// If it cannot be written. The previous text stays.
    pub fn put_feed(&self, key: &str, text: &str) -> io::Result<()> {
        write(&place(&self.folder, key).with_extension("ics"), text.as_bytes())
    }

    fn path(&self, service: Option<&ServiceName>) -> PathBuf {
        self.folder.join(service.map_or("engine.toml".to_owned(), |name| format!("of-{name}.toml")))
    }
}

fn text(path: &Path) -> Option<SavedText> {
    match fs::read_to_string(path) {
        Ok(text) => Some(Ok(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => Some(Err(error.to_string())),
    }
}

/// The path of a feed copy without its extension. The key can be a secret, so the name has a digest of it.
pub(super) fn place(folder: &Path, key: &str) -> PathBuf {
    let digest = Sha256::digest(key.as_bytes());
    let name = u64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"));
    folder.join(format!("{COPY_PREFIX}{name:016x}"))
}

/// Writes a file atomically, also in a power cut: an empty file would end all freezes.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("new");
    let mut file = File::create(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)
}
