//! How a service is delivered: the four measures of DORA and the rework rate, from its own record alone.
//!
//! A measure of which there are too few facts, or none, is absent: it is not known, and never zero.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::build::Build;
use super::commit::{Commit, RevertEvidence};
use super::deployment::{Deployment, DeploymentState};
use super::event::{DeploymentKind, Outcome};
use super::ids::{BuildNumber, DeploymentId, Environment, ServiceName, Sha};
use super::service::ServiceState;
use super::time::{Milliseconds, between, median, millis};

/// How many days are looked at by default, and the most.
pub const DAYS: (u32, u32) = (30, 400);
/// The fewest deployments of which a percentage is told.
const FEWEST_FOR_PERCENT: u32 = 5;
/// The fewest changes of which it is told how long nine of ten take.
const FEWEST_FOR_P90: usize = 10;
const WEEK: TimeDelta = TimeDelta::days(7);

/// How a service was delivered in a period. The times are those of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryStats {
    pub service: ServiceName,
    /// Both ends are inclusive.
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    /// The first fact about the service. What was before it is not known.
    pub recorded_since: Option<DateTime<Utc>>,
    /// How often a newer build became live in production, by a promote or at another engine. Absent if nothing is known of
    /// production.
    pub deployments: Option<u32>,
    /// The same by week, oldest first. The last week ends with the period; the first one may be shorter.
    pub weeks: Vec<StatsWeek>,
    pub lead_time: LeadTime,
    /// Of the promotes that began, those that failed or were interrupted, or that a rollback took away later. A promote that
    /// was cancelled counts only in that last case.
    pub change_failures: Share,
    pub restore: RestoreTime,
    /// Of the production deployments that began, the rollbacks, the retries, and the promotes that revert what production
    /// had. The record does not tell a fix from other changes.
    pub rework: Share,
}

/// The deployments of a week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatsWeek {
    pub from: DateTime<Utc>,
    /// Absent if the record begins later, or if nothing is known of production.
    pub deployments: Option<u32>,
}

/// The time from a change to its first time in production.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeadTime {
    #[serde(with = "millis::option")]
    #[schema(value_type = Option<Milliseconds>)]
    pub median: Option<Duration>,
    /// The time within which nine of ten arrive; absent for fewer than ten.
    #[serde(with = "millis::option")]
    #[schema(value_type = Option<Milliseconds>)]
    pub p90: Option<Duration>,
    /// How many are counted from the time of their commit, by the committer's clock.
    pub commits: u32,
    /// How many builds without a listed commit are counted from the time when they were seen.
    pub builds: u32,
    /// How many more commits went live that the record does not list. They are not counted.
    pub unlisted: u32,
}

/// So many of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Share {
    pub count: u32,
    pub of: u32,
    /// Rounded; absent for fewer than five.
    pub percent: Option<u32>,
}

/// The time from the end of a promote that failed, or that a rollback took away, to the next good build in production.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RestoreTime {
    #[serde(with = "millis::option")]
    #[schema(value_type = Option<Milliseconds>)]
    pub median: Option<Duration>,
    pub restored: u32,
    /// How many are not restored yet.
    pub open: u32,
}

impl Share {
    fn of(count: usize, of: usize) -> Self {
        let (count, of) = (number(count), number(of));
        let percent = (of >= FEWEST_FOR_PERCENT).then(|| (100 * count + of / 2) / of);
        Self { count, of, percent }
    }
}

impl DeliveryStats {
    /// What the record tells of the last `days` before `now`.
    #[must_use]
    pub fn of(service: &ServiceName, state: &ServiceState, days: u32, now: DateTime<Utc>) -> Self {
        let from = now - TimeDelta::days(days.clamp(1, DAYS.1).into());
        let record = ProductionRecord::of(state);
        let is_within = |at: DateTime<Utc>| from <= at && at <= now;
        let arrivals = record.arrivals();
        let arrived: Vec<_> = arrivals.iter().filter(|new| is_within(new.at)).collect();
        let recorded_since = recorded_since(state);
        let known_since = recorded_since.filter(|_| record.is_known());
        let count = |from, until| {
            let is_known = known_since.is_some_and(|since| since < until);
            let new = arrived.iter().filter(|new| from <= new.at && new.at < until);
            is_known.then(|| number(new.count()))
        };
        let failures: Vec<_> =
            record.promotes().filter(|promote| is_within(promote.ended_at)).collect();
        let tries: Vec<_> = record.tries.iter().filter(|tried| is_within(tried.ended_at)).collect();
        let bad = failures.iter().filter(|promote| record.is_bad(promote));
        let rework = tries.iter().filter(|tried| record.is_rework(tried));
        Self {
            service: service.clone(),
            from,
            until: now,
            recorded_since,
            deployments: record.is_known().then(|| number(arrived.len())),
            weeks: weeks(from, now)
                .map(|(from, until)| StatsWeek { from, deployments: count(from, until) })
                .collect(),
            lead_time: lead_time(&arrived),
            change_failures: Share::of(bad.clone().count(), failures.len()),
            restore: record.restore(bad.copied()),
            rework: Share::of(rework.count(), tries.len()),
        }
    }

    /// How many deployments there are on a day of the period that the record covers; not for less than a day.
    #[must_use]
    pub fn per_day(&self) -> Option<f64> {
        let from = self.recorded_since?.max(self.from);
        let days = between(from, self.until).as_secs_f64() / Duration::from_hours(24).as_secs_f64();
        Some(f64::from(self.deployments?) / days).filter(|_| days >= 1.0)
    }
}

/// The weeks back from the end, oldest first. The end belongs to the last one.
fn weeks(
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)> {
    let end = until + TimeDelta::milliseconds(1);
    let count = i32::try_from((until - from).num_days().unsigned_abs().div_ceil(7)).unwrap_or(0);
    let week = move |back: i32| {
        let ends = if back == 0 { end } else { until - WEEK * back };
        ((until - WEEK * (back + 1)).max(from), ends)
    };
    (0..count).rev().map(week)
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn recorded_since(state: &ServiceState) -> Option<DateTime<Utc>> {
    let builds = state.builds.values().map(|build| build.found_at);
    builds.chain(state.deployments.values().map(|deployment| deployment.requested_at)).min()
}

/// A deployment to production that began and ended.
#[derive(Debug, Clone, Copy)]
struct Try<'a> {
    deployment: &'a Deployment,
    ended_at: DateTime<Utc>,
}

impl Try<'_> {
    fn id(&self) -> DeploymentId {
        self.deployment.id
    }

    fn kind(&self) -> DeploymentKind {
        self.deployment.request.kind
    }

    fn build(&self) -> BuildNumber {
        self.deployment.request.build
    }
}

/// Whether a deployment takes production to an older build, by whatever name.
fn goes_back(deployment: &Deployment) -> bool {
    let request = &deployment.request;
    request.kind == DeploymentKind::Rollback
        || request.previous.is_some_and(|previous| request.build < previous)
}

/// Of the deployments of production, newest first, those after which it went back to an older build. Whoever goes back
/// is not taken away: production had that build before.
fn taken_away<'a>(newest_first: impl Iterator<Item = &'a Deployment>) -> BTreeSet<DeploymentId> {
    let mut oldest: Option<BuildNumber> = None;
    let mut taken_away = BTreeSet::new();
    for deployment in newest_first {
        let build = deployment.request.build;
        if !goes_back(deployment) {
            taken_away.extend(oldest.filter(|oldest| *oldest < build).map(|_| deployment.id));
        } else if deployment.state() != DeploymentState::Cancelled {
            oldest = Some(oldest.map_or(build, |oldest| oldest.min(build)));
        }
    }
    taken_away
}

/// The builds of the commits that some build reverts.
fn reverted(state: &ServiceState) -> BTreeMap<&Sha, BuildNumber> {
    let reverts = state.builds.values().flat_map(|build| &build.reverts);
    let targets: BTreeSet<_> = reverts.map(|revert| &revert.of).collect();
    let commits = state.builds.values().flat_map(|build| {
        let listed = build.commits.iter().map(|commit| &commit.sha);
        listed.chain([&build.sha]).map(|sha| (sha, build.number))
    });
    commits.filter(|(sha, _)| targets.contains(sha)).collect()
}

/// New builds that became live in production.
struct NewWork<'a> {
    at: DateTime<Utc>,
    /// Empty if it is not known what ran there before.
    builds: Vec<&'a Build>,
}

/// What the record has about production.
struct ProductionRecord<'a> {
    state: &'a ServiceState,
    /// In the order of the record, without statements and answers of what runs, and what stands for a restore.
    tries: Vec<Try<'a>>,
    /// The deployments after which production went back to an older build. A rollback that still runs counts.
    taken_away: BTreeSet<DeploymentId>,
    /// What went live and was not taken away, and when, in the order of the record.
    good: Vec<(DeploymentId, DateTime<Utc>)>,
    /// The builds of the commits that some build reverts.
    reverted: BTreeMap<&'a Sha, BuildNumber>,
}

impl<'a> ProductionRecord<'a> {
    fn of(state: &'a ServiceState) -> Self {
        let begun = state.deployments.values().filter(|deployment| {
            deployment.request.environment == Environment::Production
                && deployment.started_at.is_some()
                && !state.adoptions.contains(&deployment.id)
                && !state.restores.contains(&deployment.id)
                && !deployment.is_said()
        });
        let taken_away = taken_away(begun.clone().rev());
        let live = state.live.get(&Environment::Production).into_iter().flatten();
        let good = live.filter(|live| !taken_away.contains(&live.deployment));
        Self {
            state,
            good: good.map(|live| (live.deployment, live.since)).collect(),
            tries: begun
                .filter_map(|deployment| {
                    Some(Try { deployment, ended_at: deployment.ended.as_ref()?.at })
                })
                .collect(),
            taken_away,
            reverted: reverted(state),
        }
    }

    fn is_known(&self) -> bool {
        !self.tries.is_empty() || self.state.live(Environment::Production).is_some()
    }

    /// The newer builds that became live, oldest first.
    fn arrivals(&self) -> Vec<NewWork<'a>> {
        let state = self.state;
        let is_new_service = state.builds.keys().next().is_some_and(|first| first.0 <= 1);
        let mut newest = is_new_service.then_some(BuildNumber(0));
        let mut arrivals = Vec::new();
        for live in state.live.get(&Environment::Production).into_iter().flatten() {
            let Some(deployment) = state.deployments.get(&live.deployment) else { continue };
            let before = newest.replace(newest.map_or(live.build, |newest| newest.max(live.build)));
            let is_new = !state.adoptions.contains(&live.deployment)
                && !deployment.is_said()
                && deployment.request.kind != DeploymentKind::Redeploy
                && !goes_back(deployment);
            if !is_new {
                continue;
            }
            let before = before.filter(|before| *before < live.build);
            let range = before.map(|before| (Bound::Excluded(before), Bound::Included(live.build)));
            let builds = range.map(|range| state.builds.range(range));
            let builds = builds.into_iter().flatten().map(|(_, build)| build);
            let builds = builds.filter(|build| !build.off_trunk || build.number == live.build);
            arrivals.push(NewWork { at: live.since, builds: builds.collect() });
        }
        arrivals
    }

    /// The promotes that count: of those that were cancelled, only the ones that a rollback took away.
    fn promotes(&self) -> impl Iterator<Item = &Try<'a>> {
        self.tries.iter().filter(|tried| {
            matches!(tried.kind(), DeploymentKind::Promote | DeploymentKind::External)
                && !goes_back(tried.deployment)
                && (tried.deployment.state() != DeploymentState::Cancelled
                    || self.is_taken_away(tried))
        })
    }

    fn is_bad(&self, promote: &Try<'_>) -> bool {
        let outcome = promote.deployment.ended.as_ref().map(|ended| &ended.outcome);
        matches!(outcome, Some(Outcome::Failed(_) | Outcome::Interrupted(_)))
            || self.is_taken_away(promote)
    }

    /// Whether production went back to an older build later.
    fn is_taken_away(&self, promote: &Try<'_>) -> bool {
        self.taken_away.contains(&promote.id())
    }

    /// The next build in production after this promote that no rollback took away. What a person states counts: then it
    /// is known to run.
    fn good_after(&self, promote: &Try<'_>) -> Option<DateTime<Utc>> {
        self.good.iter().find(|(id, _)| *id > promote.id()).map(|(_, since)| *since)
    }

    fn restore<'b>(&self, bad: impl Iterator<Item = &'b Try<'a>>) -> RestoreTime
    where
        'a: 'b,
    {
        let all: Vec<_> =
            bad.map(|bad| Some(between(bad.ended_at, self.good_after(bad)?))).collect();
        let times: Vec<_> = all.iter().flatten().copied().collect();
        let (restored, open) = (number(times.len()), number(all.len() - times.len()));
        RestoreTime { median: median(times), restored, open }
    }

    fn is_rework(&self, tried: &Try<'_>) -> bool {
        goes_back(tried.deployment)
            || tried.kind() == DeploymentKind::Retry
            || tried.deployment.request.retries.is_some()
            || self.reverts_what_ran(tried)
    }

    /// Whether the builds that it brings revert a commit that production had before, also one that a rollback took away.
    fn reverts_what_ran(&self, tried: &Try<'_>) -> bool {
        let Some(previous) = tried.deployment.request.previous else { return false };
        let range = (Bound::Excluded(previous), Bound::Included(tried.build()));
        if tried.build() <= previous {
            return false;
        }
        let new = self.state.builds.range(range).map(|(_, build)| build);
        let reverts = new.filter(|build| !build.off_trunk).flat_map(|build| &build.reverts);
        let sure = reverts.filter(|revert| revert.evidence != RevertEvidence::Part);
        let oldest = sure.filter_map(|revert| self.reverted.get(&revert.of)).min();
        let live = self.state.live.get(&Environment::Production).into_iter().flatten();
        oldest.is_some_and(|oldest| {
            live.take_while(|live| live.deployment < tried.id()).any(|live| *oldest <= live.build)
        })
    }
}

/// Whether a commit changes the service itself: one beside its paths does not, and a plain merge brings what others changed.
fn is_change(commit: &Commit) -> bool {
    !commit.beside && (commit.parents < 2 || !commit.files.is_empty())
}

fn lead_time(arrived: &[&NewWork<'_>]) -> LeadTime {
    let mut lead = LeadTime::default();
    let mut times = Vec::new();
    for (at, build) in arrived.iter().flat_map(|new| new.builds.iter().map(|build| (new.at, build)))
    {
        let commits = build.commits.iter().filter(|commit| is_change(commit));
        let mut starts: Vec<_> = commits.map(|commit| commit.at).collect();
        lead.commits += number(starts.len());
        lead.unlisted += build.more;
        if build.commits.is_empty() {
            lead.builds += 1;
            starts.push(build.found_at);
        }
        // A committer's clock may be ahead: then no time has passed.
        times.extend(starts.into_iter().map(|start| between(start, at)));
    }
    times.sort_unstable();
    let nine_of_ten = (9 * times.len()).div_ceil(10).checked_sub(1);
    lead.p90 = nine_of_ten.filter(|_| times.len() >= FEWEST_FOR_P90).map(|at| times[at]);
    lead.median = median(times);
    lead
}
