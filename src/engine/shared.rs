//! What the engine's tasks share: the world behind a lock, and the word that it changed.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{Semaphore, mpsc, watch};

use super::clock::{Clock, Passed, Watch};
use super::freezes::Freezes;
use super::world::{World, note};
use super::writer::Input;
use crate::domain::time::say;
use crate::git::Mirror;

/// How many trunks are looked at at a time.
const LOOKS: usize = 32;

/// Under which source it is said that the clock was set.
const CLOCK: &str = "clock";

/// Held by the writer, the watchers and every handle.
pub struct Shared {
    world: RwLock<World>,
    changed: watch::Sender<u64>,
    pub clock: Arc<dyn Clock>,
    watch: Mutex<Watch>,
    pub freezes: Freezes,
    pub inputs: mpsc::Sender<Input>,
    pub folders: Folders,
    /// One for each repository, so that those who work with the same mirror know of each other.
    pub mirrors: tokio::sync::Mutex<HashMap<String, Mirror>>,
    /// Taken for a look at a trunk, so that a fleet does not start a thousand gits at once.
    pub looks: Semaphore,
    /// Tells this process's versions from those of the one before.
    pub instance: String,
    pub demo: bool,
    /// The login of who runs the engine, and what their own git says of them.
    pub owner: Option<String>,
}

/// Where the engine keeps what is not in the database.
#[derive(Debug, Clone)]
pub struct Folders {
    pub mirrors: PathBuf,
    pub checkouts: PathBuf,
    pub runs: PathBuf,
    /// The binary that has the `supervise` command.
    pub program: PathBuf,
}

impl Shared {
    pub fn new(
        clock: Arc<dyn Clock>,
        inputs: mpsc::Sender<Input>,
        folders: Folders,
        owner: Option<String>,
        demo: bool,
        freezes: Freezes,
    ) -> Self {
        let instance = uuid::Uuid::new_v4().simple().to_string();
        let (changed, _) = watch::channel(0);
        let (world, mirrors) = (RwLock::default(), tokio::sync::Mutex::default());
        let (looks, watch) = (Semaphore::new(LOOKS), Mutex::new(Watch::begin(&*clock)));
        Self {
            world,
            changed,
            clock,
            watch,
            freezes,
            inputs,
            folders,
            mirrors,
            looks,
            instance,
            demo,
            owner,
        }
    }

    pub fn world(&self) -> RwLockReadGuard<'_, World> {
        self.world.read().expect("nobody panics while holding the world")
    }

    /// Changes the world and tells everybody who waits.
    pub fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let (result, revision) = {
            let mut world = self.write();
            world.revision += 1;
            (change(&mut world), world.revision)
        };
        self.changed.send_replace(revision);
        result
    }

    /// Changes what only a reader of events sees: those who wait look again, and every snapshot stays the same.
    pub fn change_unseen(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.write());
        self.changed.send_modify(|_| ());
    }

    /// Changes what no reader can see.
    pub fn write(&self) -> RwLockWriteGuard<'_, World> {
        self.world.write().expect("nobody panics while holding the world")
    }

    /// Notes trouble that belongs to no service, or that it is over; nobody is told what they know already.
    pub fn note(&self, source: &str, problem: Option<(String, String)>) {
        let now = self.clock.now();
        let is_news = note(&mut self.write().problems, source.to_owned(), now, problem);
        if is_news {
            self.change(|_| ());
        }
    }

    /// Looks whether somebody set the clock or the machine slept. Then every reader gets everything anew, since they
    /// count on from the time that they were told.
    pub fn look_at_clock(&self) {
        let passed = self.watch.lock().expect("nobody panics with the watch").look(&*self.clock);
        match passed {
            Passed::Evenly => return,
            Passed::Asleep => {}
            Passed::Set(by) => self.note(CLOCK, Some(clock_was_set(by, self.clock.now()))),
        }
        self.change(|world| {
            for service in world.services.values_mut() {
                service.revision = world.revision;
            }
        });
    }

    /// Resolves whenever the world has changed since it was last looked at.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}

/// What is said of it for as long as the engine runs: what began before reads wrong.
fn clock_was_set(by: TimeDelta, now: DateTime<Utc>) -> (String, String) {
    let amount = say(by.abs().to_std().unwrap_or_default());
    let direction = if by < TimeDelta::zero() { "back" } else { "ahead" };
    tracing::warn!(amount, direction, "the clock was set");
    let at = now.format("%H:%M UTC");
    (
        format!(
            "this machine's clock was set {direction} by {amount} at {at}; ages and soaks that began before are wrong by as much"
        ),
        "compare it with another clock; a restart of the engine takes this notice away".into(),
    )
}
