//! Watches a repository: looks at its trunk every few seconds, and starts git for it only when something may have moved.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

use super::shared::Shared;
use super::trunk::{self, Look, News};
use super::writer::Input;
use crate::config::user_file::Watched;
use crate::domain::ids::Sha;
use crate::git::{BranchState, Mirror};

/// The longest pause between looks that fail.
const SLOWEST: Duration = Duration::from_mins(1);
/// After so long git is asked, whatever the files of a local repository say.
const ANYWAY: Duration = Duration::from_mins(2);

/// How long a look waits for others that are under way.
const LONGEST_TURN: Duration = Duration::from_secs(5);

/// Watches one repository until the engine stops.
pub(super) async fn watch(shared: Arc<Shared>, watched: Watched, mirror: Mirror, poll: Duration) {
    let owner = {
        let _turn = turn(&shared).await;
        trunk::local_identity(&watched).await
    };
    let mut failures = 0;
    let mut trunk: Option<String> = None;
    let mut last: Option<Found> = None;
    loop {
        let standing = match &trunk {
            Some(trunk) => mirror.standing(trunk).await,
            None => None,
        };
        if last.as_ref().is_some_and(|last| last.holds(&shared, &watched, standing.as_ref())) {
            tracing::trace!(?watched.repository, "nothing has moved");
        } else {
            // Taken before git looks: what moves while it does is found by the next look.
            let begun = Instant::now();
            let result = {
                let _turn = turn(&shared).await;
                trunk::look(&shared, &watched, &mirror, owner.as_ref()).await
            };
            failures = if result.is_err() { failures + 1 } else { 0 };
            trunk = result.as_ref().ok().map(|news| news.trunk.clone());
            last = result.as_ref().ok().and_then(|news| Found::new(news, standing, begun));
            let look = Look { watched: watched.clone(), mirror: mirror.clone(), result };
            if shared.inputs.send(Input::Looked(Box::new(look))).await.is_err() {
                return;
            }
        }
        tokio::time::sleep(pause(poll, failures)).await;
    }
}

/// Waits until not too many look at once, but not for long: those may all wait for networks that are dead.
async fn turn(shared: &Shared) -> Option<SemaphorePermit<'_>> {
    tokio::time::timeout(LONGEST_TURN, shared.looks.acquire()).await.ok().and_then(Result::ok)
}

/// The time until the next look: twice as long after each failure, and never the same twice.
fn pause(poll: Duration, failures: u32) -> Duration {
    let slowed = poll.saturating_mul(2_u32.saturating_pow(failures.min(6))).min(SLOWEST.max(poll));
    let jitter = u32::from(uuid::Uuid::new_v4().as_bytes()[0]);
    slowed + slowed * jitter / 1024
}

/// What the last look with git found, and how the repository's files stood when it began.
struct Found {
    tip: Sha,
    standing: BranchState,
    at: Instant,
}

impl Found {
    fn new(news: &News, standing: Option<BranchState>, at: Instant) -> Option<Self> {
        Some(Self { tip: news.tip.clone(), standing: standing?, at })
    }

    /// Whether another look would find the same, and what this one found was taken in.
    fn holds(&self, shared: &Shared, watched: &Watched, standing: Option<&BranchState>) -> bool {
        standing == Some(&self.standing)
            && self.at.elapsed() < ANYWAY
            && trunk::is_taken_in(shared, watched, &self.tip)
    }
}
