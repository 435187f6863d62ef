//! The trunk of a repository: watches it, looks at it with git, and takes in the result.

mod find_trunk;
mod known;
mod look;
mod take_in;
pub(super) mod update;
mod watch;

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

pub(super) use self::known::read_file;
pub(super) use self::look::new_builds;
pub(super) use self::take_in::with_owner;
pub use self::take_in::{TakeIn, not_watched};
pub(super) use self::update::NewBuild;
pub(super) use self::watch::watch;
use super::clock::Clock;
use super::freezes::Freezes;
use super::input::Input;
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
    /// Each look takes a permit, so that a large fleet does not start a thousand git processes at once.
    looks: Arc<Semaphore>,
}

impl TrunkContext {
    pub fn new(
        world: WorldReader,
        inputs: mpsc::Sender<Input>,
        clock: Arc<dyn Clock>,
        freezes: Arc<Freezes>,
    ) -> Self {
        Self { world, inputs, clock, freezes, looks: Arc::new(Semaphore::new(CONCURRENT_LOOKS)) }
    }
}

/// The machine's owner by their git configuration, of the repository if it is a local one.
pub(super) async fn local_identity(watched: &Watched) -> Option<Identity> {
    let local = std::path::PathBuf::from(&watched.repository);
    let ask = move || crate::git::local_identity(local.is_dir().then_some(&*local));
    tokio::task::spawn_blocking(ask).await.ok().flatten()
}
