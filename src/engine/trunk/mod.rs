//! The trunk of a repository: watch it, look at it with git, take in what the look found.

mod look;
mod take_in;
mod watch;

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

pub(super) use self::look::{read_file, service_file_path};
pub use self::take_in::TakeIn;
pub(super) use self::take_in::with_owner;
pub(super) use self::watch::watch;
use super::clock::Clock;
use super::freezes::{Found, Freezes};
use super::world::{Trouble, WorldReader};
use super::writer::Input;
use crate::config::service_file::ServiceFile;
use crate::config::user_file::Watched;
use crate::domain::commit::{Commit, Revert};
use crate::domain::ids::{BuildNumber, Sha};
use crate::domain::people::Identity;
use crate::git::Mirror;

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

/// One look at a trunk and what it found.
pub struct TrunkLook {
    pub watched: Watched,
    pub mirror: Mirror,
    pub result: Result<TrunkUpdate, Trouble>,
}

/// What is on the trunk.
#[derive(Debug)]
pub struct TrunkUpdate {
    trunk: String,
    /// The service file at the tip, unless it was read before. The inner error says why it cannot be used.
    file: Option<Result<ServiceFile, String>>,
    /// The service's own freezes at the tip, unless they were read before.
    freezes: Option<Found>,
    /// The tip that the engine knew when this look began.
    before: Option<Sha>,
    tip: Sha,
    rewrite: Option<TrunkRewrite>,
    builds: Vec<NewBuild>,
    /// The number of the first of `builds` of a new service.
    first: u64,
    /// The machine's owner, by their own git configuration.
    owner: Option<Identity>,
}

/// A force-push: the builds that it took off the trunk, and the newest build that is still on it.
#[derive(Debug)]
struct TrunkRewrite {
    off_trunk: Vec<BuildNumber>,
    onto: Option<(BuildNumber, Sha)>,
}

#[derive(Debug)]
struct NewBuild {
    sha: Sha,
    commits: Vec<Commit>,
    more: u32,
    reverts: Vec<Revert>,
}

/// The machine's owner by their git configuration, of the repository if it is a local one.
pub(super) async fn local_identity(watched: &Watched) -> Option<Identity> {
    let local = std::path::PathBuf::from(&watched.repository);
    let ask = move || crate::git::local_identity(local.is_dir().then_some(&*local));
    tokio::task::spawn_blocking(ask).await.ok().flatten()
}
