//! The verdict from events alone: what counts, from when on, and what takes it away again.

use trunkline::domain::event::{DeploymentKind, DeploymentRequest, Fact, Outcome};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, Seq};
use trunkline::domain::remedy::Remedy;
use trunkline::domain::schema::{Outlook, SchemaChange, SharedChange, Verdict};
use trunkline::migrations::Class;

use trunkline_testing::record::{Record, found, person, request, sha};

/// A service whose record a test writes.
#[derive(Default)]
struct Service(Record);

fn change(class: Class, build: u64, floor: u64) -> SchemaChange {
    SchemaChange {
        path: format!("migrations/{build:04}.sql"),
        line: 1,
        statement: "ALTER TABLE orders".into(),
        class,
        build: BuildNumber(build),
        floor: BuildNumber(floor),
        why: String::new(),
    }
}

/// What a promote was judged to bring.
type Judged = Result<Vec<SchemaChange>, &'static str>;

impl Service {
    fn push(&mut self, fact: Fact) -> Seq {
        self.0.push(person("raj"), fact)
    }

    fn builds(&mut self, numbers: std::ops::RangeInclusive<u64>) {
        for number in numbers {
            self.push(found(number, Vec::new()));
        }
    }

    fn begin(&mut self, kind: DeploymentKind, number: u64, judged: Judged) -> DeploymentId {
        let previous = self.0.state.live(Environment::Production).map(|live| live.build);
        let schema_trouble = judged.as_ref().err().map(|why| (*why).to_owned());
        let schema = judged.ok();
        let request = request(Environment::Production, number);
        let request = DeploymentRequest { kind, previous, schema, schema_trouble, ..request };
        let deployment = self.push(Fact::DeploymentRequested(request));
        let deployment = deployment.into();
        self.push(Fact::DeploymentStarted { deployment, variables: None });
        deployment
    }

    fn promote(&mut self, number: u64, judged: Judged) {
        let deployment = self.begin(DeploymentKind::Promote, number, judged);
        self.push(Fact::DeploymentEnded { deployment, outcome: Outcome::Succeeded });
    }

    fn roll_back(&mut self, number: u64) {
        let deployment = self.begin(DeploymentKind::Rollback, number, Ok(Vec::new()));
        self.push(Fact::DeploymentEnded { deployment, outcome: Outcome::Succeeded });
    }

    fn verdict(&self, number: u64) -> Verdict {
        self.0.state.verdict(BuildNumber(number))
    }

    fn outlook(&self, number: u64) -> Outlook {
        self.verdict(number).outlook
    }
}

/// Builds 1 to 9, of which the first is live.
fn service() -> Service {
    let mut service = Service::default();
    service.builds(1..=9);
    service.promote(1, Ok(Vec::new()));
    service
}

#[test]
fn what_began_counts_also_where_it_failed() {
    let mut service = service();
    service.promote(2, Ok(vec![change(Class::NeedsReadersFirst, 2, 2)]));
    assert_eq!(service.outlook(1), Outlook::Risk, "#2 may read it, but nobody wrote it yet");
    let deployment = service.begin(DeploymentKind::Promote, 3, Ok(Vec::new()));
    assert_eq!(service.outlook(1), Outlook::PointOfNoReturn, "#3 may write it from now on");
    let outcome = Outcome::Failed("step smoke: exit 1".into());
    service.push(Fact::DeploymentEnded { deployment, outcome });
    assert_eq!(service.outlook(1), Outlook::PointOfNoReturn);
    assert_eq!(service.verdict(1).floor, Some(BuildNumber(2)));
}

#[test]
fn what_nobody_judged_fades_once_somebody_does() {
    let mut service = service();
    service.promote(3, Err("git could not be started"));
    let verdict = service.verdict(1);
    assert_eq!(verdict.outlook, Outlook::Risk);
    let why = &verdict.why[0];
    for part in ["#3 (git could not be started)", "check them", "choose #3 or newer"] {
        assert!(why.contains(part), "{part:?} is not in {why}");
    }
    let range = "0000000..0000000".to_owned();
    assert_eq!(verdict.remedy, Some(Remedy::CheckMigrations { range }));
    assert_eq!(service.outlook(3), Outlook::Safe);
    // Gone back from it, the next promote brings all that it brought, and is judged.
    service.roll_back(1);
    assert_eq!(service.outlook(1), Outlook::Risk);
    service.promote(4, Ok(vec![change(Class::Additive, 3, 3)]));
    assert_eq!(service.outlook(1), Outlook::Safe, "{:?}", service.verdict(1));
}

#[test]
fn a_promote_that_comes_after_says_nothing_of_what_nobody_judged() {
    let mut service = service();
    service.promote(3, Err("git could not be started"));
    service.promote(5, Ok(Vec::new()));
    assert_eq!(service.outlook(1), Outlook::Risk, "what #2 and #3 did is as dark as before");
    assert_eq!(service.outlook(2), Outlook::Risk);
    assert_eq!(service.outlook(3), Outlook::Safe);
}

#[test]
fn many_promotes_that_nobody_judged_are_one_reason() {
    let mut service = service();
    for number in 2..=9 {
        service.promote(number, Err(""));
    }
    let verdict = service.verdict(1);
    assert_eq!(verdict.why.len(), 1, "{verdict:?}");
    assert!(verdict.why[0].contains("#9, #8, #7 and 5 more"), "{verdict:?}");
    assert!(verdict.why[0].contains("choose #9 or newer"), "{verdict:?}");
}

#[test]
fn a_statement_that_runs_again_is_kept_once_with_the_higher_floor() {
    let mut service = service();
    let statement = |floor| change(Class::Contract, 5, floor);
    service.promote(5, Ok(vec![statement(2)]));
    service.roll_back(1);
    service.promote(5, Ok(vec![statement(4)]));
    service.roll_back(1);
    service.promote(6, Ok(vec![statement(3)]));
    let verdict = service.verdict(3);
    assert_eq!((verdict.why.len(), verdict.floor), (1, Some(BuildNumber(4))), "{verdict:?}");
    assert_eq!(verdict.outlook, Outlook::PointOfNoReturn);
}

#[test]
fn the_worst_reasons_come_first_and_the_others_are_counted() {
    let mut service = service();
    let line = |class, line| SchemaChange { line, ..change(class, 2, 2) };
    let data = (1..=300).map(|at| line(Class::Data, at));
    let all = data.chain([line(Class::Contract, 301)]).collect();
    service.promote(2, Ok(all));
    let verdict = service.verdict(1);
    assert_eq!(verdict.outlook, Outlook::PointOfNoReturn);
    assert!(verdict.why[0].contains(".sql:301 "), "{verdict:?}");
    assert_eq!((verdict.why.len(), verdict.why[19].as_str()), (20, "and 282 more reasons"));
}

#[test]
fn a_build_that_was_found_after_a_rewrite_may_lack_what_was_done_before_it() {
    let mut service = service();
    service.promote(8, Ok(Vec::new()));
    service.promote(9, Ok(vec![change(Class::Contract, 9, 8)]));
    let off_trunk = vec![BuildNumber(8), BuildNumber(9)];
    service.push(Fact::TrunkRewritten { from: sha(9), to: sha(7), off_trunk, onto: None });
    service.builds(10..=12);
    let verdict = service.verdict(10);
    assert_eq!(verdict.outlook, Outlook::Risk);
    assert!(verdict.why[0].contains("#9 is no longer on the trunk"), "{verdict:?}");
    // What stood on the old trunk is judged as before.
    assert_eq!((service.outlook(8), service.outlook(9)), (Outlook::Safe, Outlook::Safe));
    assert_eq!(service.outlook(7), Outlook::PointOfNoReturn);
    // A build that stood in production with it can live with it; one that was taken back at once proves nothing.
    service.promote(10, Ok(Vec::new()));
    service.promote(11, Ok(Vec::new()));
    assert_eq!(service.outlook(10), Outlook::Safe, "{:?}", service.verdict(10));
    service.roll_back(10);
    assert_eq!(service.outlook(11), Outlook::Risk);
    // The same statement once more, by a build of the new trunk: now it is known who has it.
    let again = SchemaChange { build: BuildNumber(12), ..change(Class::Contract, 9, 8) };
    service.promote(12, Ok(vec![again]));
    assert_eq!(service.outlook(12), Outlook::Safe);
}

#[test]
fn what_another_service_did_to_the_same_database_is_a_risk_until_the_build_stood_with_it() {
    let mut service = service();
    service.promote(2, Ok(Vec::new()));
    let what = "worker #7 migrations/0002.sql:1 DROP TABLE old (contract)".to_owned();
    service.0.state.shared_changes.push(SharedChange { since: service.0.state.last_seq, what });
    let verdict = service.verdict(1);
    assert_eq!(verdict.outlook, Outlook::Risk);
    assert!(verdict.why[0].starts_with("worker #7 migrations/0002.sql:1 DROP TABLE old"));
    service.promote(3, Ok(Vec::new()));
    assert_eq!(service.outlook(2), Outlook::Risk, "#2 was live before it");
    service.promote(4, Ok(Vec::new()));
    assert_eq!(service.outlook(3), Outlook::Safe, "#3 stood in production with it");
}
