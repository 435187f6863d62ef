//! Reads one file of a commit, or says why it has no text.

use std::path::Path;
use std::string::FromUtf8Error;

use super::error::GitError;
use super::process::Git;
use crate::domain::ids::Sha;

/// The entry at a path of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileEntry {
    Missing,
    Text(String),
    /// The entry cannot be read as a text. Says why, without a subject: `is a link, ...`.
    Unreadable(String),
}

pub(super) async fn read(
    mirror: &Path,
    at: &Sha,
    path: &str,
    most: u64,
) -> Result<FileEntry, GitError> {
    let arguments = ["-z", "-l", "--full-tree", "--end-of-options", at.as_str(), path];
    let tree = Git::new("ls-tree").args(arguments).run(mirror).await?;
    let tree = String::from_utf8_lossy(&tree);
    let Some((about, _)) = tree.split('\0').next().and_then(|entry| entry.split_once('\t')) else {
        return Ok(FileEntry::Missing);
    };
    let about: Vec<_> = about.split_ascii_whitespace().collect();
    let &[mode, _, blob, size] = about.as_slice() else {
        return Err(GitError::Unexpected { what: "ls-tree", detail: about.join(" ") });
    };
    let why = match (mode, size.parse::<u64>()) {
        ("120000", _) => "is a link, which is not followed; commit the file itself".to_owned(),
        ("040000", _) => "is a folder; commit a file in its place".to_owned(),
        ("160000", _) => "is a submodule; commit a file in its place".to_owned(),
        (_, Ok(size)) if size <= most => {
            let text = Git::new("cat-file").args(["blob", blob]).at_most(most).run(mirror).await?;
            return Ok(
                String::from_utf8(text).map_or_else(|error| not_utf8(&error), FileEntry::Text)
            );
        }
        _ => format!("is larger than {} KiB; split it up", most / 1024),
    };
    Ok(FileEntry::Unreadable(why))
}

fn not_utf8(error: &FromUtf8Error) -> FileEntry {
    let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
    let line = before.split(|byte| *byte == b'\n').count();
    FileEntry::Unreadable(format!("is not UTF-8 in line {line}; save it as UTF-8"))
}
