//! The result of a look at a trunk.

use crate::config::service_file::ServiceFile;
use crate::config::user_file::Watched;
use crate::domain::commit::{Commit, Revert};
use crate::domain::ids::{BuildNumber, Sha};
use crate::domain::people::Identity;
use crate::domain::recipe::Recipe;
use crate::engine::freezes::{FreezesAtCommit, OnCallAtCommit};
use crate::engine::world::Trouble;
use crate::git::Mirror;

/// A look at a trunk and its result.
pub struct TrunkLook {
    pub watched: Watched,
    pub mirror: Mirror,
    pub result: Result<TrunkUpdate, Trouble>,
}

/// What is on the trunk.
#[derive(Debug)]
pub struct TrunkUpdate {
    pub(super) trunk: String,
    /// That a clone is watched and not its remote.
    pub(super) clone: Option<Trouble>,
    /// The service file at the tip, unless it was read before. The inner error says why it cannot be used.
    pub(super) file: Option<Result<ServiceFile, String>>,
    /// The paths of that file that match no file.
    pub(super) unmatched: Option<Vec<String>>,
    /// Whether the mailmap at the tip is too large to be applied, unless it was checked before.
    pub(super) has_large_mailmap: Option<bool>,
    /// All branches took too long to fetch, so only the trunk was.
    pub(super) is_trunk_alone: bool,
    /// The service's own freezes at the tip, unless they were read before.
    pub(super) freezes: Option<FreezesAtCommit>,
    /// The calendar of who is on call at the tip, unless it was read before or no service file is good.
    pub(super) on_call: Option<OnCallAtCommit>,
    /// The tip that the engine knew when this look began.
    pub(super) before: Option<Sha>,
    pub(super) tip: Sha,
    pub(super) rewrite: Option<TrunkRewrite>,
    /// The mirror was missing and was made again.
    pub(super) new_mirror: Option<NewMirror>,
    pub(super) builds: Vec<NewBuild>,
    /// The number of the first of `builds` of a new service. Of a known one, how many numbers are skipped before it, so that
    /// its numbers stay git's count of first parents.
    pub(super) first: u64,
    /// The machine's owner according to their git configuration.
    pub(super) owner: Option<Identity>,
}

/// A mirror that was made again, and the builds that the repository has no more.
#[derive(Debug)]
pub(super) struct NewMirror {
    pub(super) lost: Vec<BuildNumber>,
    /// Whether it was there when this engine looked before.
    pub(super) was_missing: bool,
}

/// A force-push: the builds that it took off the trunk, and the newest build that is still on it.
#[derive(Debug)]
pub(super) struct TrunkRewrite {
    pub(super) off_trunk: Vec<BuildNumber>,
    pub(super) onto: Option<(BuildNumber, Sha)>,
}

#[derive(Debug)]
pub struct NewBuild {
    pub sha: Sha,
    pub commits: Vec<Commit>,
    pub more: u32,
    pub reverts: Vec<Revert>,
    pub recipe: Option<Box<Recipe>>,
}
