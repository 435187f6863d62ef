//! The words of the timeline and of stop all that reassure: `may promote`, and that nothing else changed. For each, the
//! evidence that it needs; without it the word goes.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use trunkline::backend::Backend as _;
use trunkline::backend::scripted::{SERVICE, Scripted, ScriptedWorld};
use trunkline::domain::also_changed::AlsoChanged;
use trunkline::domain::event::{
    ChangeNote, DeploymentKind, Fact, NoteKind, Outcome, SaidCommit, StepOutcome, TargetAnswer,
    UnknownCommit,
};
use trunkline::domain::ids::{DeploymentId, Environment, ServiceName};
use trunkline::domain::may_promote::{MayAnswer, MayKind, MayPromote};
use trunkline::domain::people::Actor;
use trunkline::domain::service::ServiceState;
use trunkline::domain::snapshot::{Problem, ServiceSnapshot};
use trunkline::domain::timeline::{EntryKind, TimelineEntry};
use trunkline_testing::record::{commit, found, request, sha};

fn name() -> ServiceName {
    SERVICE.parse().unwrap()
}

fn sam() -> Actor {
    Actor::Person("sam".into())
}

/// A service whose #1 is live.
fn calm() -> Scripted {
    let backend = Scripted::new(DateTime::UNIX_EPOCH + TimeDelta::days(20_000));
    backend.change(|world| {
        let build = world.verified_build(&name(), "ada");
        world.request(&name(), build, Environment::Production, DeploymentKind::Promote, sam());
        world.finish(&name());
    });
    backend
}

async fn snapshot(backend: &Scripted) -> ServiceSnapshot {
    backend.service(&name(), None, Duration::ZERO).await.unwrap().unwrap()
}

/// What takes evidence away, and what is said then.
type Case = (&'static str, fn(&mut ScriptedWorld), MayAnswer, MayKind);

/// `may promote` needs each of these: no hold, no freeze, nothing that deploys, no doubt, and rules that were read.
const MAY_NEEDS: [Case; 5] = [
    (
        "no hold",
        |world| {
            let (environment, reason) = (Environment::Production, "late".to_owned());
            let hold = Fact::HoldPlaced { environment, reason, rollback: None, all: true };
            world.record(&name(), sam(), hold);
        },
        MayAnswer::No,
        MayKind::Hold,
    ),
    (
        "no freeze",
        |world| {
            let (from, reason) = (world.now(), "launch".to_owned());
            world.record(&name(), sam(), Fact::FreezePlaced { from, until: None, reason });
        },
        MayAnswer::No,
        MayKind::Freeze,
    ),
    (
        "nothing deploys",
        |world| {
            let build = world.verified_build(&name(), "ada");
            world.request(&name(), build, Environment::Production, DeploymentKind::Promote, sam());
        },
        MayAnswer::No,
        MayKind::InFlight,
    ),
    (
        "production is not in doubt",
        |world| {
            let build = world.verified_build(&name(), "ada");
            world.request(&name(), build, Environment::Production, DeploymentKind::Promote, sam());
            while world.advance_with(&name(), StepOutcome::Exited(1)).is_some() {}
        },
        MayAnswer::No,
        MayKind::InDoubt,
    ),
    (
        "the rules were read",
        |world| {
            let since = world.now();
            let (what, remedy) = ("the trunk cannot be read".to_owned(), String::new());
            let problem = Problem { since, what, remedy };
            world.edit(&name(), |service| service.problems.push(problem));
        },
        MayAnswer::Unknown,
        MayKind::Unknown,
    ),
];

#[tokio::test]
async fn nobody_may_promote_without_each_piece_of_evidence() {
    let answer = MayPromote::of(&snapshot(&calm()).await);
    assert_eq!((answer.may, answer.reasons.as_slice()), (MayAnswer::Yes, &[][..]));
    for (needs, take_away, may, kind) in MAY_NEEDS {
        let backend = calm();
        backend.change(take_away);
        let answer = MayPromote::of(&snapshot(&backend).await);
        assert_eq!(answer.may, may, "without {needs}: {answer:?}");
        assert!(answer.reasons.iter().any(|reason| reason.kind == kind), "{needs}: {answer:?}");
    }
    // A server that does not say whether its rules are up to date does not say yes either.
    let silent = ServiceSnapshot { rules_in_doubt: None, ..snapshot(&calm()).await };
    assert_eq!(MayPromote::of(&silent).may, MayAnswer::Unknown);
    // Nor where no target was heard since the last deployment.
    let unheard = ServiceSnapshot { unheard: Some(DeploymentId(3)), ..snapshot(&calm()).await };
    let answer = MayPromote::of(&unheard);
    assert_eq!(answer.may, MayAnswer::Unknown);
    let why = "what the targets of production run was not heard since d3";
    assert_eq!(answer.reasons[0].sentence, why);
}

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(9)
}

fn with_notes(minutes: &[(&str, i64)]) -> ServiceState {
    let mut record = trunkline_testing::record::Record::default();
    for (what, ago) in minutes {
        record.now = now() - TimeDelta::minutes(*ago);
        record.push(sam(), Fact::Noted(note(what)));
    }
    record.state
}

fn note(what: &str) -> ChangeNote {
    ChangeNote {
        kind: NoteKind::Flag,
        what: what.into(),
        who: None,
        undo: None,
        link: None,
        changed_at: None,
        observed: None,
    }
}

fn also(states: &[(&str, ServiceState)]) -> Option<String> {
    let names: Vec<ServiceName> = states.iter().map(|(name, _)| name.parse().unwrap()).collect();
    let all = names.iter().zip(states.iter().map(|(_, state)| state));
    AlsoChanged::beside(&name(), all, now()).map(|also| also.in_words(now()))
}

/// That nothing else changed is said by silence alone: whatever was recorded in the last hour breaks it.
#[test]
fn a_rollback_is_silent_about_other_changes_only_where_none_is_recorded_within_the_hour() {
    assert_eq!(also(&[(SERVICE, with_notes(&[("old", 60)]))]), None);
    let told = also(&[(SERVICE, with_notes(&[("new", 59)]))]);
    assert_eq!(told.as_deref(), Some("flag new 59 min ago"));
    let many = with_notes(&[("a", 50), ("b", 40), ("c", 30), ("d", 20), ("e", 0)]);
    let told = also(&[("search", many)]);
    let three = "flag e just now · flag d 20 min ago · flag c 30 min ago · and 2 more";
    assert_eq!(told.as_deref(), Some(three));
    // One note for all services is one change.
    let both = [(SERVICE, with_notes(&[("x", 5)])), ("search", with_notes(&[("x", 5)]))];
    assert_eq!(also(&both).as_deref(), Some("flag x 5 min ago"));
    // A change that was noted afterwards counts by when it was made.
    let mut record = trunkline_testing::record::Record { now: now(), ..Default::default() };
    let changed_at = Some(now() - TimeDelta::hours(2));
    record.push(sam(), Fact::Noted(ChangeNote { changed_at, ..note("late") }));
    assert_eq!(also(&[(SERVICE, record.state)]), None);
}

/// A promote that waited for its approval through the night counts by when it went live.
#[test]
fn a_rollback_names_what_went_live_within_the_hour_however_long_ago_it_started() {
    let then = now() - TimeDelta::hours(4);
    let mut record = trunkline_testing::record::Record { now: then, ..Default::default() };
    record.push(Actor::System, found(7, vec![commit(7, "ann")]));
    let requested = Fact::DeploymentRequested(request(Environment::Production, 7));
    let deployment = record.push(sam(), requested).into();
    record.push(Actor::System, Fact::DeploymentStarted { deployment, variables: None });
    assert_eq!(also(&[("search", record.state.clone())]), None, "it only waits");
    record.now = now() - TimeDelta::minutes(2);
    let outcome = Outcome::Succeeded;
    record.push(Actor::System, Fact::DeploymentEnded { deployment, outcome });
    assert_eq!(also(&[("search", record.state)]).as_deref(), Some("search #7 2 min ago"));
}

/// All hosts were moved by hand: that is a deployment, and nothing else on the timeline tells of it.
#[test]
fn what_all_targets_were_moved_to_by_hand_is_on_the_timeline() {
    let mut hosts = super::Hosts::live();
    let newest = |hosts: &super::Hosts| {
        let (event, now) = (hosts.record.events.last().unwrap(), hosts.record.now);
        TimelineEntry::of(event, Some(&hosts.record.state), now)
    };
    assert!(newest(&hosts).is_none(), "they tell what was deployed, which has its entry");
    hosts.say(&[2, 2, 2]);
    let entry = newest(&hosts).expect("it counts as a deployment");
    assert_eq!(entry.kind, EntryKind::Deploy);
    assert!(entry.what.contains("h1 h2 h3 run #2"), "{}", entry.what);
    let outcome = entry.outcome.unwrap_or_default();
    assert!(outcome.starts_with("not seen deployed"), "{outcome}");
    let unknown = UnknownCommit { sha: Some(sha(9)), why: "which is no build of main".into() };
    hosts.answer(vec![TargetAnswer::Says(SaidCommit::Unknown(unknown)); 3]);
    assert!(newest(&hosts).is_some(), "nor does anything else tell of a hotfix");
}
