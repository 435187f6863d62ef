//! Watches a repository: looks at its trunk every few seconds, and starts git for it only when something may have moved.

use std::time::Duration;

use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

use super::look::{is_taken_in, look};
use super::update::{TrunkLook, TrunkUpdate};
use super::{TrunkContext, local_identity};
use crate::config::user_file::Watched;
use crate::domain::ids::Sha;
use crate::engine::input::Input;
use crate::engine::world::World;
use crate::git::{BranchState, Mirror};

/// The longest pause between looks that fail.
const SLOWEST: Duration = Duration::from_mins(1);
/// git is asked after this time even if the files of a local repository did not change.
const ANYWAY: Duration = Duration::from_mins(2);

/// How long a look waits for the looks that are under way.
const LONGEST_TURN: Duration = Duration::from_secs(5);

/// Watches one repository until the engine stops.
pub(in crate::engine) async fn watch(
    context: TrunkContext,
    watched: Watched,
    mirror: Mirror,
    poll: Duration,
) {
    let owner = {
        let _turn = turn(&context).await;
        local_identity(&watched).await
    };
    let mut failures = 0;
    let mut trunk: Option<String> = None;
    let mut last: Option<LastLook> = None;
    loop {
        let standing = match &trunk {
            Some(trunk) => mirror.standing(trunk).await,
            None => None,
        };
        if last
            .as_ref()
            .is_some_and(|last| last.holds(&context.world.world(), &watched, standing.as_ref()))
        {
            tracing::trace!(?watched.repository, "nothing has moved");
        } else {
            // Read before git looks: the next look finds what moves meanwhile.
            let begun = Instant::now();
            let result = {
                let _turn = turn(&context).await;
                look(&context, &watched, &mirror, owner.as_ref()).await
            };
            failures = if result.is_err() { failures + 1 } else { 0 };
            trunk = result.as_ref().ok().map(|update| update.trunk.clone());
            last = result.as_ref().ok().and_then(|update| LastLook::new(update, standing, begun));
            let look = TrunkLook { watched: watched.clone(), mirror: mirror.clone(), result };
            if context.inputs.send(Input::Looked(Box::new(look))).await.is_err() {
                return;
            }
        }
        tokio::time::sleep(pause(poll, failures)).await;
    }
}

/// Waits for a permit to look, but not for long: all others may wait for dead networks.
async fn turn(context: &TrunkContext) -> Option<SemaphorePermit<'_>> {
    tokio::time::timeout(LONGEST_TURN, context.looks.acquire()).await.ok().and_then(Result::ok)
}

/// The time until the next look: doubled after each failure, with jitter.
fn pause(poll: Duration, failures: u32) -> Duration {
    let slowed = poll.saturating_mul(2_u32.saturating_pow(failures.min(6))).min(SLOWEST.max(poll));
    let jitter = u32::from(uuid::Uuid::new_v4().as_bytes()[0]);
    slowed + slowed * jitter / 1024
}

/// What the last look with git found, and the state of the branch when it began.
struct LastLook {
    tip: Sha,
    standing: BranchState,
    at: Instant,
}

impl LastLook {
    fn new(update: &TrunkUpdate, standing: Option<BranchState>, at: Instant) -> Option<Self> {
        Some(Self { tip: update.tip.clone(), standing: standing?, at })
    }

    /// Whether a new look would find the same. False until the engine took in what this one found.
    fn holds(&self, world: &World, watched: &Watched, standing: Option<&BranchState>) -> bool {
        standing == Some(&self.standing)
            && self.at.elapsed() < ANYWAY
            && is_taken_in(world, watched, &self.tip)
    }
}
