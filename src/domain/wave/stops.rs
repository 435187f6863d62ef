//! What else keeps the next wave from beginning by itself: what came in the pause and was not decided on with the deployment.

use chrono::{DateTime, Utc};

use super::standing::WaveInput;
use super::state::WaveWait;
use crate::calendar::{FreezeMode, FreezeState, FreezeWindow};
use crate::domain::deployment::Deployment;
use crate::domain::ids::{DeploymentId, Environment, Seq};
use crate::domain::instant::in_utc;
use crate::domain::live_source::AskedOf;
use crate::domain::plan::Guard;
use crate::domain::quarantine::Contained;
use crate::domain::service::ServiceState;
use crate::domain::stops::{Freeze, Hold};
use crate::domain::target::{TargetStanding, changed_in_words};

const PRODUCTION: Environment = Environment::Production;
/// How many bad commits are named.
const BAD_NAMED: usize = 3;

/// All of them. One whose reason was typed for this deployment is none.
pub(super) fn stops(input: WaveInput<'_>, deployment: &Deployment, wait: &WaveWait) -> Vec<String> {
    let state = input.state;
    let all = [
        hold_beside(state, deployment).map(held),
        frozen(input, deployment),
        bad_commits(state, deployment),
        left_trunk(state, deployment),
        overtaken(state, deployment),
        changed_by_hand(state, deployment, wait),
        unread(state),
        missed(state, wait),
    ];
    all.into_iter().flatten().collect()
}

/// `production is on hold by sam: the database burns`.
pub(super) fn held(hold: &Hold) -> String {
    format!("production is on hold by {}: {}", hold.by, hold.reason)
}

/// Whether somebody typed a reason for this deployment, and what it was for was there already.
fn is_typed(deployment: &Deployment, guard: Guard, id: Seq) -> bool {
    deployment.request.overrides.contains_key(&guard) && DeploymentId::from(id) < deployment.id
}

fn hold_beside<'a>(state: &'a ServiceState, deployment: &Deployment) -> Option<&'a Hold> {
    let hold = state.holds.get(&PRODUCTION);
    hold.filter(|hold| !is_typed(deployment, Guard::Hold, hold.id))
}

/// A freeze by hand or by a calendar that the typed reason was not for: it began after the deployment was asked for.
fn frozen(input: WaveInput<'_>, deployment: &Deployment) -> Option<String> {
    let WaveInput { state, policy, calendar, now } = input;
    if FreezeState::Frozen.under(policy.freeze) != FreezeState::Frozen {
        return None;
    }
    let asked_at = deployment.requested_at;
    let is_new = |freeze: &&Freeze| {
        !is_typed(deployment, Guard::Freeze, freeze.id) || freeze.from > asked_at
    };
    let by_hand = state.freezes_at(now).find(is_new);
    let by_hand =
        by_hand.map(|freeze| format!("{} by {}: {}", freeze.id, freeze.by, freeze.reason));
    let has_reason = deployment.request.overrides.contains_key(&Guard::Freeze);
    let is_new = |window: &&FreezeWindow| {
        window.policy == FreezeMode::Override && (!has_reason || window.from > asked_at)
    };
    let by_calendar = || calendar.matches.iter().find(is_new).map(|window| window.why.clone());
    by_hand.or_else(by_calendar).map(|why| format!("production is frozen: {why}"))
}

/// Commits of the build that somebody marked as bad meanwhile.
fn bad_commits(state: &ServiceState, deployment: &Deployment) -> Option<String> {
    let build = deployment.request.build;
    let mut bad = state.bad_in(build);
    bad.retain(|bad| !is_typed(deployment, Guard::Quarantine, bad.quarantined.id));
    let named = bad.iter().take(BAD_NAMED).map(bad_commit).collect::<Vec<_>>();
    let more = bad.len().saturating_sub(BAD_NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    (!bad.is_empty()).then(|| format!("{build} has a bad commit: {}{more}", named.join(", ")))
}

/// `abc1234 (by sam: leaks data)`.
fn bad_commit(bad: &Contained<'_>) -> String {
    let of = bad.quarantined;
    let perhaps = if bad.doubt.is_some() { "perhaps " } else { "" };
    let reason = if of.reason.is_empty() { String::new() } else { format!(": {}", of.reason) };
    format!("{perhaps}{} (by {}{reason})", of.commit.sha.short(), of.by)
}

/// The build's commit went off the trunk, and nobody was told that with the deployment.
fn left_trunk(state: &ServiceState, deployment: &Deployment) -> Option<String> {
    let left = state.builds.get(&deployment.request.build)?.left_trunk()?;
    let is_told = deployment.request.findings.iter().any(|found| found.sentence == left);
    (!is_told).then_some(left)
}

/// Production got something else after this deployment was asked for, as by an engine that trunkline only observes.
fn overtaken(state: &ServiceState, deployment: &Deployment) -> Option<String> {
    let live = state.live(PRODUCTION).and_then(|live| state.deployments.get(&live.deployment));
    let all = state.open(PRODUCTION).chain(state.last_ended(PRODUCTION)).chain(live);
    let newest = all.filter(|other| other.id > deployment.id).max_by_key(|other| other.id)?;
    let (id, build) = (newest.id, newest.request.build);
    let what = match newest.unknown_commit() {
        Some(_) => "a commit that is not on record".to_owned(),
        None => build.to_string(),
    };
    Some(match newest {
        open if open.is_open() => format!("production gets {what} meanwhile ({id})"),
        made if made.succeeded() => format!("production got {what} meanwhile ({id})"),
        bad => format!("{id} with {what} ended in production meanwhile: {}", bad.state().as_str()),
    })
}

/// What somebody changed in the pause at targets that no wave so far is for. The next wave would go over it.
fn changed_by_hand(
    state: &ServiceState,
    deployment: &Deployment,
    wait: &WaveWait,
) -> Option<String> {
    let of_waves = deployment.targets_until(wait.number);
    let is_changed = |known: &&TargetStanding| {
        known.changed_at.is_some_and(|at: DateTime<Utc>| at >= deployment.requested_at)
            && !of_waves.contains(&known.target)
    };
    let changed: Vec<_> = state.targets(PRODUCTION).iter().filter(is_changed).cloned().collect();
    changed_in_words(&changed)
}

/// Nothing tells what the targets run, so what they said last is not known to hold.
fn unread(state: &ServiceState) -> Option<String> {
    let is_asked = state.asked_of_production == Some(AskedOf::Targets);
    let is_silent = is_asked && state.unanswered.contains(&PRODUCTION);
    let why = state.unread.get(&PRODUCTION).filter(|_| is_silent)?;
    Some(format!("what its targets run cannot be read: {why}"))
}

/// The pause ended while the engine was stopped or the machine slept, so that nobody could step in.
fn missed(state: &ServiceState, wait: &WaveWait) -> Option<String> {
    let (until, since) = wait.until.zip(state.looking_since)?;
    let since = (until <= since).then(|| in_utc(since))?;
    Some(format!("the engine looks again since {since}, and its pause had ended by then"))
}
