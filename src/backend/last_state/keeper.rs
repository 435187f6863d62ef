//! Writes what is seen to the disk, in the background and seldom: no key and no frame waits for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::LastStates;
use crate::domain::ids::ServiceName;
use crate::domain::snapshot::{FleetSnapshot, ServiceSnapshot};

/// The shortest time between two writes.
const PAUSE: Duration = Duration::from_secs(3);
/// How long the end waits for what is not on disk yet.
const FAREWELL: Duration = Duration::from_secs(1);

/// What was seen and is not on disk yet; only the newest of each counts, so that it is bounded.
#[derive(Debug, Default)]
struct Unwritten {
    fleet: Option<Unsaved<FleetSnapshot>>,
    services: BTreeMap<ServiceName, Unsaved<ServiceSnapshot>>,
}

#[derive(Debug)]
enum Unsaved<T> {
    New(Box<T>),
    /// As it was.
    Again,
}

/// Keeps what is seen of one place.
#[derive(Debug)]
pub struct StateKeeper {
    shared: Arc<Shared>,
    task: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    states: LastStates,
    unwritten: Mutex<Unwritten>,
    /// Who sees it. Nothing is written before that is known.
    person: Mutex<Option<String>>,
    more: Notify,
    /// Whoever writes has it, so that what was seen earlier is never written later.
    writing: Mutex<()>,
}

impl StateKeeper {
    /// Starts to keep. Call it on a runtime.
    #[must_use]
    pub fn start(states: LastStates) -> Self {
        let unwritten = Mutex::default();
        let person = Mutex::default();
        let (more, writing) = (Notify::new(), Mutex::default());
        let shared = Arc::new(Shared { states, unwritten, person, more, writing });
        let working = shared.clone();
        let task = tokio::spawn(async move {
            loop {
                working.more.notified().await;
                working.clone().write().await;
                sleep(PAUSE).await;
            }
        });
        Self { shared, task: task.abort_handle() }
    }

    /// Whether it is known who sees it.
    #[must_use]
    pub fn knows_person(&self) -> bool {
        self.shared.person().is_some()
    }

    /// Who sees it, by their name at the server.
    pub fn person(&self, name: String) {
        *self.shared.person() = Some(name);
        self.shared.more.notify_one();
    }

    /// The list of services was seen, or that it is as it was.
    pub fn fleet(&self, fleet: Option<&FleetSnapshot>) {
        self.note(|unwritten| take_in(unwritten.fleet.get_or_insert(Unsaved::Again), fleet));
    }

    /// A service was seen, or that it is as it was.
    pub fn service(&self, service: &ServiceName, snapshot: Option<&ServiceSnapshot>) {
        self.note(|unwritten| {
            take_in(unwritten.services.entry(service.clone()).or_insert(Unsaved::Again), snapshot);
        });
    }

    /// Writes what is not on disk yet, if the disk answers.
    pub async fn finish(&self) {
        self.task.abort();
        let _hangs = timeout(FAREWELL, self.shared.clone().write()).await;
    }

    fn note(&self, note: impl FnOnce(&mut Unwritten)) {
        note(&mut self.shared.unwritten());
        self.shared.more.notify_one();
    }
}

impl Drop for StateKeeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn take_in<T: Clone>(seen: &mut Unsaved<T>, new: Option<&T>) {
    if let Some(new) = new {
        *seen = Unsaved::New(Box::new(new.clone()));
    }
}

/// What could not be written is written with the next change, unless something newer was seen.
fn put_back<T>(seen: &mut Unsaved<T>, lost: Box<T>) {
    if matches!(seen, Unsaved::Again) {
        *seen = Unsaved::New(lost);
    }
}

impl Shared {
    fn unwritten(&self) -> MutexGuard<'_, Unwritten> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn person(&self) -> MutexGuard<'_, Option<String>> {
        self.person.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn write(self: Arc<Self>) {
        let Some(person) = self.person().clone() else { return };
        let work = move || {
            let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(why) = self.states.belong_to(&person) {
                return tell(Err(why));
            }
            let unwritten = std::mem::take(&mut *self.unwritten());
            let states = &self.states;
            for (service, seen) in unwritten.services {
                match seen {
                    Unsaved::New(snapshot) => {
                        let kept = states.keep_service(&snapshot);
                        if kept.is_err() {
                            let mut unwritten = self.unwritten();
                            put_back(
                                unwritten.services.entry(service).or_insert(Unsaved::Again),
                                snapshot,
                            );
                        }
                        tell(kept);
                    }
                    Unsaved::Again => states.confirm(Some(&service)),
                }
            }
            match unwritten.fleet {
                Some(Unsaved::New(fleet)) => {
                    let kept = states.keep_fleet(&fleet);
                    if kept.is_err() {
                        put_back(self.unwritten().fleet.get_or_insert(Unsaved::Again), fleet);
                    }
                    tell(kept);
                }
                Some(Unsaved::Again) => states.confirm(None),
                None => {}
            }
        };
        let _ending = tokio::task::spawn_blocking(work).await;
    }
}

/// A state that cannot be kept is no trouble of the service.
fn tell(kept: std::io::Result<()>) {
    if let Err(why) = kept {
        tracing::warn!(%why, "the last state is not on disk");
    }
}
