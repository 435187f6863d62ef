//! How the facts of watches change a service.

use super::ServiceState;
use crate::domain::event::{Event, Fact};

impl ServiceState {
    pub(super) fn watched(&mut self, event: &Event) {
        let watches = &mut self.watches;
        match &event.fact {
            Fact::WatchBegan(fact) => watches.began(event.at, fact),
            Fact::WatchSampled(fact) => watches.sampled(event.at, fact),
            Fact::WatchTurned(fact) => watches.turned(event.at, fact),
            Fact::WatchEnded(fact) => watches.ended(event.at, fact),
            Fact::WatchSeen(fact) => watches.seen(event.at, &event.actor, fact.deployment),
            _ => {}
        }
    }
}
