//! Creates a pristine checkout of one commit in its own folder, complete or not at all. No step runs in it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use tokio::fs;

use super::error::GitError;
use super::path_locks::{PathGuard, PathLocks};
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

/// A complete checkout that has no name of its own yet.
pub(super) struct NewCheckout {
    partial: PathBuf,
    into: PathBuf,
    /// Says to other tries for the same checkout that this one is not left over.
    _live: PathGuard,
}

/// Makes a checkout of a commit beside `into`, complete with its submodules and the contents of Git LFS, and sealed.
pub(super) async fn make(
    source: &CheckoutSource<'_>,
    into: &Path,
) -> Result<NewCheckout, GitError> {
    let partial = std::path::absolute(unfinished(into)).map_err(file_error(into))?;
    let live = source.making.lock(&partial).await;
    match fill(source, &partial).await {
        Ok(()) => Ok(NewCheckout { partial, into: into.to_owned(), _live: live }),
        Err(why) => {
            remove(&partial).await.ok();
            Err(why)
        }
    }
}

impl NewCheckout {
    /// Gives it the name of the checkout. The caller holds the lock of that.
    pub(super) async fn put_in_place(self) -> Result<(), GitError> {
        let placed = swap(&self.partial, &self.into).await.map_err(file_error(&self.into));
        self.discard().await;
        placed
    }

    /// Removes what has its temporary name.
    pub(super) async fn discard(self) {
        remove(&self.partial).await.ok();
    }
}

/// Removes the partial checkouts that earlier tries left, and none that is being made. The caller holds the lock of `into`. A
/// folder that git still writes to may stay until the next try.
pub(super) async fn remove_left_over(source: &CheckoutSource<'_>, into: &Path) {
    let Some(folder) = into.parent() else { return };
    let Ok(mut entries) = fs::read_dir(folder).await else { return };
    while let Ok(Some(entry)) = entries.next_entry().await {
        let Ok(path) = std::path::absolute(entry.path()) else { continue };
        if is_unfinished(&entry.path(), into) && !source.making.is_locked(&path) {
            remove(&path).await.ok();
        }
    }
}

/// Gives a new tree the name `into`, and what has this name that of the new tree. If it fails, the old one keeps its name.
async fn swap(new: &Path, into: &Path) -> io::Result<()> {
    // In one step, so that no crash comes in between. Some file systems cannot.
    if renameat_with(CWD, new, CWD, into, RenameFlags::EXCHANGE).is_ok() {
        return Ok(());
    }
    let aside = unfinished(into);
    match fs::rename(into, &aside).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return fs::rename(new, into).await;
        }
        moved => moved?,
    }
    if let Err(error) = fs::rename(new, into).await {
        fs::rename(&aside, into).await?;
        return Err(error);
    }
    // Otherwise the next try removes it.
    fs::rename(&aside, new).await.ok();
    Ok(())
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
    submodules::fill(source, tree).await?;
    seal::write(tree).await
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
        ("[core]", "checkStat", "minimal"),
        ("[core]", "trustctime", "false"),
        ("[remote \"origin\"]", "url", address),
        ("[remote \"origin\"]", "fetch", "+refs/heads/*:refs/remotes/origin/*"),
    ];
    write_settings(folder, &settings).await?;
    borrow_objects(mirror, folder).await?;
    write_refs(mirror, folder).await?;
    Git::new("checkout")
        .args(["--quiet", "--force", "--no-recurse-submodules", "--detach", sha.as_str(), "--"])
        .within(WRITING)
        .run_in_tree(folder)
        .await?;
    lfs::fill(folder, &mirror.with_extension("lfs")).await
}

/// Adds settings to those that git wrote for a new tree: a section, a key and its value each.
async fn write_settings(tree: &Path, settings: &[(&str, &str, &str)]) -> Result<(), GitError> {
    let path = tree.join(".git").join("config");
    let mut text = fs::read_to_string(&path).await.map_err(file_error(&path))?;
    for (section, key, value) in settings {
        text.extend([*section, "\n\t", key, " = ", &quoted(value), "\n"]);
    }
    fs::write(&path, text).await.map_err(file_error(&path))
}

/// A value as git reads it from its file of settings.
fn quoted(value: &str) -> String {
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn git_reads_the_settings_that_are_written_whatever_is_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path();
        Git::new("init")
            .args(["--quiet", "--template="])
            .args([tree])
            .run_anywhere()
            .await
            .unwrap();
        let address = "/srv/a \"shop\"; # \\n\ttabs\nand lines ";
        let section = "[remote \"origin\"]";
        let settings = [("[core]", "checkStat", "minimal"), (section, "url", address)];
        write_settings(tree, &settings).await.unwrap();
        for (key, value) in [("remote.origin.url", address), ("core.checkStat", "minimal")] {
            let get = Git::new("config").args(["--local", "-z", "--get", key]);
            let got = get.run_in_tree(tree).await.unwrap();
            assert_eq!(String::from_utf8_lossy(&got), format!("{value}\0"));
        }
    }

    #[tokio::test]
    async fn a_tree_keeps_its_name_until_a_new_one_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let [old, new] = ["tree", "new"].map(|name| folder.path().join(name));
        std::fs::create_dir(&old).unwrap();
        std::fs::write(old.join("old"), "").unwrap();
        swap(&new, &old).await.expect_err("there is no new one");
        assert!(old.join("old").exists(), "the old one is still there");
        std::fs::create_dir(&new).unwrap();
        swap(&new, &old).await.unwrap();
        assert!(!old.join("old").exists() && new.join("old").exists(), "they changed places");
        std::fs::remove_dir_all(&old).unwrap();
        swap(&new, &old).await.unwrap();
        assert!(old.join("old").exists() && !new.exists());
    }
}
