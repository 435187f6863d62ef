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
use super::record_check::{self, DATABASE, RUNS};
use super::reserve::Reserve;
use super::restore::Restoring;
use super::runner::StepRunner;
use super::tokens::Tokens;
use super::trunk::TrunkContext;
use super::variables::Variables;
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
        let EngineOptions { data, lock, services, environment, program, poll, owner, demo, clock } =
            options;
        let [mirrors, checkouts, runs] =
            ["mirrors", "checkouts", RUNS].map(|folder| data.join(folder));
        for folder in [&data, &mirrors, &checkouts, &runs] {
            create(folder)?;
        }
        let database = data.join(DATABASE);
        let reserve = Reserve::of(&data);
        let store = match Store::open(&database) {
            // Without an engine there is no rollback.
            Err(_) if reserve.is_short() && reserve.release() => Store::open(&database)?,
            opened => opened?,
        };
        let runner = Arc::new(StepRunner::new(runs.clone(), program));
        record_check::is_complete(&data, store.head())?;
        let reader = store.reader()?;
        let tokens = Tokens::new(store.tokens()?);
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

        let user_file = match &services {
            Services::File(path) => Some(path.as_path()),
            Services::Fixed(_) => None,
        };
        let variables = Arc::new(Variables::open(environment, user_file, &data));
        let (inputs, inbox) = mpsc::channel(QUEUE_CAPACITY);
        let gather =
            GatherContext { world: world.clone(), inputs: inputs.clone(), checkouts, variables };
        let runtime = runtime::Handle::current();
        let acts = Acts::new(gather.clone(), reserve.clone(), runner.clone(), runtime, poll);
        let writer = Writer::new(WriterParts {
            store,
            tokens: tokens.clone(),
            world: owned,
            clock: clock.clone(),
            inputs: inputs.clone(),
            freezes: freezes.clone(),
            owner: owner.clone(),
            foundation: foundation.clone(),
            reserve: reserve.clone(),
            acts,
        });
        let thread = std::thread::spawn(move || writer.run(inbox));
        let names = world.read(|world| world.services.keys().cloned().collect::<Vec<_>>());
        for name in names {
            let _stopped = inputs.send(Input::Settle(name.clone())).await;
            let _stopped = inputs.send(Input::MakeTrees(name)).await;
        }
        let trunk = TrunkContext::new(world, inputs, clock.clone(), freezes.clone());
        let watching =
            Watching { trunk, mirrors, foundation, reserve, gather: gather.clone(), owner, poll };
        let watching = tokio::spawn(watch_all(watching, services, watched, unread));
        Ok(Handle::new(
            HandleParts { gather, runner, clock, freezes, tokens, demo },
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
