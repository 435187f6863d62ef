//! Restores the world from the record, and the last good service files from the mirrors.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::stream::{self, StreamExt as _};
use tokio::time::{Instant, timeout_at};

use super::error::EngineError;
use super::mirrors::Mirrors;
use super::service_rules::ServiceRules;
use super::trunk::{self, KnownPeople};
use super::world::{Service, Trouble, WorldOwner, WorldReader};
use crate::config::user_file::Watched;
use crate::domain::ids::ServiceName;
use crate::domain::service::ServiceState;
use crate::git::{Mirror, display_url};
use crate::store::Store;

/// How many services query git at the same time.
const CONCURRENT_READS: usize = 16;
/// How many builds back to look for a readable service file.
const FILES_TRIED: usize = 20;
/// How long the start waits for git in total. The engine accepts no rollback before it is open.
const GIT_TIMEOUT: Duration = Duration::from_secs(2);

/// What restoring needs.
pub struct Restoring<'a> {
    pub mirrors: &'a Arc<Mirrors>,
    pub known: &'a KnownPeople,
    pub now: DateTime<Utc>,
}

impl Restoring<'_> {
    /// Folds the record into the services that are still watched. Returns those whose service file git did not
    /// give in time.
    pub async fn restore(
        &self,
        world: &mut WorldOwner,
        store: &Store,
        watched: &[Watched],
    ) -> Result<Vec<ServiceName>, EngineError> {
        let mut states: BTreeMap<ServiceName, ServiceState> = BTreeMap::new();
        store.replay(|event| states.entry(event.service.clone()).or_default().apply(&event))?;
        // The time starts after the replay, so that a long record does not use it up.
        let deadline = Instant::now() + GIT_TIMEOUT;
        for known in store.services()? {
            let is_place = |w: &&Watched| {
                display_url(&w.repository) == known.repository
                    && w.folder.clone().unwrap_or_default() == known.folder
            };
            let Some(watched) = watched.iter().find(is_place) else { continue };
            let mirror = match self.mirror_before(deadline, watched).await {
                Ok(mirror) => mirror,
                Err(why) => {
                    // The watch of its trunk retries. The other services are restored.
                    let trouble = Trouble::new(why, RETRY_REMEDY);
                    world.set_trouble(&watched.repository, self.now, Some(trouble));
                    continue;
                }
            };
            let mut service = Service::new(known.name.clone(), watched.clone(), mirror);
            service.state = states.remove(&known.name).unwrap_or_default();
            service.state.looking_since = Some(self.now);
            service.trunk = service.declared_trunk();
            world.add(service);
        }
        let names = world.world().services.keys().cloned().collect();
        let (rules, unread) = read_rules(&world.reader(), self.known, names, deadline).await;
        for rules in rules {
            rules.take_in(world);
        }
        Ok(unread)
    }

    /// The mirror, if git creates it in time. After that git continues in the background: a killed git leaves a lock that
    /// blocks every later run.
    async fn mirror_before(&self, deadline: Instant, watched: &Watched) -> Result<Mirror, String> {
        let making = {
            let (mirrors, watched) = (self.mirrors.clone(), watched.clone());
            tokio::spawn(async move { mirrors.open(&watched).await })
        };
        match timeout_at(deadline, making).await {
            Ok(Ok(made)) => made.map_err(|error| error.to_string()),
            Ok(Err(ended)) => Err(ended.to_string()),
            Err(_) => Err("git does not answer".to_owned()),
        }
    }
}

/// The remedy of a problem with a repository or the user file.
pub const RETRY_REMEDY: &str = "fix it; trunkline retries automatically";

/// Reads the service files of these services. Returns the rules, and the services for which git did not answer in time.
pub async fn read_rules(
    world: &WorldReader,
    known: &KnownPeople,
    names: Vec<ServiceName>,
    deadline: Instant,
) -> (Vec<ServiceRules>, Vec<ServiceName>) {
    // In parallel, because each queries git several times.
    let read = stream::iter(names)
        .map(|name| async move {
            let rules = timeout_at(deadline, last_good_rules(world, known, &name)).await;
            (name, rules.ok().flatten())
        })
        .buffer_unordered(CONCURRENT_READS);
    let (mut rules, mut unread) = (Vec::new(), Vec::new());
    for (name, read) in read.collect::<Vec<_>>().await {
        match read {
            Some(read) => rules.extend(read),
            None => unread.push(name),
        }
    }
    (rules, unread)
}

/// The rules that apply until the first look at the trunk: those of the newest build with a good service file. `None` if
/// git fails.
async fn last_good_rules(
    world: &WorldReader,
    known: &KnownPeople,
    name: &ServiceName,
) -> Option<Option<ServiceRules>> {
    let (shas, mirror, watched) = {
        let world = world.world();
        let service = world.services.get(name)?;
        let newest = service.state.builds.values().rev().take(FILES_TRIED);
        let shas: Vec<_> = newest.map(|build| build.sha.clone()).collect();
        (shas, service.mirror.clone(), service.watched.clone())
    };
    for sha in shas {
        // The mirror keeps all builds. If it lacks the newest, it lacks the others too.
        let Ok(file) = trunk::read_file(&mirror, &watched, &sha).await.ok()? else { continue };
        if file.name == *name {
            let git = trunk::local_identity(&watched).await;
            let people = known.beside(&file.people, git.as_ref());
            let (service, file) = (name.clone(), Arc::new(file));
            return Some(Some(ServiceRules { service, sha, file, people }));
        }
    }
    Some(None)
}
