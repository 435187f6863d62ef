//! Keeps a mirror quick and small over the years: git packs its loose objects and small packs together. Nothing that the mirror
//! has goes away, since a build may be the only one that still names a commit.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::Mirror;
use crate::git::error::GitError;
use crate::git::lock_files;
use crate::git::process::Git;

/// How often a mirror is packed.
const EVERY: Duration = Duration::from_hours(24);
/// The time limit.
const WITHIN: Duration = Duration::from_mins(10);
/// A part of a pack or a lock that is older was left by a git that was stopped.
const LEFT: Duration = Duration::from_hours(12);
/// The file whose time says when the mirror was packed last.
const MARK: &str = "trunkline-packed";
/// What git does, one after the other: without a pack the last one fails. None of it removes an object, and a fetch and every
/// reader may go on meanwhile.
const TASKS: [&str; 3] = ["--task=pack-refs", "--task=loose-objects", "--task=incremental-repack"];

impl Mirror {
    /// Has git pack the mirror, once a day, for the first time a day after it was seen here. It waits for nobody, and nobody
    /// waits for it.
    ///
    /// # Errors
    /// When git fails or takes too long. Then it is tried again the next day.
    pub async fn maintain_when_due(&self) -> Result<(), GitError> {
        let mark = self.path.join(MARK);
        // What brought the history of a new one is a pack already.
        let is_new = !mark.exists();
        let is_due = is_new || is_older(&mark, EVERY).unwrap_or(true);
        if !is_due || self.is_fetching() || !self.is_filled().await? {
            return Ok(());
        }
        let file = |why| GitError::File { path: mark.clone(), why };
        fs::write(&mark, "").map_err(file)?;
        if is_new { Ok(()) } else { self.maintain().await }
    }

    async fn maintain(&self) -> Result<(), GitError> {
        remove_left(&self.path);
        for task in TASKS {
            let run = || {
                // One thread: a step may need the others.
                let git = Git::new("maintenance").set("pack.threads=1".to_owned());
                git.args(["run", "--quiet", task]).within(WITHIN).run(&self.path)
            };
            lock_files::without_abandoned(&self.path, run).await?;
        }
        Ok(())
    }
}

/// Removes what a git that was stopped has left. Its lock would keep every later one from its work without a word, and its
/// parts of packs would fill the disk.
fn remove_left(mirror: &Path) {
    let objects = mirror.join("objects");
    let parts = fs::read_dir(objects.join("pack")).into_iter().flatten().flatten();
    let parts = parts.map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        name.is_some_and(|name| name.starts_with("tmp_") || name.starts_with(".tmp-"))
    });
    for left in parts.chain([objects.join("maintenance.lock")]) {
        if is_older(&left, LEFT).unwrap_or(false) && fs::remove_file(&left).is_ok() {
            tracing::warn!(path = %left.display(), "removed what a git that was stopped had left");
        }
    }
}

fn is_older(path: &Path, age: Duration) -> io::Result<bool> {
    let written = path.metadata()?.modified()?;
    Ok(SystemTime::now().duration_since(written).is_ok_and(|passed| passed > age))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn git(folder: &Path, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        let identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"];
        command.arg("-C").arg(folder).args(identity).args(arguments);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// How many loose objects and packs a repository has.
    fn files(mirror: &Path) -> (usize, usize) {
        let counted = git(mirror, &["count-objects", "-v"]);
        let of = |name: &str| {
            let line = counted.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().parse().unwrap()
        };
        (of("count:"), of("packs:"))
    }

    fn make_old(path: &Path) {
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - 2 * LEFT).unwrap();
    }

    #[tokio::test]
    async fn a_mirror_is_packed_once_a_day_and_keeps_what_no_branch_has_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let (repository, path) =
            (folder.path().join("repository"), folder.path().join("mirror.git"));
        git(folder.path(), &["init", "--quiet", "--initial-branch=main", "repository"]);
        let mirror = Mirror::open(&path, repository.to_str().unwrap()).await.unwrap();
        let mut dropped = None;
        for count in 0..8 {
            git(&repository, &["commit", "--quiet", "--allow-empty", "-m", &count.to_string()]);
            mirror.fetch(None).await.unwrap();
            if count == 3 {
                dropped = Some(git(&repository, &["rev-parse", "HEAD"]));
                git(&repository, &["reset", "--quiet", "--hard", "HEAD~1"]);
            }
        }
        let dropped = dropped.unwrap();
        let (loose, _) = files(&path);
        assert!(loose > 5, "{loose}");
        let (lock, part) =
            (path.join("objects/maintenance.lock"), path.join("objects/pack/tmp_pack_x"));
        for left in [&lock, &part] {
            fs::write(left, "").unwrap();
            make_old(left);
        }
        mirror.maintain_when_due().await.unwrap();
        assert_eq!(files(&path), (loose, 0), "a new one is left for a day");
        make_old(&path.join(MARK));
        mirror.maintain_when_due().await.unwrap();
        assert!(files(&path).1 > 0, "it has a pack");
        assert!(!lock.exists() && !part.exists(), "what was left is gone");
        assert_eq!(git(&path, &["cat-file", "-t", &dropped]), "commit", "no object is gone");

        git(&repository, &["commit", "--quiet", "--allow-empty", "-m", "later"]);
        mirror.fetch(None).await.unwrap();
        let before = files(&path);
        mirror.maintain_when_due().await.unwrap();
        assert_eq!(files(&path), before, "not twice a day");
        // Git removes a loose object when it finds it in a pack, the next time.
        for _ in 0..2 {
            make_old(&path.join(MARK));
            mirror.maintain_when_due().await.unwrap();
        }
        assert_eq!(files(&path).0, 0, "all is packed");
        assert_eq!(git(&path, &["cat-file", "-t", &dropped]), "commit", "no object is gone");
    }
}
