//! What answers of the service and deployments of the whole say of each target, and what ends a doubt.

use trunkline::domain::event::{
    DeploymentKind, Fact, LiveSaid, Outcome, SaidCommit, UnknownCommit, UnknownDeployment,
};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment};
use trunkline::domain::people::Actor;
use trunkline::domain::said::service_at;
use trunkline::domain::snapshot::alarm::{Alarm, alarms};
use trunkline::domain::target::TargetOrder::Together;
use trunkline_testing::record::{sha, step};

use crate::targets::Regions;

const PRODUCTION: Environment = Environment::Production;

impl Regions {
    /// The service answers.
    fn said(&mut self, says: SaidCommit) -> DeploymentId {
        let (environment, host) = (PRODUCTION, "shop.example".to_owned());
        let said = Fact::LiveSaid(LiveSaid { environment, host, says });
        self.record.push(service_at("shop.example"), said).into()
    }

    fn said_build(&mut self, number: u64) -> DeploymentId {
        self.said(SaidCommit::Build { build: BuildNumber(number), sha: sha(number), older: None })
    }

    fn said_unknown(&mut self) -> DeploymentId {
        let why = "which is no build of main".to_owned();
        self.said(SaidCommit::Unknown(UnknownCommit { sha: Some(sha(9)), why }))
    }
}

#[test]
fn an_answer_of_the_record_after_an_unknown_one_leaves_no_target_in_doubt() {
    let mut regions = Regions::live(Together);
    let unknown = regions.said_unknown();
    assert_eq!(regions.unsettled(), Some(unknown));
    regions.said_build(1);
    assert_eq!((regions.standing().as_str(), regions.unsettled()), ("eu us #1", None));
    assert_eq!(alarms(&regions.record.state), []);
}

#[test]
fn one_answer_of_another_build_is_a_drift_until_the_service_answers_as_the_record_says() {
    let mut regions = Regions::live(Together);
    let id = regions.promote(2);
    regions.play(id, &["ok", "ok"]);
    let canary = regions.said_build(1);
    assert_eq!((regions.live_build(), regions.unsettled()), (1, Some(canary)));
    assert_eq!(regions.standing(), "eu us #2 or #1");
    let drift = regions.record.state.drift(PRODUCTION).unwrap();
    assert_eq!((drift.build, drift.record), (BuildNumber(1), BuildNumber(2)));
    let told: Vec<_> = alarms(&regions.record.state).iter().map(Alarm::sentence).collect();
    let words =
        "production runs #1 (the service at shop.example says so); trunkline's record says #2";
    assert!(told.iter().any(|sentence| sentence == words), "{told:?}");
    // The same once more is nothing new.
    let last = regions.record.state.last_ended(PRODUCTION).unwrap().id;
    regions.said_build(1);
    assert_eq!(regions.record.state.last_ended(PRODUCTION).unwrap().id, last);
    regions.said_build(2);
    assert_eq!((regions.standing().as_str(), regions.unsettled()), ("eu us #2", None));
    assert_eq!((regions.live_build(), alarms(&regions.record.state)), (2, Vec::new()));
}

#[test]
fn no_answer_ends_the_doubt_that_a_deployment_left_at_a_target() {
    let mut regions = Regions::live(Together);
    let id = regions.promote(2);
    regions.play(id, &["ok", "broken"]);
    // Somebody else deploys what no build is of, and then the service answers.
    let seen = seen_unknown(&mut regions);
    for number in [2, 1, 2] {
        regions.said_build(number);
        assert!(regions.unsettled().is_some(), "#{number}");
        assert!(regions.standing().contains("us #1 or #2"), "{}", regions.standing());
    }
    assert!(regions.record.state.deployments[&seen].unknown_commit().is_some());
}

/// Another engine deploys a commit that is no build.
fn seen_unknown(regions: &mut Regions) -> DeploymentId {
    let seen = UnknownDeployment {
        environment: PRODUCTION,
        engine: "github".parse().unwrap(),
        run: "5513".into(),
        page: None,
        at: regions.record.now,
        commit: UnknownCommit { sha: Some(sha(9)), why: "which is no build of main".into() },
        taken_over: false,
    };
    let by = Actor::External { login: "bob".into(), engine: "github".into() };
    let id = regions.record.push(by, Fact::UnknownObserved(seen)).into();
    let (at, outcome) = (regions.record.now, Outcome::Succeeded);
    regions.push(Fact::ObservedEnded { deployment: id, outcome, at });
    id
}

#[test]
fn what_deploys_all_targets_at_once_and_fails_leaves_each_in_doubt() {
    let mut regions = Regions::live(Together);
    let id = regions.request(DeploymentKind::Rollback, 2, vec![step("release")]);
    regions.play(id, &["broken"]);
    assert_eq!((regions.standing().as_str(), regions.unsettled()), ("eu us #1 or #2", Some(id)));
    // One of two targets of the next does not say that the other is as it was.
    let next = regions.promote(3);
    regions.play(next, &["ok", "never"]);
    assert_eq!(regions.standing(), "eu #3, us #1 or #2");
    let good = regions.promote(3);
    regions.play(good, &["ok", "ok"]);
    assert_eq!((regions.standing().as_str(), regions.unsettled()), ("eu us #3", None));
}
