//! Brings the contents that a checkout keeps in Git LFS, by the user's git-lfs. A pointer that stays a pointer fails the
//! checkout: it would be deployed as if it were the file.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use super::error::GitError;
use super::process::Git;

/// How long git-lfs may take to bring the files.
const FETCHING: Duration = Duration::from_mins(30);
/// The beginning of a pointer.
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1";
/// How many files a refusal names.
const NAMED: usize = 3;

/// Brings the contents of all LFS files of a fresh checkout. Downloads are kept in the folder `store`.
pub(super) async fn fill(tree: &Path, store: &Path) -> Result<(), GitError> {
    let pointers = pointers(tree).await?;
    if pointers.is_empty() {
        return Ok(());
    }
    let store = store.as_os_str();
    let keep: [&std::ffi::OsStr; 3] = ["--local".as_ref(), "lfs.storage".as_ref(), store];
    Git::new("config").args(keep).run_in_tree(tree).await?;
    let pull = Git::new("lfs").with_lfs().args(["pull"]).within(FETCHING);
    let pulled = pull.run_in(tree).await;
    let left = self::pointers(tree).await?;
    if left.is_empty() || is_excluded(tree).await {
        return Ok(());
    }
    let named: Vec<_> = left.iter().take(NAMED).map(String::as_str).collect();
    let more = left.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let why = match pulled {
        Err(GitError::Failed { message, .. }) if message.contains("is not a git command") => {
            "git-lfs is not installed here; install it, and try again".to_owned()
        }
        Err(error) => error.to_string(),
        Ok(_) => "git-lfs brought nothing for them".to_owned(),
    };
    let message = format!("{}{more} are pointers of Git LFS: {why}", named.join(", "));
    Err(GitError::Failed { what: "lfs", message })
}

/// The files that attributes give to LFS and that are pointers.
async fn pointers(tree: &Path) -> Result<Vec<String>, GitError> {
    let list = Git::new("ls-files").with_pathspecs().args(["-z", "--", ":(top,attr:filter=lfs)"]);
    let listed = list.run_in_tree(tree).await?;
    let paths = listed.split(|byte| *byte == 0).filter(|path| !path.is_empty());
    let paths = paths.map(|path| String::from_utf8_lossy(path).into_owned());
    Ok(paths.filter(|path| is_pointer(&tree.join(path))).collect())
}

fn is_pointer(file: &Path) -> bool {
    let is_file = file.symlink_metadata().is_ok_and(|about| about.is_file());
    let mut beginning = [0; POINTER.len()];
    let mut read = || std::fs::File::open(file)?.read_exact(&mut beginning);
    is_file && read().is_ok() && beginning == POINTER
}

/// Whether `.lfsconfig` says that contents are not fetched: then steps get pointers, as in a clone.
async fn is_excluded(tree: &Path) -> bool {
    let asked = Git::new("config").args(["--file", ".lfsconfig", "--get", "lfs.fetchexclude"]);
    asked.run_in_tree(tree).await.is_ok_and(|value| !value.trim_ascii().is_empty())
}
