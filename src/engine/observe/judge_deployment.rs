//! What a deployment that GitHub keeps says of the environment that it is of. Pure.

use chrono::{DateTime, TimeDelta, Utc};

use super::judge::{DeployedCommit, SeenDeployment};
use crate::domain::deployment::Deployment;
use crate::domain::event::{DeploymentKind, Outcome, UnknownCommit};
use crate::domain::ids::Environment;
use crate::domain::remote::SentRun;
use crate::domain::service::ServiceState;
use crate::engine::runner::remote::{DeploymentWord, RepositoryDeployment};

/// How its names begin among the runs of the engine.
const NAME: &str = "deployment ";
/// How long one may run whose end nobody tells.
const LONGEST: TimeDelta = TimeDelta::hours(6);
/// How far the clock of the engine may be from ours.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(2);

/// What names a deployment among the runs of its engine.
pub(super) fn name(id: u64) -> String {
    format!("{NAME}{id}")
}

/// The number of a deployment by the name of one of its attempts.
pub(super) fn id_of(name: &str) -> Option<u64> {
    name.strip_prefix(NAME)?.split('/').next()?.parse().ok()
}

/// The deployment as its words tell it; `None` while nothing of it began. `newer` is when the next one of its environment
/// began.
pub(super) fn deployment(
    one: &RepositoryDeployment,
    newer: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Option<SeenDeployment> {
    let began = began(one)?;
    let end = |word: &DeploymentWord| {
        let outcome = match word.word.as_str() {
            "success" => Outcome::Succeeded,
            "error" => Outcome::Failed("it ended as error".to_owned()),
            _ => Outcome::Failed("it failed".to_owned()),
        };
        (outcome, word.at)
    };
    // `inactive` only says that another took its place.
    let last = one.words.iter().rev().find(|word| word.is_end() || word.word == "in_progress")?;
    if last.is_end() {
        return Some(SeenDeployment { started: began, ended: Some(end(last)) });
    }
    let ended = match newer {
        Some(newer) if newer > last.at => Some((Outcome::Cancelled, newer)),
        _ if now - last.at > LONGEST => {
            let why = "nobody has told its end for 6 hours".to_owned();
            Some((Outcome::Interrupted(why), last.at + LONGEST))
        }
        _ => None,
    };
    Some(SeenDeployment { started: began, ended })
}

/// When a deployment began, if it did.
pub(super) fn began(one: &RepositoryDeployment) -> Option<DateTime<Utc>> {
    let has_begun = |word: &&DeploymentWord| word.is_end() || word.word == "in_progress";
    let first = one.words.iter().find(has_begun)?;
    let is_begin = first.word == "in_progress";
    Some(if is_begin { first.at } else { one.created_at.unwrap_or(first.at).min(first.at) })
}

/// What names this attempt: somebody may say of one that is over that it succeeded once more.
pub(super) fn attempt(
    state: &ServiceState,
    environment: Environment,
    engine: &crate::domain::remote::EngineName,
    (one, seen): (&RepositoryDeployment, &SeenDeployment),
) -> String {
    let first = name(one.id);
    let known = state.sighting(environment, engine, &first);
    let Some(over) = known.and_then(|known| known.ended.as_ref()) else { return first };
    let again = one.words.iter().rev().find(|word| word.word == "success");
    match (&seen.ended, again) {
        (Some((Outcome::Succeeded, at)), Some(again)) if *at > over.at => {
            format!("{first}/{}", again.id)
        }
        _ => first,
    }
}

/// The commit that it deployed, as far as that can be believed: one that a dispatched run makes names the head of the
/// branch, whatever the run deploys.
pub(super) fn commit(one: &RepositoryDeployment) -> DeployedCommit {
    let unknown = |why: String| UnknownCommit { sha: None, why };
    if one.is_of_run {
        match (one.run, one.event.as_deref()) {
            (Some(_), Some("push" | "release" | "create" | "merge_group")) => {}
            (Some(run), Some("workflow_dispatch")) => {
                return Err(unknown(format!(
                    "run {run} was dispatched, and its deployment names the head of the branch"
                )));
            }
            (Some(run), Some(event)) => {
                return Err(unknown(format!(
                    "run {run} of event {event} need not be of what it deploys"
                )));
            }
            (run, _) => {
                let run =
                    run.map_or_else(|| "which run".to_owned(), |run| format!("what run {run} is"));
                return Err(unknown(format!("a workflow made it, and it is not told {run}")));
            }
        }
    }
    one.sha
        .to_ascii_lowercase()
        .parse()
        .map_err(|_| unknown("what names it is no commit".to_owned()))
}

/// Whether trunkline started it, or may have: it is of a run of ours and began while our step went on, or was made while we
/// deployed the same.
pub(super) fn is_ours(
    state: &ServiceState,
    environment: Environment,
    one: &RepositoryDeployment,
    now: DateTime<Utc>,
) -> bool {
    let run = one.run.map(|run| run.to_string());
    let began = began(one).or(one.created_at);
    let mut own = state.deployments.values().rev().filter(|deployment| {
        let request = &deployment.request;
        request.environment == environment && request.kind != DeploymentKind::External
    });
    own.any(|deployment| {
        let is_run = |sent: &&SentRun| sent.run.as_ref().map(|found| &found.id) == run.as_ref();
        let mut of_run = deployment.runs.iter().filter(is_run).filter(|_| run.is_some());
        if of_run.any(|sent| is_of_step(state, (deployment, sent), one, now)) {
            return true;
        }
        let is_same = deployment.request.sha.as_str() == one.sha.to_ascii_lowercase();
        let ended = deployment.ended.as_ref().map_or(now, |ended| ended.at);
        let is_meanwhile = deployment.started_at.zip(began).is_some_and(|(started, began)| {
            began >= started - CLOCKS_DIFFER && began <= ended + CLOCKS_DIFFER
        });
        // One of a workflow need not name what it deploys.
        is_meanwhile && (is_same || one.is_of_run && one.run.is_none())
    })
}

/// Whether it began while this step went on. Whoever starts the run once more after it deploys by themselves.
fn is_of_step(
    state: &ServiceState,
    (deployment, sent): (&Deployment, &SentRun),
    one: &RepositoryDeployment,
    now: DateTime<Utc>,
) -> bool {
    // A run that was given up may begin as long as it is looked for.
    let is_followed = state.given_up.contains(&(deployment.id, sent.step)) && sent.late.is_none();
    let counts_as = sent.late.and_then(|late| state.deployments.get(&late)).unwrap_or(deployment);
    let over = counts_as.ended.as_ref().map(|ended| ended.at);
    let ended = match sent.ended_at.or(over) {
        Some(ended) if !is_followed && !deployment.runs_step(sent.step) => ended,
        _ => now,
    };
    let began = began(one).or(one.created_at);
    let first = one.words.iter().find(|word| word.is_end() || word.word == "in_progress");
    let told = first.map(|word| word.at).or(began);
    began.is_none_or(|began| began <= ended + CLOCKS_DIFFER)
        && told.is_none_or(|told| told >= sent.since - CLOCKS_DIFFER)
}

/// When those ended whose commit is not known; `None` for one that goes on. Each may have deployed what was there before.
pub(super) fn nameless(
    all: &[RepositoryDeployment],
    now: DateTime<Utc>,
) -> Vec<Option<DateTime<Utc>>> {
    let unknown = all.iter().filter(|one| commit(one).is_err());
    let end = |one: &RepositoryDeployment| match deployment(one, None, now) {
        Some(seen) => seen.ended.map(|(_, at)| at),
        None => one.words.last().map(|word| word.at).or(one.created_at),
    };
    unknown.map(end).collect()
}
