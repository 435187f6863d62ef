//! Ends the pause of whoever follows the runs of a repository early, when its forge tells of one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

/// The shortest time between two looks, however much is told.
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);

/// Those who follow runs, by the names of the repositories. Clones share them.
///
/// The host does not count: an engine's address is that of an API. Somebody who is woken for another host's repository of
/// the same name looks once more, and no more than that.
#[derive(Debug, Clone, Default)]
pub struct RunWakers(Arc<Mutex<Vec<Followed>>>);

/// A repository whose runs somebody follows.
type Followed = (String, watch::Sender<()>);

/// Wakes one who follows the runs of a repository. What is told during a look ends the pause after it.
#[derive(Debug)]
pub struct RunsWoken(watch::Receiver<()>);

impl RunWakers {
    /// Follows the runs of a repository, `owner/name`, as long as the result is kept.
    #[must_use]
    pub fn follow(&self, repository: &str) -> RunsWoken {
        let name = repository.to_ascii_lowercase();
        let mut all = self.0.lock().expect("no code panics with the wakers");
        all.retain(|(_, followers)| followers.receiver_count() > 0);
        let known = all.iter().find(|(known, _)| *known == name);
        if let Some((_, followers)) = known {
            return RunsWoken(followers.subscribe());
        }
        let (followers, woken) = watch::channel(());
        all.push((name, followers));
        RunsWoken(woken)
    }

    /// Wakes all who follow the runs of a repository. Returns whether anybody does.
    #[must_use]
    pub fn wake(&self, repository: &str) -> bool {
        let name = repository.to_ascii_lowercase();
        let all = self.0.lock().expect("no code panics with the wakers");
        all.iter().any(|(known, followers)| *known == name && followers.send(()).is_ok())
    }
}

impl RunsWoken {
    /// Waits for the next look, or until somebody tells of a run.
    pub async fn pause(&mut self, pause: Duration) {
        let shortest = Instant::now() + SHORTEST_PAUSE.min(pause);
        let woken = async {
            if self.0.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        if timeout(pause, woken).await.is_ok() {
            sleep_until(shortest).await;
        }
        self.0.mark_unchanged();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_hours(1);

    #[tokio::test(start_paused = true)]
    async fn whoever_follows_is_woken_once_for_all_that_was_told_and_nobody_else_is() {
        let wakers = RunWakers::default();
        let (mut one, mut two) = (wakers.follow("acme/shop"), wakers.follow("acme/shop"));
        let mut other = wakers.follow("acme/web");
        for _ in 0..100 {
            assert!(wakers.wake("Acme/Shop"));
        }
        assert!(!wakers.wake("acme/none"));
        let begun = Instant::now();
        tokio::join!(one.pause(LONG), two.pause(LONG));
        assert_eq!(begun.elapsed(), SHORTEST_PAUSE, "what was told before the pause counts");
        one.pause(LONG).await;
        assert_eq!(begun.elapsed(), SHORTEST_PAUSE + LONG, "it counts once");
        other.pause(LONG).await;
        assert_eq!(begun.elapsed(), SHORTEST_PAUSE + LONG * 2);
        let short = Duration::from_millis(20);
        one.pause(short).await;
        assert_eq!(begun.elapsed(), SHORTEST_PAUSE + LONG * 2 + short);
    }

    #[test]
    fn nobody_is_kept_who_does_not_follow_any_more() {
        let wakers = RunWakers::default();
        for n in 0..1_000 {
            let _gone = wakers.follow(&format!("acme/{n}"));
        }
        let _followed = wakers.follow("acme/shop");
        assert_eq!(wakers.0.lock().unwrap().len(), 1);
        assert!(!wakers.wake("acme/1") && wakers.wake("acme/shop"));
    }
}
