//! What deployments may have done to production's schema, and which builds can still live with it.

mod history;
mod verdict;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::history::SchemaHistory;
pub use self::verdict::{Outlook, Promoted, Verdict};
use super::ids::{BuildNumber, Seq};
use crate::migrations::Class;

/// A statement that the code before it cannot simply live with.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct SchemaChange {
    pub path: String,
    /// Counted from 1.
    pub line: u32,
    /// On one line, cut where it is long.
    pub statement: String,
    pub class: Class,
    /// The build that brings it; where nobody can tell, the one whose promote does.
    pub build: BuildNumber,
    /// The oldest build whose code can live with it, as far as anybody can tell.
    pub floor: BuildNumber,
    /// Why just that build.
    pub why: String,
}

impl SchemaChange {
    /// What was done, in one sentence.
    fn what(&self) -> String {
        let Self { path, line, statement, class, build, .. } = self;
        format!("{build} {path}:{line} {statement} ({})", class.as_str())
    }

    /// The same with why just its floor, as a reason.
    fn reason(&self) -> String {
        let why = if self.why.is_empty() { String::new() } else { format!("; {}", self.why) };
        format!("{}{why}", self.what())
    }
}

/// What a deployment of another service did to the database that both share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedChange {
    /// The event with which it began.
    pub since: Seq,
    /// Which service and which statement.
    pub what: String,
}
