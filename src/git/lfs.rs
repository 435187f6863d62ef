//! Brings the contents that a tree keeps in Git LFS, by the user's git-lfs. A pointer that stays a pointer fails the checkout,
//! as it would be deployed as if it were the file, unless the user's settings or `.lfsconfig` leave it out.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::GitError;
use super::process::Git;

/// How long git-lfs may take to bring the files.
const FETCHING: Duration = Duration::from_mins(30);
/// The beginnings of a pointer: that of today and the one before it.
const POINTERS: [&[u8]; 2] =
    [b"version https://git-lfs.github.com/spec/v1", b"version https://hawser.github.com/spec/v1"];
/// How many files a refusal names.
const NAMED: usize = 3;
/// What `git lfs install` sets. Without it git-lfs brings contents and leaves the pointers where they are.
const FILTERS: [(&str, &str); 4] = [
    ("filter.lfs.clean", "git-lfs clean -- %f"),
    ("filter.lfs.smudge", "git-lfs smudge -- %f"),
    ("filter.lfs.process", "git-lfs filter-process"),
    ("filter.lfs.required", "true"),
];

/// Brings the contents of all LFS files of a fresh tree. Downloads are kept in the folder `store`.
pub(super) async fn fill(tree: &Path, store: &Path) -> Result<(), GitError> {
    if missing(tree).await?.is_empty() {
        return Ok(());
    }
    let store = ("lfs.storage".as_ref(), store.as_os_str());
    let filters = FILTERS.map(|(key, value)| (key.as_ref(), value.as_ref()));
    for (key, value) in filters.into_iter().chain([store]) {
        let local: [&OsStr; 3] = ["--local".as_ref(), key, value];
        Git::new("config").args(local).run_in_tree(tree).await?;
    }
    let pulled = Git::new("lfs").with_lfs().args(["pull"]).within(FETCHING).run_in(tree).await;
    let left = missing(tree).await?;
    if left.is_empty() {
        return Ok(());
    }
    let named: Vec<_> = left.iter().take(NAMED).map(|path| path.to_string_lossy()).collect();
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

/// The pointers in a tree whose contents are wanted: git-lfs brings what matches a pattern of `lfs.fetchinclude`, if there
/// are any, and none of `lfs.fetchexclude`.
async fn missing(tree: &Path) -> Result<Vec<PathBuf>, GitError> {
    let mut pointers = files(tree, &[]).await?;
    pointers.retain(|path| is_pointer(&tree.join(path)));
    for (key, stays) in [("lfs.fetchinclude", true), ("lfs.fetchexclude", false)] {
        let patterns = if pointers.is_empty() { Vec::new() } else { patterns(tree, key).await };
        if !patterns.is_empty() {
            let matching: HashSet<_> = files(tree, &patterns).await?.into_iter().collect();
            pointers.retain(|path| matching.contains(path) == stays);
        }
    }
    Ok(pointers)
}

/// The files that attributes give to LFS, or those of them that match one of these patterns, which are those of gitignore.
async fn files(tree: &Path, patterns: &[String]) -> Result<Vec<PathBuf>, GitError> {
    let mut list = Git::new("ls-files").with_pathspecs().args(["-z", "--cached"]);
    if !patterns.is_empty() {
        let exclude = |pattern: &String| format!("--exclude={pattern}");
        list = list.args(["--ignored"]).args(patterns.iter().map(exclude));
    }
    let listed = list.args(["--", ":(top,attr:filter=lfs)"]).run_in_tree(tree).await?;
    let paths = listed.split(|byte| *byte == 0).filter(|path| !path.is_empty());
    Ok(paths.map(|path| PathBuf::from(OsStr::from_bytes(path))).collect())
}

/// All pointers in the files of a tree, wherever they are and whatever the attributes say. It asks no git.
pub(super) fn pointers_below(tree: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    collect_pointers(tree, tree, &mut found)?;
    found.sort_unstable();
    Ok(found)
}

fn collect_pointers(tree: &Path, folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let (entry, path) = entry.map(|entry| (entry.file_type(), entry.path()))?;
        if entry?.is_dir() {
            if !path.ends_with(".git") {
                collect_pointers(tree, &path, found)?;
            }
        } else if is_pointer(&path) {
            found.push(path.strip_prefix(tree).unwrap_or(&path).to_owned());
        }
    }
    Ok(())
}

fn is_pointer(file: &Path) -> bool {
    let longest = POINTERS.iter().map(|pointer| pointer.len()).max().unwrap_or(0);
    let mut beginning = Vec::new();
    let is_file = file.symlink_metadata().is_ok_and(|about| about.is_file());
    let read = |file: std::fs::File| file.take(longest as u64).read_to_end(&mut beginning);
    is_file
        && std::fs::File::open(file).and_then(read).is_ok()
        && POINTERS.iter().any(|pointer| beginning.starts_with(pointer))
}

/// The patterns of a setting: a list with commas. As for git-lfs, the user's settings come before `.lfsconfig`.
async fn patterns(tree: &Path, key: &str) -> Vec<String> {
    let mut value = Git::new("config").args(["--get", key]).run_in_tree(tree).await;
    if value.is_err() {
        let of_commit = ["--file", ".lfsconfig", "--get", key];
        value = Git::new("config").args(of_commit).run_in_tree(tree).await;
    }
    let value = value.unwrap_or_default();
    let value = String::from_utf8_lossy(&value);
    let patterns = value.split(',').map(str::trim).filter(|pattern| !pattern.is_empty());
    patterns.map(|pattern| pattern.strip_suffix('/').unwrap_or(pattern).to_owned()).collect()
}
