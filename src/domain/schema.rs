//! The schema changes that deployments may have made in production, and the builds that work with them.

mod history;
mod verdict;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::history::SchemaHistory;
pub use self::verdict::{Outlook, Promoted, Verdict};
use super::ids::{BuildNumber, Seq};
use crate::migrations::Class;

/// A schema change that older code may break on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct SchemaChange {
    pub path: String,
    /// Counted from 1.
    pub line: u32,
    /// On one line, shortened if it is long.
    pub statement: String,
    pub class: Class,
    /// The build that contains it; if that is unknown, the build whose promote runs it.
    pub build: BuildNumber,
    /// The oldest build whose code works with it, as far as is known.
    pub floor: BuildNumber,
    /// Why the floor is that build.
    pub why: String,
}

impl SchemaChange {
    /// The build, place, statement and class in one line.
    fn what(&self) -> String {
        let Self { path, line, statement, class, build, .. } = self;
        format!("{build} {path}:{line} {statement} ({})", class.as_str())
    }

    /// [`Self::what`], with why the floor is where it is.
    fn reason(&self) -> String {
        let why = if self.why.is_empty() { String::new() } else { format!("; {}", self.why) };
        format!("{}{why}", self.what())
    }
}

/// A schema change that another service made in the shared database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedChange {
    /// The event that started the deployment.
    pub since: Seq,
    /// Which service and which statement.
    pub what: String,
}
