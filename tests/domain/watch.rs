//! The watch after a deployment: when a check is bad, what is recorded of it, and what follows from how it ends.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use trunkline::calendar::FreezeRules;
use trunkline::domain::event::{DeploymentKind, DeploymentRequest, Fact, Outcome};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment};
use trunkline::domain::people::{Actor, People};
use trunkline::domain::policy::{Policy, Staging, VerifyBy};
use trunkline::domain::snapshot::alarm::Alarm;
use trunkline::domain::snapshot::build::{self, SnapshotInput};
use trunkline::domain::snapshot::{FleetRow, FleetSnapshot, ServiceSnapshot, Version};
use trunkline::domain::watch::{
    BeforeDeploy, CheckSummary, SampleVerdict, Threshold, ValueBound, WatchBegan, WatchEnd,
    WatchEnded, WatchRule, WatchSampled, WatchSeen, WatchTurned, judge,
};
use trunkline::domain::words::watch::unseen;
use trunkline::engine::decide::{Decision, DecisionInput, StagingSteps, decide};
use trunkline_testing::dice::Dice;
use trunkline_testing::record::{Record, checkout, commit, found, people, person, request};

use SampleVerdict::{Bad, Good, Unknown};

pub const PRODUCTION: Environment = Environment::Production;

/// A service whose builds go live and are watched.
pub struct Shop {
    pub record: Record,
}

impl Shop {
    /// Builds 1 to 3 of jane's, and nothing live.
    pub fn new() -> Self {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(9);
        let mut record = Record { now, ..Record::default() };
        for number in 1..=3 {
            record.push(Actor::System, found(number, vec![commit(number, "jane")]));
        }
        Self { record }
    }

    /// A deployment that ended well.
    pub fn deploy(&mut self, environment: Environment, build: u64) -> DeploymentId {
        self.deploy_as(environment, build, request(environment, build).kind)
    }

    fn deploy_as(
        &mut self,
        environment: Environment,
        build: u64,
        kind: DeploymentKind,
    ) -> DeploymentId {
        let request = DeploymentRequest { kind, ..request(environment, build) };
        let id = self.record.push(person("jane"), Fact::DeploymentRequested(request)).into();
        let started = Fact::DeploymentStarted { deployment: id, variables: None };
        self.record.push(Actor::System, started);
        let ended = Fact::DeploymentEnded { deployment: id, outcome: Outcome::Succeeded };
        self.record.push(Actor::System, ended);
        id
    }

    /// The watch of what is live there begins with these checks, for 15 minutes.
    pub fn watch(&mut self, environment: Environment, checks: &[&str]) -> DeploymentId {
        let live = self.record.state.live(environment).expect("something is live").clone();
        let began = WatchBegan {
            deployment: live.deployment,
            environment,
            build: live.build,
            checks: checks.iter().map(|&check| check.to_owned()).collect(),
            until: self.record.now + TimeDelta::minutes(15),
            every: Duration::from_secs(15),
            wave: None,
        };
        self.record.push(Actor::System, Fact::WatchBegan(began));
        live.deployment
    }

    /// Four samples of a check within a minute.
    pub fn samples(&mut self, deployment: DeploymentId, check: &str, verdict: SampleVerdict) {
        let count = |of| if of == verdict { 4 } else { 0 };
        let summary = CheckSummary {
            check: check.to_owned(),
            good: count(Good),
            bad: count(Bad),
            unknown: count(Unknown),
            last: verdict,
            says: format!("{verdict:?} it was"),
            value: Some("0.5".to_owned()),
        };
        let sampled = WatchSampled { deployment, checks: vec![summary] };
        self.record.push(Actor::System, Fact::WatchSampled(sampled));
    }

    pub fn turn(&mut self, deployment: DeploymentId, check: &str, to: SampleVerdict) {
        let (check, says) = (check.to_owned(), format!("{to:?} it turned"));
        let turned = WatchTurned { deployment, check, to, says, value: None };
        self.record.push(Actor::System, Fact::WatchTurned(turned));
    }

    pub fn pass(&mut self, time: TimeDelta) {
        self.record.now += time;
    }

    pub fn end(&mut self, deployment: DeploymentId) -> WatchEnd {
        let watch = [PRODUCTION, Environment::Staging];
        let watch = watch.iter().filter_map(|of| self.record.state.watches.last(*of));
        let now = self.record.now;
        let mut watch = watch.filter(|watch| watch.deployment == deployment);
        let end = watch.next().map(|watch| watch.end_at(now));
        let end = end.expect("it is watched");
        let ended = WatchEnded { deployment, end };
        self.record.push(Actor::System, Fact::WatchEnded(ended));
        end
    }

    /// #1 was live for a day, and #2 is live for two minutes and was good so far.
    pub fn watched() -> (Self, DeploymentId) {
        let mut shop = Self::new();
        shop.deploy(PRODUCTION, 1);
        shop.pass(TimeDelta::days(1));
        shop.deploy(PRODUCTION, 2);
        let id = shop.watch(PRODUCTION, &["errors", "latency"]);
        for check in ["errors", "latency"] {
            shop.turn(id, check, Good);
            shop.samples(id, check, Good);
        }
        shop.pass(TimeDelta::minutes(2));
        (shop, id)
    }

    fn input<'a>(
        &'a self,
        policy: &'a Policy,
        people: &'a People,
        calendar: &'a FreezeRules,
    ) -> SnapshotInput<'a> {
        SnapshotInput {
            service: SERVICE.get_or_init(checkout),
            repository: "/shop",
            trunk: "main",
            state: &self.record.state,
            policy,
            people,
            freezes: calendar,
            rollback: Some(&[]),
            rollback_blocked: None,
            rollback_unread: false,
            problems: &[],
            present: &[],
            on_call: None,
        }
    }

    pub fn snapshot(&self) -> ServiceSnapshot {
        let (policy, people, rules) = (Policy::default(), people(["jane"]), FreezeRules::default());
        let version = Version("1".into());
        build::service(
            self.input(&policy, &people, &rules),
            &person("jane"),
            version,
            self.record.now,
        )
    }

    pub fn fleet(&self) -> FleetSnapshot {
        let (policy, people, rules) = (Policy::default(), people(["jane"]), FreezeRules::default());
        let row: FleetRow = build::fleet_row(self.input(&policy, &people, &rules), self.record.now);
        let (version, at) = (Version("1".into()), self.record.now);
        FleetSnapshot { version, at, services: vec![row], problems: Vec::new() }
    }

    fn decisions(&self, verify: &[VerifyBy]) -> Vec<Decision> {
        decide(&DecisionInput {
            service: &checkout(),
            state: &self.record.state,
            staging: Staging::Deploy,
            verify,
            staging_steps: &|_| StagingSteps::NotRead,
        })
    }
}

static SERVICE: std::sync::OnceLock<trunkline::domain::ids::ServiceName> =
    std::sync::OnceLock::new();

fn after(samples: &[SampleVerdict]) -> SampleVerdict {
    let mut rule = WatchRule::from(Unknown);
    samples.iter().fold(Unknown, |_, sample| rule.add(*sample))
}

#[test]
fn two_bad_samples_in_a_row_are_an_alarm_and_one_is_none() {
    for (samples, verdict) in [
        (&[][..], Unknown),
        (&[Good], Good),
        (&[Bad], Unknown),
        (&[Bad, Bad], Bad),
        (&[Good, Bad], Good),
        (&[Good, Bad, Bad], Bad),
        (&[Good, Bad, Good, Bad], Good),
        // Three of the last five.
        (&[Bad, Good, Bad, Good, Bad], Bad),
        (&[Good, Bad, Unknown, Bad], Bad),
        (&[Good, Unknown], Good),
        (&[Good, Unknown, Unknown], Unknown),
        (&[Good, Unknown, Unknown, Good], Good),
        (&[Bad, Bad, Unknown, Unknown, Unknown], Bad),
        (&[Bad, Bad, Good, Good], Bad),
        (&[Bad, Bad, Good, Good, Good], Good),
        (&[Bad, Bad, Bad, Good, Good, Good], Good),
    ] {
        assert_eq!(after(samples), verdict, "{samples:?}");
    }
}

#[test]
fn a_value_is_judged_by_its_bound_or_by_what_was_usual_before() {
    let one = |millis: i64| Threshold(millis * 1_000);
    let usual = BeforeDeploy::of((0..60).map(|n| f64::from(n % 20) / 1000.0).collect());
    let factor = ValueBound::AtMostTimesBefore { factor: one(2000), ignore_below: one(1) };
    for (value, bound, before, verdict, says) in [
        (0.009, ValueBound::Below(one(10)), None, Good, "0.009; has to be below 0.01"),
        (0.01, ValueBound::Below(one(10)), None, Bad, "0.01; has to be below 0.01"),
        (0.98, ValueBound::Above(one(990)), None, Bad, "0.98; has to be above 0.99"),
        (0.036, factor, usual, Good, "0.036; was up to 0.018 before, may be 2 times that"),
        (0.037, factor, usual, Bad, "0.037; was up to 0.018 before, may be 2 times that"),
        (0.5, factor, None, Unknown, "too little is known of the time before the deployment"),
        (f64::NAN, factor, usual, Unknown, "the query gives NaN, which is no number"),
    ] {
        let sample = judge(value, bound, before);
        assert_eq!((sample.verdict, sample.says.as_str()), (verdict, says));
    }
    let never = BeforeDeploy::of(vec![0.0; 60]);
    assert_eq!(judge(0.000_9, factor, never).verdict, Good, "so little is ignored");
    assert_eq!(judge(0.002, factor, never).verdict, Bad);
    assert_eq!(BeforeDeploy::of(vec![1.0, f64::NAN, 1.0, 1.0, 1.0]), None, "too few");
}

/// A share between 0 and 1.
fn share(dice: &mut Dice) -> f64 {
    (f64::from(u32::try_from(dice.below(1_000_000)).unwrap()) + 0.5) / 1e6
}

/// The noise of a service: what one sample of it is.
#[derive(Clone, Copy)]
enum Noise {
    /// The share of 100 requests that fail, each by this chance.
    Failures(f64),
    /// A time with a long tail, and a blip of ten times that in each hundredth sample.
    Times,
    /// Above a fixed bound in each hundredth sample.
    Bounded,
}

impl Noise {
    fn sample(self, dice: &mut Dice, worse: f64) -> f64 {
        match self {
            Self::Failures(chance) => {
                f64::from((0..100).map(|_| u8::from(share(dice) < chance * worse)).sum::<u8>())
                    / 100.0
            }
            Self::Times => {
                let time = worse * (1.0 - share(dice).ln()) / 10.0;
                if dice.chance(1) { time * 10.0 } else { time }
            }
            Self::Bounded if worse > 1.0 => 2.0,
            Self::Bounded => {
                if dice.chance(1) {
                    2.0
                } else {
                    0.5
                }
            }
        }
    }

    fn bound(self) -> ValueBound {
        match self {
            Self::Bounded => ValueBound::Below(Threshold(1_000_000)),
            _ => ValueBound::AtMostTimesBefore {
                factor: Threshold(2_000_000),
                ignore_below: Threshold(10_000),
            },
        }
    }

    /// The samples of a deployment after which it is so many times worse.
    fn deploy(self, dice: &mut Dice, worse: f64) -> Vec<SampleVerdict> {
        let before = BeforeDeploy::of((0..60).map(|_| self.sample(dice, 1.0)).collect());
        (0..60).map(|_| judge(self.sample(dice, worse), self.bound(), before).verdict).collect()
    }
}

fn turns_bad(samples: &[SampleVerdict]) -> Option<usize> {
    let mut rule = WatchRule::from(Unknown);
    samples.iter().position(|sample| rule.add(*sample) == Bad)
}

/// Of 200 deploys with 60 samples each, a rule of one sample cries in half; ours in about one. By the noise that is drawn,
/// a sample is bad by chance in at most 1 of 100 cases, so two in a row or three of five are in at most 60 * (0.01² + 10 *
/// 0.01³) = 0.7 of 100 deploys, or 1.4 in 200. That more than 6 of them are, is by Poisson less likely than 1 in 1000.
#[test]
fn two_hundred_deploys_with_noisy_baselines_raise_next_to_no_false_alarm() {
    let mut dice = Dice::of(20_261_130);
    let noises = [
        Noise::Failures(0.002),
        Noise::Failures(0.01),
        Noise::Failures(0.02),
        Noise::Times,
        Noise::Bounded,
    ];
    let (mut false_alarms, mut by_one_sample, mut late) = (0, 0, 0);
    for deploy in 0..200 {
        let noise = noises[deploy % noises.len()];
        let samples = noise.deploy(&mut dice, 1.0);
        false_alarms += usize::from(turns_bad(&samples).is_some());
        by_one_sample += usize::from(samples.contains(&Bad));
        let worse = noise.deploy(&mut dice, 50.0);
        late += usize::from(turns_bad(&worse) != Some(1));
    }
    println!(
        "false alarms in 200 deploys: {false_alarms}; by one sample alone: {by_one_sample}; \
         bad deploys of 200 that were not flagged at the second sample: {late}"
    );
    assert!(false_alarms <= 6, "{false_alarms} false alarms");
    assert!(by_one_sample > 40, "the noise is none: {by_one_sample}");
    // By chance a sample of a bad deploy is good.
    assert!(late <= 2, "{late} of 200 were flagged later");
}

/// What happens in a watch, and how it ends then.
type Case = (&'static str, fn(&mut Shop, DeploymentId), WatchEnd);

#[test]
fn a_watch_ends_good_only_if_every_check_was_good_all_the_time_and_was_seen_most_of_it() {
    let good = |shop: &mut Shop, id| shop.samples(id, "errors", Good);
    let cases: [Case; 5] = [
        ("nothing else", |_, _| {}, WatchEnd::Good),
        (
            "it was bad",
            |shop, id| {
                shop.turn(id, "errors", Bad);
                shop.turn(id, "errors", Good);
            },
            WatchEnd::Recovered,
        ),
        ("it is bad", |shop, id| shop.turn(id, "latency", Bad), WatchEnd::Bad),
        ("it is unknown", |shop, id| shop.turn(id, "latency", Unknown), WatchEnd::Unknown),
        (
            "most samples are missing",
            |shop, id| {
                shop.samples(id, "errors", Unknown);
                shop.samples(id, "errors", Unknown);
            },
            WatchEnd::Unknown,
        ),
    ];
    for (what, change, end) in cases {
        let (mut shop, id) = Shop::watched();
        good(&mut shop, id);
        change(&mut shop, id);
        assert_eq!(shop.end(id), end, "{what}");
        assert_eq!(shop.record.state.watches.end_of(id), Some(end));
    }
}

/// What comes after a silence.
type Then = (&'static str, fn(&mut Shop, DeploymentId));

#[test]
fn a_watch_that_nobody_attended_for_a_while_ends_unknown_and_never_good() {
    let alone = TimeDelta::hours(8);
    let silence: [Then; 4] = [
        ("at its end", |_, _| {}),
        ("before a sample", |shop, id| shop.samples(id, "errors", Good)),
        ("before a turn", |shop, id| shop.turn(id, "errors", Good)),
        ("in the middle", |shop, id| {
            for _ in 0..10 {
                shop.samples(id, "errors", Good);
                shop.pass(TimeDelta::minutes(1));
            }
        }),
    ];
    for (what, then) in silence {
        for (away, end) in [(TimeDelta::minutes(1), WatchEnd::Good), (alone, WatchEnd::Unknown)] {
            let (mut shop, id) = Shop::watched();
            shop.samples(id, "errors", Good);
            shop.pass(away);
            then(&mut shop, id);
            assert_eq!(shop.end(id), end, "{what}, after {away}");
        }
    }
    let (mut shop, id) = Shop::watched();
    shop.turn(id, "errors", Bad);
    shop.pass(alone);
    assert_eq!(shop.end(id), WatchEnd::Bad, "what was bad stays so");
}

#[test]
fn a_bad_check_is_an_alarm_until_something_else_is_live() {
    let (mut shop, id) = Shop::watched();
    assert_eq!(shop.snapshot().alarms, []);
    shop.turn(id, "errors", Bad);
    let snapshot = shop.snapshot();
    let alarm = snapshot.alarms.iter().find(|alarm| matches!(alarm, Alarm::WatchBad { .. }));
    let sentence = alarm.expect("it is an alarm").sentence();
    assert!(sentence.contains("production runs #2, and its watch says BAD since"), "{sentence}");
    assert!(sentence.ends_with("errors: Bad it turned"), "{sentence}");
    shop.end(id);
    assert_eq!(shop.snapshot().alarms.len(), 1, "it stays bad after its end");
    shop.deploy(PRODUCTION, 1);
    assert_eq!(shop.snapshot().alarms, []);
    assert!(shop.snapshot().evidence_in_words(PRODUCTION, shop.record.now) == "not watched");
}

#[test]
fn what_runs_changes_from_when_a_deployment_there_begins_until_it_ends() {
    let (mut shop, _) = Shop::watched();
    let is = |shop: &Shop| shop.record.state.is_changing(PRODUCTION);
    assert!(!is(&shop));
    let request = Fact::DeploymentRequested(request(PRODUCTION, 3));
    let id = shop.record.push(person("jane"), request).into();
    assert!(!is(&shop), "it waits");
    shop.record.push(Actor::System, Fact::DeploymentStarted { deployment: id, variables: None });
    assert!(is(&shop) && !shop.record.state.is_changing(Environment::Staging));
    let outcome = Outcome::Failed("it did not start".to_owned());
    shop.record.push(Actor::System, Fact::DeploymentEnded { deployment: id, outcome });
    assert!(!is(&shop));
}

#[test]
fn the_next_watch_takes_the_place_of_the_last_one() {
    let (mut shop, first) = Shop::watched();
    shop.deploy(PRODUCTION, 3);
    let second = shop.watch(PRODUCTION, &["errors"]);
    let watches = &shop.record.state.watches;
    assert_eq!(watches.end_of(first), Some(WatchEnd::Replaced));
    assert_eq!(watches.last(PRODUCTION).map(|watch| watch.deployment), Some(second));
    assert!(watches.knows(first) && watches.knows(second));
}

#[test]
fn an_end_that_nobody_saw_is_said_until_somebody_sees_it() {
    let (mut shop, id) = Shop::watched();
    let last = |shop: &Shop| shop.record.state.watches.last(PRODUCTION).cloned().expect("there is");
    assert_eq!(unseen(&last(&shop), shop.record.now), None);
    shop.end(id);
    shop.pass(TimeDelta::minutes(12));
    let text = "watch of #2 ended good 12m ago, not seen by anyone";
    assert_eq!(unseen(&last(&shop), shop.record.now).as_deref(), Some(text));
    shop.record.push(person("sam"), Fact::WatchSeen(WatchSeen { deployment: id }));
    assert_eq!(unseen(&last(&shop), shop.record.now), None);
    assert_eq!(last(&shop).seen.map(|seen| seen.by), Some(person("sam")));
}

#[test]
fn only_a_watch_that_ended_good_verifies_a_build_in_staging() {
    let verified = |shop: &Shop| {
        let all = shop.decisions(&[VerifyBy::Watch]);
        all.iter().any(|decision| {
            matches!(decision, Decision::Record(fact) if matches!(&**fact,
                Fact::BuildVerified { build: BuildNumber(2), kind: VerifyBy::Watch, .. }))
        })
    };
    for (turned, is_verified) in [(Good, true), (Bad, false), (Unknown, false)] {
        let mut shop = Shop::new();
        shop.deploy(Environment::Staging, 2);
        assert!(!verified(&shop), "nobody watched it");
        let id = shop.watch(Environment::Staging, &["errors"]);
        shop.turn(id, "errors", turned);
        shop.samples(id, "errors", turned);
        assert!(!verified(&shop), "the watch goes on");
        shop.end(id);
        assert_eq!(verified(&shop), is_verified, "{turned:?}");
    }
}

#[test]
fn a_rehearsal_is_not_watched_and_verifies_nothing_by_a_watch() {
    let mut shop = Shop::new();
    let staging = Environment::Staging;
    let own = shop.deploy(staging, 2);
    let id = shop.watch(staging, &["errors"]);
    shop.turn(id, "errors", Bad);
    shop.end(id);
    let back = shop.deploy_as(staging, 1, DeploymentKind::Rehearsal);
    let forward = shop.deploy_as(staging, 2, DeploymentKind::Return);
    let worth = [own, back, forward].map(|id| shop.record.state.is_worth_a_watch(id));
    assert_eq!(worth, [true, false, false]);
    // A record from before has such a watch.
    let id = shop.watch(staging, &["errors"]);
    shop.turn(id, "errors", Good);
    shop.samples(id, "errors", Good);
    assert_eq!(shop.end(id), WatchEnd::Good);
    let all = shop.decisions(&[VerifyBy::Watch]);
    let is_verified = |decision: &Decision| matches!(decision, Decision::Record(fact) if matches!(&**fact, Fact::BuildVerified { .. }));
    assert!(!all.iter().any(is_verified), "{all:?}");
}

#[test]
fn a_rollback_is_held_against_the_time_before_what_it_takes_away() {
    let mut shop = Shop::new();
    let minutes = |shop: &Shop| (shop.record.now - DateTime::UNIX_EPOCH).num_minutes();
    let (mut ids, mut begun) = (Vec::new(), Vec::new());
    for build in [1, 2, 3] {
        shop.pass(TimeDelta::hours(1));
        begun.push(minutes(&shop));
        ids.push(shop.deploy(PRODUCTION, build));
    }
    let usual = |shop: &Shop, id| {
        let until = shop.record.state.usual_until(id).expect("it began");
        (until - DateTime::UNIX_EPOCH).num_minutes()
    };
    assert_eq!(usual(&shop, ids[2]), begun[2], "a promote: until it began");
    shop.pass(TimeDelta::hours(1));
    let back = shop.deploy_as(PRODUCTION, 1, DeploymentKind::Rollback);
    assert_eq!(usual(&shop, back), begun[1], "#1 was live until #2 began");
    shop.pass(TimeDelta::hours(1));
    let again = shop.deploy(PRODUCTION, 3);
    assert_eq!(usual(&shop, again), minutes(&shop));
}
