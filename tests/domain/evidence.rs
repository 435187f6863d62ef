//! What a plan says of its commits where evidence is weak, and of what comes later on the trunk.

mod auto_rollback;
mod leftovers;
mod places;
mod proof;
mod timeline;
mod watch;
mod waves;
mod way_back;

pub(crate) use self::proof::Hosts;

use chrono::{DateTime, TimeDelta};
use trunkline::calendar::FreezeRules;
use trunkline::domain::command::Action;
use trunkline::domain::commit::{Commit, LaterChange, Range, Revert, RevertEvidence};
use trunkline::domain::event::Fact;
use trunkline::domain::ids::BuildNumber;
use trunkline::domain::people::{Actor, Identity, People};
use trunkline::domain::plan::{Finding, Guard, Migrations, PlanInput, Severity, plan};
use trunkline::domain::policy::Policy;
use trunkline::domain::remedy::Remedy;
use trunkline::domain::variables::KnownVariables;

use trunkline_testing::record::{Record, checkout, commit, found, people, person, sha};

/// The people of the service: `ola` with her login, her git name and two addresses, and `jane`.
fn team() -> People {
    let mut people = people(["jane", "ola"]);
    let ola = people.people.get_mut("ola").expect("she is in it");
    ola.logins = vec!["ola-op".into()];
    ola.emails.push("12345+olaf@users.noreply.github.com".into());
    ola.names = vec!["Ola Operator".into()];
    people.bots = vec!["*[bot]@users.noreply.github.com".into()];
    people
}

/// Builds 1 to 4 of jane's; a promote of `target` ships `commits`.
fn findings(target: u64, commits: Vec<Commit>, later: Vec<LaterChange>) -> Vec<Finding> {
    let mut record = record_of_four();
    record.now += TimeDelta::hours(1);
    plan_of(&record, target, commits, later)
}

fn record_of_four() -> Record {
    let mut record = Record { now: DateTime::UNIX_EPOCH + TimeDelta::days(9), ..Record::default() };
    for number in 1..=4 {
        record.push(Actor::System, found(number, vec![commit(number, "jane")]));
    }
    record
}

fn plan_of(
    record: &Record,
    target: u64,
    commits: Vec<Commit>,
    later: Vec<LaterChange>,
) -> Vec<Finding> {
    let range = Range { later, ..Range::of(None, sha(target), commits) };
    let facts = PlanInput {
        service: &checkout(),
        state: &record.state,
        policy: &Policy::default(),
        people: &team(),
        on_call: &[],
        calendar: &FreezeRules::default().promote_to_production("checkout", record.now),
        range: &range,
        steps: &[],
        migrations: &Migrations::default(),
        variables: &KnownVariables::default(),
        unusable_engine: None,
    };
    let action = Action::Promote { build: BuildNumber(target) };
    plan(facts, action, &person("ola"), record.now).expect("a plan can be made").findings
}

fn author(commits: Vec<Commit>) -> Finding {
    let all = findings(3, commits, Vec::new());
    all.into_iter().find(|finding| finding.guard == Guard::Author).expect("there is one")
}

fn by(name: &str, email: &str) -> Commit {
    Commit { author: Identity { name: name.into(), email: email.into() }, ..commit(3, "jane") }
}

#[test]
fn whoever_resembles_you_may_be_you_and_needs_a_reason() {
    for (name, email, why) in [
        ("O", "ola+laptop@example.com", "same mailbox"),
        ("O", "OLA+git@EXAMPLE.com", "same mailbox"),
        ("O", "987+olaf@users.noreply.github.com", "same login at a forge"),
        ("O", "olaf@users.noreply.github.com", "same login at a forge"),
        ("O", "12345+ola-op@users.noreply.github.com", "same login at a forge"),
        ("O", "12345-ola@users.noreply.gitlab.com", "same login at a forge"),
        ("O", "ola-op@noreply.codeberg.org", "same login at a forge"),
        ("O", "ola@home.example", "same name in the address"),
        ("Ola Operator", "me@home.example", "same name"),
        ("ola operator", "me@home.example", "same name"),
        ("Operator, Ola", "me@home.example", "same name"),
        ("Ola X. Operator", "me@home.example", "same name"),
        ("ola-op", "root@build-7", "same name"),
    ] {
        let said = author(vec![by(name, email)]);
        assert_eq!(said.severity, Severity::Override, "{name} <{email}>: {said:?}");
        let expected = format!("May be you: 0000000 by {name} <{email}> ({why})");
        assert!(said.sentence.starts_with(&expected), "{expected}: {said:?}");
        assert!(said.sentence.ends_with("Needs another promoter: jane"), "{said:?}");
    }
}

#[test]
fn a_name_without_an_address_may_be_you() {
    let nameless = |name: &str| Identity { name: name.into(), email: String::new() };
    for name in ["Ola Operator", "Ola", "@ola-op", "ola"] {
        let co_authors = vec![nameless(name)];
        let said = author(vec![Commit { co_authors, ..commit(3, "jane") }]);
        assert_eq!(said.severity, Severity::Override, "{name}: {said:?}");
    }
    for subject in ["[ola/jane] Fix it", "Fix it (jane & ola)", "ola+jane: fix it", "|ola|jane| x"]
    {
        let said = author(vec![Commit { subject: subject.into(), ..commit(3, "jane") }]);
        assert_eq!(said.severity, Severity::Override, "{subject}: {said:?}");
    }
    for subject in
        ["[SHOP-12] Fix it", "Fix it (#12)", "fix(cart): round", "Fix: ola is a greeting"]
    {
        let said = author(vec![Commit { subject: subject.into(), ..commit(3, "jane") }]);
        assert_eq!(said.sentence, "Written by jane", "{subject}");
    }
}

#[test]
fn a_name_that_you_used_before_is_known() {
    let used = Commit {
        author: Identity { name: "Nickname".into(), email: "ola@example.com".into() },
        ..commit(9, "jane")
    };
    let mut record = record_of_four();
    let before = plan_of(&record, 3, vec![by("Nickname", "n@x.example")], Vec::new());
    assert!(before.iter().any(|f| f.guard == Guard::Author && f.severity == Severity::Info));
    record.push(Actor::System, found(9, vec![used]));
    let after = plan_of(&record, 3, vec![by("Nickname", "n@x.example")], Vec::new());
    assert!(after.iter().any(|f| f.guard == Guard::Author && f.severity == Severity::Override));
}

#[test]
fn nobody_else_is_taken_for_you_and_what_is_not_known_is_said() {
    let said = author(vec![by("Jane", "jane@example.com")]);
    assert_eq!((said.severity, said.sentence.as_str()), (Severity::Info, "Written by jane"));
    let said = author(vec![by("Kim", "kim@example.com"), commit(2, "jane")]);
    let expected = "Written by Kim and jane. Not known whether you are Kim: not in [people]";
    assert_eq!((said.severity, said.sentence.as_str()), (Severity::Info, expected));
    let said = author(vec![by("Kim", "kim@example.com")]);
    assert_eq!(said.sentence, "Written by Kim. Not known whether that is you: not in [people]");
    let said = author(vec![by("ola[bot]", "1+ola[bot]@users.noreply.github.com")]);
    assert_eq!(said.sentence, "Written by bots only");
    for (name, email) in [("Ola Smith", "smith@x.example"), ("Info", "info@x.example")] {
        assert_eq!(author(vec![by(name, email)]).severity, Severity::Info, "{name}");
    }
}

#[test]
fn a_commit_whose_people_were_not_all_read_is_not_said_to_be_somebody_elses() {
    let said = author(vec![Commit { has_unread_people: true, ..commit(3, "jane") }]);
    assert_eq!(said.severity, Severity::Override);
    assert!(said.sentence.contains("name more people than were read"), "{said:?}");
}

fn change(by: u64, of: u64, is_fix: bool) -> LaterChange {
    LaterChange { by: sha(by), of: sha(of), is_fix, evidence: RevertEvidence::Sure }
}

/// What a promote of #3 says of later commits.
fn later(changes: Vec<LaterChange>) -> Option<Finding> {
    let all = findings(3, vec![commit(3, "jane"), commit(2, "jane")], changes);
    all.into_iter().find(|finding| finding.sentence.contains("which this ships"))
}

#[test]
fn a_revert_that_comes_later_is_named_with_its_build() {
    let said = later(vec![change(4, 3, false)]).expect("it is said");
    let expected = "#4 reverts 0000000 \"change 3\", which this ships";
    assert_eq!((said.severity, said.sentence.as_str()), (Severity::Warn, expected));
    assert_eq!(said.remedy, Some(Remedy::Promote { build: BuildNumber(4) }));
    let said = later(vec![change(4, 2, false)]).expect("an older one of the range counts too");
    assert!(said.sentence.contains("\"change 2\""), "{said:?}");
    assert_eq!(later(vec![change(4, 1, false)]), None, "what it does not ship is not its matter");
    assert_eq!(later(Vec::new()), None);
}

#[test]
fn a_fix_and_a_revert_without_a_build_are_said_too() {
    let said = later(vec![change(4, 3, true)]).expect("it is said");
    assert!(said.sentence.starts_with("#4 fixes "), "{said:?}");
    let said = later(vec![change(77, 3, false)]).expect("it is said");
    assert!(said.sentence.contains("on the trunk, in no build yet, reverts"), "{said:?}");
    assert_eq!((said.severity, said.remedy), (Severity::Warn, None));
}

#[test]
fn a_revert_that_is_taken_back_is_only_a_note() {
    let back = vec![change(4, 3, false), change(5, 4, false)];
    let said = later(back.clone()).expect("it is said");
    assert_eq!(said.severity, Severity::Info, "{said:?}");
    assert!(said.sentence.contains("brings it back"), "{said:?}");
    let again = [back, vec![change(6, 5, false)]].concat();
    assert_eq!(
        later(again).expect("it is said").severity,
        Severity::Warn,
        "and reverted once more"
    );
}

#[test]
fn a_revert_that_is_not_sure_says_how_it_is_known() {
    let unsure = LaterChange { evidence: RevertEvidence::Title, ..change(4, 3, false) };
    let said = later(vec![unsure]).expect("it is said");
    assert!(said.sentence.starts_with("#4 seems to revert (by its title) "), "{said:?}");
}

#[test]
fn a_build_that_left_the_trunk_needs_a_reason_of_its_own() {
    let mut record = record_of_four();
    let off = |record: &Record| {
        let all = plan_of(record, 4, vec![commit(4, "jane")], Vec::new());
        all.into_iter().find(|finding| finding.sentence.contains("not on the trunk"))
    };
    assert_eq!(off(&record), None);
    let (from, to) = (sha(4), sha(3));
    let onto = Some(BuildNumber(3));
    record.push(
        Actor::System,
        Fact::TrunkRewritten { from, to, off_trunk: vec![BuildNumber(4)], onto },
    );
    let said = off(&record).expect("it is said");
    assert_eq!((said.guard, said.severity), (Guard::Order, Severity::Override));
}

#[test]
fn weak_evidence_of_a_revert_leaves_a_doubt_and_a_sure_one_does_not() {
    let weak =
        |by, of| Revert { evidence: RevertEvidence::PullRequest, ..Revert::sure(sha(by), sha(of)) };
    let mut record = record_of_four();
    let bad = vec![trunkline::domain::quarantine::BadCommit {
        sha: sha(3),
        build: BuildNumber(3),
        subject: "change 3".into(),
    }];
    record.push(person("ola"), Fact::CommitsQuarantined { bad, reason: "broke".into() });
    let build = |number: u64, reverts: Vec<Revert>| Fact::BuildFound {
        build: BuildNumber(number),
        sha: sha(number),
        commits: vec![commit(number, "jane")],
        more: 0,
        reverts,
        recipe: None,
        trunk: None,
    };
    record.push(Actor::System, build(5, vec![weak(5, 3)]));
    let doubt = |record: &Record, number| {
        let bad = record.state.bad_in(BuildNumber(number));
        bad.first().map(|bad| bad.doubt.map(|doubt| doubt.to_string()))
    };
    assert_eq!(doubt(&record, 4), Some(None));
    let unsure = "0000000 in #5 seems to revert it, by its pull request's number";
    assert_eq!(doubt(&record, 5), Some(Some(unsure.to_owned())), "it still needs a reason");
    record.push(Actor::System, build(6, vec![Revert::sure(sha(6), sha(5))]));
    assert_eq!(doubt(&record, 6), Some(None), "what may have gone is surely back");
    record.push(Actor::System, build(7, vec![Revert::sure(sha(7), sha(3))]));
    assert_eq!(doubt(&record, 7), None);
    record.push(Actor::System, build(8, vec![weak(8, 7)]));
    assert!(doubt(&record, 8).is_some_and(|doubt| doubt.is_some()), "it may be back");
}
