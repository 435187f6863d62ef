//! What becomes of a request for a promoter, as the record tells it.

use chrono::{DateTime, TimeDelta, Utc};
use trunkline::domain::event::Fact;
use trunkline::domain::ids::{BuildNumber, Environment, Seq};
use trunkline::domain::request::{Request, RequestState};

use trunkline_testing::record::{Record, person, request};

fn minute(minute: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
}

/// A service whose record a test writes.
#[derive(Default)]
struct Service(Record);

impl Service {
    /// Sam asks for a promoter of #2 for twenty minutes, at minute 100.
    fn asked() -> Self {
        let mut service = Self::default();
        let (build, note) = (BuildNumber(2), "hotfix".to_owned());
        let fact = Fact::PromoterRequested { build, until: minute(120), note };
        service.tell(100, "sam", fact);
        service
    }

    fn tell(&mut self, at: i64, by: &str, fact: Fact) {
        self.0.now = minute(at);
        self.0.push(person(by), fact);
    }

    fn promote(&mut self, at: i64, by: &str, build: u64) {
        let request = request(Environment::Production, build);
        self.tell(at, by, Fact::DeploymentRequested(request));
    }

    fn hold(&mut self, at: i64) {
        let (environment, reason) = (Environment::Production, "looking".to_owned());
        self.tell(at, "kim", Fact::HoldPlaced { all: false, environment, reason, rollback: None });
    }

    fn request(&self) -> &Request {
        self.0.state.requests.last().unwrap()
    }
}

#[test]
fn somebody_elses_promote_takes_a_request_and_a_second_one_changes_nothing() {
    let mut service = Service::asked();
    assert_eq!(service.request().became(minute(105)), "open for 15m");
    service.promote(106, "kim", 2);
    service.promote(107, "ann", 2);
    assert_eq!(service.request().state(minute(108)), RequestState::Taken);
    assert_eq!(service.request().became(minute(108)), "taken by kim (d2)");
}

#[test]
fn who_asked_and_did_not_wait_has_not_taken_the_request() {
    let mut service = Service::asked();
    service.promote(106, "sam", 2);
    let request = service.request();
    assert_eq!(request.state(minute(108)), RequestState::Superseded);
    assert_eq!(request.became(minute(108)), "superseded: promote of #2 by sam (d2)");
}

#[test]
fn what_happens_to_another_build_supersedes_a_request() {
    let mut service = Service::asked();
    service.promote(106, "kim", 3);
    assert_eq!(service.request().state(minute(108)), RequestState::Superseded);
}

#[test]
fn a_request_ends_with_its_time_and_not_before() {
    let service = Service::asked();
    let just_before = minute(120) - TimeDelta::microseconds(1);
    assert_eq!(service.request().state(just_before), RequestState::Open);
    assert_eq!(service.request().became(minute(120)), "expired: not taken");
    let mut late = Service::asked();
    late.promote(120, "kim", 2);
    assert_eq!(late.request().became(minute(121)), "expired: not taken");
}

#[test]
fn a_clock_that_is_set_back_does_not_bring_a_request_back() {
    let mut service = Service::asked();
    service.hold(110);
    assert_eq!(service.0.state.open_request(minute(111)).map(|open| open.id), Some(Seq(1)));
    service.hold(125);
    assert_eq!(service.0.state.open_request(minute(60)), None, "it was over already");
    assert_eq!(service.request().became(minute(60)), "expired: not taken");
}
