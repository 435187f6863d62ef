//! Opening the engine: the record is read back, and what was under way is taken up again.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use sha2::{Digest as _, Sha256};
use tokio::runtime;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::act::Acts;
use super::freezes::{self, Freezes};
use super::handle::Handle;
use super::migrations::{self, Uses};
use super::shared::{Folders, Shared};
use super::trunk;
use super::watch::watch;
use super::world::Service;
use super::writer::{Input, Writer};
use super::{Options, Services};
use crate::calendar::{FREEZES_FILE, FreezeRules};
use crate::config::service_file::ServiceFile;
use crate::config::user_file::{UserFile, Watched};
use crate::domain::ids::{ServiceName, Sha};
use crate::domain::people::People;
use crate::domain::service::ServiceState;
use crate::git::{GitError, Mirror, display_url};
use crate::store::{Store, StoreError};

/// The most that waits for the writer; who brings more waits too.
const INBOX: usize = 1024;
/// How many services git is asked about at a time.
const AT_ONCE: usize = 16;
/// How many builds back a readable service file is looked for.
const FILES_TRIED: usize = 20;
/// How long opening waits for git altogether: nobody can roll back before the engine listens.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long git may take for all files once the engine is open.
const LATER: Duration = Duration::from_mins(1);

/// Why an engine could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    #[error("{path}: {source}")]
    Folder { path: String, source: std::io::Error },
    #[error(
        "the record {database} ends at event {head}, but {run} was run after that: the record was replaced or cut \
         off; put the right one back, or move {runs} away to go on from this one"
    )]
    CutOff { database: String, head: u64, run: String, runs: String },
}

/// The embedded engine; see [`Engine::open`].
pub struct Engine;

impl Engine {
    /// Opens the data folder, takes up what was under way and begins to watch.
    ///
    /// # Errors
    /// When the folder, the database or a mirror cannot be opened.
    pub async fn open(options: Options) -> Result<Handle, EngineError> {
        let folders = Folders {
            mirrors: options.data.join("mirrors"),
            checkouts: options.data.join("checkouts"),
            runs: options.data.join("runs"),
            program: options.program,
        };
        for folder in [&options.data, &folders.mirrors, &folders.checkouts, &folders.runs] {
            create(folder)?;
        }
        let database = options.data.join("trunkline.db");
        let store = Store::open(&database)?;
        knows_all_runs(&store, &database, &folders.runs)?;
        let reader = store.reader()?;
        let (sender, inputs) = mpsc::channel(INBOX);
        let freezes = match &options.services {
            Services::File(path) => Some(path.with_file_name(FREEZES_FILE)),
            Services::Fixed(_) => None,
        };
        let freezes = Freezes::open(&options.data, freezes);
        let (clock, owner, demo) = (options.clock, options.owner, options.demo);
        let shared = Arc::new(Shared::new(clock, sender, folders, owner, demo, freezes));
        let watched = match &options.services {
            Services::Fixed(watched) => watched.clone(),
            Services::File(path) => UserFile::load(path)?.services,
        };
        let unread = restore(&shared, &store, &watched).await?;
        migrations::sync_shared_schema(&shared);
        freezes::look(&shared);
        let acts = Acts::new(shared.clone(), runtime::Handle::current());
        let writer = Writer::new(store, shared.clone(), acts);
        let thread = std::thread::spawn(move || writer.run(inputs));
        let names: Vec<_> = shared.world().services.keys().cloned().collect();
        for name in names {
            let _stopped = shared.inputs.send(Input::Settle(name)).await;
        }
        let watching = tokio::spawn(watch_all(
            shared.clone(),
            options.services,
            watched,
            unread,
            options.poll,
        ));
        Ok(Handle::new(shared, reader, thread, &watching))
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

/// A deployment takes its run by its number. What a record that lost its end would number anew has run already, and
/// the old outcome would pass for the new one's.
fn knows_all_runs(store: &Store, database: &Path, runs: &Path) -> Result<(), EngineError> {
    let entries = std::fs::read_dir(runs).into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let (newest, head) = (numbers.max().unwrap_or(0), store.head().0);
    if newest <= head {
        return Ok(());
    }
    let [database, run, runs] =
        [database, &runs.join(newest.to_string()), runs].map(|path| path.display().to_string());
    Err(EngineError::CutOff { database, head, run, runs })
}

/// Folds the record into the services that are still watched, and names those whose file git did not tell in time.
async fn restore(
    shared: &Arc<Shared>,
    store: &Store,
    watched: &[Watched],
) -> Result<Vec<ServiceName>, EngineError> {
    let mut states: BTreeMap<ServiceName, ServiceState> = BTreeMap::new();
    store.replay(|event| states.entry(event.service.clone()).or_default().apply(&event))?;
    // A long record takes nothing of git's time.
    let deadline = Instant::now() + PATIENCE;
    for known in store.services()? {
        let place = |w: &&Watched| {
            display_url(&w.repository) == known.repository
                && w.folder.clone().unwrap_or_default() == known.folder
        };
        let Some(watched) = watched.iter().find(place) else { continue };
        let mirror = match mirror_before(deadline, shared, watched).await {
            Ok(mirror) => mirror,
            Err(why) => {
                // It keeps no other service from anything, and is tried again when its trunk is looked at.
                trouble(shared, &watched.repository, Some(why));
                continue;
            }
        };
        let mut service = Service::new(known.name.clone(), watched.clone(), mirror);
        service.state = states.remove(&known.name).unwrap_or_default();
        shared.write().services.insert(known.name, service);
    }
    let names = shared.world().services.keys().cloned().collect();
    Ok(last_good_files(shared, names, deadline).await)
}

/// Reads the files of these services and names those that git did not tell until then.
async fn last_good_files(
    shared: &Shared,
    names: Vec<ServiceName>,
    deadline: Instant,
) -> Vec<ServiceName> {
    // Each asks git several times, and a fleet would be asked for a long time one after the other.
    let read = stream::iter(names)
        .map(|name| async move {
            let told = timeout_at(deadline, last_good_file(shared, &name)).await;
            let is_told = matches!(told, Ok(Some(())));
            (name, is_told)
        })
        .buffer_unordered(AT_ONCE);
    let unread = read.filter_map(|(name, is_told)| async move { (!is_told).then_some(name) });
    unread.collect().await
}

/// The rules hold before the trunk can be looked at: they come from the newest build with a readable file. `None` when
/// git could not tell.
async fn last_good_file(shared: &Shared, name: &ServiceName) -> Option<()> {
    let (shas, mirror, watched) = {
        let world = shared.world();
        let service = world.services.get(name)?;
        let newest = service.state.builds.values().rev().take(FILES_TRIED);
        let shas: Vec<_> = newest.map(|build| build.sha.clone()).collect();
        (shas, service.mirror.clone(), service.watched.clone())
    };
    for sha in shas {
        // All builds are kept in the mirror: one that lacks the newest lacks the others too.
        let Ok(file) = trunk::read_file(&mirror, &watched, &sha).await.ok()? else { continue };
        if file.name == *name {
            let git = trunk::local_identity(&watched).await;
            let people = trunk::with_owner(&file.people, shared.owner.as_deref(), git.as_ref());
            take_in(shared, name, sha, Arc::new(file), people);
            break;
        }
    }
    Some(())
}

/// A look at the trunk may have found a newer file meanwhile, which then holds.
fn take_in(shared: &Shared, name: &ServiceName, sha: Sha, file: Arc<ServiceFile>, people: People) {
    shared.change(|world| {
        let revision = world.revision;
        let service = world.services.get_mut(name);
        let Some(service) = service.filter(|service| service.file.is_none()) else { return };
        service.people = people;
        service.trunk = file.trunk.clone().unwrap_or_default();
        // Which files are migrations was not known without it.
        service.uses = Uses::default();
        service.remember_pipeline(sha, Ok(file.clone()));
        service.file = Some(file);
        service.revision = revision;
    });
}

/// Reads what git did not tell while the engine opened, as soon as it does.
async fn read_later(shared: Arc<Shared>, mut unread: Vec<ServiceName>, poll: Duration) {
    while !unread.is_empty() {
        tokio::time::sleep(poll).await;
        unread.retain(|name| {
            shared.world().services.get(name).is_some_and(|service| service.file.is_none())
        });
        let all = unread.clone();
        unread = last_good_files(&shared, unread, Instant::now() + LATER).await;
        for name in all.into_iter().filter(|name| !unread.contains(name)) {
            let _stopped = shared.inputs.send(Input::Settle(name)).await;
        }
    }
}

/// The mirror, if git makes it in time. It goes on by itself after that: a git that is killed while it makes one leaves
/// a lock in everybody's way.
async fn mirror_before(
    deadline: Instant,
    shared: &Arc<Shared>,
    watched: &Watched,
) -> Result<Mirror, String> {
    let making = {
        let (shared, watched) = (shared.clone(), watched.clone());
        tokio::spawn(async move { mirror(&shared, &watched).await })
    };
    match timeout_at(deadline, making).await {
        Ok(Ok(made)) => made.map_err(|error| error.to_string()),
        Ok(Err(ended)) => Err(ended.to_string()),
        Err(_) => Err("git does not answer".to_owned()),
    }
}

async fn mirror(shared: &Shared, watched: &Watched) -> Result<Mirror, GitError> {
    // The address may hold anything; its digest is a name for a folder.
    let digest = Sha256::digest(watched.repository.as_bytes());
    let name = u64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"));
    let name = format!("{name:016x}.git");
    let mut mirrors = shared.mirrors.lock().await;
    if let Some(open) = mirrors.get(&name) {
        return Ok(open.clone());
    }
    let mirror = Mirror::open(&shared.folders.mirrors.join(&name), &watched.repository).await?;
    mirrors.insert(name, mirror.clone());
    Ok(mirror)
}

impl Service {
    pub(super) fn new(name: ServiceName, watched: Watched, mirror: Mirror) -> Self {
        Self {
            name,
            watched,
            mirror,
            trunk: String::new(),
            state: ServiceState::default(),
            file: None,
            people: People::default(),
            freezes: FreezeRules::default(),
            freezes_at: None,
            uses: Uses::default(),
            pipelines: HashMap::new(),
            problems: BTreeMap::new(),
            revision: 0,
        }
    }
}

/// Watches every repository, and those that are added to the user file later.
async fn watch_all(
    shared: Arc<Shared>,
    services: Services,
    first: Vec<Watched>,
    unread: Vec<ServiceName>,
    poll: Duration,
) {
    let mut watchers = tokio::task::JoinSet::new();
    watchers.spawn(read_later(shared.clone(), unread, poll));
    let mut known: Vec<Watched> = Vec::new();
    let mut wanted = first;
    loop {
        for watched in std::mem::take(&mut wanted) {
            if known.iter().any(|k| trunk::same(k, &watched)) {
                continue;
            }
            let opened = mirror(&shared, &watched).await;
            trouble(&shared, &watched.repository, opened.as_ref().err().map(ToString::to_string));
            if let Ok(mirror) = opened {
                known.push(watched.clone());
                watchers.spawn(watch(shared.clone(), watched, mirror, poll));
            }
        }
        tokio::time::sleep(poll).await;
        shared.look_at_clock();
        freezes::look_when_due(&shared).await;
        // Where nothing can be added, the watchers live as long as this task.
        let Services::File(path) = &services else { continue };
        let file = UserFile::load(path);
        trouble(&shared, "user file", file.as_ref().err().map(ToString::to_string));
        wanted = file.map(|file| file.services).unwrap_or_default();
    }
}

fn trouble(shared: &Shared, source: &str, what: Option<String>) {
    let remedy = "mend it; trunkline looks again by itself";
    shared.note(source, what.map(|what| (what, remedy.to_owned())));
}
