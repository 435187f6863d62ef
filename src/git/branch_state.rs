//! Whether branches of a local repository moved, read from its files without starting git.

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

/// Larger files are compared by their stamp alone.
const LARGEST: u64 = 64 * 1024;

/// The branch files of a repository as they were. While it is equal, no branch that a look at the trunk reads has
/// moved.
/// It says nothing about other branches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchState(Vec<Option<Seen>>);

/// A file as it was. The stamp shows a change and its undoing; the text shows one that the clock is too coarse for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
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
    /// `None` where only git can tell: an unknown layout, a symbolic branch, or a file that cannot be read.
    pub(super) fn of(repository: &Path, trunk: &str, usual: &[&str]) -> Option<Self> {
        let folder = git_folder(repository)?;
        let common = common_folder(&folder)?;
        let mut files = vec![
            seen(&folder.join("HEAD")).ok()?,
            seen(&folder.join("config.worktree")).ok()?,
            seen(&common.join("config")).ok()?,
            seen(&common.join("packed-refs")).ok()?,
            seen(&common.join("reftable/tables.list")).ok()?,
            seen(&common.join("refs/remotes/origin/HEAD")).ok()?,
        ];
        for branch in usual.iter().chain([&trunk]) {
            let file = seen(&common.join("refs/heads").join(plain(branch)?)).ok()?;
            if file.as_ref().is_some_and(|file| file.text.starts_with(b"ref:")) {
                return None;
            }
            files.push(file);
        }
        Some(Self(files))
    }
}

/// A name without `..` or a root.
fn plain(branch: &str) -> Option<&Path> {
    let path = Path::new(branch);
    let down = path.components().all(|part| matches!(part, Component::Normal(_)));
    (down && !branch.is_empty()).then_some(path)
}

/// The git folder of this path, where it is certain.
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

/// The folder that holds the branches of a linked work tree.
fn common_folder(folder: &Path) -> Option<PathBuf> {
    let common = match fs::read_to_string(folder.join("commondir")) {
        Ok(text) => folder.join(text.trim_end_matches(['\n', '\r'])),
        Err(error) if error.kind() == ErrorKind::NotFound => folder.to_owned(),
        Err(_) => return None,
    };
    common.join("objects").is_dir().then_some(common)
}

/// The file as it is; `None` when there is none.
fn seen(path: &Path) -> io::Result<Option<Seen>> {
    let before = match fs::symlink_metadata(path) {
        Ok(file) if file.is_file() => file,
        // A link leads elsewhere, and a folder is not a branch.
        Ok(_) => return Err(ErrorKind::Unsupported.into()),
        // With reftables, a file is in the place of the branch folder.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let text = if before.len() > LARGEST { Vec::new() } else { fs::read(path)? };
    Ok(Some(Seen { stamp: FileStamp::of(&before), text }))
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
