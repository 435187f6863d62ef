//! The bare mirror of one repository: makes, fetches and indexes it, keeps commits in it and checks them out. What it tells is
//! in `reads`.

mod maintenance;
mod reads;
mod remembered;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use self::remembered::Remembered;
use super::branch_state::BranchState;
use super::checkout::{self, CheckoutSource};
use super::clone::LocalClone;
use super::error::GitError;
use super::heads::{Heads, USUAL_TRUNKS};
use super::origin::Origin;
use super::path_locks::{PathGuard, PathLocks};
use super::process::{Git, NETWORK};
use super::seal::{self, Sealed};
use super::source::RepositorySource;
use super::{bare, lock_files};
use crate::domain::ids::Sha;

/// The time limit of the first fetch, which brings the whole history.
const FIRST_FETCH: Duration = Duration::from_mins(30);
/// How long only the trunk is fetched after all branches took too long.
const SLOW: Duration = Duration::from_mins(30);
/// The time limit of a fetch of the trunk alone. After one that it stopped, the next of the watch may take four times as long.
const TRUNK_ALONE: Duration = Duration::from_secs(20);
/// The longest of these, so that a network that hung keeps no merge for long once it works again.
const LONGEST_ALONE: Duration = Duration::from_mins(5);
/// The time limit of the first index over the whole history.
const INDEXING: Duration = Duration::from_mins(1);

/// A handle on the mirror; clones share it.
#[derive(Debug, Clone)]
pub struct Mirror {
    path: PathBuf,
    source: RepositorySource,
    busy: Arc<Busy>,
}

/// The locks, and what is looked up once. Only another fetch waits for a fetch, and only whoever wants the same checkout for
/// one that is being made: the network may hang.
#[derive(Debug, Default)]
struct Busy {
    /// Whoever fetches holds it. It says when a fetch of all branches took too long.
    slow_since: Mutex<Option<Instant>>,
    /// Whoever changes or uses a checkout, or fills a partial one, has its lock.
    making: PathLocks,
    /// Whoever makes a checkout that a rollback does not wait for has its lock.
    remaking: PathLocks,
    /// True if the mirror has commits, so that a fetch does not bring the whole history.
    is_filled: AtomicBool,
    made: AtomicU64,
    /// How many fetches of the trunk alone in a row were stopped by their time limit.
    stopped: AtomicU32,
    origin: Origin,
    remembered: Remembered,
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

    /// Whether the mirror's folder is there and complete.
    #[must_use]
    pub fn is_made(&self) -> bool {
        bare::is_made(&self.path)
    }

    /// Makes the mirror's folder if it is missing. True if it was made.
    async fn make_if_missing(&self) -> Result<bool, GitError> {
        let is_made = bare::make_if_missing(&self.path, "--object-format=sha1").await?;
        if is_made {
            self.busy.is_filled.store(false, Ordering::Relaxed);
            self.busy.made.fetch_add(1, Ordering::Relaxed);
            self.busy.remembered.forget();
        }
        Ok(is_made)
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

    /// Fetches every branch and tag and removes deleted ones; commits that trunkline keeps stay. A mirror that is missing is
    /// made first. If everything takes too long, fetches the trunk alone, and for half an hour only the trunk. True if it
    /// was the trunk alone.
    ///
    /// # Errors
    /// When the fetch fails or takes too long: a minute, then at most five for the trunk alone; the first fetch may take half an
    /// hour.
    pub async fn fetch(&self, trunk: Option<&str>) -> Result<bool, GitError> {
        let mut slow_since = self.busy.slow_since.lock().await;
        if self.make_if_missing().await? {
            *slow_since = None;
        }
        let is_slow = slow_since.is_some_and(|since| since.elapsed() < SLOW);
        let is_alone = match trunk {
            Some(trunk) if is_slow => self.fetch_trunk_patiently(trunk).await.map(|()| true)?,
            _ => {
                let within = self.time_limit(NETWORK).await?;
                match (self.fetch_everything(within).await, trunk) {
                    (Err(GitError::TimedOut { .. }), Some(trunk)) => {
                        self.fetch_trunk_patiently(trunk).await?;
                        *slow_since = Some(Instant::now());
                        true
                    }
                    (fetched, _) => fetched.map(|()| false)?,
                }
            }
        };
        self.busy.stopped.store(0, Ordering::Relaxed);
        self.busy.origin.find(&self.source).await;
        Ok(is_alone)
    }

    /// Fetches the trunk and no other branch, for somebody who waits.
    ///
    /// # Errors
    /// When the fetch fails or takes longer than 20 seconds. It begins when another one has ended.
    pub async fn fetch_trunk_now(&self, trunk: &str) -> Result<(), GitError> {
        let _one_at_a_time = self.busy.slow_since.lock().await;
        self.make_if_missing().await?;
        self.fetch_trunk(trunk, TRUNK_ALONE).await
    }

    /// Whether somebody fetches.
    #[must_use]
    pub fn is_fetching(&self) -> bool {
        self.busy.slow_since.try_lock().is_err()
    }

    async fn fetch_everything(&self, within: Duration) -> Result<(), GitError> {
        let address = self.source.as_argument();
        let fetch = || bare::fetch_everything(address).within(within).run(&self.path);
        lock_files::without_abandoned(&self.path, fetch).await.map(drop)
    }

    /// Fetches the trunk alone. After a fetch that was stopped by its time limit the next one may take longer.
    async fn fetch_trunk_patiently(&self, trunk: &str) -> Result<(), GitError> {
        let stopped = self.busy.stopped.load(Ordering::Relaxed);
        let within = LONGEST_ALONE.min(TRUNK_ALONE * 4_u32.saturating_pow(stopped));
        let fetched = self.fetch_trunk(trunk, within).await;
        if matches!(fetched, Err(GitError::TimedOut { .. })) {
            self.busy.stopped.store(stopped.saturating_add(1), Ordering::Relaxed);
        }
        fetched
    }

    async fn fetch_trunk(&self, trunk: &str, within: Duration) -> Result<(), GitError> {
        let within = self.time_limit(within).await?;
        let (address, branch) = (self.source.as_argument(), format!("refs/heads/{trunk}"));
        let fetch = || bare::fetch_ref(address, &branch, &branch).within(within).run(&self.path);
        lock_files::without_abandoned(&self.path, fetch).await.map(drop)
    }

    /// The time limit of a fetch; a longer one if it brings the whole history.
    async fn time_limit(&self, usual: Duration) -> Result<Duration, GitError> {
        Ok(if self.is_filled().await? { usual } else { FIRST_FETCH })
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
            bare::is_made(&mirror).then(|| BranchState::of(&path, &trunk, &USUAL_TRUNKS)).flatten()
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
        let written = lock_files::without_abandoned(&self.path, write).await;
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
        lock_files::without_abandoned(&self.path, keep).await.map(drop)
    }

    /// Creates a pristine checkout of a commit in a new folder. Only submodules and Git LFS need the network, the first time.
    /// An intact checkout stays; anything else there is replaced. It has its own `.git`, which uses the objects of the mirror.
    /// Nobody replaces it as long as the guard is held. A rollback to it does not wait for this: the lock of `into` is held
    /// only to look and to put it in place.
    ///
    /// # Errors
    /// When it cannot be created. No partial checkout is left at `into`; what was there stays.
    pub async fn checkout(&self, sha: &Sha, into: &Path) -> Result<PathGuard, GitError> {
        // An intact one needs no git, which may hang.
        if let Some(guard) = self.intact(into).await {
            return Ok(guard);
        }
        let _only_one_makes_it = self.busy.remaking.lock(into).await;
        if let Some(guard) = self.intact(into).await {
            return Ok(guard);
        }
        let address = self.origin().await;
        let source = self.source_of(sha, &address);
        let made = checkout::make(&source, into).await;
        let guard = self.busy.making.lock(into).await;
        checkout::remove_left_over(&source, into).await;
        match (seal::look(into).await, made) {
            // A rollback has made it meanwhile.
            (Sealed::Intact, Ok(made)) => made.discard().await,
            (Sealed::Intact, Err(_)) => {}
            (found, Ok(made)) => {
                made.put_in_place().await.map_err(|why| not_renewed(&found, why))?;
            }
            (found, Err(why)) => return Err(not_renewed(&found, why)),
        }
        Ok(guard)
    }

    /// The lock of a checkout, if that is as it was made.
    pub async fn intact(&self, checkout: &Path) -> Option<PathGuard> {
        let guard = self.busy.making.lock(checkout).await;
        matches!(seal::look(checkout).await, Sealed::Intact).then_some(guard)
    }

    /// The same for a rollback, to which a checkout that an earlier version made is as good as it was then. It waits for
    /// nobody else who makes it.
    ///
    /// # Errors
    /// As [`Mirror::checkout`].
    pub async fn checkout_for_rollback(
        &self,
        sha: &Sha,
        into: &Path,
    ) -> Result<PathGuard, GitError> {
        let guard = self.busy.making.lock(into).await;
        let found = seal::look(into).await;
        if matches!(found, Sealed::Intact | Sealed::WithPointers(_)) {
            return Ok(guard);
        }
        let address = self.origin().await;
        let source = self.source_of(sha, &address);
        checkout::remove_left_over(&source, into).await;
        let made = match checkout::make(&source, into).await {
            Ok(made) => made.put_in_place().await,
            Err(why) => Err(why),
        };
        made.map_err(|why| not_renewed(&found, why)).map(|()| guard)
    }

    fn source_of<'a>(&'a self, sha: &'a Sha, address: &'a str) -> CheckoutSource<'a> {
        CheckoutSource { mirror: &self.path, sha, address, making: &self.busy.making }
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

fn not_renewed(found: &Sealed, why: GitError) -> GitError {
    match found.flaw() {
        Some(flaw) => GitError::NotRenewed { flaw, why: Box::new(why) },
        None => why,
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
