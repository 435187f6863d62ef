//! What notices say of the record.

use chrono::{DateTime, TimeDelta, Utc};
use trunkline::calendar::{FreezeMode, FreezeWindow};
use trunkline::domain::event::{
    DeploymentKind, DeploymentRequest, Fact, Outcome, SaidCommit, TargetAnswer, TargetSaid,
    TargetsSaid,
};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment};
use trunkline::domain::incident::IncidentPolicy;
use trunkline::domain::live_source::AskedOf;
use trunkline::domain::notice::view::{NoticeInput, NoticeView, view};
use trunkline::domain::notice::{Notice, NoticeAbout, NoticeKey, freezes_now, notices};
use trunkline::domain::people::{Actor, People};
use trunkline::notify::style;
use trunkline::notify::template::Templates;
use trunkline_testing::record::{
    Record, adopted, checkout, commit, found, people, person, request,
};

const PRODUCTION: Environment = Environment::Production;

/// A service of which the first build is live.
fn service(authors: &[&str]) -> Record {
    let mut record = Record { now: DateTime::UNIX_EPOCH + TimeDelta::days(1), ..Record::default() };
    for (number, author) in (1..).zip(authors) {
        record.push(Actor::System, found(number, vec![commit(number, author)]));
    }
    record.push(person("kim"), Fact::ProductionAdopted(Box::new(adopted(1))));
    record
}

fn begin(record: &mut Record, kind: DeploymentKind, build: u64) -> DeploymentId {
    let previous = record.state.live(PRODUCTION).map(|live| live.build);
    let wanted = DeploymentRequest { kind, previous, ..request(PRODUCTION, build) };
    let deployment = record.push(person("kim"), Fact::DeploymentRequested(wanted)).into();
    record.push(Actor::System, Fact::DeploymentStarted { deployment, variables: None });
    deployment
}

fn end(record: &mut Record, deployment: DeploymentId, outcome: Outcome) {
    record.now += TimeDelta::minutes(1);
    record.push(Actor::System, Fact::DeploymentEnded { deployment, outcome });
}

fn promote(record: &mut Record, build: u64, outcome: Outcome) -> DeploymentId {
    let id = begin(record, DeploymentKind::Promote, build);
    end(record, id, outcome);
    id
}

fn roll_back(record: &mut Record, build: u64) -> DeploymentId {
    let id = begin(record, DeploymentKind::Rollback, build);
    end(record, id, Outcome::Succeeded);
    id
}

fn failed() -> Outcome {
    Outcome::Failed("step release: exit 1".to_owned())
}

fn seen(notice: &Notice, record: &Record, people: &People, on_call: &[String]) -> NoticeView {
    let (state, now) = (&record.state, record.now);
    let (policy, pages, windows) = (&IncidentPolicy::default(), None, &[][..]);
    view(notice, NoticeInput { state, people, policy, now, pages, windows, on_call })
}

fn told(record: &Record, deployment: DeploymentId) -> NoticeView {
    let about = NoticeAbout::Deployment { deployment };
    let key = NoticeKey::of_deployment(&checkout(), deployment);
    let notice =
        Notice { key, service: checkout(), seq: record.state.last_seq, at: record.now, about };
    seen(&notice, record, &People::default(), &[])
}

/// The sentences that the newest event makes, and whether everybody hears them.
fn said(record: &Record) -> Vec<(String, bool)> {
    let all = notices(record.events.last().unwrap(), &record.state, None);
    let detail = |notice: Notice| match notice.about {
        NoticeAbout::Detail(detail) => Some((detail.sentence, detail.loud)),
        _ => None,
    };
    all.into_iter().filter_map(detail).collect()
}

fn answer(record: &mut Record, builds: &[u64]) {
    record.now += TimeDelta::minutes(1);
    let one = |(at, build): (usize, &u64)| TargetSaid {
        target: format!("h{}", at + 1).parse().unwrap(),
        answer: match build {
            0 => TargetAnswer::Unread("it does not answer".to_owned()),
            build => TargetAnswer::Says(SaidCommit::Build {
                build: BuildNumber(*build),
                sha: trunkline_testing::record::sha(*build),
                older: None,
            }),
        },
    };
    let targets = builds.iter().enumerate().map(one).collect();
    let source = "the command ./which.sh".to_owned();
    let fact = Fact::TargetsSaid(TargetsSaid { environment: PRODUCTION, source, targets });
    record.push(Actor::System, fact);
}

#[test]
fn a_build_that_a_rollback_brings_back_was_not_rolled_back() {
    let mut record = service(&["ana", "bo", "chen"]);
    let second = promote(&mut record, 2, Outcome::Succeeded);
    let third = promote(&mut record, 3, failed());
    assert_eq!(told(&record, second).state, "perhaps live");
    roll_back(&mut record, 2);
    let now = told(&record, second);
    assert_eq!(now.state, "replaced");
    let by = now.deployment.unwrap().replaced_by.unwrap();
    assert!(by.starts_with("#2 again at "), "{by}");
    assert_eq!(told(&record, third).state, "failed");
    let third = promote(&mut record, 3, Outcome::Succeeded);
    roll_back(&mut record, 2);
    assert_eq!(told(&record, third).state, "taken back");
}

fn window(policy: FreezeMode, until: Option<DateTime<Utc>>) -> FreezeWindow {
    FreezeWindow {
        freeze: "sale".to_owned(),
        policy,
        from: DateTime::UNIX_EPOCH,
        until,
        reason: "the sale".to_owned(),
        why: "sale: its feed could not be read: no answer".to_owned(),
    }
}

#[test]
fn only_what_needs_an_override_is_told_as_a_freeze_and_one_of_an_unread_calendar_says_why() {
    let record = service(&["ana"]);
    let now =
        |windows: &[FreezeWindow]| freezes_now(&checkout(), &record.state, windows, record.now);
    assert_eq!(now(&[window(FreezeMode::Warn, None)]), []);
    let until = Some(record.now + TimeDelta::days(1));
    let dated = FreezeWindow { from: record.now, ..window(FreezeMode::Override, until) };
    let windows = [window(FreezeMode::Override, None), dated];
    let all = now(&windows);
    let (state, now) = (&record.state, record.now);
    let (people, policy) = (People::default(), IncidentPolicy::default());
    let words = |notice: &Notice, folder: &str, windows: &[FreezeWindow]| {
        let (people, policy) = (&people, &policy);
        let input = NoticeInput { state, people, policy, now, pages: None, windows, on_call: &[] };
        let view = view(notice, input);
        let style = style::plain();
        Templates::default().render(&format!("{folder}/freeze"), &view, &style).unwrap().text
    };
    let [unread, dated] = &all[..] else { panic!("{all:?}") };
    for folder in [style::PLAIN, style::MARKDOWN, "slack"] {
        let said = words(unread, folder, &windows);
        assert!(said.contains("counts as frozen: its feed could not be read: no answer"), "{said}");
        assert!(
            !said.contains("1970") && !said.contains("from") && !said.contains("until"),
            "{said}"
        );
        let said = words(dated, folder, &windows);
        assert!(said.contains(" · from ") && said.contains("until "), "{said}");
        assert!(!said.contains("counts as"), "{said}");
        let warns = [window(FreezeMode::Warn, None)];
        assert!(words(unread, folder, &warns).contains("freeze ended"), "it only warns by now");
    }
}

#[test]
fn a_rollback_is_told_as_done_only_by_the_word_of_its_targets_where_they_are_asked() {
    let mut record = service(&["ana", "bo", "chen"]);
    promote(&mut record, 2, Outcome::Succeeded);
    roll_back(&mut record, 1);
    let [(sentence, true)] = &said(&record)[..] else { panic!("{:?}", said(&record)) };
    assert!(sentence.starts_with("production rolled back to #1"), "nobody is asked: {sentence}");
    record.state.asked_of_production = Some(AskedOf::Targets);
    let second = promote(&mut record, 2, Outcome::Succeeded);
    assert_eq!(said(&record), []);
    let unheard = Some("its targets were not heard yet".to_owned());
    assert_eq!(told(&record, second).deployment.unwrap().partly, unheard);
    answer(&mut record, &[2, 2, 2]);
    assert_eq!(said(&record), [], "a promote that is whole is no news");
    let back = roll_back(&mut record, 1);
    let [(sentence, true)] = &said(&record)[..] else { panic!("{:?}", said(&record)) };
    assert!(
        sentence.starts_with("the steps of the rollback of production to #1 by kim"),
        "{sentence}"
    );
    assert!(sentence.ends_with("; its targets were not heard yet"), "{sentence}");
    assert_eq!(told(&record, back).deployment.unwrap().partly, unheard);
    answer(&mut record, &[1, 2, 0]);
    let partly = "the rollback of production to #1: partly: 1 of 3, h2 runs #2, h3 not known";
    assert_eq!(said(&record), [(partly.to_owned(), true)]);
    answer(&mut record, &[3, 2, 1]);
    assert_eq!(said(&record), [], "what somebody changes later is no word of it");
    let back = roll_back(&mut record, 1);
    answer(&mut record, &[1, 1, 1]);
    let whole = "the rollback of production to #1: took effect on 3 of 3".to_owned();
    assert_eq!(said(&record), [(whole, true)]);
    assert_eq!(told(&record, back).deployment.unwrap().partly, None);
}

#[test]
fn who_wrote_a_part_of_what_ships_is_not_asked_to_press_and_who_is_on_call_comes_first() {
    let mut record = service(&["ana", "bo", "chen"]);
    let until = record.now + TimeDelta::hours(1);
    let fact = Fact::PromoterRequested { build: BuildNumber(3), until, note: String::new() };
    let request = record.push(person("sam"), fact);
    let notice = notices(record.events.last().unwrap(), &record.state, None).remove(0);
    assert_eq!(notice.key, NoticeKey::of_event(&checkout(), request));
    let people = people(["ana", "bo", "chen", "dora", "kim", "sam"]);
    let may =
        |on_call: &[String]| seen(&notice, &record, &people, on_call).request.unwrap().may_press;
    assert_eq!(may(&[]), ["ana", "dora", "kim"], "bo wrote #2, and ana only what is live");
    assert_eq!(may(&["kim".to_owned(), "bo".to_owned()]), ["kim", "ana", "dora"]);
}

#[test]
fn a_failure_is_the_last_word_of_its_environment_until_another_one_succeeds_or_fails() {
    let mut record = service(&["ana", "bo", "chen"]);
    let bad = promote(&mut record, 2, failed());
    let is_last = |record: &Record| told(record, bad).deployment.unwrap().is_last;
    assert!(is_last(&record));
    promote(&mut record, 3, Outcome::Cancelled);
    assert!(is_last(&record), "a cancelled one mends nothing");
    let running = begin(&mut record, DeploymentKind::Promote, 3);
    assert!(is_last(&record));
    end(&mut record, running, Outcome::Succeeded);
    assert!(!is_last(&record));
}
