//! What the notifier reads of the services.

use super::Handle;
use crate::config::service_file::ServiceFile;
use crate::domain::ids::ServiceName;
use crate::domain::people::People;
use crate::domain::service::ServiceState;
use crate::engine::clock::Clock;

impl Handle {
    #[must_use]
    pub fn service_names(&self) -> Vec<ServiceName> {
        self.0.gather.world.read(|world| world.services.keys().cloned().collect())
    }

    /// Reads a service as it is known, with its file at the tip of the trunk. Whoever reads keeps the writer from changing it.
    pub fn noted<T>(
        &self,
        name: &ServiceName,
        read: impl FnOnce(&ServiceState, &People, Option<&ServiceFile>) -> T,
    ) -> Option<T> {
        self.0.gather.world.read(|world| {
            let service = world.services.get(name)?;
            Some(read(&service.state, &service.people, service.file.as_deref()))
        })
    }

    /// Who in `[people]` is on call for a service in which somebody asks for a promoter; nobody while nobody asks.
    #[must_use]
    pub fn on_call_for_request(&self, name: &ServiceName) -> Vec<String> {
        let now = self.0.clock.now();
        self.0
            .gather
            .world
            .read(|world| {
                let service = world.services.get(name);
                let asked = service.filter(|service| service.state.open_request(now).is_some());
                let on_call = asked.and_then(|service| Some((service.on_call()?, service)));
                on_call.map(|(on_call, service)| on_call.members(&service.people, now))
            })
            .unwrap_or_default()
    }

    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }
}
