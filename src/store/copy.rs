//! A consistent copy of the record in one file, and the check of a whole record.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::{Reader, StoreError, sqlite};
use crate::domain::chain::{ChainBreak, ChainHead};

impl Reader {
    /// Checks the whole record: `SQLite`'s own check, every row, and the hash chain. Returns the chain's last row.
    ///
    /// # Errors
    /// When something is wrong with it, or it has no event.
    pub fn check(&self) -> Result<ChainHead, StoreError> {
        let path = self.path.display().to_string();
        if let Some(fault) = self.faults()?.into_iter().next() {
            return Err(StoreError::Faulty { path, fault });
        }
        let walk = self.walk(None)?;
        match (walk.broken, walk.head) {
            (Some(ChainBreak { seq, why }), _) => {
                Err(StoreError::Faulty { path, fault: format!("event {seq}: {why}") })
            }
            (None, Some(head)) => Ok(head),
            (None, None) => Err(StoreError::NoEvents { path }),
        }
    }

    /// Copies the record as it is at this moment into a new file that only its owner can read, also while an engine writes.
    /// Checks both. Returns the copy's last row.
    ///
    /// # Errors
    /// When one of them is damaged, or the copy cannot be written. What was written of it stays.
    pub fn copy_to(&self, target: &Path) -> Result<ChainHead, StoreError> {
        self.check()?;
        let unwritten = |why| StoreError::Unwritten { path: target.display().to_string(), why };
        // It must be new: whoever made it may read what is written to it.
        let mut new = OpenOptions::new();
        let made = new.write(true).create_new(true).mode(0o600).open(target);
        made.map_err(unwritten)?;
        let at = |why| sqlite(target, why);
        let text = target.to_str().ok_or_else(|| rusqlite::Error::InvalidPath(target.to_owned()));
        // SQLite also fills an empty file.
        self.connection.execute("VACUUM INTO ?1", [text.map_err(at)?]).map_err(at)?;
        File::open(target).and_then(|file| file.sync_all()).map_err(unwritten)?;
        Self::open(target)?.check()
    }
}
