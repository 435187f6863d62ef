//! Reads the repository of a work tree: its commits, their files and the changes between them.

use std::path::{Path, PathBuf};

use super::changed::{self, ChangedFile};
use super::contents::{batch, contents};
use super::error::GitError;
use super::process::Git;

/// The largest file that is read, in bytes.
const LARGEST_TEXT: u64 = 4 * 1024 * 1024;

/// The most bytes of texts that are read at once.
const LARGEST_SUM: u64 = 64 * 1024 * 1024;

/// A repository with a work tree, at its top folder.
#[derive(Debug, Clone)]
pub struct Working(PathBuf);

impl Working {
    /// The repository that contains a folder.
    ///
    /// # Errors
    /// When no repository contains it.
    pub async fn of(folder: &Path) -> Result<Self, GitError> {
        let git = Git::new("rev-parse").args(["--show-toplevel"]);
        let top = git.run_in(folder).await?;
        Ok(Self(PathBuf::from(text(&top).trim_end_matches('\n'))))
    }

    #[must_use]
    pub fn top(&self) -> &Path {
        &self.0
    }

    /// The commit from which the changes of a range count: where the two parted, or the first if they share nothing.
    ///
    /// # Errors
    /// When one of the commits does not exist.
    pub async fn parted(&self, from: &str, to: &str) -> Result<String, GitError> {
        let (from, to) = (self.commit(from).await?, self.commit(to).await?);
        let git = Git::new("merge-base").args(["--end-of-options", &from, &to]);
        let base = git.run_in(&self.0).await.map(|base| text(&base).trim().to_owned());
        Ok(base.ok().filter(|base| !base.is_empty()).unwrap_or(from))
    }

    /// The files that differ between two commits. A renamed file counts as deleted and added.
    ///
    /// # Errors
    /// When one of the commits does not exist.
    pub async fn changed_files(&self, from: &str, to: &str) -> Result<Vec<ChangedFile>, GitError> {
        let (from, to) = (self.commit(from).await?, self.commit(to).await?);
        let git = Git::new("diff-tree");
        let options = ["-r", "-z", "--name-status", "--no-renames", "--no-ext-diff"];
        let git = git.args(options).args(["--end-of-options", &from, &to]);
        Ok(changed::files(&git.run_in(&self.0).await?).collect())
    }

    /// The paths of all files of a commit.
    ///
    /// # Errors
    /// When the commit does not exist.
    pub async fn files(&self, at: &str) -> Result<Vec<String>, GitError> {
        let at = self.commit(at).await?;
        let git = Git::new("ls-tree").args(["-r", "-z", "--name-only", "--end-of-options", &at]);
        let listed = git.run_in(&self.0).await?;
        let listed = text(&listed);
        Ok(listed.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
    }

    /// The text of a file in a commit; bytes that are not UTF-8 are replaced.
    ///
    /// # Errors
    /// When the commit has no such file, or it is too large.
    pub async fn text(&self, at: &str, path: &str) -> Result<String, GitError> {
        Ok(text(&self.bytes(at, path).await?))
    }

    /// The contents of a file in a commit.
    ///
    /// # Errors
    /// As [`Working::text`].
    pub async fn bytes(&self, at: &str, path: &str) -> Result<Vec<u8>, GitError> {
        let at = self.commit(at).await?;
        let object = format!("{at}:{path}");
        let git = Git::new("cat-file").args(["blob", &object]).at_most(LARGEST_TEXT);
        git.run_in(&self.0).await
    }

    /// The texts of files in a commit, in their order; `None` for one that is missing or larger than is read.
    ///
    /// # Errors
    /// When the commit does not exist, or all texts together are too large.
    pub async fn texts(&self, at: &str, paths: &[String]) -> Result<Vec<Option<String>>, GitError> {
        let at = self.commit(at).await?;
        let names = paths.iter().map(|path| format!("{at}:{}", path.replace('\n', "?")));
        let answer = batch(names).at_most(LARGEST_SUM).run_in(&self.0).await?;
        Ok(contents(&answer).map(|content| content.map(text)).collect())
    }

    async fn commit(&self, name: &str) -> Result<String, GitError> {
        let wanted = format!("{name}^{{commit}}");
        let git = Git::new("rev-parse").args(["--verify", "--quiet", "--end-of-options", &wanted]);
        let failed = |_| GitError::Failed {
            what: "rev-parse",
            message: format!("there is no commit {name:?} here; fetch it, or name another"),
        };
        let id = git.run_in(&self.0).await.map_err(failed)?;
        Ok(text(&id).trim().to_owned())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
