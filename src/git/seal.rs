//! The seal of a checkout: what its tree looked like when it was made, and by which rules it was made.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use tokio::fs;

use super::checkout::file_error;
use super::error::GitError;
use super::{lfs, tree};

/// Where a checkout keeps its seal.
const SEAL: &str = ".git/trunkline-seal";
/// What a seal of today begins with, before the digest. Trees with a seal without it may have pointers of Git LFS in their
/// submodules.
const VERSION: &str = "2 ";
/// How many pointers are named.
const NAMED: usize = 3;

/// What stands where a checkout belongs.
pub(super) enum Sealed {
    Nothing,
    /// It is as it was made.
    Intact,
    /// It is as an earlier version made it, with these pointers of Git LFS.
    WithPointers(Vec<PathBuf>),
    Changed,
    Unreadable(io::Error),
}

/// Looks at a checkout. It asks no git, which may hang.
pub(super) async fn look(folder: &Path) -> Sealed {
    let noted = match fs::read(folder.join(SEAL)).await {
        Ok(noted) => String::from_utf8_lossy(&noted).into_owned(),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            // Without a seal it was never finished.
            let is_there = fs::symlink_metadata(folder).await.is_ok();
            return if is_there { Sealed::Changed } else { Sealed::Nothing };
        }
        Err(error) => return Sealed::Unreadable(error),
    };
    let found = match digest(folder).await {
        Ok(found) => found,
        Err(error) => return Sealed::Unreadable(error),
    };
    match noted.strip_prefix(VERSION) {
        Some(noted) if noted == found => Sealed::Intact,
        None if noted == found => earlier(folder).await,
        _ => Sealed::Changed,
    }
}

/// A tree of an earlier version without pointers is as good as one of today.
async fn earlier(folder: &Path) -> Sealed {
    let tree = folder.to_owned();
    let found = tokio::task::spawn_blocking(move || lfs::pointers_below(&tree)).await;
    match found.map_err(io::Error::other).and_then(|found| found) {
        Err(error) => Sealed::Unreadable(error),
        Ok(pointers) if !pointers.is_empty() => Sealed::WithPointers(pointers),
        Ok(_) => {
            if let Err(error) = write(folder).await {
                tracing::warn!(%error, "a checkout keeps the seal of an earlier version");
            }
            Sealed::Intact
        }
    }
}

/// Notes what the tree looks like.
pub(super) async fn write(folder: &Path) -> Result<(), GitError> {
    let digest = digest(folder).await.map_err(file_error(folder))?;
    let (seal, new) = (folder.join(SEAL), folder.join(format!("{SEAL}.new")));
    fs::write(&new, format!("{VERSION}{digest}")).await.map_err(file_error(&new))?;
    fs::rename(&new, &seal).await.map_err(file_error(&seal))
}

async fn digest(folder: &Path) -> io::Result<String> {
    let folder = folder.to_owned();
    let work = move || tree::digest(&folder, Path::new(SEAL));
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

impl Sealed {
    /// Why something that stands there cannot be used, as a clause.
    pub(super) fn flaw(&self) -> Option<String> {
        match self {
            Self::Nothing | Self::Intact => None,
            Self::Changed => Some("was changed since it was made".to_owned()),
            Self::Unreadable(why) => Some(format!("cannot be read ({why})")),
            Self::WithPointers(pointers) => {
                let named = pointers.iter().take(NAMED).map(|path| path.display().to_string());
                let named: Vec<_> = named.collect();
                let more = pointers.len().saturating_sub(NAMED);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                Some(format!(
                    "was made by an earlier version, which left pointers of Git LFS in the place of {}{more}",
                    named.join(", ")
                ))
            }
        }
    }
}
