//! Watches a repository: checks its trunk every few seconds, and starts git only when something may have changed.

use std::time::Duration;

use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

use super::head::TrunkHead;
use super::look::{is_taken_in, look};
use super::update::{TrunkLook, TrunkUpdate};
use super::wake::pause_or_wake;
use super::{TrunkContext, local_identity};
use crate::config::user_file::Watched;
use crate::domain::ids::Sha;
use crate::engine::backoff::{pause, together};
use crate::engine::input::Input;
use crate::engine::world::World;
use crate::git::Mirror;

/// The longest pause after failed looks.
const LONGEST_BACKOFF: Duration = Duration::from_mins(1);
/// git looks after this time even if the trunk did not move: for other branches and tags, and in case that was told wrongly.
const FORCED_LOOK_INTERVAL: Duration = Duration::from_mins(10);

/// How long a look waits for a permit.
const PERMIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Watches one repository until the engine stops.
pub(in crate::engine) async fn watch(
    context: TrunkContext,
    watched: Watched,
    mirror: Mirror,
    poll: Duration,
) {
    let owner = {
        let _permit = permit(&context).await;
        local_identity(&watched).await
    };
    let woken = context.wakers.enter(&watched);
    let mut at = context.heads.of(&watched);
    let mut failures = 0;
    let mut trunk: Option<String> = None;
    let mut last: Option<LastLook> = None;
    let mut times_made = None;
    loop {
        let head = match &trunk {
            Some(trunk) => at.look(&mirror, trunk).await,
            None => None,
        };
        if last
            .as_ref()
            .is_some_and(|last| last.is_current(&context.world.world(), &watched, head.as_ref()))
        {
            tracing::trace!(?watched.repository, "nothing has changed");
        } else {
            // The head is older than the look, so the next check finds a change in between.
            let begun = Instant::now();
            let result = {
                let _permit = permit(&context).await;
                Box::pin(look(&context, &watched, &mirror, owner.as_ref(), times_made)).await
            };
            // A service that is not known yet may have builds: it may have moved here.
            let is_known = context.world.read(|world| world.service_at(&watched).is_some());
            if result.is_ok() && is_known {
                times_made = Some(mirror.times_made());
            }
            failures = if result.is_err() { failures + 1 } else { 0 };
            trunk = result.as_ref().ok().map(|update| update.trunk.clone());
            last = result.as_ref().ok().and_then(|update| LastLook::new(update, head, begun));
            let look = TrunkLook { watched: watched.clone(), mirror: mirror.clone(), result };
            if context.inputs.send(Input::Looked(Box::new(look))).await.is_err() {
                return;
            }
        }
        if pause_or_wake(together(pause(at.pace(poll), failures, LONGEST_BACKOFF)), &woken).await {
            // Whoever wakes it may know of more than the trunk.
            last = None;
        }
    }
}

/// Waits for a permit, but not for long: all permits may be held by looks at unreachable servers.
async fn permit(context: &TrunkContext) -> Option<SemaphorePermit<'_>> {
    tokio::time::timeout(PERMIT_TIMEOUT, context.looks.acquire()).await.ok().and_then(Result::ok)
}

/// The result of the last look with git, and where the trunk was before it.
struct LastLook {
    tip: Sha,
    head: TrunkHead,
    at: Instant,
}

impl LastLook {
    fn new(update: &TrunkUpdate, head: Option<TrunkHead>, at: Instant) -> Option<Self> {
        Some(Self { tip: update.tip.clone(), head: head?, at })
    }

    /// Whether a new look would find the same. False until the engine took in the result.
    fn is_current(&self, world: &World, watched: &Watched, head: Option<&TrunkHead>) -> bool {
        let is_same = match head {
            Some(TrunkHead::Forge(head)) => *head == self.tip,
            head => head == Some(&self.head),
        };
        is_same
            && self.at.elapsed() < FORCED_LOOK_INTERVAL
            && is_taken_in(world, watched, &self.tip)
    }
}
