//! The measures of a service: each record is made by hand, and each number was counted by hand.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use trunkline::domain::commit::{Commit, Revert, RevertEvidence};
use trunkline::domain::engine_metrics::{Durations, ServiceMetrics};
use trunkline::domain::event::{
    DeploymentKind, DeploymentRequest, Fact, ObservedDeployment, Outcome,
};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment};
use trunkline::domain::people::Actor;
use trunkline::domain::stats::{DeliveryStats, LeadTime, RestoreTime, Share};
use trunkline_testing::record::{Record, adopted, checkout, commit, found, person, request, sha};

const FAILED: fn() -> Outcome = || Outcome::Failed("step release: exit 1".into());

fn hours(count: u64) -> Duration {
    Duration::from_hours(count)
}

/// The hour so many hours after the period begins.
fn at(hour: i64) -> DateTime<Utc> {
    let begin: DateTime<Utc> = "2026-11-01T00:00:00Z".parse().unwrap();
    begin + TimeDelta::hours(hour)
}

fn day(day: i64) -> i64 {
    24 * day
}

fn share(count: u32, of: u32, percent: Option<u32>) -> Share {
    Share { count, of, percent }
}

/// A record whose times are said in hours from the beginning of the period, which has thirty days.
#[derive(Default)]
struct Month(Record);

impl Month {
    fn fact(&mut self, hour: i64, fact: Fact) -> DeploymentId {
        self.0.now = at(hour);
        self.0.push(person("raj"), fact).into()
    }

    /// A build with one commit, which is as old as the build.
    fn build(&mut self, hour: i64, number: u64) {
        self.build_of(hour, number, vec![commit_at(hour, number)]);
    }

    fn build_of(&mut self, hour: i64, number: u64, commits: Vec<Commit>) {
        self.fact(hour, found(number, commits));
    }

    fn requested(&mut self, hour: i64, kind: DeploymentKind, build: u64) -> DeploymentId {
        let previous = self.0.state.live(Environment::Production).map(|live| live.build);
        let request =
            DeploymentRequest { kind, previous, ..request(Environment::Production, build) };
        self.fact(hour, Fact::DeploymentRequested(request))
    }

    fn started(&mut self, hour: i64, kind: DeploymentKind, build: u64) -> DeploymentId {
        let deployment = self.requested(hour, kind, build);
        self.fact(hour, Fact::DeploymentStarted { deployment, variables: None });
        deployment
    }

    /// A deployment that takes an hour, and begins in this one.
    fn deployed(&mut self, hour: i64, kind: DeploymentKind, build: u64, outcome: Outcome) {
        let deployment = self.started(hour, kind, build);
        self.fact(hour + 1, Fact::DeploymentEnded { deployment, outcome });
    }

    fn promoted(&mut self, hour: i64, build: u64) {
        self.deployed(hour, DeploymentKind::Promote, build, Outcome::Succeeded);
    }

    fn stats(&self) -> DeliveryStats {
        DeliveryStats::of(&checkout(), &self.0.state, 30, at(day(30)))
    }

    fn by_week(&self) -> Vec<Option<u32>> {
        self.stats().weeks.iter().map(|week| week.deployments).collect()
    }
}

fn commit_at(hour: i64, number: u64) -> Commit {
    Commit { at: at(hour), ..commit(number, "ann") }
}

fn reverting(number: u64, of: u64, evidence: RevertEvidence) -> Fact {
    let revert = Revert { by: sha(number), of: sha(of), evidence };
    match found(number, vec![commit(number, "ann")]) {
        Fact::BuildFound { build, sha, commits, more, recipe, trunk, .. } => {
            Fact::BuildFound { build, sha, commits, more, reverts: vec![revert], recipe, trunk }
        }
        other => other,
    }
}

/// A month in which everything happens once.
fn eventful() -> Month {
    let mut month = Month::default();
    month.build(day(-10), 1);
    month.promoted(day(-9), 1);

    // Two commits, four and six hours before they are live.
    month.build_of(day(1), 2, vec![commit_at(day(1) - 2, 2), commit_at(day(1) - 4, 102)]);
    month.promoted(day(1) + 1, 2);

    // It fails after one hour and is live after three.
    month.build(day(3), 3);
    month.deployed(day(3), DeploymentKind::Promote, 3, FAILED());
    let failed = month.0.state.last_ended(Environment::Production).unwrap().id;
    let previous = Some(BuildNumber(2));
    let retry = request(Environment::Production, 3);
    let retry = DeploymentRequest { retries: Some(failed), previous, ..retry };
    let retry = month.fact(day(3) + 2, Fact::DeploymentRequested(retry));
    month.fact(day(3) + 2, Fact::DeploymentStarted { deployment: retry, variables: None });
    let succeeded = Outcome::Succeeded;
    month.fact(day(3) + 3, Fact::DeploymentEnded { deployment: retry, outcome: succeeded });

    // It is live after five hours and taken away an hour later.
    month.build(day(10), 4);
    month.promoted(day(10) + 4, 4);
    month.deployed(day(10) + 5, DeploymentKind::Rollback, 3, Outcome::Succeeded);

    // Its revert is live after one hour.
    let Fact::BuildFound { build, sha, more, reverts, recipe, trunk, .. } =
        reverting(5, 4, RevertEvidence::Sure)
    else {
        unreachable!()
    };
    let commits = vec![commit_at(day(11), 5)];
    month.fact(day(11), Fact::BuildFound { build, sha, commits, more, reverts, recipe, trunk });
    month.promoted(day(11), 5);

    // Somebody deployed it by hand, and then it was deployed again.
    month.build(day(19), 6);
    month.fact(day(20), Fact::ProductionAdopted(Box::new(adopted(6))));
    month.deployed(day(21), DeploymentKind::Redeploy, 6, Outcome::Succeeded);

    // It lists no commit and was seen a day before.
    month.build_of(day(24), 7, Vec::new());
    month.promoted(day(25) - 1, 7);
    month
}

#[test]
fn every_measure_of_a_month_is_the_one_that_was_counted_by_hand() {
    let month = eventful();
    let stats = month.stats();
    assert_eq!((stats.from, stats.until), (at(0), at(day(30))));
    assert_eq!(stats.recorded_since, Some(at(day(-10))));
    // 2, 3, 4, 5 and 7; not 1, which is older, nor the rollback, what was adopted and the same build again.
    assert_eq!(stats.deployments, Some(5));
    assert_eq!(month.by_week(), [Some(1), Some(1), Some(2), Some(0), Some(1)]);
    assert_eq!(stats.weeks[0].from, at(0), "two days");
    assert_eq!(stats.weeks[1].from, at(day(2)));
    assert_eq!(stats.per_day().map(|rate| format!("{rate:.3}")).as_deref(), Some("0.167"));
    // Of 1, 3, 4, 5, 6 and 24 hours.
    let lead = LeadTime { median: Some(hours(4)), p90: None, commits: 5, builds: 1, unlisted: 0 };
    assert_eq!(stats.lead_time, lead);
    // 3 failed and 4 was taken away, of 2, 3, 3 again, 4, 5 and 7.
    assert_eq!(stats.change_failures, share(2, 6, Some(33)));
    // Two hours for 3, one for 4.
    let restore = RestoreTime { median: Some(hours(1)), restored: 2, open: 0 };
    assert_eq!(stats.restore, restore);
    // 3 again, the rollback and the revert 5, of these six, the rollback and 6 again.
    assert_eq!(stats.rework, share(3, 8, Some(38)));
}

#[test]
fn a_shorter_period_has_only_what_ended_in_it() {
    let month = eventful();
    let stats = DeliveryStats::of(&checkout(), &month.0.state, 7, at(day(30)));
    assert_eq!((stats.deployments, stats.weeks.len()), (Some(1), 1));
    assert_eq!(stats.change_failures, share(0, 1, None));
    // What happened after the end is of no period: the clock was set back.
    let stats = DeliveryStats::of(&checkout(), &month.0.state, 2, at(day(2)));
    assert_eq!((stats.deployments, stats.rework), (Some(1), share(0, 1, None)));
}

#[test]
fn what_the_record_does_not_tell_is_not_known_and_not_zero() {
    let mut month = Month::default();
    let stats = month.stats();
    assert_eq!((stats.deployments, stats.recorded_since, stats.per_day()), (None, None, None));
    assert_eq!(month.by_week(), [None; 5]);
    assert_eq!(stats.lead_time, LeadTime::default());
    assert_eq!(stats.restore, RestoreTime::default());
    assert_eq!((stats.change_failures, stats.rework), (share(0, 0, None), share(0, 0, None)));

    month.build(day(12), 1);
    let stats = month.stats();
    assert_eq!((stats.deployments, stats.recorded_since), (None, Some(at(day(12)))));
    assert_eq!(month.by_week(), [None; 5], "nothing is known of production");

    (2..=4).for_each(|build| month.build(day(19), build));
    (1..=4).for_each(|build| month.promoted(day(20), build));
    let stats = month.stats();
    assert_eq!(stats.change_failures, share(0, 4, None), "of four nobody says 0 %");
    assert_eq!(month.by_week(), [None, None, Some(0), Some(4), Some(0)]);
    assert_eq!(stats.per_day().map(|rate| format!("{rate:.3}")).as_deref(), Some("0.222"));
    month.promoted(day(21), 4);
    assert_eq!(month.stats().change_failures, share(0, 5, Some(0)));

    let mut young = Month::default();
    young.build(day(29) + 20, 1);
    young.promoted(day(29) + 21, 1);
    assert_eq!((young.stats().deployments, young.stats().per_day()), (Some(1), None));
}

#[test]
fn what_ran_before_trunkline_makes_no_lead_time() {
    let mut month = Month::default();
    month.build(day(1), 1290);
    month.promoted(day(2), 1290);
    let stats = month.stats();
    assert_eq!((stats.deployments, stats.lead_time), (Some(1), LeadTime::default()));
    month.build(day(3), 1291);
    month.build(day(4), 1292);
    month.promoted(day(5) - 1, 1292);
    let lead = month.stats().lead_time;
    assert_eq!((lead.commits, lead.median), (2, Some(hours(24))), "of one and two days");
    // It takes 1292 away and brings it again: no change is new.
    month.deployed(day(6), DeploymentKind::Rollback, 1290, Outcome::Succeeded);
    month.promoted(day(7), 1292);
    assert_eq!((month.stats().lead_time, month.stats().deployments), (lead, Some(3)));
}

#[test]
fn a_change_is_a_commit_of_the_service_and_takes_no_time_below_zero() {
    let mut month = Month::default();
    let beside = Commit { beside: true, ..commit_at(-500, 11) };
    let merge = Commit { parents: 2, ..commit_at(-500, 12) };
    let by_hand = Commit { files: vec!["a".into()], ..merge.clone() };
    let ahead = commit_at(day(9), 13);
    let Fact::BuildFound { build, sha, commits, reverts, recipe, trunk, .. } =
        found(1, vec![beside, merge, by_hand, ahead])
    else {
        unreachable!()
    };
    let more = 7;
    month.fact(0, Fact::BuildFound { build, sha, commits, more, reverts, recipe, trunk });
    month.promoted(1, 1);
    let median = Some(Duration::ZERO);
    let lead = LeadTime { median, p90: None, commits: 2, builds: 0, unlisted: 7 };
    assert_eq!(month.stats().lead_time, lead, "of 0 and 502 hours");
}

#[test]
fn nine_of_ten_changes_are_told_of_ten_at_least() {
    let mut month = Month::default();
    for build in 1..=10 {
        let hour = day(1) + 30 * i64::try_from(build).unwrap();
        month.build(hour, build);
        assert_eq!(month.stats().lead_time.p90, None);
        month.promoted(hour + i64::try_from(build).unwrap() - 1, build);
    }
    let lead = month.stats().lead_time;
    assert_eq!((lead.median, lead.p90), (Some(hours(5)), Some(hours(9))), "of 1 to 10 hours");
}

#[test]
fn a_promote_counts_as_failed_by_its_end_or_by_a_later_way_back() {
    use DeploymentKind::{Promote, Rollback};
    let of = |play: &dyn Fn(&mut Month)| {
        let mut month = Month::default();
        for build in 1..=4 {
            month.build(i64::try_from(build).unwrap(), build);
        }
        month.promoted(10, 1);
        play(&mut month);
        let stats = month.stats();
        let Share { count, of, .. } = stats.change_failures;
        (count, of, stats.restore.restored, stats.restore.open)
    };
    let interrupted = || Outcome::Interrupted("the supervisor is gone".into());
    assert_eq!(of(&|_| ()), (0, 1, 0, 0));
    assert_eq!(of(&|month| month.deployed(20, Promote, 2, FAILED())), (1, 2, 0, 1));
    assert_eq!(of(&|month| month.deployed(20, Promote, 2, interrupted())), (1, 2, 0, 1));
    assert_eq!(of(&|month| month.deployed(20, Promote, 2, Outcome::Cancelled)), (0, 1, 0, 0));
    // It never began.
    let never = |month: &mut Month| {
        let deployment = month.requested(20, Promote, 2);
        month.fact(20, Fact::DeploymentEnded { deployment, outcome: FAILED() });
    };
    assert_eq!(of(&never), (0, 1, 0, 0));
    let cancelled_and_back = |month: &mut Month| {
        month.deployed(20, Promote, 2, Outcome::Cancelled);
        month.deployed(22, Rollback, 1, Outcome::Succeeded);
    };
    // A rollback to the build that was live all along takes the cancelled one away.
    assert_eq!(of(&cancelled_and_back), (1, 2, 1, 0));
    let runs_back = |month: &mut Month| {
        month.promoted(20, 2);
        month.started(22, Rollback, 1);
    };
    assert_eq!(of(&runs_back), (1, 2, 0, 1), "a way back that still runs");
    let gave_up = |month: &mut Month| {
        month.promoted(20, 2);
        month.deployed(22, Rollback, 1, Outcome::Cancelled);
    };
    assert_eq!(of(&gave_up), (0, 2, 0, 0));
    let past_three = |month: &mut Month| {
        (2..=4).for_each(|build| month.promoted(20 + 2 * i64::try_from(build).unwrap(), build));
        month.deployed(40, Promote, 1, Outcome::Succeeded);
    };
    // A promote of an older build is a way back, and no good build came in between.
    assert_eq!(of(&past_three), (3, 4, 3, 0));
    let stated = |month: &mut Month| {
        month.deployed(20, Promote, 2, FAILED());
        month.fact(25, Fact::ProductionAdopted(Box::new(adopted(2))));
    };
    assert_eq!(of(&stated), (1, 2, 1, 0), "what runs is known again");
}

#[test]
fn another_engine_s_deployments_count_and_a_corrected_statement_leaves_no_trace() {
    let mut month = Month::default();
    month.build(0, 1);
    month.build(1, 2);
    let stated = month.fact(2, Fact::ProductionAdopted(Box::new(adopted(2))));
    let mut corrected = adopted(1);
    corrected.corrects = Some(stated);
    month.fact(3, Fact::ProductionAdopted(Box::new(corrected)));
    assert_eq!((month.stats().deployments, month.stats().rework), (Some(0), share(0, 0, None)));
    let seen = ObservedDeployment {
        environment: Environment::Production,
        build: BuildNumber(2),
        sha: sha(2),
        engine: None,
        run: "5512".into(),
        page: None,
        at: at(4),
        older: None,
        taken_over: false,
    };
    let other = || Actor::External { login: "bob-gh".into(), engine: "github".into() };
    month.0.now = at(6);
    let deployment = month.0.push(other(), Fact::DeploymentObserved(seen)).into();
    let ended = Fact::ObservedEnded { deployment, outcome: Outcome::Succeeded, at: at(5) };
    month.0.push(other(), ended);
    let stats = month.stats();
    assert_eq!((stats.deployments, stats.rework), (Some(1), share(0, 1, None)));
    assert_eq!(stats.lead_time.median, Some(hours(4)), "by the other engine's clock");
}

#[test]
fn a_revert_is_rework_if_production_had_what_it_reverts() {
    let of = |of: u64, evidence| {
        let mut month = Month::default();
        month.build(1, 1);
        month.promoted(2, 1);
        month.build(5, 2);
        month.fact(6, reverting(3, of, evidence));
        month.promoted(7, 3);
        month.stats().rework
    };
    assert_eq!(of(1, RevertEvidence::Sure), share(1, 2, None));
    assert_eq!(of(1, RevertEvidence::Title), share(1, 2, None));
    assert_eq!(of(1, RevertEvidence::Part), share(0, 2, None), "the rest of it stays");
    assert_eq!(of(2, RevertEvidence::Sure), share(0, 2, None), "production never had it");
    assert_eq!(of(99, RevertEvidence::Sure), share(0, 2, None), "nobody knows it");
}

#[test]
fn the_numbers_for_monitoring_count_what_was_deployed_and_what_is_open() {
    use DeploymentKind::{Promote, Redeploy, Rollback};
    let mut month = eventful();
    month.started(day(28), Promote, 7);
    let metrics = ServiceMetrics::of(&checkout(), &month.0.state);
    let ended: Vec<_> = metrics
        .ended
        .iter()
        .map(|((_, kind, result), ended)| (*kind, *result, ended.count))
        .collect();
    let expected = [
        (Promote, "failed", 1),
        (Promote, "succeeded", 6),
        (Rollback, "succeeded", 1),
        (Redeploy, "succeeded", 1),
    ];
    assert_eq!(ended, expected, "what was adopted is none");
    assert_eq!(metrics.ended[&(Environment::Production, Promote, "succeeded")].took.count, 6);
    assert_eq!(metrics.open[&(Environment::Production, "running")], 1);
    assert_eq!(metrics.open[&(Environment::Staging, "queued")], 0);
}

#[test]
fn a_duration_counts_up_to_its_bound() {
    let mut durations = Durations::of_commits();
    for millis in [1, 2, 250, 9_000] {
        durations.add(Duration::from_millis(millis));
    }
    let filled: Vec<_> = durations.buckets().into_iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(filled, [(0.001, 1), (0.002_5, 1), (0.25, 1)], "nine seconds are beyond all");
    assert_eq!((durations.count, durations.sum), (4, 9.253));
}
