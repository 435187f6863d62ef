//! The trunk of a repository: watches it, looks at it with git, and takes in the result.

mod find_trunk;
mod head;
mod known;
mod known_people;
mod look;
mod take_in;
pub(super) mod update;
mod wake;
mod watch;

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

use self::head::TrunkHeads;
pub(super) use self::known::read_file;
pub(super) use self::known_people::KnownPeople;
pub(super) use self::look::new_builds;
pub use self::take_in::{TakeIn, not_watched};
pub(super) use self::update::NewBuild;
pub use self::wake::Wakers;
pub(super) use self::watch::watch;
use super::clock::Clock;
use super::freezes::Freezes;
use super::input::Input;
use super::runner::remote::Engines;
use super::work_times::WorkTimes;
use super::world::WorldReader;
use crate::config::user_file::Watched;
use crate::domain::people::Identity;

/// The most looks at the same time.
const CONCURRENT_LOOKS: usize = 32;

/// Said where the trunk matters before the first look at a repository.
pub(super) const TRUNK_UNKNOWN: &str =
    "it is not known yet which branch is the trunk; try again once the repository answers";

/// What watching a trunk needs.
#[derive(Clone)]
pub struct TrunkContext {
    pub world: WorldReader,
    pub inputs: mpsc::Sender<Input>,
    pub clock: Arc<dyn Clock>,
    pub freezes: Arc<Freezes>,
    pub wakers: Wakers,
    pub fetches: WorkTimes,
    heads: TrunkHeads,
    /// Each look takes a permit, so that a large fleet does not start a thousand git processes at once.
    looks: Arc<Semaphore>,
}

impl TrunkContext {
    pub fn new(
        (world, engines): (WorldReader, Arc<Engines>),
        inputs: mpsc::Sender<Input>,
        clock: Arc<dyn Clock>,
        freezes: Arc<Freezes>,
        wakers: Wakers,
        fetches: WorkTimes,
    ) -> Self {
        let looks = Arc::new(Semaphore::new(CONCURRENT_LOOKS));
        let heads = TrunkHeads::new(engines);
        Self { world, inputs, clock, freezes, wakers, fetches, heads, looks }
    }
}

/// The machine's owner by their git configuration, of the repository if it is a local one.
pub(super) async fn local_identity(watched: &Watched) -> Option<Identity> {
    let local = std::path::PathBuf::from(&watched.repository);
    let ask = move || crate::git::local_identity(local.is_dir().then_some(&*local));
    tokio::task::spawn_blocking(ask).await.ok().flatten()
}
