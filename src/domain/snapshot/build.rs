//! Builds snapshots from a service's state. Pure, so that every backend makes the same snapshot of the same state.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Datelike as _, TimeDelta, Utc};

use super::alarm::alarms;
use super::{
    BUILDS_SHOWN, BuildRow, DeploymentRow, FLAWED_SHOWN, FleetRow, HISTORY_SHOWN, INCIDENTS_SHOWN,
    Me, Problem, QUARANTINE_SHOWN, RollbackPreview, Running, ServiceSnapshot, Version,
};
use crate::calendar::{FreezeRules, FreezeWindow};
use crate::domain::build::Build;
use crate::domain::deployment::Deployment;
use crate::domain::event::{DeploymentKind, StepSpec};
use crate::domain::expected;
use crate::domain::ids::{BuildNumber, DeploymentId, Environment, ServiceName};
use crate::domain::incident::{IncidentStanding, standings, users_question};
use crate::domain::on_call::OnCallInput;
use crate::domain::people::{Actor, People};
use crate::domain::policy::{FreezeMode, Policy};
use crate::domain::presence::PresentPerson;
use crate::domain::quarantine::{Contained, Quarantined};
use crate::domain::service::{Live, ServiceState};
use crate::domain::stops::Freeze;
use crate::domain::target::TargetStanding;
use crate::domain::time::between;
use crate::domain::watch::{LiveEvidence, WatchState, evidence_of};
use crate::domain::wave::{WaveInput, WaveStanding, standing};
use crate::domain::way_back::FlawedBuild;

/// What a snapshot of one service is made from.
#[derive(Debug, Clone, Copy)]
pub struct SnapshotInput<'a> {
    pub service: &'a ServiceName,
    /// Where its repository is, without credentials.
    pub repository: &'a str,
    pub trunk: &'a str,
    pub state: &'a ServiceState,
    pub policy: &'a Policy,
    pub people: &'a People,
    /// The calendar freezes.
    pub freezes: &'a FreezeRules,
    /// The steps that the rollback target declares for a rollback; `None` while they are unknown.
    pub rollback: Option<&'a [StepSpec]>,
    /// Why a rollback would be refused.
    pub rollback_blocked: Option<&'a str>,
    /// Whether a rollback would run without the values of its build's own service file, which cannot be read.
    pub rollback_unread: bool,
    pub problems: &'a [Problem],
    /// Who has the service open.
    pub present: &'a [PresentPerson],
    pub on_call: Option<OnCallInput<'a>>,
}

/// The service as `me` sees it at `now`.
#[must_use]
pub fn service(
    input: SnapshotInput<'_>,
    me: &Actor,
    version: Version,
    now: DateTime<Utc>,
) -> ServiceSnapshot {
    let state = input.state;
    let builds: Vec<_> = state.builds.values().rev().take(BUILDS_SHOWN).collect();
    let live = state.live.iter().filter_map(|(env, all)| Some((*env, all.last()?.clone())));
    ServiceSnapshot {
        version,
        at: now,
        service: input.service.clone(),
        repository: input.repository.to_owned(),
        trunk: input.trunk.to_owned(),
        me: Me { actor: me.clone(), identified: input.people.knows(me) },
        live: live.collect(),
        targets: targets(state),
        heard: heard(state),
        unheard: state.unheard().map(|deployment| deployment.id),
        hangs: state.hangs(Environment::Production).map(str::to_owned),
        live_unknown: state.is_live_unknown(),
        unsettled: state.unsettled(Environment::Production).map(|deployment| deployment.id),
        evidence: evidence(state, now),
        watches: state.watches.all().map(|(of, watch)| (*of, watch.clone())).collect(),
        wave: wave(input, now).map(Box::new),
        staging_unknown: state.is_unknown_since_restore(Environment::Staging),
        alarms: alarms(state),
        deployments: deployment_rows(state, &builds),
        builds: build_rows(input, &builds),
        builds_total: count(state.builds.len()),
        history_total: count(production(state).count()),
        holds: state.holds.clone(),
        freezes: state.freezes.iter().filter(|freeze| !freeze.is_over(now)).cloned().collect(),
        quarantine: quarantine(state),
        quarantine_total: count(state.quarantine.len()),
        requests: state.requests.iter().rev().cloned().collect(),
        calendar: calendar(input, now),
        calendar_problems: input.freezes.problems(now),
        incidents: standings(state, &input.policy.incidents, INCIDENTS_SHOWN),
        incidents_total: count(state.incidents.iter().count()),
        users_question: users_question(state, now).cloned().map(Box::new),
        rollback: rollback_preview(input),
        skipped: at_most_shown(state.way_back().skipped),
        flawed: at_most_shown(flawed(state)),
        policy: input.policy.clone(),
        people: input.people.clone(),
        present: input.present.to_vec(),
        on_call: input.on_call.map(|on_call| on_call.at(input.people, now)),
        problems: input.problems.to_vec(),
        rules_in_doubt: None,
    }
}

/// The service's row in the fleet at `now`.
#[must_use]
pub fn fleet_row(input: SnapshotInput<'_>, now: DateTime<Utc>) -> FleetRow {
    let state = input.state;
    let live = state.live(Environment::Production);
    let is_ahead = |build: &&Build| {
        build.in_staging_since.is_some() && live.is_none_or(|live| build.number > live.build)
    };
    FleetRow {
        service: input.service.clone(),
        live: live.cloned(),
        targets: state.targets(Environment::Production).to_vec(),
        live_unknown: state.is_live_unknown(),
        ahead: count(state.builds.values().filter(is_ahead).count()),
        running: state
            .in_flight(Environment::Production)
            .or_else(|| state.in_flight(Environment::Staging))
            .map(|deployment| running(state, deployment)),
        freeze: state.freezes_at(now).max_by_key(|freeze| freeze_end(freeze)).cloned(),
        calendar: frozen_by_calendar(input, now),
        hold: state.holds.get(&Environment::Production).cloned(),
        request: state.open_request(now).cloned(),
        last_rollback: production(state)
            .rfind(|deployment| deployment.request.kind == DeploymentKind::Rollback)
            .map(|deployment| deployment.requested_at),
        incidents: standings(state, &input.policy.incidents, 0)
            .into_iter()
            .map(IncidentStanding::brief)
            .collect(),
        users_question: users_question(state, now).cloned().map(Box::new),
        evidence: evidence(state, now),
        watch: state.watches.last(Environment::Production).map(brief).map(Box::new),
        wave: wave(input, now).map(|mut wave| {
            wave.watch = wave.watch.map(|watch| Box::new(brief(&watch)));
            Box::new(wave)
        }),
        alarms: alarms(state),
        problems: count(input.problems.len()),
    }
}

fn evidence(state: &ServiceState, now: DateTime<Utc>) -> LiveEvidence {
    let production = Environment::Production;
    evidence_of(state.live(production), state.watches.last(production), now)
}

fn wave(input: SnapshotInput<'_>, now: DateTime<Utc>) -> Option<WaveStanding> {
    input.state.paused(Environment::Production)?;
    let calendar = &input.freezes.promote_to_production(input.service.as_str(), now);
    standing(WaveInput { state: input.state, policy: input.policy, calendar, now })
}

/// A watch without what was seen before.
fn brief(watch: &WatchState) -> WatchState {
    let mut watch = watch.clone();
    watch.checks.iter_mut().for_each(|check| check.bars.clear());
    watch
}

fn targets(state: &ServiceState) -> BTreeMap<Environment, Vec<TargetStanding>> {
    let of = |environment| (environment, state.targets(environment).to_vec());
    let all = [Environment::Production, Environment::Staging].map(of).into_iter();
    all.filter(|(_, targets)| !targets.is_empty()).collect()
}

fn heard(state: &ServiceState) -> BTreeMap<Environment, usize> {
    let all = [Environment::Production, Environment::Staging].into_iter();
    all.filter_map(|environment| Some((environment, state.all_say_live(environment)?))).collect()
}

fn quarantine(state: &ServiceState) -> Vec<Quarantined> {
    let mut all: Vec<_> = state.quarantine.values().cloned().collect();
    all.sort_by_key(|quarantined| std::cmp::Reverse(quarantined.id));
    all.truncate(QUARANTINE_SHOWN);
    all
}

/// The most windows of freezes that a snapshot carries.
const WINDOWS: usize = 300;

/// The windows for the month view and the days after it.
fn calendar(input: SnapshotInput<'_>, now: DateTime<Utc>) -> Vec<FreezeWindow> {
    let month = now - TimeDelta::days(i64::from(now.day0()) + 7);
    let stretch = (month, now + TimeDelta::days(75));
    let mut windows = input.freezes.windows(input.service.as_str(), "production", now, stretch);
    // If there are too many, past windows go first, so that a coming freeze is not left out for them.
    if windows.len() > WINDOWS {
        windows.retain(|window| window.until.is_none_or(|until| until > now));
    }
    windows.truncate(WINDOWS);
    windows
}

fn frozen_by_calendar(input: SnapshotInput<'_>, now: DateTime<Utc>) -> Option<FreezeWindow> {
    let instant = (now, now + TimeDelta::milliseconds(1));
    let windows = input.freezes.windows(input.service.as_str(), "production", now, instant);
    let frozen = windows.into_iter().filter(|w| w.covers(now) && w.policy == FreezeMode::Override);
    frozen.max_by_key(|window| window.until.unwrap_or(DateTime::<Utc>::MAX_UTC))
}

/// The end of a freeze, to order by; a freeze without an end comes last.
fn freeze_end(freeze: &Freeze) -> DateTime<Utc> {
    freeze.until.unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// The builds older than `before`, newest first.
#[must_use]
pub fn builds(
    input: SnapshotInput<'_>,
    before: Option<BuildNumber>,
    limit: usize,
) -> Vec<BuildRow> {
    let older = input.state.builds.values().rev();
    let older = older.filter(|build| before.is_none_or(|before| build.number < before));
    build_rows(input, &older.take(limit).collect::<Vec<_>>())
}

/// Newest first. Their bad commits are computed in one pass.
fn build_rows(input: SnapshotInput<'_>, builds: &[&Build]) -> Vec<BuildRow> {
    let Some(oldest) = builds.last() else { return Vec::new() };
    let mut bad_in = input.state.bad_in_each(oldest.number..);
    let row = |build: &&Build| {
        let bad = bad_in.remove(&build.number).unwrap_or_default();
        let sha = |bad: &Contained<'_>| bad.quarantined.commit.sha.clone();
        let state = input.state.build_state(build, &input.policy.verify);
        BuildRow {
            state,
            staging_note: input.state.staging_note(build, state),
            bad: bad.iter().take(QUARANTINE_SHOWN).map(sha).collect(),
            bad_more: count(bad.len().saturating_sub(QUARANTINE_SHOWN)),
            in_doubt: bad
                .iter()
                .take(QUARANTINE_SHOWN)
                .filter(|bad| bad.doubt.is_some())
                .map(sha)
                .collect(),
            build: (*build).clone(),
        }
    };
    builds.iter().map(row).collect()
}

fn deployment_rows(state: &ServiceState, builds: &[&Build]) -> Vec<DeploymentRow> {
    let open = state.open(Environment::Production).chain(state.open(Environment::Staging));
    let ended = production(state).rev().filter(|deployment| !deployment.is_open());
    // A later try that never began does not hide what failed.
    let failed = state.unsettled(Environment::Staging);
    // The last rehearsal: where the rollback steps ran, and what came forward after them.
    let all = state.deployments.values().rev();
    let rehearsed = all.filter(|made| made.request.kind.is_of_rehearsal()).take(2);
    let shown: BTreeSet<DeploymentId> = open
        .chain(ended.take(HISTORY_SHOWN))
        .chain(failed)
        .chain(rehearsed)
        .map(|deployment| deployment.id)
        .chain(builds.iter().filter_map(|build| build.staging))
        .collect();
    let mut expectations = Expectations { state, known: Vec::new() };
    let live_times = live_times(state);
    shown
        .iter()
        .rev()
        .filter_map(|id| state.deployments.get(id))
        .map(|deployment| deployment_row(state, deployment, &mut expectations, &live_times))
        .collect()
}

fn deployment_row<'a>(
    state: &ServiceState,
    deployment: &'a Deployment,
    expectations: &mut Expectations<'a>,
    live_times: &BTreeMap<DeploymentId, Duration>,
) -> DeploymentRow {
    let build = state.builds.get(&deployment.request.build);
    let (expected, steps_expected) = expectations.of(deployment);
    DeploymentRow {
        state: deployment.state(),
        sha: deployment.request.sha.clone(),
        subject: match deployment.unknown_commit() {
            Some(commit) => commit.to_string(),
            None => build.map_or_else(String::new, |build| build.subject().to_owned()),
        },
        expected,
        steps_expected,
        live_for: live_times.get(&deployment.id).copied(),
        watch: state.watches.end_of(deployment.id),
        deployment: deployment.clone(),
    }
}

/// For each deployment whose build was replaced by another, how long its build stayed live.
fn live_times(state: &ServiceState) -> BTreeMap<DeploymentId, Duration> {
    let mut times = BTreeMap::new();
    for history in state.live.values() {
        let mut next: Option<&Live> = None;
        for (live, after) in history.iter().zip(history.iter().skip(1)).rev() {
            if after.build != live.build {
                next = Some(after);
            }
            times.extend(next.map(|next| (live.deployment, between(live.since, next.since))));
        }
    }
    times
}

/// The expected times by pipeline. Most deployments share a pipeline, so each is computed once.
struct Expectations<'a> {
    state: &'a ServiceState,
    known: Vec<(PipelineKey<'a>, Expected)>,
}

type PipelineKey<'a> = (Environment, DeploymentKind, &'a [StepSpec]);
/// The time of the deployment, and the milliseconds of each step.
type Expected = (Option<Duration>, Vec<Option<u64>>);

impl<'a> Expectations<'a> {
    fn of(&mut self, deployment: &'a Deployment) -> Expected {
        let request = &deployment.request;
        let pipeline = (request.environment, request.kind, request.steps.as_slice());
        if let Some((_, expected)) = self.known.iter().find(|(known, _)| *known == pipeline) {
            return expected.clone();
        }
        let expected = self.compute(pipeline);
        self.known.push((pipeline, expected.clone()));
        expected
    }

    fn compute(&self, (environment, kind, steps): PipelineKey<'_>) -> Expected {
        let millis = |took: Duration| u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let step = |spec| expected::step(self.state, environment, kind, spec).map(millis);
        let whole = expected::deployment(self.state, environment, kind, steps);
        (whole, steps.iter().map(step).collect())
    }
}

/// The builds that were live and are no good target of a rollback, newest first.
fn flawed(state: &ServiceState) -> Vec<FlawedBuild> {
    let flaws = state.flaws().into_iter().rev().filter(|(build, _)| state.was_live(*build));
    flaws.map(|(build, why)| FlawedBuild { build, why }).collect()
}

fn at_most_shown(mut builds: Vec<FlawedBuild>) -> Vec<FlawedBuild> {
    builds.truncate(FLAWED_SHOWN);
    builds
}

fn rollback_preview(input: SnapshotInput<'_>) -> Option<RollbackPreview> {
    let to = input.state.rollback_target()?;
    Some(RollbackPreview {
        to,
        sha: input.state.builds.get(&to)?.sha.clone(),
        was_live: last_live(input.state, to).map(|live| live.since),
        left: input.state.left_by_rollback(to).map(str::to_owned),
        verdict: input.state.verdict(to),
        blocked: input.rollback_blocked.map(str::to_owned),
        expected: expected::deployment(
            input.state,
            Environment::Production,
            DeploymentKind::Rollback,
            input.rollback.unwrap_or_default(),
        ),
        unchecked: input.rollback.is_none() || input.rollback_unread,
        under_way: under_way(input.state, to),
        by_hand: None,
        tried: Some(input.state.tried_way_back(input.rollback)),
        needs: Vec::new(),
        instead: input.state.failed_rollback().and_then(|failed| failed.before),
    })
}

/// The rollback to this build that was requested and is not being cancelled.
fn under_way(state: &ServiceState, to: BuildNumber) -> Option<DeploymentId> {
    let running = state.in_flight(Environment::Production)?;
    let is_rollback = running.request.kind == DeploymentKind::Rollback;
    (is_rollback && running.request.build == to && running.cancel.is_none()).then_some(running.id)
}

fn last_live(state: &ServiceState, build: BuildNumber) -> Option<&Live> {
    state.live.get(&Environment::Production)?.iter().rfind(|live| live.build == build)
}

fn running(state: &ServiceState, deployment: &Deployment) -> Running {
    let request = &deployment.request;
    Running {
        deployment: deployment.id,
        build: request.build,
        environment: request.environment,
        kind: request.kind,
        state: deployment.state(),
        since: deployment.started_at.unwrap_or(deployment.requested_at),
        expected: expected::deployment(state, request.environment, request.kind, &request.steps),
        waited: deployment.waited_now(),
    }
}

/// Every deployment of production, oldest first.
fn production(state: &ServiceState) -> impl DoubleEndedIterator<Item = &Deployment> {
    state.deployments.values().filter(|d| d.request.environment == Environment::Production)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
