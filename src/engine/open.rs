//! Opens the engine: it replays the record and resumes unfinished work.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;

use super::act::Acts;
use super::asked::{self, AskedCommands};
use super::error::EngineError;
use super::foundation::Foundation;
use super::freezes::Freezes;
use super::gather::GatherContext;
use super::handle::{Handle, RunningEngine};
use super::input::Input;
use super::links::Links;
use super::migrations;
use super::mirrors::Mirrors;
use super::observe::{LiveReads, ObserveContext};
use super::outputs::Outputs;
use super::presence::OpenServices;
use super::record_check::{self, DATABASE, RUNS};
use super::replace;
use super::reserve::Reserve;
use super::restore::Restoring;
use super::retention::Keeper;
use super::runner::remote::{Engines, RemoteRunner};
use super::runner::{Runners, StepRunner};
use super::tokens::Tokens;
use super::trunk::{KnownPeople, TrunkContext};
use super::variables::Variables;
use super::watch::WatchContext;
use super::watching::{Watching, watch_all};
use super::webhooks::Webhooks;
use super::work_times::WorkTimes;
use super::world::{WorldOwner, WorldReader};
use super::writer::{Writer, WriterParts};
use super::{EngineOptions, Services};
use crate::calendar::FREEZES_FILE;
use crate::domain::engine_metrics::Durations;
use crate::store::{Store, StoreError};

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
        let EngineOptions { data, lock, services, environment, program, poll, .. } = options;
        let EngineOptions { owner, people, demo, clock, remote_times, server_file, .. } = options;
        let known_people = Arc::new(KnownPeople { owner, people });
        let [mirrors, checkouts, runs] = folders(&data)?;
        let database = data.join(DATABASE);
        let reserve = Reserve::of(&data);
        let store = open_store(&database, &reserve)?;
        let runner = Arc::new(StepRunner::new(runs.clone(), program));
        record_check::is_complete(&data, store.head())?;
        let reader = store.reader()?;
        let tokens = Tokens::new(store.tokens()?, clock.now());
        let (links, known) = (Links::new(&data), store.services()?);
        let foundation = Arc::new(stands_on(&data, database, lock)?);
        let freezes = Arc::new(freezes_of(&data, &services));
        let watched = services.watched()?;

        let mut owned = WorldOwner::new();
        let world = owned.reader();
        let mirrors = Arc::new(Mirrors::new(mirrors));
        let restoring = Restoring { mirrors: &mirrors, known: &known_people, now: clock.now() };
        let unread = restoring.restore(&mut owned, &store, &watched).await?;
        migrations::sync_shared_schema(&mut owned);
        freezes.know_on_call(&owned.world());
        freezes.look(&world, clock.now()).take_in(&mut owned, &freezes, clock.now());

        let files = services.files(server_file.as_deref());
        let engines = Arc::new(Engines::new(files.clone(), environment.clone(), remote_times));
        let remote = RemoteRunner::new(&runs, engines.clone(), foundation.clone(), remote_times);
        let variables = Arc::new(Variables::open(environment, files, &data));
        let (inputs, inbox) = mpsc::channel(QUEUE_CAPACITY);
        let gather = GatherContext::new(&world, &inputs, (checkouts, variables), &engines);
        let webhooks = Webhooks::telling(remote.wakers().clone());
        let runners = Runners { local: runner.clone(), remote: Arc::new(remote) };
        let acts = Acts::new(gather.clone(), reserve.clone(), runners, poll);
        let (commits, fetches) = work_times();
        let writer = Writer::new(WriterParts {
            store,
            tokens: tokens.clone(),
            world: owned,
            clock: clock.clone(),
            inputs: inputs.clone(),
            freezes: freezes.clone(),
            known: known_people.clone(),
            foundation: foundation.clone(),
            reserve: reserve.clone(),
            acts,
            commits: commits.clone(),
        });
        let thread = std::thread::spawn(move || writer.run(inbox));
        go_on(&world, &inputs).await;
        let presence = OpenServices::published(&world, &inputs);
        let keeper = Keeper::new(
            (world.clone(), inputs.clone(), clock.clone()),
            (runner.clone(), mirrors.clone(), [gather.checkouts.clone(), asked::folder(&data)]),
            (known, services.user_file().map(Path::to_owned)),
            poll,
        );
        let sources = (world.clone(), engines.clone());
        let sink = (inputs.clone(), clock.clone());
        let told = (webhooks.wakers.clone(), webhooks.runs.clone());
        let observing = ObserveContext::new(sources, sink, told, (remote_times, poll));
        let asked = Arc::new(AskedCommands::new(gather.clone(), reserve.clone(), &data));
        let live = Arc::new(LiveReads::new(observing.clone(), asked.clone()));
        let (now, rules) = (clock.clone(), freezes.clone());
        let (sources, woken) = ((world, engines), webhooks.wakers.clone());
        let trunk = TrunkContext::new(sources, inputs, now, rules, woken, fetches.clone());
        let outputs = Outputs::new(gather.clone(), asked.clone(), &data, poll);
        let watching = Watching {
            trunk,
            mirrors,
            foundation,
            reserve,
            gather: gather.clone(),
            known: known_people,
            watch: WatchContext::of(&observing, asked.clone()),
            observing,
            live: live.clone(),
            asked,
            outputs,
            poll,
        };
        let watching = tokio::spawn(watch_all(watching, keeper, services, watched, unread));
        Ok(Handle::new(RunningEngine {
            gather,
            runner,
            clock,
            freezes,
            tokens,
            presence,
            webhooks,
            links,
            commits,
            fetches,
            live,
            demo,
            instance: uuid::Uuid::new_v4().simple().to_string(),
            reader: Arc::new(Mutex::new(reader)),
            writer: Mutex::new(Some(thread)),
            watching: watching.abort_handle(),
        }))
    }
}

fn freezes_of(data: &Path, services: &Services) -> Freezes {
    let file = services.user_file().map(|path| path.with_file_name(FREEZES_FILE));
    Freezes::open(data, file)
}

/// How long commits to the record and fetches take.
fn work_times() -> (WorkTimes, WorkTimes) {
    (WorkTimes::new(Durations::of_commits()), WorkTimes::new(Durations::of_fetches()))
}

/// What the engine stands on: its folder, its record and its lock.
fn stands_on(
    data: &Path,
    database: PathBuf,
    lock: Option<PathBuf>,
) -> Result<Foundation, EngineError> {
    let files = [data.to_owned(), database].into_iter().chain(lock);
    Foundation::of(files)
        .map_err(|source| EngineError::Folder { path: data.display().to_string(), source })
}

/// Lets the writer go on with what every service has open.
async fn go_on(world: &WorldReader, inputs: &mpsc::Sender<Input>) {
    let names = world.read(|world| world.services.keys().cloned().collect::<Vec<_>>());
    for name in names {
        let _stopped = inputs.send(Input::Settle(name.clone())).await;
        let _stopped = inputs.send(Input::MakeTrees(name)).await;
    }
}

/// The folders of the mirrors, the checkouts and the runs, in a data folder whose restore has ended.
fn folders(data: &Path) -> Result<[PathBuf; 3], EngineError> {
    create(data)?;
    // A restore that was killed is finished before anything is read.
    replace::finish(data)
        .map_err(|source| EngineError::Folder { path: data.display().to_string(), source })?;
    let folders = ["mirrors", "checkouts", RUNS].map(|folder| data.join(folder));
    folders.iter().try_for_each(|folder| create(folder))?;
    Ok(folders)
}

fn open_store(database: &Path, reserve: &Reserve) -> Result<Store, StoreError> {
    match Store::open(database) {
        // Without an engine there is no rollback.
        Err(_) if reserve.is_short() && reserve.release() => Store::open(database),
        opened => opened,
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
