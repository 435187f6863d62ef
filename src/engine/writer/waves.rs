//! The next wave of a deployment, which begins by itself once its pause is over and nothing speaks against it.

use super::Writer;
use crate::domain::event::Fact;
use crate::domain::ids::ServiceName;
use crate::domain::people::Actor;
use crate::engine::commands::due_wave;

impl Writer {
    /// Lets the next wave begin if it is due. The record keeps that, so it begins once, also over a restart.
    pub(super) fn continue_when_due(&mut self, name: &ServiceName) {
        let now = self.clock.now();
        let due = {
            let world = self.world.world();
            let service = world.services.get(name).filter(|service| service.file.is_some());
            service.and_then(|service| due_wave(&service.view(), now))
        };
        let Some(fact) = due else { return };
        if let Err(error) = self.record(name, &Actor::System, vec![Fact::WaveContinued(fact)], None)
        {
            // The next look tries it again.
            return self.trouble(&error);
        }
        self.settle(name);
    }
}
