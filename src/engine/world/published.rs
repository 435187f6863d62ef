//! The published world: its one owner changes it, all others read snapshots.

use std::sync::{Arc, RwLock, RwLockReadGuard};

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use super::{Service, Trouble, World, set_trouble};
use crate::domain::event::Event;
use crate::domain::ids::ServiceName;

struct Published {
    newest: RwLock<Arc<World>>,
    changed: watch::Sender<u64>,
}

/// Who sees a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Visible {
    /// Snapshots show it: the revision grows and waiting readers wake.
    InSnapshots,
    /// Only the list of events shows it: waiting readers wake, snapshots stay the same.
    InEvents,
    /// No reader: it is a cache.
    Nowhere,
}

/// Reads the world.
#[derive(Clone)]
pub struct WorldReader(Arc<Published>);

impl WorldReader {
    /// A snapshot of the newest world. Drop it soon: a change copies the services that a snapshot still holds.
    pub fn world(&self) -> Arc<World> {
        self.0.newest.read().expect("a change of the world does not panic").clone()
    }

    /// Reads the newest world without a snapshot. A change waits until the read ends.
    pub fn read<T>(&self, read: impl FnOnce(&World) -> T) -> T {
        read(&self.0.newest.read().expect("a change of the world does not panic"))
    }

    /// Resolves after each change that a reader can see.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }
}

/// Changes the world. There is one owner: first the opening engine, then the writer.
///
/// A change is copy-on-write. It copies a service only while a reader holds a snapshot of it.
pub struct WorldOwner {
    published: Arc<Published>,
}

impl WorldOwner {
    pub fn new() -> Self {
        let (changed, _) = watch::channel(0);
        Self { published: Arc::new(Published { newest: RwLock::default(), changed }) }
    }

    pub fn reader(&self) -> WorldReader {
        WorldReader(self.published.clone())
    }

    pub fn world(&self) -> RwLockReadGuard<'_, Arc<World>> {
        self.published.newest.read().expect("a change of the world does not panic")
    }

    /// Adds a service, unless there is one of this name.
    pub fn add(&mut self, service: Service) {
        self.publish(Visible::InSnapshots, |world| {
            let added = world.services.entry(service.name.clone()).or_insert(Arc::new(service));
            Arc::make_mut(added).revision = world.revision;
        });
    }

    /// Changes what snapshots of a service show. `None` if there is no such service.
    pub fn change<T>(
        &mut self,
        name: &ServiceName,
        change: impl FnOnce(&mut Service) -> T,
    ) -> Option<T> {
        self.publish(Visible::InSnapshots, |world| {
            let service = Arc::make_mut(world.services.get_mut(name)?);
            service.revision = world.revision;
            Some(change(service))
        })
    }

    /// Changes a service in ways that no reader sees.
    pub fn change_unseen<T>(
        &mut self,
        name: &ServiceName,
        change: impl FnOnce(&mut Service) -> T,
    ) -> Option<T> {
        self.publish(Visible::Nowhere, |world| {
            Some(change(Arc::make_mut(world.services.get_mut(name)?)))
        })
    }

    /// Applies events that snapshots do not show.
    pub fn apply_unseen(&mut self, events: &[Event]) {
        self.publish(Visible::InEvents, |world| {
            for event in events {
                if let Some(service) = world.services.get_mut(&event.service) {
                    Arc::make_mut(service).state.apply(event);
                }
            }
        });
    }

    /// Sets or clears a problem that belongs to no service. An unchanged problem wakes no reader.
    pub fn set_trouble(&mut self, source: &str, now: DateTime<Utc>, trouble: Option<Trouble>) {
        let known = self.world().problems.get(source).map(|known| known.what.clone());
        if known.as_ref() != trouble.as_ref().map(|trouble| &trouble.what) {
            self.publish(Visible::InSnapshots, |world| {
                set_trouble(&mut world.problems, source.to_owned(), now, trouble);
            });
        }
    }

    /// Renews every snapshot after the clock jumped: readers count on from the time in their snapshot.
    pub fn renew_all(&mut self) {
        self.publish(Visible::InSnapshots, |world| {
            for service in world.services.values_mut() {
                Arc::make_mut(service).revision = world.revision;
            }
        });
    }

    /// The one place that changes the world and its revision.
    fn publish<T>(&mut self, visible: Visible, change: impl FnOnce(&mut World) -> T) -> T {
        let (result, revision) = {
            let mut newest =
                self.published.newest.write().expect("a change of the world does not panic");
            let world = Arc::make_mut(&mut newest);
            if visible == Visible::InSnapshots {
                world.revision += 1;
            }
            (change(world), world.revision)
        };
        match visible {
            Visible::InSnapshots => {
                self.published.changed.send_replace(revision);
            }
            Visible::InEvents => self.published.changed.send_modify(|_| ()),
            Visible::Nowhere => {}
        }
        result
    }
}
