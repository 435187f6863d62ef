//! The checkouts that deployments run in. The last live builds keep their checkouts, so a rollback needs only the disk.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use super::world::{Service, WorldReader};
use crate::domain::event::{DeploymentKind, DeploymentRequest};
use crate::domain::ids::{DeploymentId, Environment, ServiceName, Sha};
use crate::git::is_unfinished;

/// How many past live builds of production keep their checkout.
const KEPT_BUILDS: usize = 5;

/// The prefix of a checkout's name once it is to be removed.
const STALE_PREFIX: &str = ".stale-";

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

/// Makes the checkout of a deployment, or reuses an existing one.
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
    if needs_fresh_checkout(&request, may_run) && into.exists() {
        remove(&into).await.map_err(|e| format!("{}: {e}", into.display()))?;
    }
    mirror.checkout(&request.sha, &into).await.map_err(|e| e.to_string())
}

/// Removes a checkout. It is renamed first, so a crash never leaves a partial checkout under its name.
async fn remove(checkout: &Path) -> io::Result<()> {
    let stale = stale_path(checkout);
    tokio::fs::rename(checkout, &stale).await?;
    if let Err(error) = tokio::fs::remove_dir_all(&stale).await {
        // The next `tidy` removes it.
        tracing::warn!(path = %stale.display(), %error, "an old checkout could not be removed");
    }
    Ok(())
}

/// A new name for a checkout that is to be removed.
fn stale_path(checkout: &Path) -> PathBuf {
    checkout.with_file_name(format!("{STALE_PREFIX}{}", uuid::Uuid::new_v4().simple()))
}

/// Whether a deployment needs a new checkout. Running processes, also those of a failed attempt, may use the present one,
/// and a rollback reuses it.
fn needs_fresh_checkout(request: &DeploymentRequest, may_run: bool) -> bool {
    request.kind != DeploymentKind::Rollback && !may_run
}

/// Removes the checkouts that the service no longer needs.
pub(super) fn tidy(world: &WorldReader, checkouts: &Path, name: &ServiceName) {
    let folder = of_service(checkouts, name);
    let Ok(entries) = std::fs::read_dir(&folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if let Some(stale) = put_aside(world, checkouts, name, &path)
            && let Err(error) = std::fs::remove_dir_all(&stale)
        {
            tracing::warn!(path = %stale.display(), %error, "a checkout could not be removed");
        }
    }
}

/// Renames a checkout that no deployment needs. The read blocks changes of the world, so no deployment can start to need
/// it meanwhile.
fn put_aside(
    world: &WorldReader,
    checkouts: &Path,
    name: &ServiceName,
    path: &Path,
) -> Option<PathBuf> {
    let file = path.file_name()?.to_str()?;
    if file.starts_with(STALE_PREFIX) {
        return Some(path.to_owned());
    }
    let stale = stale_path(path);
    world.read(|world| {
        let kept = kept(checkouts, world.services.get(name)?);
        if kept.iter().any(|checkout| path == checkout || is_unfinished(path, checkout)) {
            return None;
        }
        std::fs::rename(path, &stale).ok().map(|()| stale)
    })
}

/// The checkouts that a service still needs, including unfinished ones.
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
        if !builds.contains(&live.build) && builds.len() < KEPT_BUILDS {
            builds.push(live.build);
        }
    }
    let shas = builds.iter().filter_map(|number| state.builds.get(number)).map(|build| &build.sha);
    kept.extend(shas.map(|sha| at(Environment::Production, sha)));
    kept
}
