//! The verdict from events alone: what counts, from when on, and what takes it away again.

use std::collections::BTreeMap;

use chrono::DateTime;
use trunkline::domain::event::{DeploymentKind, DeploymentRequest, Event, Fact, Outcome};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, Seq, Sha};
use trunkline::domain::people::Actor;
use trunkline::domain::remedy::Remedy;
use trunkline::domain::schema::{Outlook, SchemaChange, SharedChange, Verdict};
use trunkline::domain::service::ServiceState;
use trunkline::migrations::Class;

/// A service whose record a test writes.
#[derive(Default)]
struct Record(ServiceState);

fn sha(number: u64) -> Sha {
    format!("{number:040x}").parse().expect("forty hex digits")
}

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

impl Record {
    fn push(&mut self, fact: Fact) -> Seq {
        let seq = Seq(self.0.last_seq.0 + 1);
        let (service, at) = ("checkout".parse().expect("a name"), DateTime::UNIX_EPOCH);
        self.0.apply(&Event { seq, at, service, actor: Actor::Person("raj".into()), fact });
        seq
    }

    fn builds(&mut self, numbers: std::ops::RangeInclusive<u64>) {
        for number in numbers {
            let (build, sha) = (BuildNumber(number), sha(number));
            self.push(Fact::BuildFound { build, sha, commits: vec![], more: 0, reverts: vec![] });
        }
    }

    fn begin(&mut self, kind: DeploymentKind, number: u64, judged: Judged) -> DeploymentId {
        let previous = self.0.live(Environment::Production).map(|live| live.build);
        let schema_trouble = judged.as_ref().err().map(|why| (*why).to_owned());
        let deployment = self.push(Fact::DeploymentRequested(DeploymentRequest {
            build: BuildNumber(number),
            sha: sha(number),
            environment: Environment::Production,
            kind,
            previous,
            previous_sha: None,
            steps: Vec::new(),
            schema: judged.ok(),
            schema_trouble,
            cancels: None,
            findings: Vec::new(),
            overrides: BTreeMap::new(),
        }));
        let deployment = deployment.into();
        self.push(Fact::DeploymentStarted { deployment });
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
        self.0.verdict(BuildNumber(number))
    }

    fn outlook(&self, number: u64) -> Outlook {
        self.verdict(number).outlook
    }
}

/// Builds 1 to 9, of which the first is live.
fn record() -> Record {
    let mut record = Record::default();
    record.builds(1..=9);
    record.promote(1, Ok(Vec::new()));
    record
}

#[test]
fn what_began_counts_also_where_it_failed() {
    let mut record = record();
    record.promote(2, Ok(vec![change(Class::NeedsReadersFirst, 2, 2)]));
    assert_eq!(record.outlook(1), Outlook::Risk, "#2 may read it, but nobody wrote it yet");
    let deployment = record.begin(DeploymentKind::Promote, 3, Ok(Vec::new()));
    assert_eq!(record.outlook(1), Outlook::PointOfNoReturn, "#3 may write it from now on");
    let outcome = Outcome::Failed("step smoke: exit 1".into());
    record.push(Fact::DeploymentEnded { deployment, outcome });
    assert_eq!(record.outlook(1), Outlook::PointOfNoReturn);
    assert_eq!(record.verdict(1).floor, Some(BuildNumber(2)));
}

#[test]
fn what_nobody_judged_fades_once_somebody_does() {
    let mut record = record();
    record.promote(3, Err("git could not be started"));
    let verdict = record.verdict(1);
    assert_eq!(verdict.outlook, Outlook::Risk);
    let why = &verdict.why[0];
    for part in ["#3 (git could not be started)", "check them", "no further than #3"] {
        assert!(why.contains(part), "{part:?} is not in {why}");
    }
    let range = "0000000..0000000".to_owned();
    assert_eq!(verdict.remedy, Some(Remedy::CheckMigrations { range }));
    assert_eq!(record.outlook(3), Outlook::Safe);
    // Gone back from it, the next promote brings all that it brought, and is judged.
    record.roll_back(1);
    assert_eq!(record.outlook(1), Outlook::Risk);
    record.promote(4, Ok(vec![change(Class::Additive, 3, 3)]));
    assert_eq!(record.outlook(1), Outlook::Safe, "{:?}", record.verdict(1));
}

#[test]
fn a_promote_that_comes_after_says_nothing_of_what_nobody_judged() {
    let mut record = record();
    record.promote(3, Err("git could not be started"));
    record.promote(5, Ok(Vec::new()));
    assert_eq!(record.outlook(1), Outlook::Risk, "what #2 and #3 did is as dark as before");
    assert_eq!(record.outlook(2), Outlook::Risk);
    assert_eq!(record.outlook(3), Outlook::Safe);
}

#[test]
fn many_promotes_that_nobody_judged_are_one_reason() {
    let mut record = record();
    for number in 2..=9 {
        record.promote(number, Err(""));
    }
    let verdict = record.verdict(1);
    assert_eq!(verdict.why.len(), 1, "{verdict:?}");
    assert!(verdict.why[0].contains("#9, #8, #7 and 5 more"), "{verdict:?}");
    assert!(verdict.why[0].contains("no further than #9"), "{verdict:?}");
}

#[test]
fn a_statement_that_runs_again_is_kept_once_with_the_higher_floor() {
    let mut record = record();
    let statement = |floor| change(Class::Contract, 5, floor);
    record.promote(5, Ok(vec![statement(2)]));
    record.roll_back(1);
    record.promote(5, Ok(vec![statement(4)]));
    record.roll_back(1);
    record.promote(6, Ok(vec![statement(3)]));
    let verdict = record.verdict(3);
    assert_eq!((verdict.why.len(), verdict.floor), (1, Some(BuildNumber(4))), "{verdict:?}");
    assert_eq!(verdict.outlook, Outlook::PointOfNoReturn);
}

#[test]
fn the_worst_reasons_come_first_and_the_others_are_counted() {
    let mut record = record();
    let line = |class, line| SchemaChange { line, ..change(class, 2, 2) };
    let data = (1..=300).map(|at| line(Class::Data, at));
    let all = data.chain([line(Class::Contract, 301)]).collect();
    record.promote(2, Ok(all));
    let verdict = record.verdict(1);
    assert_eq!(verdict.outlook, Outlook::PointOfNoReturn);
    assert!(verdict.why[0].contains(".sql:301 "), "{verdict:?}");
    assert_eq!((verdict.why.len(), verdict.why[19].as_str()), (20, "and 282 more reasons"));
}

#[test]
fn a_build_that_was_found_after_a_rewrite_may_lack_what_was_done_before_it() {
    let mut record = record();
    record.promote(8, Ok(Vec::new()));
    record.promote(9, Ok(vec![change(Class::Contract, 9, 8)]));
    let off_trunk = vec![BuildNumber(8), BuildNumber(9)];
    record.push(Fact::TrunkRewritten { from: sha(9), to: sha(7), off_trunk, onto: None });
    record.builds(10..=12);
    let verdict = record.verdict(10);
    assert_eq!(verdict.outlook, Outlook::Risk);
    assert!(verdict.why[0].contains("#9 is no longer on the trunk"), "{verdict:?}");
    // What stood on the old trunk is judged as before.
    assert_eq!((record.outlook(8), record.outlook(9)), (Outlook::Safe, Outlook::Safe));
    assert_eq!(record.outlook(7), Outlook::PointOfNoReturn);
    // A build that stood in production with it can live with it; one that was taken back at once proves nothing.
    record.promote(10, Ok(Vec::new()));
    record.promote(11, Ok(Vec::new()));
    assert_eq!(record.outlook(10), Outlook::Safe, "{:?}", record.verdict(10));
    record.roll_back(10);
    assert_eq!(record.outlook(11), Outlook::Risk);
    // The same statement once more, by a build of the new trunk: now it is known who has it.
    let again = SchemaChange { build: BuildNumber(12), ..change(Class::Contract, 9, 8) };
    record.promote(12, Ok(vec![again]));
    assert_eq!(record.outlook(12), Outlook::Safe);
}

#[test]
fn what_another_service_did_to_the_same_database_is_a_risk_until_the_build_stood_with_it() {
    let mut record = record();
    record.promote(2, Ok(Vec::new()));
    let what = "worker #7 migrations/0002.sql:1 DROP TABLE old (contract)".to_owned();
    record.0.shared_changes.push(SharedChange { since: record.0.last_seq, what });
    let verdict = record.verdict(1);
    assert_eq!(verdict.outlook, Outlook::Risk);
    assert!(verdict.why[0].starts_with("worker #7 migrations/0002.sql:1 DROP TABLE old"));
    record.promote(3, Ok(Vec::new()));
    assert_eq!(record.outlook(2), Outlook::Risk, "#2 was live before it");
    record.promote(4, Ok(Vec::new()));
    assert_eq!(record.outlook(3), Outlook::Safe, "#3 stood in production with it");
}
