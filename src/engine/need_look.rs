//! What was seen of something that rollback steps need, and how all of it stands for a service.

use super::world::{Service, World};
use crate::domain::ids::ServiceName;
use crate::domain::needs::{NeedStanding, NeedState, RollbackNeed};

/// What a look found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeedLook {
    pub service: ServiceName,
    pub name: String,
    pub state: NeedState,
    pub why: Option<String>,
}

impl NeedLook {
    /// Whether it tells something that the world does not have yet.
    #[must_use]
    pub fn is_news(&self, world: &World) -> bool {
        let service = world.services.get(&self.service);
        let known = service.map(|service| service.needs.get(&self.name));
        known.is_some_and(|known| {
            known.is_none_or(|known| (known.state, &known.why) != (self.state, &self.why))
        })
    }
}

impl Service {
    /// How everything stands that the rollback steps need by the trunk's newest file.
    #[must_use]
    pub fn rollback_needs(&self) -> Vec<NeedStanding> {
        let all = self.file.iter().flat_map(|file| &file.needs);
        let known = |need: &RollbackNeed| self.needs.get(&need.name).cloned();
        all.map(|need| known(need).unwrap_or_else(|| NeedStanding::unknown(&need.name))).collect()
    }
}
