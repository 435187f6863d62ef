//! Detects whether the branches of a local repository moved, from its files and without starting git.

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

/// Files larger than this, in bytes, are compared by their stamp alone.
const LARGEST: u64 = 64 * 1024;

/// The branch files of a repository at one time. Two equal states mean that the trunk and the usual trunk branches have
/// not moved. Other branches may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchState(Vec<Option<FileState>>);

/// A file at one time. The stamp detects a change that was undone; the text detects a change within one clock tick.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileState {
    stamp: FileStamp,
    text: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct FileStamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl BranchState {
    /// Returns `None` if only git can tell: an unknown layout, a symbolic branch, or a file that cannot be read.
    pub(super) fn of(repository: &Path, trunk: &str, usual: &[&str]) -> Option<Self> {
        let folder = git_folder(repository)?;
        let common = common_folder(&folder)?;
        let mut files = vec![
            file_state(&folder.join("HEAD")).ok()?,
            file_state(&folder.join("config.worktree")).ok()?,
            file_state(&common.join("config")).ok()?,
            file_state(&common.join("packed-refs")).ok()?,
            file_state(&common.join("reftable/tables.list")).ok()?,
            file_state(&common.join("refs/remotes/origin/HEAD")).ok()?,
        ];
        for branch in usual.iter().chain([&trunk]) {
            let file = file_state(&common.join("refs/heads").join(relative(branch)?)).ok()?;
            if file.as_ref().is_some_and(|file| file.text.starts_with(b"ref:")) {
                return None;
            }
            files.push(file);
        }
        Some(Self(files))
    }
}

/// The name as a path, if it has no `..` and no root.
fn relative(branch: &str) -> Option<&Path> {
    let path = Path::new(branch);
    let down = path.components().all(|part| matches!(part, Component::Normal(_)));
    (down && !branch.is_empty()).then_some(path)
}

/// The git folder of this path; `None` if it is not certain.
fn git_folder(repository: &Path) -> Option<PathBuf> {
    let inside = repository.join(".git");
    let found = match fs::metadata(&inside) {
        Ok(file) if file.is_file() => {
            let text = fs::read_to_string(&inside).ok()?;
            repository.join(text.strip_prefix("gitdir: ")?.trim_end_matches(['\n', '\r']))
        }
        Ok(_) => inside,
        Err(error) if error.kind() == ErrorKind::NotFound => repository.to_owned(),
        Err(_) => return None,
    };
    found.join("HEAD").is_file().then_some(found)
}

/// The folder that holds the branches, which a linked work tree shares with its main one.
fn common_folder(folder: &Path) -> Option<PathBuf> {
    let common = match fs::read_to_string(folder.join("commondir")) {
        Ok(text) => folder.join(text.trim_end_matches(['\n', '\r'])),
        Err(error) if error.kind() == ErrorKind::NotFound => folder.to_owned(),
        Err(_) => return None,
    };
    common.join("objects").is_dir().then_some(common)
}

/// The file's state now; `None` if there is no file.
fn file_state(path: &Path) -> io::Result<Option<FileState>> {
    let before = match fs::symlink_metadata(path) {
        Ok(file) if file.is_file() => file,
        // Links are not followed, and a folder is not a branch.
        Ok(_) => return Err(ErrorKind::Unsupported.into()),
        // With reftables, `refs/heads` is a file.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let text = if before.len() > LARGEST { Vec::new() } else { fs::read(path)? };
    Ok(Some(FileState { stamp: FileStamp::of(&before), text }))
}

impl FileStamp {
    fn of(file: &Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
            size: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }
}
