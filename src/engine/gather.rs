//! Gathers from git what a plan or a command needs, outside the writer.

pub(super) mod stated;
mod tip;
mod trunk_steps;
mod ways;
mod workflow;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::by_hand;
use super::checkouts;
use super::commands::{CommandError, ForPlan, Gathered};
use super::input::Input;
use super::migrations;
use super::runner::remote::Engines;
use super::trunk;
use super::variables::{Ask, StepNeeds, Variables};
use super::world::{Service, World, WorldReader};
use crate::config::service_file::ServiceFile;
use crate::domain::caller::Caller;
use crate::domain::command::{Action, Command, Refusal};
use crate::domain::commit::Range;
use crate::domain::event::{DeploymentKind, StepSpec};
use crate::domain::ids::{BuildNumber, DeploymentId, Environment, ServiceName, Sha};
use crate::domain::limits::MOST_BAD_COMMITS;
use crate::domain::needs::NeedStanding;
use crate::domain::plan::{Endpoints, Migrations, endpoints};
use crate::domain::quarantine::BadCommit;
use crate::domain::service::ServiceState;
use crate::domain::way_back::NO_STEPS;
use crate::git::{CommitMatch, GitError, Mirror, Paths};

/// The most commits that a plan lists.
const COMMITS: usize = 500;

/// The most candidates of one ambiguous name. Git is asked about each.
const CANDIDATES: usize = 10;

/// How long a rollback waits for git.
const GIT_TIMEOUT: Duration = Duration::from_secs(2);

/// What gathering needs.
#[derive(Clone)]
pub struct GatherContext {
    pub world: WorldReader,
    pub inputs: mpsc::Sender<Input>,
    /// The folder of all checkouts.
    pub checkouts: PathBuf,
    pub variables: Arc<Variables>,
    /// The engines at which a plan looks before anybody confirms it.
    pub engines: Arc<Engines>,
}

impl GatherContext {
    #[must_use]
    pub fn new(
        world: &WorldReader,
        inputs: &mpsc::Sender<Input>,
        (checkouts, variables): (PathBuf, Arc<Variables>),
        engines: &Arc<Engines>,
    ) -> Self {
        let (world, inputs, engines) = (world.clone(), inputs.clone(), engines.clone());
        Self { world, inputs, checkouts, variables, engines }
    }

    /// Gives the writer the service file of a commit before any later command: a step's job takes the names of its secrets
    /// from this file.
    async fn remember(
        &self,
        service: &ServiceName,
        sha: &Sha,
        file: Result<Arc<ServiceFile>, String>,
    ) {
        let (service, sha) = (service.clone(), sha.clone());
        let _stopped = self.inputs.send(Input::PipelineKnown { service, sha, file }).await;
    }
}

/// Whether a command needs anything from git.
#[must_use]
pub fn is_needed(command: &Command) -> bool {
    match command {
        Command::Execute { .. }
        | Command::Ask { .. }
        | Command::Quarantine { .. }
        | Command::BuildTip {}
        | Command::Adopt { .. } => true,
        Command::Release { bad, .. } => bad.as_ref().is_some_and(|bad| !bad.is_empty()),
        _ => false,
    }
}

/// Gathers what a command that came at `begun` needs from git. `None` if it needs nothing.
///
/// # Errors
/// As [`for_plan`].
pub async fn gather(
    context: &GatherContext,
    (name, caller): (&ServiceName, &Caller),
    command: &Command,
    begun: Instant,
) -> Result<Option<Gathered>, CommandError> {
    let (action, presser) = match command {
        Command::Execute { action, .. } => (*action, Some(caller)),
        // Somebody else promotes it.
        Command::Ask { build, .. } => (Action::Promote { build: *build }, None),
        Command::Release { bad: Some(names), .. } | Command::Quarantine { commits: names, .. } => {
            return Ok(Some(Gathered::Commits(commits(context, name, names).await)));
        }
        Command::BuildTip {} => {
            let tip = Box::pin(tip::tip(&context.world, name, begun + tip::PATIENCE)).await?;
            return Ok(Some(Gathered::Tip(Box::new(tip))));
        }
        Command::Adopt { commit, .. } => {
            let adopted = Box::pin(stated::adopted(&context.world, name, commit)).await?;
            return Ok(Some(Gathered::Adopted(Box::new(adopted))));
        }
        _ => return Ok(None),
    };
    Ok(Some(Gathered::Plan(Box::new(Box::pin(for_plan(context, name, action, presser)).await?))))
}

/// The named commits that git finds in a build. An ambiguous name gives every candidate.
async fn commits(context: &GatherContext, name: &ServiceName, names: &[String]) -> Vec<BadCommit> {
    let (mirror, trunk, builds, next) = {
        let world = context.world.world();
        let Some(service) = world.services.get(name) else { return Vec::new() };
        let next = service.state.builds.keys().next_back().map_or(1, |number| number.0 + 1);
        let builds = service.state.builds.values().filter(|build| !build.off_trunk);
        let builds: Vec<_> = builds.map(|build| (build.number, build.sha.clone())).collect();
        (service.mirror.clone(), service.trunk.clone(), builds, BuildNumber(next))
    };
    let shas: Vec<_> = builds.iter().map(|(_, sha)| sha.clone()).collect();
    let is_listed = |sha: &Sha| {
        let world = context.world.world();
        let service = world.services.get(name);
        service.is_some_and(|s| !s.state.commits_that_begin_with(sha.as_str()).is_empty())
    };
    let mut found = Vec::new();
    // With too many names nothing is gathered: the whole command is refused.
    for name in names.iter().filter(|_| names.len() <= MOST_BAD_COMMITS) {
        // The decision refuses each name that git does not find.
        let Ok(prefix) = name.trim().parse() else { continue };
        let candidates = match mirror.find(&prefix).await {
            Ok(CommitMatch::One(sha)) => vec![sha],
            Ok(CommitMatch::Several(several)) => several,
            Ok(CommitMatch::Nothing) | Err(_) => continue,
        };
        for sha in candidates.into_iter().take(CANDIDATES).filter(|sha| !is_listed(sha)) {
            let build = match mirror.first_with(&sha, &shas).await {
                Ok(Some(at)) => builds[at].0,
                // The next build of the trunk will have it.
                Ok(None) if tip::is_on_trunk(&mirror, trunk.as_deref(), &sha).await => next,
                Ok(None) | Err(_) => continue,
            };
            let subject = mirror.range(None, &sha, None, 1).await.ok();
            let subject = subject.and_then(|range| Some(range.commits.first()?.subject.clone()));
            found.push(BadCommit { sha, build, subject: subject.unwrap_or_default() });
        }
    }
    found
}

/// Gathers the range, the steps and the migrations for an action, which the presser would carry out.
///
/// # Errors
/// When the action names no build, its pipeline cannot be used, or git fails.
pub async fn for_plan(
    context: &GatherContext,
    name: &ServiceName,
    action: Action,
    presser: Option<&Caller>,
) -> Result<ForPlan, CommandError> {
    let (ends, target, between, mirror, paths, seen, first) = {
        let world = context.world.world();
        let service = world.named(name)?;
        let ends = endpoints(&service.state, action)?;
        rules_are_known(service, ends.kind)?;
        let target = service.state.builds[&ends.target].sha.clone();
        let between = ends.range(&service.state).map(|(from, to)| (from.cloned(), to.clone()));
        let between = between.ok_or_else(|| {
            Refusal::not_found(format!("the record has no commit of {}", ends.target))
        })?;
        let seen = recorded(&service.state, &ends);
        let on_trunk = service.state.builds.values().find(|build| !build.off_trunk);
        let first = on_trunk.map_or(&target, |first| &first.sha);
        let (mirror, paths) = (service.mirror.clone(), service.paths());
        (ends, target.clone(), between, mirror, paths, seen, first.clone())
    };
    let (from, to) = between;
    let asked = async {
        match &from {
            Some(live) if ends.goes_back() || mirror.has(live).await? => {
                mirror.range(from.as_ref(), &to, paths.as_ref(), COMMITS).await
            }
            _ => everything_seen(&mirror, &first, &to, paths.as_ref()).await,
        }
    };
    let range = match Box::pin(in_time(ends.kind, asked)).await {
        Some(Ok(range)) => range,
        Some(Err(error)) if ends.kind != DeploymentKind::Rollback => {
            return Err(CommandError::Failed(error.to_string()));
        }
        // A rollback must work without git, so it uses the recorded commits.
        _ => Range { from, to, ..seen },
    };
    let range = match ends.kind {
        DeploymentKind::Rollback | DeploymentKind::Retry => range,
        _ => Box::pin(with_later(context, name, &mirror, range))
            .await
            .map_err(|error| CommandError::Failed(error.to_string()))?,
    };
    let file = pipeline(context, name, &target, ends.kind).await;
    let by_trunk = matches!(action, Action::RollbackByTrunk { .. });
    let (steps, trunk_differs) = {
        let world = context.world.world();
        steps_of(world.named(name)?, &file, (&ends, by_trunk))?
    };
    let mut migrations = if matches!(ends.kind, DeploymentKind::Rollback | DeploymentKind::Retry) {
        Migrations::default()
    } else {
        let judging = {
            let world = context.world.world();
            let service = world.named(name)?;
            migrations::JudgingContext::of(&world, service, ends.target)
        };
        Box::pin(migrations::gather(&judging, &range, ends.target)).await
    };
    let may_break = ends.environment == Environment::Production;
    if let Some(live) = ends.live.filter(|_| may_break && range.from.is_none()) {
        let why = || format!("the repository has no commit of {live}, which is live");
        migrations.trouble.get_or_insert_with(why);
    }
    let declared = {
        let world = context.world.world();
        let service = world.named(name)?;
        let of_trunk = by_trunk.then(|| trunk_steps::needs(service, ask(ends.kind)));
        of_trunk.unwrap_or_else(|| needs(service, ends.target, file, ends.kind))
    };
    let variables = context.variables.known(&declared).await;
    let by_hand = (ends.kind == DeploymentKind::Rollback).then(|| {
        let world = context.world.world();
        let service = world.services.get(name)?;
        let target = service.state.builds.get(&ends.target)?;
        let place = (context.checkouts.as_path(), &*context.variables);
        Some(by_hand::facts(place, service, target, &declared))
    });
    let unusable_engine = context.variables.unusable_engine(&steps);
    let mut workflow_findings = Box::pin(workflow::findings(context, name, &steps, &ends)).await;
    let needs_presser = |step: &StepSpec| step.remote().is_some_and(|job| job.call.needs_presser());
    let presser = presser.map(|caller| caller.identity.digest_name());
    let told = ways::PlannedSteps {
        service: name,
        target: &target,
        ends: &ends,
        presser: presser.as_deref(),
    };
    workflow_findings.extend(Box::pin(ways::findings(context, &steps, told)).await);
    let presser = presser.filter(|_| steps.iter().any(needs_presser));
    Ok(ForPlan {
        range,
        steps,
        migrations,
        variables,
        unusable_engine,
        workflow_findings,
        presser,
        by_hand: by_hand.flatten(),
        trunk_differs,
        needs: context.world.read(|world| needs_of(world, name)),
        ends,
    })
}

fn ask(kind: DeploymentKind) -> Ask {
    if kind == DeploymentKind::Rollback { Ask::ROLLBACK } else { Ask::PROMOTE }
}

/// The variables that the steps of a deployment need. Without the file of its build, what the trunk declares is needed.
///
/// # Errors
/// When the service or the deployment is gone.
pub(super) async fn declared(
    context: &GatherContext,
    name: &ServiceName,
    id: DeploymentId,
) -> Result<StepNeeds, String> {
    let (build, sha, kind) = {
        let world = context.world.world();
        let service = world.services.get(name).ok_or("the service is gone")?;
        let deployment = service.state.deployments.get(&id).ok_or("the deployment is gone")?;
        let request = &deployment.request;
        if request.by_trunk {
            return Ok(trunk_steps::needs(service, ask(request.kind)));
        }
        (request.build, request.sha.clone(), request.kind)
    };
    let file = pipeline(context, name, &sha, kind).await;
    let world = context.world.world();
    let service = world.services.get(name).ok_or("the service is gone")?;
    Ok(needs(service, build, file, kind))
}

/// What the file of a build declares, else what was recorded with it, else what the trunk declares.
fn needs(
    service: &Service,
    build: BuildNumber,
    file: Result<Arc<ServiceFile>, String>,
    kind: DeploymentKind,
) -> StepNeeds {
    let ask = ask(kind);
    let trunk = || {
        let declared = service.file.as_ref().map(|file| file.variables.clone());
        StepNeeds::of(service, declared.unwrap_or_default(), ask)
    };
    match file {
        Ok(file) => StepNeeds::of(service, file.variables.clone(), ask),
        Err(_) => StepNeeds::recorded(service, build, kind, ask).unwrap_or_else(trunk),
    }
}

/// How everything stands that the rollback steps of a service need.
fn needs_of(world: &World, name: &ServiceName) -> Vec<NeedStanding> {
    world.services.get(name).map_or_else(Vec::new, |service| service.rollback_needs())
}

/// The steps of a plan, and whether the trunk has others for the same.
fn steps_of(
    service: &Service,
    file: &Result<Arc<ServiceFile>, String>,
    (ends, by_trunk): (&Endpoints, bool),
) -> Result<(Vec<StepSpec>, bool), CommandError> {
    if by_trunk {
        return Ok((trunk_steps::of(service)?, true));
    }
    let own = steps(service, file, ends)?;
    let differs = trunk_steps::differ(service, ends.kind, &own);
    Ok((own, differs))
}

/// The steps of the target: those of its service file, else those that were recorded with it.
fn steps(
    service: &Service,
    file: &Result<Arc<ServiceFile>, String>,
    ends: &Endpoints,
) -> Result<Vec<StepSpec>, CommandError> {
    let (environment, number) = (ends.environment, ends.target);
    if let Some(steps) = service.steps_of_trunk(environment, ends.kind) {
        return Ok(steps.to_vec());
    }
    let steps = match file {
        Ok(file) => file.steps(environment, ends.kind).to_vec(),
        Err(why) => {
            let recorded = service.state.recipe(number);
            let steps = recorded.and_then(|recipe| recipe.steps(environment, ends.kind));
            let refused = || Refusal::invalid(format!("{number} cannot be deployed: {why}"));
            steps.ok_or_else(refused)?.to_vec()
        }
    };
    if steps.is_empty() && environment == Environment::Production {
        let sentence = format!("{number} {NO_STEPS}, so it can only go to staging");
        return Err(Refusal::invalid(sentence).into());
    }
    Ok(steps)
}

/// Refuses all but a rollback while the service file is unread: default rules would let a promote pass its guards.
fn rules_are_known(service: &Service, kind: DeploymentKind) -> Result<(), CommandError> {
    if kind == DeploymentKind::Rollback || service.file.is_some() {
        return Ok(());
    }
    let name = service.name.as_str();
    Err(CommandError::Failed(format!(
        "the service file of {name:?} is not read yet, so its rules are unknown; only a rollback works until git \
         answers"
    )))
}

/// The answer of git. `None` when a rollback's wait times out.
async fn in_time<T>(kind: DeploymentKind, asked: impl Future<Output = T>) -> Option<T> {
    match kind {
        DeploymentKind::Rollback => timeout(GIT_TIMEOUT, asked).await.ok(),
        _ => Some(asked.await),
    }
}

/// The service file of a commit. If git fails or is slow, a rollback reads it from the kept checkout.
pub(super) async fn pipeline(
    context: &GatherContext,
    name: &ServiceName,
    sha: &Sha,
    kind: DeploymentKind,
) -> Result<Arc<ServiceFile>, String> {
    let why = match in_time(kind, load_pipeline(context, name, sha)).await {
        Some(Ok(file)) => return Ok(file),
        Some(Err(why)) => why,
        None => "git does not answer".to_owned(),
    };
    let kept = match kind {
        DeploymentKind::Rollback => kept_pipeline(context, name, sha).await,
        _ => None,
    };
    let kept = kept.ok_or(why)?;
    // The writer may be stuck on a disk that hangs. The file is read again then.
    let _too_late = in_time(kind, context.remember(name, sha, Ok(kept.clone()))).await;
    Ok(kept)
}

async fn kept_pipeline(
    context: &GatherContext,
    name: &ServiceName,
    sha: &Sha,
) -> Option<Arc<ServiceFile>> {
    let path = {
        let world = context.world.world();
        let service = world.services.get(name)?;
        service.watched_at(service.build_of(sha)?).service_file()
    };
    let (checkouts, mut bytes) = (&context.checkouts, None);
    let old = checkouts::of_0_1_0(checkouts, name, Environment::Production, sha);
    let trees = [checkouts::pristine(checkouts, name, sha), old];
    for tree in trees {
        if bytes.is_none() {
            bytes = tokio::fs::read(tree.join(&path)).await.ok();
        }
    }
    let file = ServiceFile::of_bytes(bytes?, &path).ok()?;
    Some(Arc::new(file))
}

/// The commits since the first build, including that build's own commit.
async fn everything_seen(
    mirror: &Mirror,
    first: &Sha,
    to: &Sha,
    paths: Option<&Paths>,
) -> Result<Range, GitError> {
    let mut range = mirror.range(Some(first), to, paths, COMMITS).await?;
    range.commits.extend(mirror.range(None, first, paths, 1).await?.commits);
    range.from = None;
    Ok(range)
}

/// The range with what comes after it on the trunk.
async fn with_later(
    context: &GatherContext,
    name: &ServiceName,
    mirror: &Mirror,
    range: Range,
) -> Result<Range, GitError> {
    let (trunk, newest) = {
        let world = context.world.world();
        let service = world.services.get(name);
        let newest = service.and_then(|service| service.state.newest_build());
        (service.and_then(|s| s.trunk.clone()), newest.map(|build| build.sha.clone()))
    };
    let tip = match trunk {
        Some(trunk) => mirror.tip(&trunk).await?,
        None => None,
    };
    let Some(tip) = tip.or(newest) else { return Ok(range) };
    let later = mirror.later(&range.to, &tip).await?;
    Ok(Range { later, ..range })
}

/// The recorded commits between the two builds.
fn recorded(state: &ServiceState, ends: &Endpoints) -> Range {
    let (low, high) = match ends.newest {
        Some(newest) => (newest.min(ends.target), newest.max(ends.target)),
        None => (BuildNumber(0), ends.target),
    };
    let builds = state.builds.range(low..=high).rev().filter(|(number, _)| **number > low);
    let mut commits: Vec<_> = builds.clone().flat_map(|(_, build)| build.commits.clone()).collect();
    let cut = commits.len().saturating_sub(COMMITS);
    commits.truncate(COMMITS);
    let more = builds.map(|(_, build)| build.more).sum::<u32>();
    let more = more + u32::try_from(cut).unwrap_or(u32::MAX);
    let to = state.builds[&ends.target].sha.clone();
    Range { more, ..Range::of(None, to, commits) }
}

/// The service file that a commit declares, read once.
///
/// # Errors
/// When it is missing or invalid, with a sentence that says why.
pub(super) async fn load_pipeline(
    context: &GatherContext,
    name: &ServiceName,
    sha: &Sha,
) -> Result<Arc<ServiceFile>, String> {
    let (known, watched, mirror) = {
        let world = context.world.world();
        let service = world.services.get(name).ok_or("the service is gone")?;
        let known = service.pipelines.get(sha).cloned();
        let build = service.build_of(sha);
        let watched = build.map_or_else(|| service.watched.clone(), |b| service.watched_at(b));
        (known, watched, service.mirror.clone())
    };
    if let Some(known) = known {
        return known;
    }
    let read = trunk::read_file(&mirror, &watched, sha).await.map_err(|error| error.to_string())?;
    let file = read.map(Arc::new);
    context.remember(name, sha, file.clone()).await;
    file
}
