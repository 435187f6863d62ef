//! Checks that every build that production could go back to can be deployed: its file can be read and its variables are there.

use std::collections::BTreeSet;

use super::Check;
use crate::backend::Backend;
use crate::backend::remote::Remote;
use crate::domain::command::Action;
use crate::domain::deployment::DeploymentState;
use crate::domain::ids::{BuildNumber, Environment, ServiceName};
use crate::domain::plan::{Guard, Severity};

/// How many builds back are checked: those whose trees are kept.
const BUILDS: usize = 5;
/// How many deployments of production are looked through for them.
const DEPLOYMENTS: usize = 100;

/// One row for each service: how many builds can be rolled back to, or the first that cannot.
pub(super) async fn check(backend: &Remote, service: &ServiceName) -> Option<Check> {
    let production =
        backend.history(service, Environment::Production, None, DEPLOYMENTS).await.ok()?;
    let live = production.iter().filter(|d| d.state() == DeploymentState::Succeeded);
    let mut builds: Vec<BuildNumber> = Vec::new();
    let mut seen = BTreeSet::new();
    builds.extend(live.map(|d| d.request.build).filter(|build| seen.insert(*build)));
    let Some((newest, older)) = builds.split_first() else { return None };
    // A newer build is promoted, not rolled back to.
    let targets: Vec<_> = older.iter().filter(|build| *build < newest).take(BUILDS).collect();
    for to in &targets {
        if let Some(why) = trouble(backend, service, **to).await {
            let found = format!("{service}: a rollback to {to} would fail: {why}");
            return Some(Check::wrong("rollback", found, "correct that before it is needed"));
        }
    }
    let found = match targets.as_slice() {
        [] => format!("{service}: no earlier build was live"),
        all => format!("{service}: {} builds that were live can be deployed again", all.len()),
    };
    Some(Check::fine("rollback", found))
}

/// Why a build could not be rolled back to.
async fn trouble(backend: &Remote, service: &ServiceName, to: BuildNumber) -> Option<String> {
    match backend.plan(service, Action::Rollback { to: Some(to) }).await {
        Err(error) => Some(error.to_string()),
        Ok(plan) => {
            // That one runs already is no fault of the build.
            let refusals = plan.of(Severity::Refuse).filter(|found| found.guard != Guard::InFlight);
            refusals.map(|found| found.sentence.clone()).next()
        }
    }
}
