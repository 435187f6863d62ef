//! Whether the mailmap of a commit is small enough: git needs minutes for one of half a million lines, in every run.

use std::path::Path;

use crate::domain::ids::Sha;
use crate::git::error::GitError;
use crate::git::process::Git;
use crate::git::text::text;

/// The largest mailmap that is applied, in bytes.
pub const LARGEST: u64 = 1024 * 1024;

/// Whether a commit's mailmap is not applied.
pub async fn is_too_large(mirror: &Path, at: &Sha) -> Result<bool, GitError> {
    let answer = Git::new("cat-file")
        .args(["--batch-check=%(objectsize)"])
        .input(format!("{at}:.mailmap\n").into_bytes())
        .run(mirror)
        .await?;
    // A commit without one gives the word "missing".
    Ok(text(&answer).trim().parse().is_ok_and(|size: u64| size > LARGEST))
}
