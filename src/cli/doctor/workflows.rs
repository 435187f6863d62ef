//! What the plan of a promote says of the workflows that its steps would start, before anybody needs it.

use super::Check;
use crate::backend::Backend;
use crate::backend::remote::Remote;
use crate::domain::command::Action;
use crate::domain::plan::{Guard, Severity};
use crate::domain::snapshot::ServiceSnapshot;

/// What one check of a workflow is called.
const WHAT: &str = "workflow";

/// One row for each finding, by the plan of the newest build.
pub(super) async fn check(backend: &Remote, snapshot: &ServiceSnapshot) -> Vec<Check> {
    let newest = snapshot.builds.iter().map(|row| row.build.number).max();
    let Some(build) = newest else { return Vec::new() };
    let Ok(plan) = backend.plan(&snapshot.service, Action::Promote { build }).await else {
        return Vec::new();
    };
    let of_engine = plan.findings.iter().filter(|finding| finding.guard == Guard::Engine);
    let check = |finding: &crate::domain::plan::Finding| {
        let found = format!("{}: {}", snapshot.service, finding.sentence);
        match finding.severity {
            Severity::Info => Check::fine(WHAT, found),
            _ => Check::wrong(WHAT, found, "change the workflow on the trunk"),
        }
    };
    of_engine.map(check).collect()
}
