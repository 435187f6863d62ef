//! Opening the engine: the record is read back, and what was under way is taken up again.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use sha2::{Digest as _, Sha256};
use tokio::runtime;
use tokio::sync::mpsc;

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
use crate::config::freezes::FREEZES_FILE;
use crate::config::user_file::{UserFile, Watched};
use crate::domain::freeze::Rules;
use crate::domain::ids::ServiceName;
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
        restore(&shared, &store, &watched).await?;
        migrations::tell_each_other(&shared);
        freezes::look(&shared);
        let acts = Acts::new(shared.clone(), runtime::Handle::current());
        let writer = Writer::new(store, shared.clone(), acts);
        let thread = std::thread::spawn(move || writer.run(inputs));
        let names: Vec<_> = shared.world().services.keys().cloned().collect();
        for name in names {
            let _stopped = shared.inputs.send(Input::Settle(name)).await;
        }
        let watching =
            tokio::spawn(watch_all(shared.clone(), options.services, watched, options.poll));
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

/// Folds the record into the services that are still watched.
async fn restore(shared: &Shared, store: &Store, watched: &[Watched]) -> Result<(), EngineError> {
    let mut states: BTreeMap<ServiceName, ServiceState> = BTreeMap::new();
    store.replay(|event| states.entry(event.service.clone()).or_default().apply(&event))?;
    let mut found = Vec::new();
    for known in store.services()? {
        let place = |w: &&Watched| {
            display_url(&w.repository) == known.repository
                && w.folder.clone().unwrap_or_default() == known.folder
        };
        let Some(watched) = watched.iter().find(place) else { continue };
        let mirror = match mirror(shared, watched).await {
            Ok(mirror) => mirror,
            Err(error) => {
                // It keeps no other service from anything, and is tried again when its trunk is looked at.
                trouble(shared, &watched.repository, Some(error.to_string()));
                continue;
            }
        };
        let mut service = Service::new(known.name.clone(), watched.clone(), mirror);
        service.state = states.remove(&known.name).unwrap_or_default();
        found.push(service);
    }
    // Each asks git several times, and a fleet would be asked for a long time one after the other.
    let mut services = stream::iter(found)
        .map(|service| last_good_file(service, shared.owner.as_deref()))
        .buffer_unordered(AT_ONCE);
    while let Some(service) = services.next().await {
        shared.write().services.insert(service.name.clone(), service);
    }
    Ok(())
}

/// The rules hold before the trunk can be looked at: they come from the newest build with a readable file.
async fn last_good_file(mut service: Service, owner: Option<&str>) -> Service {
    let shas: Vec<_> =
        service.state.builds.values().rev().take(FILES_TRIED).map(|b| b.sha.clone()).collect();
    for sha in shas {
        let Ok(file) = trunk::read_file(&service.mirror, &service.watched, &sha).await else {
            // All builds are kept in the mirror: one that lacks the newest lacks the others too.
            return service;
        };
        if let Ok(file) = file
            && file.name == service.name
        {
            let git = trunk::local_identity(&service.watched).await;
            service.people = trunk::with_owner(&file.people, owner, git.as_ref());
            service.trunk = file.trunk.clone().unwrap_or_default();
            let file = Arc::new(file);
            service.remember_pipeline(sha, Ok(file.clone()));
            service.file = Some(file);
            return service;
        }
    }
    service
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
            freezes: Rules::default(),
            freezes_at: None,
            uses: Uses::default(),
            pipelines: HashMap::new(),
            problems: BTreeMap::new(),
            revision: 0,
        }
    }
}

/// Watches every repository, and those that are added to the user file later.
async fn watch_all(shared: Arc<Shared>, services: Services, first: Vec<Watched>, poll: Duration) {
    let mut watchers = tokio::task::JoinSet::new();
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
