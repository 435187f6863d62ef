//! Why the holds, freezes and settings of a service, and what production runs, may not be as they are known.

use super::Handle;
use crate::engine::live_read::PRODUCTION_UNREAD;
use crate::engine::world::Service;

/// The problems of a service that leave in doubt whether anything stands in the way of a promote, by their source.
const OF_SERVICE: [&str; 6] =
    ["trunk", "config", "freezes", "feeds", "not watched", PRODUCTION_UNREAD];
/// The same of the engine as a whole.
const OF_ENGINE: [&str; 6] = ["clock", "record", "data folder", "freezes", "feeds", "user file"];

impl Handle {
    /// What leaves the rules of every service in doubt.
    pub(super) fn doubts_of_all(&self) -> Vec<String> {
        self.0.gather.world.read(|world| {
            let all = OF_ENGINE.iter().filter_map(|source| world.problems.get(*source));
            all.map(|problem| problem.what.clone()).collect()
        })
    }
}

/// What leaves the rules of this service in doubt, that of every service included.
pub(super) fn of_service(service: &Service, of_engine: &[String]) -> Vec<String> {
    let unread = service.file.is_none().then(|| "its trunkline.toml is not read".to_owned());
    let own = OF_SERVICE.iter().filter_map(|source| service.problems.get(source));
    let own = own.map(|problem| problem.what.clone());
    of_engine.iter().cloned().chain(own).chain(unread).collect()
}
