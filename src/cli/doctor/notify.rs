//! Whether the places that are told what happens take it.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::Check;
use crate::cli::notify::operator_files;
use crate::config::places::Places;
use crate::notify::issues::IssueProject;
use crate::notify::opened::{KnownDestination, OpenDestination};
use crate::store::outbox::{OUTBOX, Outbox};

/// What one check of a destination is called.
const WHAT: &str = "tells";

pub async fn check(places: &Places) -> Vec<Check> {
    let files = operator_files(places);
    // A mistake in the user file is told where it is read for the services.
    let Ok(all) = files.destinations() else { return Vec::new() };
    let environment = std::env::vars_os();
    let environment = environment
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let environment: Arc<BTreeMap<_, _>> = Arc::new(environment.collect());
    let mut checks = Vec::new();
    for (name, settings) in &all {
        let look = format!("look at [notify.{name}]");
        match OpenDestination::open(Rc::new(KnownDestination::new(name, settings)), &environment)
            .await
        {
            Err(why) => checks.push(Check::wrong(WHAT, format!("{name}: {why}"), look)),
            Ok(to) => {
                let all = to.destination.check().await;
                checks.extend(all.into_iter().map(|(what, wrong)| match wrong {
                    None => Check::fine(WHAT, format!("{name}: {what}")),
                    Some(why) => Check::wrong(WHAT, format!("{name}: {what}"), why),
                }));
            }
        }
    }
    checks.extend(issues(&files, &environment).await);
    checks.extend(untold(places));
    checks
}

/// Whether the token for issues reads its project.
async fn issues(files: &OperatorFiles, environment: &BTreeMap<String, String>) -> Option<Check> {
    let what = "issues";
    let look = "look at [incidents.issues]";
    let settings = match files.issues() {
        Ok(settings) => settings?,
        Err(why) => return Some(Check::wrong(what, why.in_one_line(), look)),
    };
    let project = settings.project.clone();
    let read = match IssueProject::open(settings, environment).await {
        Ok(open) => open.check().await,
        Err(why) => Err(why),
    };
    Some(match read {
        Ok(()) => Check::fine(what, format!("the token reads {project}; not tried: to write")),
        Err(why) => Check::wrong(what, why, look),
    })
}

/// What was given up.
fn untold(places: &Places) -> Option<Check> {
    let path = places.data.join(OUTBOX);
    if !path.exists() {
        return None;
    }
    let read = Outbox::open(&path).and_then(|outbox| outbox.counts());
    let counts = match read {
        Ok(counts) => counts,
        Err(why) => {
            let remedy = "move the file away: what waits in it is not told then";
            return Some(Check::wrong(WHAT, why.to_string(), remedy));
        }
    };
    let failed: u64 = counts.iter().map(|count| count.failed).sum();
    (failed > 0).then(|| {
        let found = format!("{failed} not told");
        Check::wrong(WHAT, found, "see: trunkline notify status")
    })
}
