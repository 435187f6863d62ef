//! A bare repository of trunkline's own, a mirror or the copy of a submodule's repository: makes it and fetches into it.

use std::ffi::OsStr;
use std::path::Path;

use super::error::GitError;
use super::lock_files;
use super::process::Git;
use crate::domain::ids::Sha;

/// Makes a repository of this object format unless it is there: making it again would stumble over what a killed git left
/// behind. True if it was made.
pub(super) async fn make_if_missing(path: &Path, format: &str) -> Result<bool, GitError> {
    if is_made(path) {
        return Ok(false);
    }
    // git would make the folders above it too, and with them half of a data folder that was removed.
    let above = path.parent().unwrap_or(path);
    std::fs::metadata(above).map_err(|why| GitError::File { path: above.to_owned(), why })?;
    let arguments = ["--quiet", "--bare", "--template=", format, "--end-of-options"];
    let init = || Git::new("init").args(arguments).args([path]).run_anywhere();
    lock_files::without_abandoned(path, init).await?;
    Ok(true)
}

/// True if `git init` has completed here: it writes `HEAD` and `config` last.
pub(super) fn is_made(path: &Path) -> bool {
    ["HEAD", "config"].iter().all(|file| path.join(file).metadata().is_ok_and(|m| m.len() > 0))
        && path.join("objects").is_dir()
        && path.join("refs").is_dir()
}

/// The object format of a commit, as an option of `git init`.
pub(super) fn object_format(sha: &Sha) -> &'static str {
    if sha.as_str().len() == 64 { "--object-format=sha256" } else { "--object-format=sha1" }
}

/// Fetches every branch and tag under its name there, and removes those that were deleted.
pub(super) fn fetch_everything(address: &OsStr) -> Git {
    fetch(&["--prune"], address).args(["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"])
}

/// Fetches one ref.
pub(super) fn fetch_ref(address: &OsStr, from: &str, to: &str) -> Git {
    fetch(&[], address).args([format!("+{from}:{to}")])
}

fn fetch(options: &[&str], address: &OsStr) -> Git {
    Git::new("fetch")
        .args(["--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"])
        .args(["--no-recurse-submodules"])
        .args(options)
        .args(["--end-of-options"])
        .args([address])
}
