//! Who has which service open: whoever waits for its news, and for a moment after.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, timeout};

use super::input::Input;
use super::world::WorldReader;
use crate::domain::caller::{AccessRole, Caller};
use crate::domain::ids::ServiceName;
use crate::domain::presence::PresentPerson;

/// How long somebody counts as present after the last wait. A console asks again at once.
const STAYS: Duration = Duration::from_secs(4);
/// How often it is looked whether somebody left.
const LOOK: Duration = Duration::from_secs(2);
/// The most people of one service that are listed.
const MOST: usize = 50;

/// Who waits for news of which service. Clones share it.
#[derive(Clone, Default)]
pub(super) struct OpenServices(Arc<SharedPresence>);

#[derive(Default)]
struct SharedPresence {
    waits: Mutex<BTreeMap<(ServiceName, String), OpenWaits>>,
    entered: Notify,
}

/// The waits of one person for one service.
struct OpenWaits {
    caller: Caller,
    since: DateTime<Utc>,
    open: usize,
    last: Instant,
}

/// One wait. Its end starts the moment after which the person counts as gone.
pub struct PresentWait {
    presence: OpenServices,
    key: (ServiceName, String),
}

impl OpenServices {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(ServiceName, String), OpenWaits>> {
        self.0.waits.lock().expect("no code panics with the waits")
    }

    /// Begins to tell the writer who is present.
    pub fn published(world: &WorldReader, inputs: &mpsc::Sender<Input>) -> Self {
        let open = Self::default();
        tokio::spawn(open.clone().publish(world.clone(), inputs.clone()));
        open
    }

    /// Notes that somebody waits, as long as the result lives.
    pub fn enter(&self, service: &ServiceName, caller: &Caller, now: DateTime<Utc>) -> PresentWait {
        let key = (service.clone(), caller.identity.digest_name());
        let mut waits = self.lock();
        let is_new = !waits.contains_key(&key);
        let new =
            || OpenWaits { caller: caller.clone(), since: now, open: 0, last: Instant::now() };
        let known = waits.entry(key.clone()).or_insert_with(new);
        known.caller = caller.clone();
        known.open += 1;
        drop(waits);
        if is_new {
            self.0.entered.notify_one();
        }
        PresentWait { presence: self.clone(), key }
    }

    /// Tells the writer who is present, each change once, until the engine stops.
    async fn publish(self, world: WorldReader, inputs: mpsc::Sender<Input>) {
        let mut told = BTreeMap::new();
        loop {
            if self.lock().is_empty() {
                self.0.entered.notified().await;
            } else {
                let _either = timeout(LOOK, self.0.entered.notified()).await;
            }
            self.lock().retain(|_, waits| waits.open > 0 || waits.last.elapsed() < STAYS);
            let present = self.present(&world);
            let services: BTreeSet<_> = told.keys().chain(present.keys()).cloned().collect();
            for service in services {
                let now = present.get(&service).cloned().unwrap_or_default();
                if told.get(&service) != Some(&now) {
                    let input = Input::Present { service, people: now };
                    if inputs.send(input).await.is_err() {
                        return;
                    }
                }
            }
            told = present;
        }
    }

    /// Who is present, by the names that each service has for them.
    fn present(&self, world: &WorldReader) -> BTreeMap<ServiceName, Vec<PresentPerson>> {
        let mut present: BTreeMap<ServiceName, Vec<PresentPerson>> = BTreeMap::new();
        let waits = self.lock();
        world.read(|world| {
            for ((name, _), OpenWaits { caller, since, .. }) in waits.iter() {
                let Some(service) = world.services.get(name) else { continue };
                let actor = service.people.actor_of(caller);
                let people = present.entry(name.clone()).or_default();
                let may_act = caller.rights.role >= AccessRole::Deployer;
                // The same person may come by two ways, as at home and on the server.
                if let Some(known) = people.iter_mut().find(|known| known.actor == actor) {
                    known.may_act |= may_act;
                    known.since = known.since.min(*since);
                } else if people.len() < MOST {
                    people.push(PresentPerson { actor, since: *since, may_act });
                }
            }
        });
        present
    }
}

impl Drop for PresentWait {
    fn drop(&mut self) {
        if let Some(waits) = self.presence.lock().get_mut(&self.key) {
            waits.open = waits.open.saturating_sub(1);
            waits.last = Instant::now();
        }
    }
}
