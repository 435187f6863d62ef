//! The trunk of a repository: watch it, look at it with git, take in what the look found.

mod look;
mod take_in;
pub(super) mod update;
mod watch;

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

pub(super) use self::look::{read_file, service_file_path};
pub use self::take_in::TakeIn;
pub(super) use self::take_in::with_owner;
pub(super) use self::watch::watch;
use super::clock::Clock;
use super::freezes::Freezes;
use super::input::Input;
use super::world::WorldReader;
use crate::config::user_file::Watched;
use crate::domain::people::Identity;

/// How many trunks are looked at at a time.
const LOOKS: usize = 32;

/// What those who watch trunks need.
#[derive(Clone)]
pub struct TrunkContext {
    pub world: WorldReader,
    pub inputs: mpsc::Sender<Input>,
    pub clock: Arc<dyn Clock>,
    pub freezes: Arc<Freezes>,
    /// A look takes a permit, so that a large fleet does not start a thousand gits at once.
    looks: Arc<Semaphore>,
}

impl TrunkContext {
    pub fn new(
        world: WorldReader,
        inputs: mpsc::Sender<Input>,
        clock: Arc<dyn Clock>,
        freezes: Arc<Freezes>,
    ) -> Self {
        Self { world, inputs, clock, freezes, looks: Arc::new(Semaphore::new(LOOKS)) }
    }
}

/// The machine's owner by their git configuration, of the repository if it is a local one.
pub(super) async fn local_identity(watched: &Watched) -> Option<Identity> {
    let local = std::path::PathBuf::from(&watched.repository);
    let ask = move || crate::git::local_identity(local.is_dir().then_some(&*local));
    tokio::task::spawn_blocking(ask).await.ok().flatten()
}
