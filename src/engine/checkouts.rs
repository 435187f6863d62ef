//! The checkouts that deployments run in; those of the last builds that were live stay, so that a rollback needs
//! nothing but the disk.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use super::world::{Service, WorldReader};
use crate::domain::event::{DeploymentKind, DeploymentRequest};
use crate::domain::ids::{DeploymentId, Environment, ServiceName, Sha};
use crate::git::is_unfinished;

/// How many builds that were live in production keep their checkout.
const KEPT: usize = 5;

/// How the name of a checkout begins that is on its way out.
const DOOMED: &str = ".doomed-";

/// The folder of all checkouts of a service.
fn of_service(checkouts: &Path, service: &ServiceName) -> PathBuf {
    checkouts.join(service.as_str())
}

/// Where a commit is checked out for an environment.
pub(super) fn path(
    checkouts: &Path,
    service: &ServiceName,
    environment: Environment,
    sha: &Sha,
) -> PathBuf {
    of_service(checkouts, service).join(format!("{environment}-{sha}"))
}

/// Makes the checkout of a deployment, or takes the one that is there.
pub(super) async fn prepare(
    world: &WorldReader,
    checkouts: &Path,
    name: &ServiceName,
    id: DeploymentId,
) -> Result<(), String> {
    let (mirror, request, may_run) = {
        let world = world.world();
        let service = world.services.get(name).ok_or("the service is gone")?;
        let deployment = service.state.deployments.get(&id).ok_or("the deployment is gone")?;
        let request = deployment.request.clone();
        let live = service.state.live_build(request.environment).map(|live| &live.sha);
        let unsettled = service.state.unsettled(request.environment).map(|d| &d.request.sha);
        let may_run = [live, unsettled].contains(&Some(&request.sha));
        (service.mirror.clone(), request, may_run)
    };
    let into = path(checkouts, name, request.environment, &request.sha);
    if wants_fresh(&request, may_run) && into.exists() {
        remove(&into).await.map_err(|e| format!("{}: {e}", into.display()))?;
    }
    mirror.checkout(&request.sha, &into).await.map_err(|e| e.to_string())
}

/// Takes a checkout away as a whole: whoever is killed in the middle leaves no half of one under its name.
async fn remove(checkout: &Path) -> io::Result<()> {
    let doomed = doomed(checkout);
    tokio::fs::rename(checkout, &doomed).await?;
    if let Err(error) = tokio::fs::remove_dir_all(&doomed).await {
        // The next tidying finds it.
        tracing::warn!(path = %doomed.display(), %error, "an old checkout could not be removed");
    }
    Ok(())
}

/// A new name for a checkout on its way out.
fn doomed(checkout: &Path) -> PathBuf {
    checkout.with_file_name(format!("{DOOMED}{}", uuid::Uuid::new_v4().simple()))
}

/// What runs now, or was left running by an attempt that failed, may run out of its checkout, and a rollback takes what
/// it finds; anything else starts clean.
fn wants_fresh(request: &DeploymentRequest, may_run: bool) -> bool {
    request.kind != DeploymentKind::Rollback && !may_run
}

/// Removes the checkouts that the service does not need any more.
pub(super) fn tidy(world: &WorldReader, checkouts: &Path, name: &ServiceName) {
    let folder = of_service(checkouts, name);
    let Ok(entries) = std::fs::read_dir(&folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if let Some(doomed) = put_aside(world, checkouts, name, &path)
            && let Err(error) = std::fs::remove_dir_all(&doomed)
        {
            tracing::warn!(path = %doomed.display(), %error, "a checkout could not be removed");
        }
    }
}

/// Moves a checkout that no deployment needs out of the way. The world cannot change meanwhile, so no deployment can come to
/// need it.
fn put_aside(
    world: &WorldReader,
    checkouts: &Path,
    name: &ServiceName,
    path: &Path,
) -> Option<PathBuf> {
    let file = path.file_name()?.to_str()?;
    if file.starts_with(DOOMED) {
        return Some(path.to_owned());
    }
    let doomed = doomed(path);
    world.read(|world| {
        let kept = kept(checkouts, world.services.get(name)?);
        if kept.iter().any(|checkout| path == checkout || is_unfinished(path, checkout)) {
            return None;
        }
        std::fs::rename(path, &doomed).ok().map(|()| doomed)
    })
}

/// The checkouts that a service still needs, those that are being made included.
fn kept(checkouts: &Path, service: &Service) -> HashSet<PathBuf> {
    let state = &service.state;
    let at = |environment, sha: &Sha| path(checkouts, &service.name, environment, sha);
    let open =
        [Environment::Production, Environment::Staging].into_iter().flat_map(|e| state.open(e));
    let mut kept: HashSet<_> = open.map(|d| at(d.request.environment, &d.request.sha)).collect();
    kept.extend(state.live_build(Environment::Staging).map(|b| at(Environment::Staging, &b.sha)));
    let unsettled = state.unsettled(Environment::Production);
    kept.extend(unsettled.map(|d| at(Environment::Production, &d.request.sha)));
    let mut builds = Vec::new();
    for live in state.live.get(&Environment::Production).into_iter().flatten().rev() {
        if !builds.contains(&live.build) && builds.len() < KEPT {
            builds.push(live.build);
        }
    }
    let shas = builds.iter().filter_map(|number| state.builds.get(number)).map(|build| &build.sha);
    kept.extend(shas.map(|sha| at(Environment::Production, sha)));
    kept
}
