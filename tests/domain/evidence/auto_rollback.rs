//! What a rollback by itself rests on: each piece of it taken away, there is none, and what lacks is said where people look.

use std::time::Duration;

use chrono::TimeDelta;
use trunkline::calendar::Tz;
use trunkline::domain::auto_rollback::{against, given_up, on_turn, pending};
use trunkline::domain::command::Action;
use trunkline::domain::event::{DeploymentKind, Fact, Outcome};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment};
use trunkline::domain::live_source::AskedOf;
use trunkline::domain::needs::{NeedStanding, NeedState};
use trunkline::domain::people::Actor;
use trunkline::domain::plan::Guard;
use trunkline::domain::quarantine::BadCommit;
use trunkline::domain::schema::SchemaChange;
use trunkline::domain::watch::{
    AutoDecision, AutoRollback, SampleVerdict, WatchBegan, WatchEnd, WatchEnded, WatchTurned,
};
use trunkline::domain::wave::{WaveContinued, WavePause, WaveWaits};
use trunkline::domain::words::standing::lines;
use trunkline::migrations::Class;
use trunkline_testing::record::{person, request, sha, step, waves};

use super::way_back::{Shop, failed};

const PRODUCTION: Environment = Environment::Production;

/// #3 is live by a promote of sam's and is watched; the way back to #2 was rehearsed before.
fn watched() -> (Shop, DeploymentId) {
    watched_as(DeploymentKind::Promote)
}

fn watched_as(kind: DeploymentKind) -> (Shop, DeploymentId) {
    let mut shop = rehearsed();
    let id = shop.run(PRODUCTION, 3, kind, Outcome::Succeeded);
    watch(&mut shop, id);
    (shop, id)
}

fn rehearsed() -> Shop {
    let mut shop = Shop::open();
    shop.run(Environment::Staging, 2, DeploymentKind::Rehearsal, Outcome::Succeeded);
    shop.run(Environment::Staging, 3, DeploymentKind::Return, Outcome::Succeeded);
    shop.later(TimeDelta::days(3));
    shop
}

fn watch(shop: &mut Shop, deployment: DeploymentId) {
    let began = WatchBegan {
        wave: None,
        deployment,
        environment: PRODUCTION,
        build: BuildNumber(3),
        checks: vec!["errors".into(), "front".into()],
        until: shop.record.now + TimeDelta::minutes(15),
        every: Duration::from_secs(15),
    };
    shop.record.push(Actor::System, Fact::WatchBegan(began));
    shop.later(TimeDelta::minutes(2));
}

fn turn(deployment: DeploymentId, check: &str, to: SampleVerdict) -> Fact {
    let (check, says) = (check.to_owned(), "0.12; has to be below 0.01".to_owned());
    Fact::WatchTurned(WatchTurned { deployment, check, to, says, value: Some("0.12".into()) })
}

fn decided(shop: &Shop, id: DeploymentId, needs: &[NeedStanding]) -> Option<AutoRollback> {
    let facts = [turn(id, "errors", SampleVerdict::Bad)];
    on_turn(&shop.record.state, &facts, needs, shop.record.now)
}

/// Why there is no rollback by itself when the watch turns bad now.
fn why_not(shop: &Shop, id: DeploymentId, needs: &[NeedStanding]) -> String {
    match decided(shop, id, needs).expect("it is decided").decision {
        AutoDecision::Stays { why } => why,
        rolls_back @ AutoDecision::RollsBack { .. } => panic!("{rolls_back:?}"),
    }
}

/// The watch turns bad, as the engine records it.
fn goes_bad(shop: &mut Shop, id: DeploymentId) -> AutoRollback {
    let decided = decided(shop, id, &[]).expect("it is decided");
    shop.record.push(Actor::System, turn(id, "errors", SampleVerdict::Bad));
    shop.record.push(Actor::System, Fact::AutoRollback(decided.clone()));
    decided
}

fn hold(shop: &mut Shop) {
    let (environment, reason) = (PRODUCTION, "the database moves".to_owned());
    let hold = Fact::HoldPlaced { environment, reason, rollback: None, all: false };
    shop.record.push(person("kim"), hold);
}

/// A rollback to #2 is asked for.
fn asked_back(shop: &mut Shop, by: Actor) -> DeploymentId {
    let mut asked = request(PRODUCTION, 2);
    asked.kind = DeploymentKind::Rollback;
    asked.steps.clone_from(&shop.back);
    shop.record.push(by, Fact::DeploymentRequested(asked)).into()
}

#[test]
fn production_is_rolled_back_by_itself_where_everything_speaks_for_it() {
    let (mut shop, id) = watched();
    assert_eq!(pending(&shop.record.state), None);
    let said = goes_bad(&mut shop, id);
    assert_eq!(said.decision, AutoDecision::RollsBack { to: BuildNumber(2) });
    let since = trunkline::domain::instant::in_utc(shop.record.now);
    assert_eq!(
        said.sentence(),
        format!(
            "trunkline rolls production back to #2 by itself: watch of {id}: errors BAD since {since}: 0.12; has to be below 0.01"
        )
    );
    let pending = pending(&shop.record.state).expect("it has to be made");
    assert_eq!((pending.watched, pending.to), (id, BuildNumber(2)));
    assert_eq!(against(&shop.record.state, &pending, &[], shop.record.now), [""; 0]);
    // One freeze more or less is nothing to a rollback.
    let (from, until, reason) = (shop.record.now, None, "sale".to_owned());
    shop.record.push(person("kim"), Fact::FreezePlaced { from, until, reason });
    assert_eq!(against(&shop.record.state, &pending, &[], shop.record.now), [""; 0]);
}

type Case = (&'static str, fn() -> (Shop, DeploymentId), &'static str);

fn after(change: impl FnOnce(&mut Shop, DeploymentId)) -> (Shop, DeploymentId) {
    let (mut shop, id) = watched();
    change(&mut shop, id);
    (shop, id)
}

/// Each piece that is taken away alone, and what is said then.
const LACKS: [Case; 17] = [
    (
        "something else is live",
        || {
            after(|shop, _| {
                shop.run(PRODUCTION, 3, DeploymentKind::Redeploy, Outcome::Succeeded);
            })
        },
        "is not what is live",
    ),
    ("a redeploy is watched", || watched_as(DeploymentKind::Redeploy), "no promote by a person"),
    ("another engine brought it", external, "no promote by a person"),
    (
        "it was rolled back by itself before",
        || {
            after(|shop, _| {
                let deployment = asked_back(shop, Actor::System);
                let outcome = Outcome::Cancelled;
                shop.record.push(Actor::System, Fact::DeploymentEnded { deployment, outcome });
            })
        },
        "it was rolled back by itself before (d",
    ),
    (
        "a person's rollback runs",
        || after(|shop, _| _ = asked_back(shop, person("kim"))),
        "the rollback of #2 by kim (d",
    ),
    (
        "a promote runs",
        || {
            after(|shop, _| {
                shop.build(4);
                let asked = Fact::DeploymentRequested(request(PRODUCTION, 4));
                shop.record.push(person("kim"), asked);
            })
        },
        "the promote of #4 by kim (d",
    ),
    ("production is held", || after(|shop, _| hold(shop)), "production is on hold"),
    (
        "a promote failed half-way",
        || {
            after(|shop, _| {
                shop.build(4);
                shop.run(PRODUCTION, 4, DeploymentKind::Promote, failed());
            })
        },
        "production is in doubt: promote of #4 failed",
    ),
    (
        "no target was heard",
        || after(|shop, _| shop.record.state.asked_of_production = Some(AskedOf::Targets)),
        "its targets were not heard since d",
    ),
    (
        "nobody can ask what runs",
        || {
            after(|shop, _| {
                let why = "which.sh does not answer".to_owned();
                shop.record.state.unread.insert(PRODUCTION, why);
            })
        },
        "what production runs is not known: which.sh does not answer",
    ),
    (
        "a person went on although a check was bad",
        || {
            after(|shop, deployment| {
                let (wave, targets) = ("canary".parse().unwrap(), vec!["h1".parse().unwrap()]);
                let pause = WavePause::UntilContinued;
                let waits = WaveWaits { deployment, wave, number: 1, of: 2, targets, pause };
                let goes_on = WaveContinued {
                    deployment,
                    wave: waits.wave.clone(),
                    number: 1,
                    of: 2,
                    reason: "it is of another service".into(),
                    despite: Some("errors was BAD".into()),
                };
                shop.record.push(Actor::System, Fact::WaveWaits(waits));
                shop.record.push(person("sam"), Fact::WaveContinued(goes_on));
            })
        },
        "a person went on with its waves although errors was BAD",
    ),
    (
        "no earlier build is good",
        || {
            after(|shop, _| {
                let bad = [1, 2].map(|number| BadCommit {
                    sha: sha(number),
                    build: BuildNumber(number),
                    subject: String::new(),
                });
                let (bad, reason) = (bad.to_vec(), "leaks".to_owned());
                shop.record.push(person("kim"), Fact::CommitsQuarantined { bad, reason });
            })
        },
        "there is no good build to go back to",
    ),
    ("a column is gone", contracted, "the schema of the way back is POINT OF NO RETURN, not SAFE"),
    ("no rollback ever ran", unrehearsed, "the way back is not proven (rollback never run here)"),
    (
        "the rehearsal failed",
        || {
            after(|shop, _| {
                shop.run(Environment::Staging, 2, DeploymentKind::Rehearsal, failed());
            })
        },
        "the way back is not proven (FAILED",
    ),
    (
        "the rollback steps changed",
        || {
            let mut shop = Shop::open();
            shop.run(Environment::Staging, 2, DeploymentKind::Rehearsal, Outcome::Succeeded);
            shop.back = vec![step("pull-image")];
            shop.build(4);
            shop.run(PRODUCTION, 4, DeploymentKind::Promote, Outcome::Succeeded);
            shop.build(5);
            let id = shop.run(PRODUCTION, 5, DeploymentKind::Promote, Outcome::Succeeded);
            watch(&mut shop, id);
            (shop, id)
        },
        "the way back is not proven (changed since",
    ),
    (
        "it was tried too long ago",
        || after(|shop, _| shop.later(TimeDelta::days(31))),
        "the way back is not proven (proven 34d ago",
    ),
];

fn external() -> (Shop, DeploymentId) {
    let mut shop = rehearsed();
    let asked = Fact::DeploymentRequested(request(PRODUCTION, 3));
    let by = Actor::External { login: "bob".into(), engine: "github".into() };
    let deployment = shop.record.push(by, asked).into();
    let push = |shop: &mut Shop, fact| shop.record.push(Actor::System, fact);
    push(&mut shop, Fact::DeploymentStarted { deployment, variables: None });
    let outcome = Outcome::Succeeded;
    push(&mut shop, Fact::DeploymentEnded { deployment, outcome });
    watch(&mut shop, deployment);
    (shop, deployment)
}

fn contracted() -> (Shop, DeploymentId) {
    let mut shop = rehearsed();
    let change = SchemaChange {
        path: "migrations/3.sql".into(),
        line: 1,
        statement: "ALTER TABLE t DROP COLUMN x".into(),
        class: Class::Contract,
        build: BuildNumber(3),
        floor: BuildNumber(3),
        why: String::new(),
    };
    let mut asked = request(PRODUCTION, 3);
    asked.schema = Some(vec![change]);
    let deployment = shop.record.push(person("sam"), Fact::DeploymentRequested(asked)).into();
    shop.record.push(Actor::System, Fact::DeploymentStarted { deployment, variables: None });
    let outcome = Outcome::Succeeded;
    shop.record.push(Actor::System, Fact::DeploymentEnded { deployment, outcome });
    watch(&mut shop, deployment);
    (shop, deployment)
}

fn unrehearsed() -> (Shop, DeploymentId) {
    let mut shop = Shop::open();
    let id = shop.run(PRODUCTION, 3, DeploymentKind::Promote, Outcome::Succeeded);
    watch(&mut shop, id);
    (shop, id)
}

#[test]
fn each_condition_that_lacks_keeps_it_from_being_rolled_back_and_is_said_alone() {
    for (what, make, says) in LACKS {
        let (shop, id) = make();
        let why = why_not(&shop, id, &[]);
        assert!(why.contains(says), "{what}: {why}");
        assert!(!why.contains("; the ") && !why.contains("; it "), "{what}: only that: {why}");
    }
    let need = |state| NeedStanding { state, ..NeedStanding::unknown("registry") };
    let (shop, id) = watched();
    for (state, how) in [
        (NeedState::Missing, "rollback needs registry: missing"),
        (NeedState::Unknown, "rollback needs registry: not known whether it is there"),
    ] {
        assert_eq!(why_not(&shop, id, &[need(state)]), how);
    }
    assert!(decided(&shop, id, &[need(NeedState::There)]).is_some_and(|decided| {
        decided.decision == AutoDecision::RollsBack { to: BuildNumber(2) }
    }));
}

#[test]
fn what_lacks_is_said_where_people_look_while_the_check_is_bad() {
    let places = |shop: &Shop| {
        let snapshot = shop.snapshot();
        let status = lines(&snapshot, Tz::UTC);
        let status = status.into_iter().find(|(name, _)| *name == "attention");
        let plan = shop.plan(Action::Rollback { to: None }, &shop.back);
        let plan = plan.findings.into_iter().find(|found| found.guard == Guard::Watch);
        [status.map(|(_, text)| text), plan.map(|found| found.sentence)]
            .map(Option::unwrap_or_default)
    };
    for (is_held, says) in [
        (true, "; not rolled back by itself: production is on hold"),
        (false, "; rolling back to #2 by itself"),
    ] {
        let (mut shop, id) = watched();
        if is_held {
            hold(&mut shop);
        }
        goes_bad(&mut shop, id);
        for text in places(&shop) {
            assert!(text.ends_with(says), "{text}");
        }
        shop.record.push(Actor::System, turn(id, "errors", SampleVerdict::Good));
        for text in places(&shop) {
            assert!(!text.contains("by itself"), "{text}");
        }
    }
}

#[test]
fn what_became_of_a_rollback_by_itself_is_said_beside_the_check() {
    let says = |shop: &Shop| {
        let status = lines(&shop.snapshot(), Tz::UTC).into_iter().map(|(_, text)| text);
        status.collect::<Vec<_>>().join("\n")
    };
    for (outcome, how) in [(failed(), "failed"), (Outcome::Cancelled, "cancelled")] {
        let (mut shop, id) = watched();
        goes_bad(&mut shop, id);
        let deployment = asked_back(&mut shop, Actor::System);
        let begins = format!("rolling back to #2 by itself ({deployment})");
        assert!(says(&shop).contains(&begins), "{}", says(&shop));
        let start = Fact::DeploymentStarted { deployment, variables: None };
        shop.record.push(Actor::System, start);
        shop.record.push(Actor::System, Fact::DeploymentEnded { deployment, outcome });
        let text = says(&shop);
        let ended = format!("the rollback to #2 by itself ({deployment}) {how}; trunkline tries");
        assert!(text.contains(&ended) && !text.contains("rolling back"), "{text}");
    }
}

#[test]
fn only_the_turn_that_makes_a_watch_bad_is_decided() {
    let (mut shop, id) = watched();
    let decided_by = |shop: &Shop, facts: &[Fact]| {
        on_turn(&shop.record.state, facts, &[], shop.record.now).is_some()
    };
    assert!(!decided_by(&shop, &[]), "nothing turned");
    assert!(!decided_by(&shop, &[turn(id, "errors", SampleVerdict::Unknown)]), "it is not bad");
    let other = DeploymentId(id.0 + 100);
    assert!(!decided_by(&shop, &[turn(other, "errors", SampleVerdict::Bad)]), "not its watch");
    shop.record.push(Actor::System, turn(id, "front", SampleVerdict::Bad));
    assert!(!decided_by(&shop, &[turn(id, "errors", SampleVerdict::Bad)]), "it was bad before");
    shop.record.push(Actor::System, turn(id, "front", SampleVerdict::Good));
    assert!(decided_by(&shop, &[turn(id, "errors", SampleVerdict::Bad)]), "it is bad again");
    let ended = WatchEnded { deployment: id, end: WatchEnd::Recovered };
    shop.record.push(Actor::System, Fact::WatchEnded(ended));
    assert!(!decided_by(&shop, &[turn(id, "errors", SampleVerdict::Bad)]), "it is over");
}

type Meanwhile = (&'static str, fn(&mut Shop, DeploymentId), &'static str);

/// What may happen between the decision and the rollback.
const MEANWHILE: [Meanwhile; 6] = [
    (
        "it is good again",
        |shop, id| _ = shop.record.push(Actor::System, turn(id, "errors", SampleVerdict::Good)),
        "its watch is not bad any more",
    ),
    (
        "the watch ended",
        |shop, id| {
            let ended = WatchEnded { deployment: id, end: WatchEnd::Bad };
            shop.record.push(Actor::System, Fact::WatchEnded(ended));
        },
        "its watch is over",
    ),
    (
        "the engine was stopped for long",
        |shop, _| shop.later(TimeDelta::minutes(10)),
        "its watch told nothing for too long",
    ),
    (
        "a person was faster",
        |shop, _| _ = asked_back(shop, person("kim")),
        "the rollback of #2 by kim (d",
    ),
    ("somebody held production", |shop, _| hold(shop), "production is on hold"),
    (
        "the build to go back to was marked bad",
        |shop, _| {
            let bad = BadCommit { sha: sha(2), build: BuildNumber(2), subject: String::new() };
            let (bad, reason) = (vec![bad], "leaks".to_owned());
            shop.record.push(person("kim"), Fact::CommitsQuarantined { bad, reason });
        },
        "the way back leads to #1 by now",
    ),
];

#[test]
fn what_changes_between_the_decision_and_the_rollback_gives_it_up_once() {
    for (what, change, says) in MEANWHILE {
        let (mut shop, id) = watched();
        goes_bad(&mut shop, id);
        change(&mut shop, id);
        let state = &shop.record.state;
        let due = pending(state).expect("it is still to be judged");
        let why = against(state, &due, &[], shop.record.now);
        let text = why.join("; ");
        assert!(!why.is_empty() && text.contains(says), "{what}: {text}");
        let given_up = given_up(state, &due, text.clone(), shop.record.now);
        assert!(given_up.sentence().contains(&text), "{what}");
        shop.record.push(Actor::System, Fact::AutoRollback(given_up));
        assert_eq!(pending(&shop.record.state), None, "{what}: once");
    }
}

#[test]
fn after_a_rollback_by_itself_there_is_none_more_until_a_person_promotes() {
    let (mut shop, id) = watched();
    goes_bad(&mut shop, id);
    let deployment = asked_back(&mut shop, Actor::System);
    assert_eq!(pending(&shop.record.state), None, "it is asked for");
    let push = |shop: &mut Shop, fact| shop.record.push(Actor::System, fact);
    push(&mut shop, Fact::DeploymentStarted { deployment, variables: None });
    let outcome = Outcome::Succeeded;
    push(&mut shop, Fact::DeploymentEnded { deployment, outcome });
    watch(&mut shop, deployment);
    let why = why_not(&shop, deployment, &[]);
    assert!(why.contains(&format!("{deployment} is no promote by a person")), "{why}");
    let promote = shop.run(PRODUCTION, 3, DeploymentKind::Promote, Outcome::Succeeded);
    watch(&mut shop, promote);
    let again = decided(&shop, promote, &[]).expect("it is decided");
    assert!(matches!(again.decision, AutoDecision::RollsBack { .. }), "{again:?}");
}

#[test]
fn a_promote_is_told_beforehand_whether_it_would_be_rolled_back_by_itself() {
    let said = |shop: &Shop, needs: &[NeedStanding]| {
        let promote = Action::Promote { build: BuildNumber(3) };
        let mut plan = shop.plan(promote, &[step("release")]);
        plan.note_auto_rollback(needs);
        plan.findings.pop().expect("it is said").sentence
    };
    let mut shop = rehearsed();
    let yes = "Rolled back to #2 by itself if a check turns BAD";
    assert_eq!(said(&shop, &[]), yes);
    let all: [(&str, &[&str], _); 2] =
        [("canary", &["h1"], Some(WavePause::UntilContinued)), ("all", &["h2"], None)];
    let mut plan = shop.plan(Action::Promote { build: BuildNumber(3) }, &waves(&all));
    plan.note_auto_rollback(&[]);
    let waved = plan.findings.pop().expect("it is said").sentence;
    let person = "after the last wave; between waves the next one waits for a person";
    assert_eq!(waved, format!("{yes} {person}"));
    let no = "Not rolled back by itself if a check turns BAD: ";
    let need = [NeedStanding::unknown("registry")];
    let lacks = "rollback needs registry: not known whether it is there";
    assert_eq!(said(&shop, &need), format!("{no}{lacks}"));
    shop.later(TimeDelta::days(31));
    assert!(said(&shop, &[]).starts_with(&format!("{no}the way back is not proven (")));
    let never = "the way back is not proven (rollback never run here)";
    assert_eq!(said(&Shop::open(), &[]), format!("{no}{never}"));
}
