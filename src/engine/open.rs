//! Opens the engine: it replays the record and resumes unfinished work.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime;
use tokio::sync::mpsc;

use super::act::Acts;
use super::error::EngineError;
use super::foundation::Foundation;
use super::freezes::Freezes;
use super::gather::GatherContext;
use super::handle::{Handle, HandleParts};
use super::input::Input;
use super::migrations;
use super::mirrors::Mirrors;
use super::restore::Restoring;
use super::runner::{Runner as _, StepRunner};
use super::trunk::TrunkContext;
use super::watching::{Watching, watch_all};
use super::world::WorldOwner;
use super::writer::{Writer, WriterParts};
use super::{EngineOptions, Services};
use crate::calendar::FREEZES_FILE;
use crate::config::user_file::UserFile;
use crate::store::Store;

/// The capacity of the writer's queue. Senders wait while it is full.
const QUEUE_CAPACITY: usize = 1024;

/// The embedded engine; see [`Engine::open`].
pub struct Engine;

impl Engine {
    /// Opens the data folder, resumes unfinished work and starts to watch.
    ///
    /// # Errors
    /// When the folder, the database or a mirror cannot be opened.
    pub async fn open(options: EngineOptions) -> Result<Handle, EngineError> {
        let EngineOptions { data, lock, services, program, poll, owner, demo, clock } = options;
        let [mirrors, checkouts, runs] =
            ["mirrors", "checkouts", "runs"].map(|folder| data.join(folder));
        for folder in [&data, &mirrors, &checkouts, &runs] {
            create(folder)?;
        }
        let database = data.join("trunkline.db");
        let store = Store::open(&database)?;
        let runner = Arc::new(StepRunner::new(runs.clone(), program));
        check_record_is_complete(&store, &database, &runner, &runs)?;
        let reader = store.reader()?;
        let stands_on = [data.clone(), database].into_iter().chain(lock);
        let foundation = Foundation::of(stands_on)
            .map_err(|source| EngineError::Folder { path: data.display().to_string(), source })?;
        let foundation = Arc::new(foundation);
        let freezes = match &services {
            Services::File(path) => Some(path.with_file_name(FREEZES_FILE)),
            Services::Fixed(_) => None,
        };
        let freezes = Arc::new(Freezes::open(&data, freezes));
        let watched = match &services {
            Services::Fixed(watched) => watched.clone(),
            Services::File(path) => UserFile::load(path)?.services,
        };

        let mut owned = WorldOwner::new();
        let world = owned.reader();
        let mirrors = Arc::new(Mirrors::new(mirrors));
        let restoring = Restoring { mirrors: &mirrors, owner: owner.as_deref(), now: clock.now() };
        let unread = restoring.restore(&mut owned, &store, &watched).await?;
        migrations::sync_shared_schema(&mut owned);
        freezes.look(clock.now()).take_in(&mut owned, &freezes, clock.now());

        let (inputs, inbox) = mpsc::channel(QUEUE_CAPACITY);
        let gather = GatherContext {
            world: world.clone(),
            inputs: inputs.clone(),
            checkouts: checkouts.clone(),
        };
        let acts = Acts::new(gather.clone(), runner.clone(), runtime::Handle::current());
        let writer = Writer::new(WriterParts {
            store,
            world: owned,
            clock: clock.clone(),
            inputs: inputs.clone(),
            freezes: freezes.clone(),
            owner: owner.clone(),
            foundation: foundation.clone(),
            acts,
        });
        let thread = std::thread::spawn(move || writer.run(inbox));
        let names = world.read(|world| world.services.keys().cloned().collect::<Vec<_>>());
        for name in names {
            let _stopped = inputs.send(Input::Settle(name)).await;
        }
        let trunk = TrunkContext::new(world, inputs, clock.clone(), freezes.clone());
        let watching = Watching { trunk, mirrors, foundation, checkouts, owner, poll };
        let watching = tokio::spawn(watch_all(watching, services, watched, unread));
        Ok(Handle::new(
            HandleParts { gather, runner, clock, freezes, demo },
            reader,
            thread,
            &watching,
        ))
    }
}

fn create(folder: &Path) -> Result<(), EngineError> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|source| EngineError::Folder { path: folder.display().to_string(), source })
}

/// Checks that the record contains every run on disk. A record that lost its end would reuse the numbers of these runs, and
/// a new deployment would get an old outcome.
fn check_record_is_complete(
    store: &Store,
    database: &Path,
    runner: &StepRunner,
    runs: &Path,
) -> Result<(), EngineError> {
    let (newest, head) = (runner.newest_run().map_or(0, |id| id.0), store.head().0);
    if newest <= head {
        return Ok(());
    }
    let [database, run, runs] =
        [database, &runs.join(newest.to_string()), runs].map(|path| path.display().to_string());
    Err(EngineError::CutOff { database, head, run, runs })
}
