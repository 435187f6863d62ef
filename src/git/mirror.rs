//! The bare mirror of one repository: fetches it and answers every question about its commits.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;

use super::branch_state::BranchState;
use super::changed::{self, BoundedList, ChangedFile, FileText};
use super::entry::{self, FileEntry};
use super::error::GitError;
use super::origin::Origin;
use super::process::{Git, NETWORK};
use super::source::RepositorySource;
use super::uses::Users;
use super::{checkout, locks, names, range, reverts, uses};
use crate::domain::commit::{Range, Revert};
use crate::domain::ids::{CommitPrefix, Sha};
use crate::domain::pull_request::PullRequest;

/// The first fetch brings the whole history; at the usual limit a large one would never arrive.
const FIRST_FETCH: Duration = Duration::from_mins(30);
/// The largest file that is read out of a commit.
const LARGEST_FILE: u64 = 1024 * 1024;
/// The usual names of a trunk.
const USUAL_TRUNKS: [&str; 3] = ["main", "master", "trunk"];

/// A handle on the mirror; clones share it.
#[derive(Debug, Clone)]
pub struct Mirror {
    path: PathBuf,
    source: RepositorySource,
    busy: Arc<Busy>,
}

/// Locks, and what is looked up once. A fetch hangs as long as the network does, so only the next fetch waits for it.
#[derive(Debug, Default)]
struct Busy {
    fetching: Mutex<()>,
    checking_out: Mutex<()>,
    /// Something was fetched before, so that what is missing is not the whole history.
    is_filled: AtomicBool,
    made: AtomicU64,
    origin: Origin,
}

impl Mirror {
    /// Opens the mirror at a path, which is made when it is missing; fetches nothing yet.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn open(path: &Path, repository: &str) -> Result<Self, GitError> {
        let path = std::path::absolute(path)
            .map_err(|why| GitError::File { path: path.to_owned(), why })?;
        let mirror = Self { path, source: RepositorySource::of(repository), busy: Arc::default() };
        mirror.make_if_missing().await?;
        Ok(mirror)
    }

    /// Makes the mirror's folder, unless it is there: making it again would stumble over what a killed git left behind.
    async fn make_if_missing(&self) -> Result<(), GitError> {
        if is_made(&self.path) {
            return Ok(());
        }
        let arguments =
            ["--quiet", "--bare", "--template=", "--object-format=sha1", "--end-of-options"];
        let init = || Git::new("init").args(arguments).args([&self.path]).run_anywhere();
        // git would make the folders above it too, and with them half of a data folder that was removed.
        let above = self.path.parent().unwrap_or(&self.path);
        std::fs::metadata(above).map_err(|why| GitError::File { path: above.to_owned(), why })?;
        let made = init().await;
        if locks::were_abandoned(&self.path, &made) {
            init().await?;
        } else {
            made?;
        }
        self.busy.is_filled.store(false, Ordering::Relaxed);
        self.busy.made.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// How often this engine made the mirror's folder: 0 if it was there.
    #[must_use]
    pub fn times_made(&self) -> u64 {
        self.busy.made.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Brings every branch to where it is in the repository now; what trunkline keeps stays.
    ///
    /// # Errors
    /// When the repository cannot be reached within a minute; the first fetch has half an hour.
    pub async fn fetch(&self) -> Result<(), GitError> {
        let _fetching = self.busy.fetching.lock().await;
        self.make_if_missing().await?;
        let within = if self.is_filled().await? { NETWORK } else { FIRST_FETCH };
        let fetched = self.fetch_within(within).await;
        let fetched = if locks::were_abandoned(&self.path, &fetched) {
            self.fetch_within(within).await
        } else {
            fetched
        };
        if fetched.is_ok() {
            self.busy.origin.find(&self.source).await;
        }
        fetched
    }

    async fn fetch_within(&self, within: Duration) -> Result<(), GitError> {
        let options =
            ["--quiet", "--prune", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"];
        Git::new("fetch")
            .args(options)
            .args(["--no-recurse-submodules", "--end-of-options"])
            .args([self.source.as_argument(), "+refs/heads/*:refs/heads/*".as_ref()])
            .within(within)
            .run(&self.path)
            .await
            .map(drop)
    }

    /// Asks git only until it is.
    async fn is_filled(&self) -> Result<bool, GitError> {
        if self.busy.is_filled.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let answer = Git::new("for-each-ref").args(["--count=1"]).run(&self.path).await?;
        self.busy.is_filled.store(!answer.is_empty(), Ordering::Relaxed);
        Ok(!answer.is_empty())
    }

    /// The state of the trunk's branches in a local repository, read without starting git; `None` where only git can
    /// tell. While it is equal, a fetch brings nothing new of the trunk.
    pub async fn standing(&self, trunk: &str) -> Option<BranchState> {
        let RepositorySource::Local(path) = self.source.clone() else { return None };
        let (mirror, trunk) = (self.path.clone(), trunk.to_owned());
        let read = move || {
            is_made(&mirror).then(|| BranchState::of(&path, &trunk, &USUAL_TRUNKS)).flatten()
        };
        tokio::task::spawn_blocking(read).await.ok().flatten()
    }

    /// The repository's default branch. A local clone may have any branch checked out, so there the branch that its
    /// origin calls default comes first, then the usual names.
    ///
    /// # Errors
    /// When it cannot be asked, or has no branch.
    pub async fn default_branch(&self) -> Result<String, GitError> {
        let usual = USUAL_TRUNKS.map(|name| format!("refs/heads/{name}"));
        let answer = Git::new("ls-remote")
            .args(["--symref", "--quiet", "--end-of-options"])
            .args([self.source.as_argument()])
            .args(["HEAD", "refs/remotes/origin/HEAD"])
            .args(usual)
            .within(NETWORK)
            .run(&self.path)
            .await?;
        let heads = Heads::parse(&String::from_utf8_lossy(&answer));
        let is_local = matches!(self.source, RepositorySource::Local(_));
        let branch = heads.trunk(is_local);
        branch.ok_or_else(|| GitError::NoTrunk { repository: self.source.display() })
    }

    /// Where a branch was at the last fetch; `None` when there is no such branch.
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
        // The name works as a pattern there: only what is equal to it counts.
        let answer = String::from_utf8_lossy(&answer);
        let refs = answer.lines().filter_map(|line| line.split_once(' '));
        let exact = refs.filter(|(_, found)| *found == name).map(|(sha, _)| sha).next();
        exact.map(|text| sha("for-each-ref", text)).transpose()
    }

    /// The newest `limit` first-parent commits of `to` that `from` does not reach, oldest first.
    ///
    /// # Errors
    /// When the mirror cannot be read or lacks one of the commits.
    pub async fn first_parents(
        &self,
        from: Option<&Sha>,
        to: &Sha,
        folder: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Sha>, GitError> {
        let answer = Git::new("rev-list")
            .args(["--first-parent", "--reverse", &format!("--max-count={limit}")])
            .args(range::reach(from, to, folder))
            .run(&self.path)
            .await?;
        String::from_utf8_lossy(&answer).lines().map(|line| sha("rev-list", line)).collect()
    }

    /// How many commits there are on the first-parent line of `to`.
    ///
    /// # Errors
    /// When the mirror cannot be read or lacks the commit.
    pub async fn count_first_parents(
        &self,
        to: &Sha,
        folder: Option<&str>,
    ) -> Result<u64, GitError> {
        let arguments = range::reach(None, to, folder);
        range::count(&self.path, &["--first-parent"], arguments).await
    }

    /// Whether `a` is `b` or comes before it.
    ///
    /// # Errors
    /// When the mirror cannot be read or lacks one of the commits.
    pub async fn is_ancestor(&self, a: &Sha, b: &Sha) -> Result<bool, GitError> {
        let arguments = ["--is-ancestor", "--end-of-options", a.as_str(), b.as_str()];
        let ended = Git::new("merge-base").args(arguments).end(&self.path).await?;
        match ended.code {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(ended.failed("merge-base")),
        }
    }

    /// The newest `limit` commits that `to` reaches and `from` does not, with their people under the names that the
    /// mailmap of `to` gives them; and those that only `from` reaches, after a rewrite. Without a `from` nothing is
    /// counted beyond the limit.
    ///
    /// # Errors
    /// When the mirror cannot be read or lacks one of the commits.
    pub async fn range(
        &self,
        from: Option<&Sha>,
        to: &Sha,
        folder: Option<&str>,
        limit: usize,
    ) -> Result<Range, GitError> {
        let mut range = Box::pin(range::read(&self.path, from, to, folder, limit)).await?;
        let forge = self.busy.origin.forge(&self.source);
        for commit in range.commits.iter_mut().chain(&mut range.lost) {
            let said = PullRequest::of_subject(&commit.subject, forge.as_ref());
            // What the body named came without a link.
            let named = commit.pull_request.take();
            let named = named.map(|named| named.at(forge.as_ref()));
            commit.pull_request = named.or(said);
        }
        Ok(range)
    }

    /// The reverts among all the commits that `to` reaches and `from` does not, in any folder, oldest first;
    /// without a `from`, those of `to` alone.
    ///
    /// # Errors
    /// When the mirror cannot be read or lacks one of the commits.
    pub async fn reverts(&self, from: Option<&Sha>, to: &Sha) -> Result<Vec<Revert>, GitError> {
        reverts::between(&self.path, from, to).await
    }

    /// The commit that this is the id of, or the beginning of its id with four digits or more; `None` when there is no
    /// such commit, or more than one.
    ///
    /// # Errors
    /// When the mirror cannot be read.
    pub async fn resolve(&self, id: &str) -> Result<Option<Sha>, GitError> {
        Ok(names::look_up(&self.path, &[id]).await?.into_iter().next().flatten())
    }

    /// The same, telling an id that nothing has from one that several commits begin with.
    ///
    /// # Errors
    /// When the mirror cannot be read.
    pub async fn find(&self, id: &CommitPrefix) -> Result<names::CommitMatch, GitError> {
        names::find(&self.path, id).await
    }

    /// The place of the first of these builds that contains a commit, the builds being oldest first and each containing
    /// the one before; `None` when none does.
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

    /// The files that differ between two commits, at most 100,000; without a `from`, everything that `to` has.
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

    /// The commits in whose trees this word occurs, in any case, also in camel case, outside of the excepted paths, of
    /// dumped schemas and of our own settings; each with a file that has it.
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

    /// The text of a file in a commit; `None` when it is not there, or no regular file.
    ///
    /// # Errors
    /// When the mirror cannot be read or lacks the commit, or the file is larger than 1 MiB.
    pub async fn file(&self, at: &Sha, path: &str) -> Result<Option<String>, GitError> {
        let arguments = ["-z", "--full-tree", "--end-of-options", at.as_str(), path];
        let tree = Git::new("ls-tree").args(arguments).run(&self.path).await?;
        let tree = String::from_utf8_lossy(&tree);
        let mut entry = tree.split(['\t', '\0']).next().unwrap_or_default().split(' ');
        let (mode, blob) = (entry.next().unwrap_or_default(), entry.nth(1));
        let Some(blob) = blob.filter(|_| mode.starts_with("100")) else { return Ok(None) };
        let text = Git::new("cat-file")
            .args(["blob", sha("ls-tree", blob)?.as_str()])
            .at_most(LARGEST_FILE)
            .run(&self.path)
            .await?;
        Ok(Some(String::from_utf8_lossy(&text).into_owned()))
    }

    /// What stands at a path of a commit, of which a file may have so many bytes.
    ///
    /// # Errors
    /// When the mirror cannot be read or lacks the commit.
    pub async fn entry(&self, at: &Sha, path: &str, most: u64) -> Result<FileEntry, GitError> {
        entry::read(&self.path, at, path, most).await
    }

    /// Keeps a commit in the mirror even when its branches are gone.
    ///
    /// # Errors
    /// When the mirror cannot be written or lacks the commit.
    pub async fn keep(&self, sha: &Sha) -> Result<(), GitError> {
        let name = format!("refs/trunkline/keep/{sha}");
        let arguments = ["--no-deref", "--end-of-options", &name, sha.as_str()];
        let keep = || Git::new("update-ref").args(arguments).run(&self.path);
        let kept = keep().await;
        if locks::were_abandoned(&self.path, &kept) {
            return keep().await.map(drop);
        }
        kept.map(drop)
    }

    /// Makes a pristine checkout of a commit in a new folder, without any network. One that is there and intact stays;
    /// anything else there is replaced. It has a `.git` of its own, which borrows the objects of the mirror.
    ///
    /// # Errors
    /// When it cannot be made; then nothing half made is there.
    pub async fn checkout(&self, sha: &Sha, into: &Path) -> Result<(), GitError> {
        // What is there already is ready at once, also while a larger one is being made.
        if checkout::is_intact(into).await {
            return Ok(());
        }
        let _making = self.busy.checking_out.lock().await;
        checkout::make(&self.path, sha, into).await
    }
}

/// The branches of a repository that may be its default.
#[derive(Default)]
struct Heads {
    head: Option<String>,
    origin: Option<String>,
    usual: Vec<String>,
}

impl Heads {
    fn parse(answer: &str) -> Self {
        let mut heads = Self::default();
        for (value, name) in answer.lines().filter_map(|line| line.split_once('\t')) {
            let target = value.strip_prefix("ref: ");
            match name {
                "HEAD" => heads.head = branch(target, "refs/heads/").or(heads.head),
                "refs/remotes/origin/HEAD" => {
                    heads.origin = branch(target, "refs/remotes/origin/").or(heads.origin);
                }
                _ => heads.usual.extend(branch(Some(name), "refs/heads/")),
            }
        }
        heads
    }

    fn trunk(self, is_local: bool) -> Option<String> {
        if !is_local {
            return self.head.or_else(|| self.usual.into_iter().next());
        }
        let head = self.head.clone().filter(|head| USUAL_TRUNKS.contains(&head.as_str()));
        self.origin.or(head).or_else(|| self.usual.into_iter().next()).or(self.head)
    }
}

fn branch(name: Option<&str>, prefix: &str) -> Option<String> {
    name?.strip_prefix(prefix).map(str::to_owned)
}

/// A commit id out of an answer of git's.
pub(super) fn sha(what: &'static str, text: &str) -> Result<Sha, GitError> {
    text.parse().map_err(|_| GitError::Unexpected { what, detail: text.to_owned() })
}

/// Whether git has finished making a repository here: it writes `HEAD` and `config` last.
fn is_made(path: &Path) -> bool {
    ["HEAD", "config"].iter().all(|file| path.join(file).metadata().is_ok_and(|m| m.len() > 0))
        && path.join("objects").is_dir()
        && path.join("refs").is_dir()
}
