//! The last good service file of a service, used until the first look at its trunk.

use std::sync::Arc;

use super::migrations::Uses;
use super::world::{Service, WorldOwner};
use crate::config::service_file::ServiceFile;
use crate::domain::ids::{ServiceName, Sha};
use crate::domain::people::People;

/// The last good service file of a service, and the people in it.
pub struct ServiceRules {
    pub service: ServiceName,
    pub sha: Sha,
    pub file: Arc<ServiceFile>,
    pub people: People,
}

impl ServiceRules {
    /// Takes the rules in, unless a look at the trunk found newer ones.
    pub fn take_in(self, world: &mut WorldOwner) {
        let Self { service: name, sha, file, people } = self;
        let has_file = |service: &Arc<Service>| service.file.is_some();
        if world.world().services.get(&name).is_none_or(has_file) {
            return;
        }
        world.change(&name, |service| {
            service.people = people;
            // The cached answers did not know which files are migrations.
            service.uses = Uses::default();
            service.remember_pipeline(sha, Ok(file.clone()));
            service.file = Some(file);
            service.trunk = service.declared_trunk();
        });
    }
}
