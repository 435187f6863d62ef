//! Space on the disk that is kept for one rollback: a full disk must not close the way back.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

/// How many bytes one rollback needs for its record and its logs, with room to spare.
pub const RESERVED: u64 = 16 * 1024 * 1024;
/// So much must be free before space is kept.
const ROOMY: u64 = 2 * RESERVED;

/// The space of one data folder: a file of that size, or an empty one while a rollback uses the space.
#[derive(Debug, Clone)]
pub struct Reserve {
    held: PathBuf,
    released: PathBuf,
}

impl Reserve {
    #[must_use]
    pub fn of(data: &Path) -> Self {
        Self { held: data.join("reserve"), released: data.join("reserve.released") }
    }

    /// Keeps the space if there is enough. Returns whether it is kept.
    ///
    /// # Errors
    /// When there is enough and it cannot be kept all the same.
    pub fn hold(&self) -> io::Result<bool> {
        if self.held.exists() {
            return Ok(true);
        }
        if self.free().is_some_and(|free| free <= ROOMY) {
            return Ok(false);
        }
        self.fill().map(|()| true)
    }

    /// Gives the space to a rollback. Returns whether there was any.
    pub fn release(&self) -> bool {
        // The empty file says that nothing else may use the space.
        let released = fs::rename(&self.held, &self.released);
        let emptied =
            released.and_then(|()| OpenOptions::new().write(true).open(&self.released)?.set_len(0));
        emptied.inspect_err(|error| tracing::debug!(%error, "no space to release")).is_ok()
    }

    /// Whether a rollback has the space.
    #[must_use]
    pub fn is_released(&self) -> bool {
        self.released.exists()
    }

    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held.exists()
    }

    /// Whether the disk has less space left than one rollback needs.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.free().is_some_and(|free| free < RESERVED)
    }

    fn free(&self) -> Option<u64> {
        free_bytes(self.held.parent()?)
    }

    fn fill(&self) -> io::Result<()> {
        let draft = self.held.with_extension("partial");
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        let filled = match fallocate(&file, FallocateFlags::empty(), 0, RESERVED) {
            Ok(()) => Ok(()),
            Err(rustix::io::Errno::OPNOTSUPP) => write_all_of_it(&mut file),
            Err(error) => Err(error.into()),
        };
        let kept = filled.and_then(|()| fs::rename(&draft, &self.held));
        if kept.is_err() {
            let _left_behind = fs::remove_file(&draft);
        }
        kept?;
        let _never_used = fs::remove_file(&self.released);
        Ok(())
    }
}

/// How many bytes are free on the disk of a folder; `None` if the system does not tell.
#[must_use]
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let disk = statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// What to do about a write to the data folder that failed like this.
#[must_use]
pub fn write_remedy(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::StorageFull => "free some space",
        io::ErrorKind::QuotaExceeded => {
            "free some of the disk quota of whoever runs the engine, or raise it"
        }
        io::ErrorKind::PermissionDenied => "let whoever runs the engine write in the data folder",
        io::ErrorKind::ReadOnlyFilesystem => "make the disk of the data folder writable",
        _ => "repair the data folder, its disk or its quota",
    }
}

/// Bytes that a file system does not compress.
fn write_all_of_it(file: &mut fs::File) -> io::Result<()> {
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut block = vec![0; 64 * 1024];
    for _ in 0..RESERVED / block.len() as u64 {
        for byte in &mut block {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = state.to_le_bytes()[0];
        }
        file.write_all(&block)?;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::io;

    use rustix::io::Errno;

    use super::{RESERVED, Reserve, write_remedy};

    #[test]
    fn only_a_full_disk_is_told_to_free_space() {
        let causes =
            [Errno::NOSPC, Errno::DQUOT, Errno::ACCESS, Errno::PERM, Errno::ROFS, Errno::IO];
        let remedies = causes.map(|cause| write_remedy(io::Error::from(cause).kind()));
        assert_eq!(remedies[0], "free some space");
        assert!(remedies[1].contains("quota"));
        assert!(remedies[2].starts_with("let whoever") && remedies[2] == remedies[3]);
        assert!(remedies[4].contains("writable") && remedies[5].starts_with("repair"));
    }

    #[test]
    fn the_space_is_kept_given_and_kept_again() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::of(folder.path());
        assert!(!reserve.release(), "there is none yet");
        assert!(reserve.hold().unwrap() && reserve.hold().unwrap());
        let file = std::fs::metadata(folder.path().join("reserve")).unwrap();
        assert_eq!(file.len(), RESERVED);
        assert!(std::os::unix::fs::MetadataExt::blocks(&file) * 512 >= RESERVED, "it has no holes");
        assert!(reserve.release() && reserve.is_released() && !reserve.is_held());
        assert_eq!(std::fs::metadata(folder.path().join("reserve.released")).unwrap().len(), 0);
        assert!(reserve.hold().unwrap() && !reserve.is_released());
    }
}
