//! Tells where a trunk is without starting git: from the files of a repository on this machine, or from its forge. A fetch
//! costs much more, and is made once the trunk moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::config::user_file::Watched;
use crate::domain::ids::Sha;
use crate::domain::repository_address::RepositoryAddress;
use crate::engine::runner::remote::{Engines, head_of};
use crate::git::{BranchState, Mirror};

/// How many heads of trunks are asked for in a second, of all repositories together: a forge wants no more.
const HEADS_IN_A_SECOND: u32 = 4;

/// Where a trunk is, as far as it can be told without git.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TrunkHead {
    /// The files of a repository on this machine.
    Files(BranchState),
    /// What the forge tells.
    Forge(Sha),
}

/// Asks for the heads of trunks. Clones share how many there are.
#[derive(Clone)]
pub(super) struct TrunkHeads {
    engines: Arc<Engines>,
    /// How many watchers have an answer of a forge.
    at_forges: Arc<AtomicU32>,
}

/// The part of one watcher in it.
pub(super) struct HeadOfOne {
    heads: TrunkHeads,
    address: Option<RepositoryAddress>,
    /// Held as long as the forge answers.
    place: Option<PlaceAtForge>,
}

/// Counts as long as it is held.
struct PlaceAtForge(Arc<AtomicU32>);

impl Drop for PlaceAtForge {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl TrunkHeads {
    pub fn new(engines: Arc<Engines>) -> Self {
        Self { engines, at_forges: Arc::default() }
    }

    pub fn of(&self, watched: &Watched) -> HeadOfOne {
        let address = RepositoryAddress::of(&watched.repository);
        HeadOfOne { heads: self.clone(), address, place: None }
    }
}

impl HeadOfOne {
    /// Where the trunk is; `None` if only git can tell.
    pub async fn look(&mut self, mirror: &Mirror, trunk: &str) -> Option<TrunkHead> {
        self.place = None;
        if let Some(state) = mirror.standing(trunk).await {
            return Some(TrunkHead::Files(state));
        }
        let address = self.address.as_ref().filter(|_| mirror.is_made())?;
        let client = self.heads.engines.at_forge(address).await?;
        let head = head_of(&client, address, trunk).await?;
        self.heads.at_forges.fetch_add(1, Ordering::Relaxed);
        self.place = Some(PlaceAtForge(self.heads.at_forges.clone()));
        Some(TrunkHead::Forge(head))
    }

    /// How long to wait until the next look, where a local repository is looked at so often.
    pub fn pace(&self, poll: Duration) -> Duration {
        if self.place.is_none() {
            return poll;
        }
        // Half again as seldom as one on this machine: it is asked over the network, and by many.
        let many = self.heads.at_forges.load(Ordering::Relaxed);
        (poll * 3 / 2).max(Duration::from_secs(many.into()) / HEADS_IN_A_SECOND)
    }
}
