//! The daily rehearsal of a service, if the tip of its trunk says that there is one; and what was seen of what its rollback
//! steps need.

use super::Writer;
use crate::domain::event::Fact;
use crate::domain::ids::ServiceName;
use crate::domain::needs::NeedStanding;
use crate::domain::people::Actor;
use crate::domain::rehearsal::{Rehearsal, is_due};
use crate::engine::need_look::NeedLook;

impl Writer {
    /// No event: it is looked at again after a restart.
    pub(super) fn need_looked(&mut self, look: NeedLook) {
        let (now, NeedLook { service, name, state, why }) = (self.clock.now(), look);
        self.world.change(&service, |service| {
            let known = service.needs.remove(&name);
            let known = known.unwrap_or_else(|| NeedStanding::unknown(&name));
            service.needs.insert(name, known.looked(state, why, now));
        });
    }

    /// Begins the rehearsal of a service if it is due. The record keeps that it ran today, also over a restart.
    pub(super) fn rehearse_when_due(&mut self, name: &ServiceName) {
        let now = self.clock.now();
        let facts = {
            let world = self.world.world();
            let Some(service) = world.services.get(name).filter(|s| s.file.is_some()) else {
                return;
            };
            let policy = service.policy();
            if !is_due(&service.state, &policy, now) {
                return;
            }
            // Why there is none is said to whoever asks for one.
            let Ok(Rehearsal { back, forward }) = Rehearsal::of(&service.state, &policy) else {
                return;
            };
            vec![Fact::DeploymentRequested(back), Fact::DeploymentRequested(forward)]
        };
        if let Err(error) = self.record(name, &Actor::System, facts, None) {
            // The next look tries it again.
            return self.trouble(&error);
        }
        self.settle(name);
    }
}
