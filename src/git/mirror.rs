//! The bare mirror of one repository: makes, fetches and indexes it, keeps commits in it and checks them out. What it tells is
//! in `reads`.

mod reads;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use super::branch_state::BranchState;
use super::clone::LocalClone;
use super::error::GitError;
use super::heads::{Heads, USUAL_TRUNKS};
use super::origin::Origin;
use super::process::{Git, NETWORK};
use super::source::RepositorySource;
use super::{checkout, locks};
use crate::domain::ids::Sha;

/// The time limit of the first fetch, which brings the whole history.
const FIRST_FETCH: Duration = Duration::from_mins(30);
/// How long only the trunk is fetched after all branches took too long.
const SLOW: Duration = Duration::from_mins(30);
/// The time limit of a fetch of the trunk alone.
const TRUNK_ALONE: Duration = Duration::from_secs(20);
/// The time limit of the first index over the whole history.
const INDEXING: Duration = Duration::from_mins(1);

/// A handle on the mirror; clones share it.
#[derive(Debug, Clone)]
pub struct Mirror {
    path: PathBuf,
    source: RepositorySource,
    busy: Arc<Busy>,
}

/// The locks, and what is looked up once. Only another fetch waits for a fetch, since the network may hang.
#[derive(Debug, Default)]
struct Busy {
    fetching: Mutex<()>,
    checking_out: Mutex<()>,
    /// True if the mirror has commits, so that a fetch does not bring the whole history.
    is_filled: AtomicBool,
    made: AtomicU64,
    /// When a fetch of all branches took too long.
    slow_since: Mutex<Option<Instant>>,
    origin: Origin,
}

impl Mirror {
    /// Opens the mirror at a path and creates it if it is missing. Fetches nothing.
    ///
    /// # Errors
    /// When it cannot be created.
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
        if locks::removed_abandoned(&self.path, &made) {
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

    /// The address that it fetches from, without credentials.
    #[must_use]
    pub fn address(&self) -> String {
        self.source.display()
    }

    /// Fetches every branch and removes deleted ones. Commits that trunkline keeps stay.
    ///
    /// # Errors
    /// When the fetch fails or takes longer than a minute; the first fetch may take half an hour.
    pub async fn fetch(&self) -> Result<(), GitError> {
        let _fetching = self.busy.fetching.lock().await;
        self.make_if_missing().await?;
        let within = if self.is_filled().await? { NETWORK } else { FIRST_FETCH };
        let fetched = self.fetch_within(within).await;
        let fetched = if locks::removed_abandoned(&self.path, &fetched) {
            self.fetch_within(within).await
        } else {
            fetched
        };
        if fetched.is_ok() {
            self.busy.origin.find(&self.source).await;
        }
        fetched
    }

    /// [`Self::fetch`]; if all branches take too long, the trunk alone, and for half an hour only the trunk. True if it was
    /// the trunk alone.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    pub async fn fetch_or_trunk(&self, trunk: Option<&str>) -> Result<bool, GitError> {
        let Some(trunk) = trunk else { return self.fetch().await.map(|()| false) };
        let is_slow = |slow: Option<Instant>| slow.is_some_and(|since| since.elapsed() < SLOW);
        if !is_slow(*self.busy.slow_since.lock().await) {
            match self.fetch().await {
                Err(GitError::TimedOut { .. }) => {}
                fetched => return fetched.map(|()| false),
            }
        }
        let _fetching = self.busy.fetching.lock().await;
        let branch = format!("+refs/heads/{trunk}:refs/heads/{trunk}");
        self.fetch_refs(&[&branch], TRUNK_ALONE).await?;
        let mut slow_since = self.busy.slow_since.lock().await;
        if !is_slow(*slow_since) {
            *slow_since = Some(Instant::now());
        }
        Ok(true)
    }

    async fn fetch_within(&self, within: Duration) -> Result<(), GitError> {
        self.fetch_refs(&["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"], within).await
    }

    async fn fetch_refs(&self, refs: &[&str], within: Duration) -> Result<(), GitError> {
        let options =
            ["--quiet", "--prune", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"];
        Git::new("fetch")
            .args(options)
            .args(["--no-recurse-submodules", "--end-of-options"])
            .args([self.source.as_argument()])
            .args(refs)
            .within(within)
            .run(&self.path)
            .await
            .map(drop)
    }

    /// True if the mirror has a branch. Does not run git again once it has.
    async fn is_filled(&self) -> Result<bool, GitError> {
        if self.busy.is_filled.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let answer = Git::new("for-each-ref").args(["--count=1"]).run(&self.path).await?;
        self.busy.is_filled.store(!answer.is_empty(), Ordering::Relaxed);
        Ok(!answer.is_empty())
    }

    /// The state of the trunk's branches in a local repository, read without starting git; `None` if only git can tell.
    /// While the state is equal, a fetch brings no new commit of the trunk.
    pub async fn standing(&self, trunk: &str) -> Option<BranchState> {
        let RepositorySource::Local(path) = self.source.clone() else { return None };
        let (mirror, trunk) = (self.path.clone(), trunk.to_owned());
        let read = move || {
            is_made(&mirror).then(|| BranchState::of(&path, &trunk, &USUAL_TRUNKS)).flatten()
        };
        tokio::task::spawn_blocking(read).await.ok().flatten()
    }

    /// What a repository on this machine says about itself; `None` for one that is elsewhere.
    pub async fn local_clone(&self, trunk: &str) -> Option<LocalClone> {
        match &self.source {
            RepositorySource::Local(path) => Some(LocalClone::of(path, Some(trunk)).await),
            RepositorySource::Remote(_) => None,
        }
    }

    /// The repository's default branch. A local clone may have any branch checked out, so its origin's default branch
    /// comes first, then the usual names.
    ///
    /// # Errors
    /// When the repository cannot be read or has no branch.
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
        let has_work_tree =
            matches!(&self.source, RepositorySource::Local(path) if path.join(".git").exists());
        let branch = heads.trunk(has_work_tree);
        branch.ok_or_else(|| GitError::NoTrunk { repository: self.source.display() })
    }

    /// Records the distance of every commit of `tip` from its roots, so that git can tell without dates what a commit
    /// reaches. Without this record git is right as far as committers' clocks are.
    pub async fn index_history(&self, tip: &Sha) {
        let write = || {
            Git::new("commit-graph")
                .args(["write", "--stdin-commits", "--split", "--no-progress"])
                .input(format!("{tip}\n").into_bytes())
                .within(INDEXING)
                .run(&self.path)
        };
        let mut written = write().await;
        if locks::removed_abandoned(&self.path, &written) {
            written = write().await;
        }
        if let Err(error) = written {
            tracing::warn!(%error, "the history has no index");
        }
    }

    /// The commits that are kept.
    ///
    /// # Errors
    /// When the mirror cannot be read.
    pub async fn kept(&self) -> Result<HashSet<Sha>, GitError> {
        let list = Git::new("for-each-ref").args(["--format=%(objectname)", "refs/trunkline/keep"]);
        let listed = list.run(&self.path).await?;
        String::from_utf8_lossy(&listed).lines().map(|line| sha("for-each-ref", line)).collect()
    }

    /// Keeps a commit in the mirror even if no branch contains it any more.
    ///
    /// # Errors
    /// When the mirror cannot be written or lacks the commit.
    pub async fn keep(&self, sha: &Sha) -> Result<(), GitError> {
        let name = format!("refs/trunkline/keep/{sha}");
        let arguments = ["--no-deref", "--end-of-options", &name, sha.as_str()];
        let keep = || Git::new("update-ref").args(arguments).run(&self.path);
        let kept = keep().await;
        if locks::removed_abandoned(&self.path, &kept) {
            return keep().await.map(drop);
        }
        kept.map(drop)
    }

    /// Creates a pristine checkout of a commit in a new folder. Only submodules and Git LFS need the network, the first time.
    /// An intact checkout stays; anything else there is replaced. It has its own `.git`, which uses the objects of the mirror.
    ///
    /// # Errors
    /// When it cannot be created. No partial checkout is left at `into`.
    pub async fn checkout(&self, sha: &Sha, into: &Path) -> Result<(), GitError> {
        // An intact checkout does not wait until another one is complete.
        if checkout::is_intact(into).await {
            return Ok(());
        }
        let _making = self.busy.checking_out.lock().await;
        let address = self.origin().await;
        checkout::make(&self.path, sha, into, &address).await
    }

    /// Gives a checkout the tags and branches that the mirror has now: a release may be tagged after its first deployment.
    ///
    /// # Errors
    /// When the mirror cannot be read or the checkout cannot be written.
    pub async fn renew_refs(&self, checkout: &Path) -> Result<(), GitError> {
        checkout::write_refs(&self.path, checkout).await
    }

    /// The address that a clone of this repository would have as its remote, for those that are relative to it.
    async fn origin(&self) -> String {
        if let RepositorySource::Local(path) = &self.source
            && let Some(remote) = LocalClone::of(path, None).await.remote
        {
            return remote.url;
        }
        self.source.as_argument().to_string_lossy().into_owned()
    }
}

/// Parses a commit id in the output of git.
pub(super) fn sha(what: &'static str, text: &str) -> Result<Sha, GitError> {
    text.parse().map_err(|_| GitError::Unexpected { what, detail: text.to_owned() })
}

/// The name of a folder for a repository. An address may contain any character, so its digest is the name.
#[must_use]
pub fn folder_name(address: &str) -> String {
    let digest = Sha256::digest(address.as_bytes());
    let name = digest.iter().take(8).fold(0_u64, |name, byte| name << 8 | u64::from(*byte));
    format!("{name:016x}")
}

/// True if `git init` has completed here: it writes `HEAD` and `config` last.
fn is_made(path: &Path) -> bool {
    ["HEAD", "config"].iter().all(|file| path.join(file).metadata().is_ok_and(|m| m.len() > 0))
        && path.join("objects").is_dir()
        && path.join("refs").is_dir()
}
