//! The words about a wave that reassure, the evidence that each needs, and that it goes when the evidence is taken away.

use chrono::TimeDelta;
use trunkline::calendar::{Evaluation, FreezeMode, FreezeRules, FreezeState, FreezeWindow, Tz};
use trunkline::domain::event::{
    Fact, ObservedDeployment, Outcome, SaidCommit, StepOutcome, TargetAnswer, TargetSaid,
    TargetsSaid,
};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Seq};
use trunkline::domain::live_source::AskedOf;
use trunkline::domain::people::{Actor, People};
use trunkline::domain::plan::{Finding, Guard, Severity};
use trunkline::domain::quarantine::BadCommit;
use trunkline::domain::snapshot::build::{SnapshotInput, fleet_row, service};
use trunkline::domain::snapshot::{FleetSnapshot, Version};
use trunkline::domain::target::in_words;
use trunkline::domain::watch::SampleVerdict::{Bad, Good, Unknown};
use trunkline::domain::watch::{WatchEnd, WatchEnded};
use trunkline::domain::wave::{WaveInput, standing};
use trunkline::domain::words::standing::{in_fleet, lines};
use trunkline_testing::record::{checkout, person, sha};

use crate::waves::{PRODUCTION, Waved};

/// #2 is on h1 by its own word, and its watch saw nothing but good until its pause is over.
fn good() -> Waved {
    let mut waved = Waved::waiting();
    waved.record.state.asked_of_production = Some(AskedOf::Targets);
    said(&mut waved, &[("h1", Some(2)), ("h2", Some(1)), ("h3", Some(1)), ("h4", Some(1))]);
    waved.watch(Some(1));
    for _ in 0..5 {
        waved.turn(Good);
        samples(&mut waved);
        waved.record.now += TimeDelta::minutes(2);
    }
    waved
}

fn samples(waved: &mut Waved) {
    use trunkline::domain::watch::{CheckSummary, WatchSampled};
    let check = CheckSummary {
        check: "errors".to_owned(),
        good: 4,
        bad: 0,
        unknown: 0,
        last: Good,
        says: "fine".to_owned(),
        value: None,
    };
    let (deployment, checks) = (waved.id, vec![check]);
    waved.push(Fact::WatchSampled(WatchSampled { deployment, checks }));
}

fn said(waved: &mut Waved, all: &[(&str, Option<u64>)]) {
    waved.push(Fact::TargetsSaid(answers(all)));
}

fn answers(all: &[(&str, Option<u64>)]) -> TargetsSaid {
    let of = |(name, build): &(&str, Option<u64>)| TargetSaid {
        target: name.parse().expect("a good name"),
        answer: build.map_or(TargetAnswer::Unread("it does not answer".to_owned()), |build| {
            let (sha, older) = (sha(build), None);
            TargetAnswer::Says(SaidCommit::Build { build: BuildNumber(build), sha, older })
        }),
    };
    let (environment, source) = (PRODUCTION, "hosts.example".to_owned());
    TargetsSaid { environment, source, targets: all.iter().map(of).collect() }
}

/// Another engine begins to bring #3 to production.
fn observed(waved: &mut Waved) -> DeploymentId {
    let by = Actor::External { login: "bob".into(), engine: "github".into() };
    let seen = ObservedDeployment {
        environment: PRODUCTION,
        build: BuildNumber(3),
        sha: sha(3),
        engine: None,
        run: "5512".into(),
        page: None,
        at: waved.record.now,
        older: None,
        taken_over: false,
    };
    waved.record.push(by, Fact::DeploymentObserved(seen)).into()
}

fn observed_to_end(waved: &mut Waved, outcome: Outcome) {
    let (deployment, at) = (observed(waved), waved.record.now);
    waved.push(Fact::ObservedEnded { deployment, outcome, at });
}

fn marked_as_bad(waved: &mut Waved) {
    let bad = BadCommit { sha: sha(2), build: BuildNumber(2), subject: "change 2".into() };
    waved.push(Fact::CommitsQuarantined { bad: vec![bad], reason: "leaks data".into() });
}

fn off_the_trunk(waved: &mut Waved) {
    let (from, to) = (sha(3), sha(4));
    waved.push(Fact::TrunkRewritten { from, to, off_trunk: vec![BuildNumber(2)], onto: None });
}

/// Where the word stands: in the header of all consoles, `status`, the fleet and the API.
fn places(waved: &Waved) -> Vec<(&'static str, String)> {
    let (name, people, rules) = (checkout(), People::default(), FreezeRules::default());
    let input = SnapshotInput {
        service: &name,
        repository: "/shop",
        trunk: "main",
        state: &waved.record.state,
        policy: &waved.policy,
        people: &people,
        freezes: &rules,
        rollback: Some(&[]),
        rollback_blocked: None,
        rollback_unread: false,
        problems: &[],
        present: &[],
        on_call: None,
    };
    let now = waved.record.now;
    let snapshot = service(input, &person("jane"), Version("1".into()), now);
    let row = fleet_row(input, now);
    let fleet = FleetSnapshot {
        version: Version("1".into()),
        at: now,
        services: vec![row],
        problems: Vec::new(),
    };
    let wave = snapshot.wave.as_ref().expect("it waits");
    let status = lines(&snapshot, Tz::UTC).into_iter().find(|(about, _)| *about == "wave");
    let api = serde_json::to_string(&fleet.services[0].wave).expect("it can be written");
    let of_api: trunkline::domain::wave::WaveStanding =
        serde_json::from_str(&api).expect("it can be read");
    vec![
        ("header", wave.of_wave(now)),
        ("short header", wave.short(now)),
        ("status", status.expect("it is told").1),
        ("fleet", in_fleet(&fleet.services[0], &fleet, Tz::UTC)[2].clone()),
        ("API", of_api.in_words(now)),
    ]
}

type Change = (&'static str, fn(&mut Waved), &'static [&'static str]);

/// What takes the evidence away, and the words that go with it.
const TAKEN: [Change; 19] = [
    ("the check turns bad", |w| w.turn(Bad), &["good", "goes on now"]),
    ("the check cannot tell any more", |w| w.turn(Unknown), &["good", "goes on now"]),
    (
        "it was bad and is good again",
        |w| {
            w.turn(Bad);
            w.turn(Good);
        },
        &["so far", "goes on now"],
    ),
    ("nobody looks any more", |w| w.record.now += TimeDelta::minutes(5), &["good", "goes on now"]),
    (
        "nobody looked for a while",
        |w| {
            w.record.now += TimeDelta::minutes(5);
            samples(w);
        },
        &["goes on now"],
    ),
    ("another watch began and saw nothing yet", |w| w.watch(Some(1)), &["good", "goes on now"]),
    ("the watch is of another wave", |w| w.watch(Some(2)), &["good", "goes on now"]),
    (
        "the target says the old build",
        |w| said(w, &[("h1", Some(1)), ("h2", Some(1)), ("h3", Some(1)), ("h4", Some(1))]),
        &["took effect", "goes on now"],
    ),
    (
        "the target does not answer",
        |w| said(w, &[("h1", None), ("h2", Some(1)), ("h3", Some(1)), ("h4", Some(1))]),
        &["took effect", "goes on now"],
    ),
    (
        "production is put on hold",
        |w| {
            w.push(Fact::HoldPlaced {
                environment: PRODUCTION,
                reason: "the database burns".into(),
                rollback: None,
                all: false,
            });
        },
        &["goes on now"],
    ),
    (
        "production is frozen",
        |w| {
            let (from, reason) = (w.record.now, "quiet".into());
            w.push(Fact::FreezePlaced { from, until: None, reason });
        },
        &["goes on now"],
    ),
    ("a commit of the build is marked as bad", marked_as_bad, &["goes on now"]),
    ("the build left the trunk", off_the_trunk, &["goes on now"]),
    (
        "another engine deploys",
        |w| {
            observed(w);
        },
        &["goes on now"],
    ),
    ("another engine has deployed", |w| observed_to_end(w, Outcome::Succeeded), &["goes on now"]),
    (
        "what another engine deployed failed",
        |w| observed_to_end(w, Outcome::Failed("its run failed".into())),
        &["goes on now"],
    ),
    (
        "its watch has ended",
        |w| {
            let (deployment, end) = (w.id, WatchEnd::Good);
            w.push(Fact::WatchEnded(WatchEnded { deployment, end }));
        },
        &["good", "goes on now"],
    ),
    (
        "what the targets run cannot be read any more",
        |w| {
            let state = &mut w.record.state;
            state.unread.insert(PRODUCTION, "the command ends with 1".into());
            state.unanswered.insert(PRODUCTION);
        },
        &["took effect", "goes on now"],
    ),
    (
        "the engine was stopped when the pause ended",
        |w| w.record.state.looking_since = Some(w.record.now),
        &["goes on now"],
    ),
];

#[test]
fn a_wave_goes_on_by_itself_only_on_a_good_watch_proof_and_an_open_production() {
    let waved = good();
    let why = waved.by_itself().expect("nothing speaks against it");
    assert_eq!(why, "its pause is over, watched: good so far, took effect on 1 of 1");
    let words = "#2 wave 1 of 3 (h1), goes on now, watched: good so far, took effect on 1 of 1";
    for (place, said) in places(&waved) {
        assert!(place == "short header" || words.contains(&said), "{place}: {said}");
    }
    for (what, take, gone) in TAKEN {
        let mut waved = good();
        take(&mut waved);
        let why = waved.by_itself().expect_err(what);
        assert!(!why.is_empty(), "{what}");
        for (place, said) in places(&waved) {
            for word in gone {
                assert!(!said.contains(word), "{what}, {place}: {said}");
            }
        }
    }
}

#[test]
fn before_the_targets_or_the_watch_told_anything_no_wave_goes_on() {
    let mut waved = Waved::waiting();
    waved.record.state.asked_of_production = Some(AskedOf::Targets);
    waved.record.now += TimeDelta::minutes(11);
    let unheard = "its pause is over; waits to hear what its targets run";
    assert_eq!(waved.by_itself(), Err(unheard.into()));
    said(&mut waved, &[("h1", Some(2))]);
    assert!(waved.by_itself().is_ok());
    waved.policy.watch = vec!["errors".into()];
    let unseen = "its pause is over; waits for its watch";
    assert_eq!(waved.by_itself(), Err(unseen.into()));
}

#[test]
fn a_hold_and_a_freeze_are_both_said_unless_their_reasons_were_typed_for_this_deployment() {
    let mut waved = good();
    for (_, take, _) in &TAKEN[9..11] {
        take(&mut waved);
    }
    let why = waved.by_itself().expect_err("both stop it");
    assert!(why.contains("on hold by trunkline: the database burns"), "{why}");
    assert!(why.contains("production is frozen"), "{why}");
    let id = waved.id;
    let overrides =
        &mut waved.record.state.deployments.get_mut(&id).expect("it is there").request.overrides;
    overrides.extend([Guard::Hold, Guard::Freeze].map(|guard| (guard, "urgent".to_owned())));
    let why = waved.by_itself().expect_err("both came later than the deployment");
    assert!(why.contains("on hold") && why.contains("frozen"), "{why}");
    waved.record.state.holds.get_mut(&PRODUCTION).expect("it is held").id = Seq(1);
    let why = waved.by_itself().expect_err("the freeze came later than the deployment");
    assert!(!why.contains("on hold") && why.contains("frozen"), "{why}");
    waved.record.state.freezes[0].id = Seq(1);
    assert!(waved.by_itself().is_err(), "it began later than the deployment");
    waved.record.state.freezes[0].from = waved.deployment().requested_at;
    assert!(waved.by_itself().is_ok());
}

#[test]
fn a_reason_for_a_freeze_of_a_calendar_covers_none_that_began_later() {
    let mut waved = good();
    let (id, now) = (waved.id, waved.record.now);
    let asked = waved.deployment().requested_at;
    let overrides =
        &mut waved.record.state.deployments.get_mut(&id).expect("it is there").request.overrides;
    overrides.insert(Guard::Freeze, "urgent".to_owned());
    let stops = |waved: &Waved, from, policy| {
        let (freeze, reason, why) = ("sale".to_owned(), String::new(), "sale: busy".to_owned());
        let window = FreezeWindow { freeze, policy, from, until: None, reason, why };
        let matches = vec![window];
        let calendar =
            Evaluation { state: FreezeState::from(policy), matches, ..Evaluation::default() };
        let (state, policy) = (&waved.record.state, &waved.policy);
        let input = WaveInput { state, policy, calendar: &calendar, now };
        standing(input).expect("it waits").stops
    };
    assert!(stops(&waved, asked, FreezeMode::Override).is_empty());
    let later = asked + TimeDelta::minutes(1);
    assert!(stops(&waved, later, FreezeMode::Warn).is_empty());
    assert_eq!(stops(&waved, later, FreezeMode::Override), ["production is frozen: sale: busy"]);
}

#[test]
fn a_bad_commit_and_a_lost_trunk_that_were_known_at_the_promote_keep_no_wave() {
    let mut waved = good();
    marked_as_bad(&mut waved);
    off_the_trunk(&mut waved);
    let why = waved.by_itself().expect_err("both are new");
    let (bad, lost) = (
        format!("#2 has a bad commit: {} (by trunkline: leaks data)", sha(2).short()),
        "#2 is not on the trunk any more: a force-push took it away",
    );
    assert_eq!(why, format!("does not go on by itself: {bad}; {lost}"));
    let (id, state) = (waved.id, &mut waved.record.state);
    let request = &mut state.deployments.get_mut(&id).expect("it is there").request;
    request.overrides.insert(Guard::Quarantine, "its effect is off".to_owned());
    request.findings.push(Finding {
        guard: Guard::Order,
        severity: Severity::Override,
        sentence: lost.to_owned(),
        remedy: None,
        unknown: false,
    });
    let why = waved.by_itself().expect_err("the mark came later than the deployment");
    assert_eq!(why, format!("does not go on by itself: {bad}"));
    waved.record.state.quarantine.get_mut(&sha(2)).expect("it is marked").id = Seq(1);
    assert!(waved.by_itself().is_ok());
}

#[test]
fn what_other_engines_brought_in_the_pause_is_said_with_its_number() {
    let mut waved = good();
    let id = observed(&mut waved);
    let why = waved.by_itself().expect_err("it is on its way");
    assert_eq!(why, format!("does not go on by itself: production gets #3 meanwhile ({id})"));
    let at = waved.record.now;
    waved.push(Fact::ObservedEnded { deployment: id, outcome: Outcome::Succeeded, at });
    let why = waved.by_itself().expect_err("it is there");
    assert_eq!(why, format!("does not go on by itself: production got #3 meanwhile ({id})"));
}

#[test]
fn what_cannot_be_read_of_other_targets_keeps_no_wave() {
    let mut waved = good();
    waved.record.state.unread.insert(PRODUCTION, "h3 does not answer".into());
    assert!(waved.by_itself().is_ok());
    waved.record.state.unanswered.insert(PRODUCTION);
    let why = waved.by_itself().expect_err("nothing answers");
    assert!(why.ends_with("what its targets run cannot be read: h3 does not answer"), "{why}");
}

#[test]
fn an_engine_that_was_stopped_in_the_pause_and_looks_before_its_end_keeps_no_wave() {
    let mut waved = good();
    let before = waved.record.now - TimeDelta::minutes(1);
    waved.record.state.looking_since = Some(before);
    assert!(waved.by_itself().is_ok());
}

#[test]
fn what_somebody_changes_where_no_wave_came_yet_is_said_with_its_time_and_keeps_the_next_wave() {
    let hosts = |h3| [("h1", Some(2)), ("h2", Some(1)), ("h3", h3), ("h4", Some(1))];
    let mut waved = Waved::begun();
    waved.record.state.asked_of_production = Some(AskedOf::Targets);
    said(&mut waved, &[("h1", Some(1)), ("h2", Some(1)), ("h3", Some(1)), ("h4", Some(1))]);
    waved.step(0, StepOutcome::Succeeded);
    waved.settle();
    said(&mut waved, &hosts(Some(1)));
    waved.record.now += TimeDelta::minutes(11);
    assert!(waved.by_itself().is_ok());
    let by_hand = answers(&hosts(Some(3)));
    let is_news = |waved: &Waved, said: &TargetsSaid| waved.record.state.is_news_beside_waves(said);
    assert!(is_news(&waved, &by_hand) && !is_news(&waved, &answers(&hosts(None))));
    said(&mut waved, &hosts(Some(3)));
    assert!(!is_news(&waved, &by_hand));
    assert_eq!(in_words(waved.record.state.targets(PRODUCTION)), "h1 #2, h2 h4 #1, h3 #3");
    let why = waved.by_itself().expect_err("the next wave would go over it");
    let said_so = "does not go on by itself: h3 runs #3 since ";
    assert!(why.starts_with(said_so) && why.ends_with(", which nobody deployed"), "{why}");
    said(&mut waved, &hosts(Some(1)));
    assert!(waved.by_itself().is_ok(), "it has what it had");
}

#[test]
fn a_release_says_that_a_wave_begins_with_it_only_where_nothing_else_keeps_that() {
    let begins = |waved: &Waved| {
        let hold = waved.record.state.holds.get(&PRODUCTION).expect("it is held");
        waved.standing().expect("it waits").after_release(hold, waved.record.now)
    };
    let (_, hold, _) = TAKEN[9];
    let mut waved = good();
    hold(&mut waved);
    assert_eq!(begins(&waved).as_deref(), Some("then #2 goes on with wave 2 of 3"));
    waved.turn(Bad);
    assert_eq!(begins(&waved), None);
    let mut waved = Waved::waiting();
    hold(&mut waved);
    assert_eq!(begins(&waved), None, "its pause is not over");
}
