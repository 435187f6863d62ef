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

    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }
}
