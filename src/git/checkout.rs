//! Creates a pristine checkout of one commit in its own folder, complete or not at all. No step runs in it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::fs;

use super::error::GitError;
use super::path_locks::PathLocks;
use super::process::Git;
use super::{bare, lfs, seal, submodules, tree};
use crate::domain::ids::Sha;

/// How long git may take to write the files of a large tree.
const WRITING: Duration = Duration::from_mins(5);

/// The commit that is checked out.
pub(super) struct CheckoutSource<'a> {
    pub(super) mirror: &'a Path,
    pub(super) sha: &'a Sha,
    /// Where the repository came from.
    pub(super) address: &'a str,
    pub(super) making: &'a PathLocks,
}

/// Creates a checkout of a commit, complete with its submodules and the contents of Git LFS, in place of whatever is there.
/// The caller holds the lock of `into`.
pub(super) async fn make(source: &CheckoutSource<'_>, into: &Path) -> Result<(), GitError> {
    let partial = partial(into)?;
    let made = match fill(source, &partial).await {
        Ok(()) => put_in_place(&partial, into).await,
        failed => failed,
    };
    remove_unfinished(into).await;
    made
}

/// The same without the lock of `into`, which is taken only to put the new checkout in place: whoever can use the one that
/// is there does not wait for the network.
pub(super) async fn make_beside(source: &CheckoutSource<'_>, into: &Path) -> Result<(), GitError> {
    let partial = partial(into)?;
    let made = fill(source, &partial).await;
    let _guard = source.making.lock(into).await;
    let made = match made {
        Ok(()) => put_in_place(&partial, into).await,
        failed => failed,
    };
    remove_unfinished(into).await;
    made
}

fn partial(into: &Path) -> Result<PathBuf, GitError> {
    std::path::absolute(unfinished(into)).map_err(file_error(into))
}

/// Removes the partial checkouts of this try and earlier ones. A folder that git still writes to may stay until the next
/// try.
async fn remove_unfinished(into: &Path) {
    let Some(folder) = into.parent() else { return };
    let Ok(mut entries) = fs::read_dir(folder).await else { return };
    while let Ok(Some(entry)) = entries.next_entry().await {
        let path = entry.path();
        if is_unfinished(&path, into) {
            remove(&path).await.ok();
        }
    }
}

/// Gives a new tree its name, and seals it. What had the name stays until then, and is removed with what is unfinished: that
/// it cannot be removed spoils nothing.
async fn put_in_place(partial: &Path, into: &Path) -> Result<(), GitError> {
    if fs::try_exists(into).await.map_err(file_error(into))? {
        fs::rename(into, unfinished(into)).await.map_err(file_error(into))?;
    }
    fs::rename(partial, into).await.map_err(file_error(into))?;
    seal::write(into).await
}

/// Removes a tree.
async fn remove(folder: &Path) -> io::Result<()> {
    let folder = folder.to_owned();
    let removed = tokio::task::spawn_blocking(move || tree::remove(&folder)).await;
    removed.map_err(io::Error::other)?
}

/// The folder for a partial checkout, next to the final one. Each try has its own: a git process that outlived its engine
/// may still write to an earlier one.
#[must_use]
pub fn unfinished(into: &Path) -> PathBuf {
    let mut hidden = partial_prefix(into);
    hidden.push(uuid::Uuid::new_v4().simple().to_string());
    into.with_file_name(hidden)
}

/// True if this folder is a partial checkout for `checkout`.
#[must_use]
pub fn is_unfinished(folder: &Path, checkout: &Path) -> bool {
    let prefix = partial_prefix(checkout);
    let has_prefix = |name: &OsStr| name.as_encoded_bytes().starts_with(prefix.as_encoded_bytes());
    folder.parent() == checkout.parent() && folder.file_name().is_some_and(has_prefix)
}

/// The start of the name of a partial checkout: `.NAME.partial`.
fn partial_prefix(checkout: &Path) -> OsString {
    let mut hidden = OsString::from(".");
    hidden.push(checkout.file_name().unwrap_or_default());
    hidden.push(".partial");
    hidden
}

async fn fill(source: &CheckoutSource<'_>, tree: &Path) -> Result<(), GitError> {
    write_tree(source.mirror, source.sha, tree, source.address).await?;
    submodules::fill(source, tree).await
}

/// Writes the files of one commit and its contents of Git LFS, with the refs of its repository as a clone has them.
pub(super) async fn write_tree(
    mirror: &Path,
    sha: &Sha,
    folder: &Path,
    address: &str,
) -> Result<(), GitError> {
    let arguments = ["--quiet", "--template=", bare::object_format(sha), "--end-of-options"];
    Git::new("init").args(arguments).args([folder]).run_anywhere().await?;
    let settings = [
        // A copy has other inodes. With these git sees by size and time of change that it is unchanged.
        ("core.checkStat", "minimal"),
        ("core.trustctime", "false"),
        ("remote.origin.url", address),
        ("remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"),
    ];
    for (key, value) in settings {
        Git::new("config").args(["--local", key, value]).run_in_tree(folder).await?;
    }
    borrow_objects(mirror, folder).await?;
    write_refs(mirror, folder).await?;
    Git::new("checkout")
        .args(["--quiet", "--force", "--no-recurse-submodules", "--detach", sha.as_str(), "--"])
        .within(WRITING)
        .run_in_tree(folder)
        .await?;
    lfs::fill(folder, &mirror.with_extension("lfs")).await
}

/// Gives a checkout the tags and branches that the mirror has now, under the names that a clone gives them.
pub(super) async fn write_refs(mirror: &Path, tree: &Path) -> Result<(), GitError> {
    let format = "--format=%(objectname) %(refname)";
    let list = Git::new("for-each-ref").args([format, "refs/tags", "refs/heads"]);
    let listed = list.run(mirror).await?;
    let listed = String::from_utf8_lossy(&listed);
    let mut lines: Vec<_> =
        listed.lines().map(|line| line.replace(" refs/heads/", " refs/remotes/origin/")).collect();
    lines.sort_by(|a, b| a.split(' ').nth(1).cmp(&b.split(' ').nth(1)));
    let path = tree.join(".git").join("packed-refs");
    let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    let new = path.with_extension("new");
    fs::write(&new, text).await.map_err(file_error(&new))?;
    fs::rename(&new, &path).await.map_err(file_error(&path))
}

/// Makes the checkout use the objects of the mirror.
async fn borrow_objects(mirror: &Path, folder: &Path) -> Result<(), GitError> {
    let info = folder.join(".git").join("objects").join("info");
    fs::create_dir_all(&info).await.map_err(file_error(&info))?;
    let mut line = mirror.join("objects").into_os_string().into_encoded_bytes();
    line.push(b'\n');
    let alternates = info.join("alternates");
    fs::write(&alternates, line).await.map_err(file_error(&alternates))
}

pub(super) fn file_error(path: &Path) -> impl Fn(io::Error) -> GitError {
    let path = path.to_owned();
    move |why| GitError::File { path: path.clone(), why }
}
