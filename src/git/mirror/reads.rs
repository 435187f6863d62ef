//! What the mirror tells of its commits, files and branches. Nothing here changes it or needs the network.

use std::collections::BTreeMap;

use super::{Mirror, sha};
use crate::domain::commit::{LaterChange, Range, Revert};
use crate::domain::ids::{CommitPrefix, Sha};
use crate::domain::pull_request::{Forge, PullRequest};
use crate::git::changed::{self, Blob, BoundedList, ChangedFile, FileText};
use crate::git::entry::{self, FileEntry};
use crate::git::error::GitError;
use crate::git::paths::{self, Paths};
use crate::git::process::Git;
use crate::git::range::RangeEnds;
use crate::git::uses::{self, Users};
use crate::git::{names, range, reverts, workflow_files};
use crate::workflows::WorkflowFiles;

/// The largest file that is read from a commit, in bytes.
const LARGEST_FILE: u64 = 1024 * 1024;
/// The most bytes of a message that are read.
const LONGEST_MESSAGE: usize = 64 * 1024;

impl Mirror {
    /// The branch's head at the last fetch; `None` if there is no such branch.
    ///
    /// # Errors
    /// When the mirror cannot be read.
    pub async fn tip(&self, branch: &str) -> Result<Option<Sha>, GitError> {
        if branch.contains('\0') {
            return Ok(None);
        }
        let name = format!("refs/heads/{branch}");
        let answer = Git::new("for-each-ref")
            .args(["--format=%(objectname) %(refname)", "--end-of-options", &name])
            .run(&self.path)
            .await?;
        // Git treats the name as a pattern, so only an equal name counts.
        let answer = String::from_utf8_lossy(&answer);
        let refs = answer.lines().filter_map(|line| line.split_once(' '));
        let exact = refs.filter(|(_, found)| *found == name).map(|(sha, _)| sha).next();
        exact.map(|text| sha("for-each-ref", text)).transpose()
    }

    /// The newest `limit` first-parent commits of `to` that `from` does not reach and that change one of the paths, oldest
    /// first.
    ///
    /// # Errors
    /// When the mirror cannot be read or lacks one of the commits.
    pub async fn first_parents(
        &self,
        from: Option<&Sha>,
        to: &Sha,
        paths: Option<&Paths>,
        limit: usize,
    ) -> Result<Vec<Sha>, GitError> {
        let answer = Git::new("rev-list")
            .with_pathspecs()
            .args(["--first-parent", "--reverse", range::TOPOLOGY])
            .args([format!("--max-count={limit}")])
            .args(range::reach(from, to, paths))
            .run(&self.path)
            .await?;
        String::from_utf8_lossy(&answer).lines().map(|line| sha("rev-list", line)).collect()
    }

    /// The number of commits on the first-parent line of `to` that `from` does not reach and that change one of the paths.
    ///
    /// # Errors
    /// When the mirror cannot be read or lacks one of the commits.
    pub async fn count_first_parents(
        &self,
        from: Option<&Sha>,
        to: &Sha,
        paths: Option<&Paths>,
    ) -> Result<u64, GitError> {
        let arguments = range::reach(from, to, paths);
        range::count(&self.path, &["--first-parent", range::TOPOLOGY], arguments).await
    }

    /// Whether a commit's mailmap is too large to be applied.
    ///
    /// # Errors
    /// When the mirror cannot be read.
    pub async fn has_large_mailmap(&self, at: &Sha) -> Result<bool, GitError> {
        let known = &self.busy.remembered.large_mailmaps;
        if let Some(is_large) = known.get(at) {
            return Ok(is_large);
        }
        let is_large = range::has_large_mailmap(&self.path, at).await?;
        known.keep(at.clone(), is_large);
        Ok(is_large)
    }

    /// True if the mirror has a commit.
    ///
    /// # Errors
    /// When the mirror cannot be read.
    pub async fn has(&self, sha: &Sha) -> Result<bool, GitError> {
        Ok(self.resolve(sha.as_str()).await?.as_ref() == Some(sha))
    }

    /// True if `a` is `b` or an ancestor of it.
    ///
    /// # Errors
    /// When the mirror cannot be read or lacks one of the commits.
    pub async fn is_ancestor(&self, a: &Sha, b: &Sha) -> Result<bool, GitError> {
        let (known, key) = (&self.busy.remembered.ancestors, (a.clone(), b.clone()));
        if known.get(&key).is_some() {
            return Ok(true);
        }
        let is = range::is_ancestor(&self.path, a, b).await?;
        if is {
            known.keep(key, ());
        }
        Ok(is)
    }

    /// True if a file of these paths differs between two commits.
    ///
    /// # Errors
    /// When the mirror cannot be read or lacks one of the commits.
    pub async fn differ(&self, a: &Sha, b: &Sha, paths: Option<&Paths>) -> Result<bool, GitError> {
        range::differ(&self.path, a, b, paths).await
    }

    /// The commits that `to` reaches and `from` does not, newest first, with author names from the mailmap of `to`; and
    /// after a rewrite, the commits that only `from` reaches. Those that change none of the paths are marked. At most
    /// `limit` are listed: `to`, then those that change the paths, then the others. Without a `from`, commits past the
    /// limit are not counted and none is marked.
    ///
    /// # Errors
    /// When the mirror cannot be read or lacks one of the commits.
    pub async fn range(
        &self,
        from: Option<&Sha>,
        to: &Sha,
        paths: Option<&Paths>,
        limit: usize,
    ) -> Result<Range, GitError> {
        let ends = Box::pin(self.ends(from, to)).await?;
        let mut range = Box::pin(range::read(&self.path, &ends, paths, limit)).await?;
        let forge = self.busy.origin.forge(&self.source);
        for commit in range.commits.iter_mut().chain(&mut range.lost) {
            let in_subject = PullRequest::of_subject(&commit.subject, forge.as_ref());
            // The one from the message body has no link yet.
            let in_body = commit.pull_request.take();
            let in_body = in_body.map(|request| request.at(forge.as_ref()));
            commit.pull_request = in_body.or(in_subject);
        }
        Ok(range)
    }

    async fn ends<'a>(
        &self,
        from: Option<&'a Sha>,
        to: &'a Sha,
    ) -> Result<RangeEnds<'a>, GitError> {
        let mailmap = (!self.has_large_mailmap(to).await?).then_some(to);
        let has_lost = match from {
            // A list may have commits of both sides if their clocks were wrong, so ancestry is asked first.
            Some(from) => !self.is_ancestor(from, to).await?,
            None => false,
        };
        Ok(RangeEnds { from, to, has_lost, mailmap })
    }

    /// The reverts among all the commits that `to` reaches and `from` does not, in any folder, oldest first;
    /// without a `from`, those of `to` alone.
    ///
    /// # Errors
    /// When the mirror cannot be read or lacks one of the commits.
    pub async fn reverts(&self, from: Option<&Sha>, to: &Sha) -> Result<Vec<Revert>, GitError> {
        let forge = self.busy.origin.forge(&self.source);
        let page = forge.as_ref().map(Forge::project);
        reverts::between(&self.path, from, to, page).await
    }

    /// The reverts and fixes among the commits that `to` reaches and `from` does not, oldest first.
    ///
    /// # Errors
    /// When the mirror cannot be read or lacks one of the commits.
    pub async fn later(&self, from: &Sha, to: &Sha) -> Result<Vec<LaterChange>, GitError> {
        if from == to {
            return Ok(Vec::new());
        }
        let reverts = Box::pin(self.reverts(Some(from), to));
        let (reverts, fixes) = tokio::try_join!(reverts, reverts::fixes(&self.path, from, to))?;
        let reverts = reverts.into_iter().map(|revert| {
            let Revert { by, of, evidence } = revert;
            LaterChange { by, of, is_fix: false, evidence }
        });
        Ok(reverts.chain(fixes).collect())
    }

    /// The commit with this id or id prefix of at least four digits; `None` if no commit or more than one has it.
    ///
    /// # Errors
    /// When the mirror cannot be read.
    pub async fn resolve(&self, id: &str) -> Result<Option<Sha>, GitError> {
        Ok(names::look_up(&self.path, &[id]).await?.into_iter().next().flatten())
    }

    /// Like `resolve`, but distinguishes an unknown id from an ambiguous one.
    ///
    /// # Errors
    /// When the mirror cannot be read.
    pub async fn find(&self, id: &CommitPrefix) -> Result<names::CommitMatch, GitError> {
        names::find(&self.path, id).await
    }

    /// The index of the first build that contains a commit; `None` if no build does. The builds must be oldest first, and
    /// each must contain the one before.
    ///
    /// # Errors
    /// When the mirror cannot be read or lacks one of the commits.
    pub async fn first_with(
        &self,
        commit: &Sha,
        builds: &[Sha],
    ) -> Result<Option<usize>, GitError> {
        let (mut low, mut high) = (0, builds.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.is_ancestor(commit, &builds[middle]).await? {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Ok((low < builds.len()).then_some(low))
    }

    /// The patterns that match no file of a commit.
    ///
    /// # Errors
    /// When the mirror cannot be read or lacks the commit.
    pub async fn unmatched(&self, at: &Sha, patterns: &[String]) -> Result<Vec<String>, GitError> {
        paths::unmatched(&self.path, at, patterns).await
    }

    /// The files that differ between two commits, at most 100,000; without a `from`, all files of `to`.
    ///
    /// # Errors
    /// When the mirror cannot be read or lacks one of the commits.
    pub async fn changed_files(
        &self,
        from: Option<&Sha>,
        to: &Sha,
        folder: Option<&str>,
    ) -> Result<BoundedList<ChangedFile>, GitError> {
        changed::between(&self.path, from, to, folder).await
    }

    /// The paths of all files in a commit, at most 100,000.
    ///
    /// # Errors
    /// When the mirror cannot be read or lacks the commit.
    pub async fn paths(
        &self,
        at: &Sha,
        folder: Option<&str>,
    ) -> Result<BoundedList<String>, GitError> {
        changed::paths(&self.path, at, folder).await
    }

    /// The texts of the regular files among these paths of a commit. Links and submodules are not followed.
    ///
    /// # Errors
    /// When the mirror cannot be read or lacks the commit.
    pub async fn texts(
        &self,
        at: &Sha,
        paths: &[String],
    ) -> Result<BTreeMap<String, FileText>, GitError> {
        changed::texts(&self.path, at, paths).await
    }

    /// The regular files among these paths of a commit. Links and submodules are not followed.
    ///
    /// # Errors
    /// When the mirror cannot be read or lacks the commit.
    pub async fn blobs(
        &self,
        at: &Sha,
        paths: &[String],
    ) -> Result<BTreeMap<String, Blob>, GitError> {
        changed::blobs(&self.path, at, paths).await
    }

    /// The texts of these files.
    ///
    /// # Errors
    /// When the mirror cannot be read or lacks one of them.
    pub async fn texts_of(
        &self,
        blobs: BTreeMap<String, Blob>,
    ) -> Result<BTreeMap<String, FileText>, GitError> {
        changed::texts_of(&self.path, blobs).await
    }

    /// The commits whose files contain this word, in any case or in camel case, each with one such file. The excepted
    /// paths, dumped schemas and trunkline's own files do not count.
    ///
    /// # Errors
    /// When it takes longer than five seconds in all, or the mirror cannot be read or lacks one of the commits.
    pub async fn uses(
        &self,
        word: &str,
        at: &[Sha],
        folder: Option<&str>,
        except: &[String],
    ) -> Result<Users, GitError> {
        uses::find(&self.path, word, at, folder, except).await
    }

    /// The message of a commit, of a long one the beginning.
    ///
    /// # Errors
    /// When the mirror cannot be read or lacks the commit.
    pub async fn message(&self, at: &Sha) -> Result<String, GitError> {
        let arguments = ["--no-patch", "--format=%B", "--end-of-options", at.as_str()];
        let message = Git::new("show").args(arguments).run(&self.path).await?;
        let message = message.get(..LONGEST_MESSAGE).unwrap_or(&message);
        Ok(String::from_utf8_lossy(message).into_owned())
    }

    /// The workflows of a commit.
    ///
    /// # Errors
    /// When the mirror cannot be read or lacks the commit.
    pub async fn workflows(&self, at: &Sha) -> Result<WorkflowFiles, GitError> {
        workflow_files(&self.path, at).await
    }

    /// The contents of a file in a commit; `None` if it is missing or not a regular file.
    ///
    /// # Errors
    /// When the mirror cannot be read or lacks the commit, or the file is larger than 1 MiB.
    pub async fn file(&self, at: &Sha, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        let known = &self.busy.remembered;
        if let Some(file) = known.file(at, path) {
            return Ok(Some(file));
        }
        let file = self.read_file(at, path).await?;
        if let Some(file) = &file {
            known.keep_file(at, path, file);
        }
        Ok(file)
    }

    async fn read_file(&self, at: &Sha, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        let arguments = ["-z", "--full-tree", "--end-of-options", at.as_str(), path];
        let tree = Git::new("ls-tree").args(arguments).run(&self.path).await?;
        let tree = String::from_utf8_lossy(&tree);
        let mut entry = tree.split(['\t', '\0']).next().unwrap_or_default().split(' ');
        let (mode, blob) = (entry.next().unwrap_or_default(), entry.nth(1));
        let Some(blob) = blob.filter(|_| mode.starts_with("100")) else { return Ok(None) };
        let read = Git::new("cat-file")
            .args(["blob", sha("ls-tree", blob)?.as_str()])
            .at_most(LARGEST_FILE);
        read.run(&self.path).await.map(Some)
    }

    /// The entry at a path of a commit. A file larger than `most` bytes is not read.
    ///
    /// # Errors
    /// When the mirror cannot be read or lacks the commit.
    pub async fn entry(&self, at: &Sha, path: &str, most: u64) -> Result<FileEntry, GitError> {
        entry::read(&self.path, at, path, most).await
    }
}
