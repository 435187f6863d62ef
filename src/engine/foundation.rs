//! The files that an engine stands on. While they are the ones that it opened, it records and acts; after that never again.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

/// A file or folder by its device and inode.
type FileIdentity = (u64, u64);

/// The data folder, the record and the lock, as they were when the engine opened them.
#[derive(Debug)]
pub struct Foundation(Vec<(PathBuf, FileIdentity)>);

impl Foundation {
    /// # Errors
    /// When one of them cannot be looked at.
    pub fn of(paths: impl IntoIterator<Item = PathBuf>) -> io::Result<Self> {
        let identified = paths.into_iter().map(|path| identity(&path).map(|found| (path, found)));
        identified.collect::<io::Result<_>>().map(Self)
    }

    /// What is missing or was replaced. `None` while everything is as it was opened.
    #[must_use]
    pub fn broken(&self) -> Option<String> {
        self.0.iter().find_map(|(path, opened)| {
            let shown = path.display();
            match identity(path) {
                Ok(found) if found == *opened => None,
                Ok(_) => Some(format!("{shown} was replaced")),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    Some(format!("{shown} was removed"))
                }
                Err(error) => Some(format!("{shown} cannot be read: {error}")),
            }
        })
    }
}

fn identity(path: &PathBuf) -> io::Result<FileIdentity> {
    std::fs::metadata(path).map(|found| (found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::Foundation;

    #[test]
    fn a_file_that_is_removed_or_replaced_breaks_it_and_a_change_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("record");
        std::fs::write(&file, "one").unwrap();
        let foundation = Foundation::of([folder.path().to_owned(), file.clone()]).unwrap();
        std::fs::write(&file, "two").unwrap();
        assert_eq!(foundation.broken(), None);
        std::fs::rename(&file, folder.path().join("aside")).unwrap();
        assert!(foundation.broken().unwrap().ends_with("record was removed"));
        std::fs::write(&file, "two").unwrap();
        assert!(foundation.broken().unwrap().ends_with("record was replaced"));
    }
}
