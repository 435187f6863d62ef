//! How a deployment stands, for its one message.

use chrono::{DateTime, Utc};

use super::view::{DeploymentView, NoticeInput, NoticeView, OverrideView};
use crate::domain::commit::{Commit, writers};
use crate::domain::deployment::{Deployment, DeploymentState, StepState};
use crate::domain::event::{DeploymentKind, DeploymentRequest};
use crate::domain::ids::{DeploymentId, Environment};
use crate::domain::people::Actor;
use crate::domain::service::{Live, ServiceState};
use crate::domain::time::say;

/// What is said of a success that no target confirmed yet.
const UNHEARD: &str = "its targets were not heard yet";

/// Fills in what is known of a deployment.
pub(super) fn deployment(view: &mut NoticeView, id: DeploymentId, input: NoticeInput<'_>) {
    let Some(found) = input.state.deployments.get(&id) else {
        (view.symbol, view.state) = ("?", "not known".to_owned());
        (view.settled, view.is_final) = (true, true);
        return;
    };
    let (symbol, word, is_final) = standing(found, input.state);
    (view.symbol, view.state) = (symbol, word);
    (view.settled, view.is_final) = (found.ended.is_some(), is_final);
    if let Some(pages) = input.pages {
        view.page = Some(format!("{pages}/services/{}/runs/{}", view.service, id.0));
    }
    view.deployment = Some(parts(found, input));
}

/// The sign, the word, and whether nothing more can change them.
fn standing(deployment: &Deployment, state: &ServiceState) -> (&'static str, String, bool) {
    let is_rollback = deployment.request.kind == DeploymentKind::Rollback;
    let (symbol, word, is_final) = match deployment.state() {
        DeploymentState::Queued => ("○", "queued".to_owned(), false),
        DeploymentState::Running if deployment.cancel.is_some() => {
            ("▶", "being cancelled".to_owned(), false)
        }
        DeploymentState::Running
            if deployment.waiting_wave().is_some() || deployment.waits().is_some() =>
        {
            ("▶", "waiting".to_owned(), false)
        }
        DeploymentState::Running if is_rollback => ("↩", "rolling back".to_owned(), false),
        DeploymentState::Running => ("▶", "deploying".to_owned(), false),
        DeploymentState::Succeeded => succeeded(deployment, state),
        DeploymentState::Failed => match deployment.failed_step() {
            Some(step) => ("✖", format!("failed at {step}"), true),
            None => ("✖", "failed".to_owned(), true),
        },
        DeploymentState::Cancelled => ("■", "cancelled".to_owned(), true),
        DeploymentState::Interrupted => ("✖", "interrupted".to_owned(), true),
    };
    (symbol, word, is_final)
}

/// One that succeeded is live, was live, or it is not known whether it is.
fn succeeded(deployment: &Deployment, state: &ServiceState) -> (&'static str, String, bool) {
    let DeploymentRequest { kind, environment, .. } = deployment.request;
    let is_rollback = kind == DeploymentKind::Rollback;
    if let Some(next) = replaced_by(deployment, state) {
        // A rollback after one that failed may bring back this very build.
        let is_older = next.build < deployment.request.build;
        let next = state.deployments.get(&next.deployment);
        let is_rollback = next.is_some_and(|next| next.request.kind == DeploymentKind::Rollback);
        return if is_rollback && is_older {
            ("↩", "taken back".to_owned(), true)
        } else {
            ("✔", "replaced".to_owned(), true)
        };
    }
    let is_live = state.live(environment).is_some_and(|live| live.deployment == deployment.id);
    let in_doubt = state.unsettled(environment).is_some_and(|last| last.id != deployment.id);
    let (symbol, word) = match environment {
        _ if !is_live => ("✔", "done"),
        _ if in_doubt => ("?", "perhaps live"),
        _ if deployment.is_partly() => ("?", "partly live"),
        _ if is_rollback => ("↩", "live"),
        Environment::Production => ("✔", "live"),
        Environment::Staging => ("✔", "in staging"),
    };
    (symbol, word.to_owned(), false)
}

/// What an environment ran next.
fn replaced_by<'a>(deployment: &Deployment, state: &'a ServiceState) -> Option<&'a Live> {
    let lives = state.live.get(&deployment.request.environment)?;
    let at = lives.iter().position(|live| live.deployment == deployment.id)?;
    lives.get(at + 1)
}

fn parts(deployment: &Deployment, input: NoticeInput<'_>) -> DeploymentView {
    let NoticeInput { state, people, .. } = input;
    let request = &deployment.request;
    let build = state.builds.get(&request.build).filter(|_| deployment.unknown_commit().is_none());
    let commits = commits(deployment, state);
    let ended = deployment.ended.as_ref();
    let done = deployment.steps.iter().filter(|step| step.succeeded()).count();
    let steps = deployment.steps.iter().filter(|step| !matches!(step, StepState::Skipped));
    let next = replaced_by(deployment, state);
    let next = next.map(|live| {
        let next = state.deployments.get(&live.deployment);
        let by = next.map_or_else(String::new, |next| format!(" by {}", next.by));
        let again = if live.build == request.build { " again" } else { "" };
        let at = clock(live.since, ended.map(|ended| ended.at));
        format!("{}{again} at {at}{by}", live.build)
    });
    DeploymentView {
        id: deployment.id.to_string(),
        kind: deployment.kind().to_owned(),
        environment: request.environment.to_string(),
        build: deployment.deployed(),
        sha: build.map_or_else(String::new, |build| build.sha.short().to_owned()),
        subject: build.map_or_else(String::new, |build| build.subject().to_owned()),
        by: deployment.by.to_string(),
        is_by_person: deployment.by != Actor::System,
        previous: request.previous.map(|build| build.to_string()),
        commits: commits.as_ref().map(|(commits, more)| commits.len() + more),
        authors: commits.map_or_else(Vec::new, |(commits, _)| {
            writers(commits, people).into_iter().map(str::to_owned).collect()
        }),
        now: now(deployment),
        steps_done: done,
        steps: steps.count(),
        failed_step: deployment.failed_step().map(str::to_owned),
        why: deployment.trouble().map(str::to_owned),
        took: deployment.took().map(say),
        ended: ended.map(|ended| clock(ended.at, Some(deployment.requested_at))),
        replaced_by: next,
        overrides: request
            .overrides
            .iter()
            .map(|(guard, reason)| OverrideView {
                guard: guard.to_string(),
                reason: reason.clone(),
            })
            .collect(),
        partly: deployment
            .effect
            .as_ref()
            .filter(|effect| !effect.is_whole(request.build))
            .map(|effect| effect.in_words(request.build))
            .or_else(|| is_unheard(deployment, state).then(|| UNHEARD.to_owned())),
        is_last: is_last(deployment, state),
        tail: Vec::new(),
    }
}

/// Whether its steps succeeded, and its targets are asked what they run and did not say it since.
fn is_unheard(deployment: &Deployment, state: &ServiceState) -> bool {
    deployment.succeeded() && state.unheard().is_some_and(|last| last.id == deployment.id)
}

/// Whether no other one that succeeded or failed ended in its environment after it.
fn is_last(deployment: &Deployment, state: &ServiceState) -> bool {
    let Some(ended) = &deployment.ended else { return false };
    let environment = deployment.request.environment;
    let came_after = |other: &&Deployment| {
        let at = other.ended.as_ref().map(|ended| ended.at);
        other.request.environment == environment
            && other.state() != DeploymentState::Cancelled
            && at.is_some_and(|at| (at, other.id) > (ended.at, deployment.id))
    };
    !state.deployments.values().any(|other| came_after(&other))
}

/// What it brings, as far as the builds tell: their commits, and how many more there are than listed.
fn commits<'a>(
    deployment: &Deployment,
    state: &'a ServiceState,
) -> Option<(Vec<&'a Commit>, usize)> {
    let request = &deployment.request;
    let is_forward = !matches!(
        request.kind,
        DeploymentKind::Rollback | DeploymentKind::Rehearsal | DeploymentKind::Redeploy
    );
    if !is_forward || deployment.unknown_commit().is_some() {
        return None;
    }
    // Without a build before, what it brings is the build itself, as far as is known.
    let (from, known_before) = match request.previous {
        Some(previous) if previous >= request.build => return None,
        Some(previous) => (previous, 1),
        None => (request.build, 0),
    };
    let builds = state.builds.range(from..=request.build).skip(known_before);
    let builds: Vec<_> = builds.map(|(_, build)| build).filter(|build| !build.off_trunk).collect();
    let more = builds.iter().map(|build| build.more as usize).sum();
    let commits: Vec<_> = builds.iter().flat_map(|build| &build.commits).collect();
    (!commits.is_empty()).then_some((commits, more))
}

/// What runs or waits now.
fn now(deployment: &Deployment) -> Option<String> {
    if deployment.ended.is_some() {
        return None;
    }
    if let Some(wait) = deployment.waiting_wave() {
        return Some(format!("waits after {}", wait.named()));
    }
    let steps = deployment.running_steps().filter_map(|step| deployment.request.steps.get(step));
    let names: Vec<_> = steps.map(|spec| spec.name.as_str()).collect();
    match (names.is_empty(), deployment.waits()) {
        (_, Some(waits)) => Some(format!("{} waits for {waits}", names.join(", "))),
        (false, None) => Some(names.join(", ")),
        (true, None) => None,
    }
}

/// `14:22 UTC`, with its day where that is another one than that of `beside`.
pub(super) fn clock(at: DateTime<Utc>, beside: Option<DateTime<Utc>>) -> String {
    let same = beside.is_some_and(|beside| beside.date_naive() == at.date_naive());
    let form = if same { "%H:%M UTC" } else { "%Y-%m-%d %H:%M UTC" };
    at.format(form).to_string()
}
