//! Ends the pause of a watcher early, when a forge tells of a push.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use crate::config::user_file::Watched;
use crate::domain::repository_address::RepositoryAddress;

/// The shortest time between two looks, whatever is told.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// The watchers that can be woken. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Wakers(Arc<Mutex<Vec<Waker>>>);

/// A watcher of a repository, until it ends.
type Waker = (RepositoryAddress, Weak<Notify>);

impl Wakers {
    /// Lets the watcher of this repository be woken, as long as it keeps the result.
    pub fn enter(&self, watched: &Watched) -> Arc<Notify> {
        let woken = Arc::new(Notify::new());
        let mut all = self.0.lock().expect("no code panics with the wakers");
        all.retain(|(_, one)| one.strong_count() > 0);
        let address = RepositoryAddress::of(&watched.repository);
        all.extend(address.map(|address| (address, Arc::downgrade(&woken))));
        woken
    }

    /// Wakes the watchers of a repository. Returns whether there is one.
    pub fn wake(&self, addresses: &[RepositoryAddress]) -> bool {
        let all = self.0.lock().expect("no code panics with the wakers");
        let found = all.iter().filter(|(address, _)| addresses.contains(address));
        let woken = found.filter_map(|(_, one)| one.upgrade()).map(|one| one.notify_one());
        woken.count() > 0
    }
}

/// Waits for the next look, or until somebody wakes this watcher. True if somebody did.
pub async fn pause_or_wake(pause: Duration, woken: &Notify) -> bool {
    let shortest = Instant::now() + SHORTEST_PAUSE.min(pause);
    let is_woken = timeout(pause, woken.notified()).await.is_ok();
    if is_woken {
        sleep_until(shortest).await;
        // What was told meanwhile is looked at, too.
        let _told = timeout(Duration::ZERO, woken.notified()).await;
    }
    is_woken
}
