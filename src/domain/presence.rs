//! Who has a service open right now.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::commit::{Commit, writers};
use super::people::{Actor, People};

/// Somebody whose console waits for news of the service, or did a moment ago.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PresentPerson {
    pub actor: Actor,
    pub since: DateTime<Utc>,
    /// Whether their role lets them act.
    pub may_act: bool,
}

impl PresentPerson {
    /// Whether this person could promote these commits without an override of the author's guard: they are known, may act,
    /// and wrote none of them.
    #[must_use]
    pub fn could_promote(&self, commits: &[Commit], people: &People) -> bool {
        let Actor::Person(name) = &self.actor else { return false };
        let wrote = writers(commits, people).contains(&name.as_str());
        self.may_act && people.knows(&self.actor) && !wrote
    }
}
