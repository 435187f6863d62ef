//! The question for updates of what is on screen.

use tokio::time::Instant;

use crate::console::effect::Effect;
use crate::console::model::{Model, Screen, Updates};
use crate::domain::snapshot::ServiceSnapshot;

/// The question for updates of what is on screen, not to be asked before `due`.
pub fn watch(model: &Model, due: Instant) -> Effect {
    match (model.screen, &model.services.selected) {
        (Screen::Service, Some(service)) => Effect::WatchService {
            service: service.clone(),
            // Who saw what comes from the disk may have seen more than this caller may.
            after: newest(model)
                .filter(|_| model.service_from_disk.is_none())
                .map(|snapshot| snapshot.version.clone()),
            due,
        },
        _ => watch_fleet(model, due),
    }
}

/// The newest snapshot, also while the screen shows an older one.
fn newest(model: &Model) -> Option<&ServiceSnapshot> {
    match &model.updates {
        Updates::Paused(Some(held)) => Some(held),
        _ => model.service.as_deref(),
    }
}

/// The fleet is watched under a service too: for what is wrong with the backend as a whole, and the services there are.
pub fn watch_fleet(model: &Model, due: Instant) -> Effect {
    let fleet = model.fleet.as_ref().filter(|_| model.fleet_from_disk.is_none());
    Effect::WatchFleet { after: fleet.map(|fleet| fleet.version.clone()), due }
}
