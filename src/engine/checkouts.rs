//! The checkouts of a service: a pristine tree for each commit, and a copy of it for each deployment, in which its steps run.
//! What a step leaves behind reaches no other deployment.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::timeout;

use super::reserve::Reserve;
use super::world::{Service, Trouble, WorldReader};
use crate::domain::deployment::Deployment;
use crate::domain::event::{DeploymentKind, DeploymentRequest, are_remote};
use crate::domain::ids::{BuildNumber, DeploymentId, Environment, ServiceName, Sha};
use crate::domain::service::ServiceState;
use crate::domain::variables::and;
use crate::git::{is_unfinished, tree, unfinished};

/// Problem key for checkouts that cannot be made.
pub(super) const CHECKOUTS_PROBLEM: &str = "checkouts";

/// How many builds that were live in production keep their trees: a rollback to them needs nothing but the disk.
const KEPT_BUILDS: usize = 5;

/// How long a deployment waits for newer tags.
const REFS_TIMEOUT: Duration = Duration::from_secs(2);

/// The start of the name of a tree that is being removed.
const REMOVED: &str = ".removed-";

/// The folder of the pristine trees, beside the trees of deployments.
const PRISTINE: &str = "pristine";

/// The folder of all trees of a service.
fn of_service(checkouts: &Path, service: &ServiceName) -> PathBuf {
    checkouts.join(service.as_str())
}

/// The tree of a commit as git made it. No step runs in it.
pub(super) fn pristine(checkouts: &Path, service: &ServiceName, sha: &Sha) -> PathBuf {
    of_service(checkouts, service).join(PRISTINE).join(sha.as_str())
}

/// The tree that the steps of a deployment run in.
fn of_deployment(checkouts: &Path, service: &ServiceName, id: DeploymentId) -> PathBuf {
    of_service(checkouts, service).join(id.to_string())
}

/// The tree that 0.1.0 made for a commit. Processes may still run there.
pub(super) fn of_0_1_0(
    checkouts: &Path,
    service: &ServiceName,
    environment: Environment,
    sha: &Sha,
) -> PathBuf {
    of_service(checkouts, service).join(format!("{environment}-{sha}"))
}

/// The folder that the steps of a deployment run in: its own tree, or that of 0.1.0 if the deployment began there.
pub(super) fn of_steps(checkouts: &Path, name: &ServiceName, deployment: &Deployment) -> PathBuf {
    let own = of_deployment(checkouts, name, deployment.id);
    let request = &deployment.request;
    let old = of_0_1_0(checkouts, name, request.environment, &request.sha);
    if !own.exists() && old.exists() { old } else { own }
}

/// Makes the tree of a deployment: a fresh copy of the pristine tree of its commit. While that is intact it needs neither
/// git nor the mirror.
pub(super) async fn prepare(
    world: &WorldReader,
    checkouts: &Path,
    name: &ServiceName,
    id: DeploymentId,
) -> Result<(), String> {
    let (mirror, request) = {
        let world = world.world();
        let service = world.services.get(name).ok_or("the service is gone")?;
        let deployment = service.state.deployments.get(&id).ok_or("the deployment is gone")?;
        (service.mirror.clone(), deployment.request.clone())
    };
    if are_remote(&request.steps) {
        return Ok(());
    }
    let DeploymentRequest { environment, kind, sha, .. } = request;
    let old = of_0_1_0(checkouts, name, environment, &sha);
    let pristine = pristine(checkouts, name, &sha);
    let is_rollback = kind == DeploymentKind::Rollback;
    let made = if is_rollback {
        mirror.checkout_for_rollback(&sha, &pristine).await
    } else {
        mirror.checkout(&sha, &pristine).await
    };
    let (from, _unchanged_meanwhile) = match made {
        Ok(guard) => (pristine, Some(guard)),
        // What 0.1.0 left is better than no rollback. Anything else starts clean.
        Err(_) if is_rollback && old.exists() => (old, None),
        Err(error) => return Err(error.to_string()),
    };
    let into = of_deployment(checkouts, name, id);
    let (shown, tree) = (into.display().to_string(), into.clone());
    let work = move || match copy(&from, &into) {
        // On a full disk a rollback takes the pristine tree itself, which is made again when there is space.
        Err(error) if is_rollback && is_full(&error) => std::fs::rename(&from, &into),
        copied => copied,
    };
    let copied = tokio::task::spawn_blocking(work).await.map_err(io::Error::other);
    copied.and_then(|copied| copied).map_err(|e| format!("{shown}: {e}"))?;
    // A tag may be younger than the pristine tree. Steps can do without it, so a git that hangs stops nothing.
    let renewed = timeout(REFS_TIMEOUT, mirror.renew_refs(&tree)).await;
    if !matches!(renewed, Ok(Ok(()))) {
        tracing::warn!(service = %name, deployment = %id, "its checkout has the tags of its first deployment");
    }
    Ok(())
}

/// Whether there is no space left for the owner of these files.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// A try to make the checkouts of a service.
#[derive(Debug, Clone, Copy)]
pub struct TreesAttempt {
    pub request: u64,
    /// How many tries for this request failed before.
    pub failures: u32,
}

/// The builds whose pristine trees cannot be made, and why the first cannot.
#[derive(Debug)]
pub struct MissingTrees {
    builds: Vec<BuildNumber>,
    why: String,
}

impl MissingTrees {
    /// The problem, and that the last try has failed.
    pub(super) fn trouble(&self, is_last: bool) -> Trouble {
        let builds: Vec<_> = self.builds.iter().map(BuildNumber::to_string).collect();
        let what = format!("no good checkout is kept of {}: {}", and(&builds), self.why);
        let remedy = "correct that: until then a rollback there depends on git";
        let then = if is_last {
            "the next deployment or start of the engine tries again"
        } else {
            "trunkline retries automatically"
        };
        Trouble::new(what, format!("{remedy}; {then}"))
    }
}

/// Makes the pristine trees of the builds that a rollback of a service may go back to, so that it needs no git then. One that
/// is as it was made stays. Leaves a rollback the space that it needs. Returns what could not be made.
pub(super) async fn make_missing(
    world: &WorldReader,
    reserve: &Reserve,
    checkouts: &Path,
    name: &ServiceName,
) -> Option<MissingTrees> {
    let (mirror, commits) = {
        let world = world.world();
        let service = world.services.get(name)?;
        let mut seen = HashSet::new();
        let requests = needed(&service.state).map(|deployment| &deployment.request);
        let local = requests.filter(|request| needs_tree(service, request));
        let commits = local.filter(|request| seen.insert(request.sha.clone()));
        let commits: Vec<_> = commits.map(|r| (r.build, r.sha.clone())).collect();
        (service.mirror.clone(), commits)
    };
    let mut missing: Option<MissingTrees> = None;
    for (build, sha) in commits {
        let tree = pristine(checkouts, name, &sha);
        if mirror.intact(&tree).await.is_some() {
            continue;
        }
        let made = if reserve.is_short() || reserve.is_released() {
            Err("the disk is almost full".to_owned())
        } else {
            mirror.checkout(&sha, &tree).await.map(drop).map_err(|error| error.to_string())
        };
        let Err(why) = made else { continue };
        tracing::warn!(service = %name, %sha, why, "a build that was live has no tree");
        let first = || MissingTrees { builds: Vec::new(), why };
        missing.get_or_insert_with(first).builds.push(build);
    }
    missing
}

/// Copies a tree under its name as a whole. What stands there was left by an engine that died before the first step.
fn copy(pristine: &Path, into: &Path) -> io::Result<()> {
    let partial = unfinished(into);
    let copied = tree::copy(pristine, &partial).and_then(|()| {
        if into.exists() {
            remove(into)?;
        }
        std::fs::rename(&partial, into)
    });
    if copied.is_err() {
        let _removed_later = tree::remove(&partial);
    }
    copied
}

/// Removes a tree as a whole: a kill in between leaves no part of it under its name.
fn remove(tree: &Path) -> io::Result<()> {
    let removed = removed(tree);
    std::fs::rename(tree, &removed)?;
    if let Err(error) = tree::remove(&removed) {
        // The next tidying finds it.
        tracing::warn!(path = %removed.display(), %error, "an old checkout could not be removed");
    }
    Ok(())
}

/// A new name for a tree that is being removed.
fn removed(tree: &Path) -> PathBuf {
    tree.with_file_name(format!("{REMOVED}{}", uuid::Uuid::new_v4().simple()))
}

/// Removes the trees that the service does not need any more.
pub(super) fn tidy(world: &WorldReader, checkouts: &Path, name: &ServiceName) {
    let folder = of_service(checkouts, name);
    for folder in [folder.join(PRISTINE), folder] {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        let paths = entries.flatten().map(|entry| entry.path());
        for path in paths.filter(|path| !path.ends_with(PRISTINE)) {
            if let Some(removed) = put_aside(world, checkouts, name, &path)
                && let Err(error) = tree::remove(&removed)
            {
                tracing::warn!(path = %removed.display(), %error, "a checkout could not be removed");
            }
        }
    }
}

/// Renames a tree that no deployment needs. The world cannot change meanwhile, so no deployment can come to need it.
fn put_aside(
    world: &WorldReader,
    checkouts: &Path,
    name: &ServiceName,
    path: &Path,
) -> Option<PathBuf> {
    let file = path.file_name()?.to_str()?;
    if file.starts_with(REMOVED) {
        return Some(path.to_owned());
    }
    let removed = removed(path);
    world.read(|world| {
        let kept = kept(checkouts, world.services.get(name)?);
        if kept.iter().any(|tree| path == tree || is_unfinished(path, tree)) {
            return None;
        }
        std::fs::rename(path, &removed).ok().map(|()| removed)
    })
}

/// The trees that a service still needs, those that are being made included.
fn kept(checkouts: &Path, service: &Service) -> HashSet<PathBuf> {
    let of = |deployment: &Deployment| {
        [
            pristine(checkouts, &service.name, &deployment.request.sha),
            of_deployment(checkouts, &service.name, deployment.id),
            of_0_1_0(
                checkouts,
                &service.name,
                deployment.request.environment,
                &deployment.request.sha,
            ),
        ]
    };
    needed(&service.state).flat_map(of).collect()
}

/// Whether the pristine tree of a commit is kept, unless it could not be made.
pub(super) fn is_kept(service: &Service, sha: &Sha) -> bool {
    let requests = needed(&service.state).map(|deployment| &deployment.request);
    requests.into_iter().any(|request| request.sha == *sha && needs_tree(service, request))
}

/// Whether a step of a deployment, or of a rollback to its build, runs here.
fn needs_tree(service: &Service, request: &DeploymentRequest) -> bool {
    let build = service.state.builds.get(&request.build);
    let (environment, kind) = (Environment::Production, DeploymentKind::Rollback);
    let back = build.and_then(|build| service.steps_of(build, environment, kind));
    !are_remote(&request.steps) || !back.is_some_and(are_remote)
}

/// The deployments that run, whose processes may run, or that a rollback may go back to.
pub(super) fn needed_ids(state: &ServiceState) -> HashSet<DeploymentId> {
    needed(state).map(|deployment| deployment.id).collect()
}

/// The deployments that run, whose processes may run, or that a rollback may go back to.
fn needed(state: &ServiceState) -> impl Iterator<Item = &Deployment> {
    let environments = [Environment::Production, Environment::Staging];
    let open = environments.into_iter().flat_map(|e| state.open(e));
    let unsettled = environments.into_iter().filter_map(|e| state.unsettled(e));
    let staging = state.live(Environment::Staging).map(|live| live.deployment);
    let mut builds = HashSet::new();
    let production = state.live.get(&Environment::Production).into_iter().flatten().rev();
    let production = production.filter(move |live| builds.insert(live.build));
    let production = production.take(KEPT_BUILDS).map(|live| live.deployment);
    let live = staging.into_iter().chain(production);
    open.chain(unsettled).chain(live.filter_map(|id| state.deployments.get(&id)))
}
