//! The words about a wave that reassure, the evidence that each needs, and that it goes when the evidence is taken away.

use chrono::TimeDelta;
use trunkline::calendar::{FreezeRules, Tz};
use trunkline::domain::event::{Fact, SaidCommit, TargetAnswer, TargetSaid, TargetsSaid};
use trunkline::domain::ids::{BuildNumber, Seq};
use trunkline::domain::live_source::AskedOf;
use trunkline::domain::people::People;
use trunkline::domain::plan::Guard;
use trunkline::domain::snapshot::build::{SnapshotInput, fleet_row, service};
use trunkline::domain::snapshot::{FleetSnapshot, Version};
use trunkline::domain::watch::SampleVerdict::{Bad, Good, Unknown};
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
    let of = |(name, build): &(&str, Option<u64>)| TargetSaid {
        target: name.parse().expect("a good name"),
        answer: build.map_or(TargetAnswer::Unread("it does not answer".to_owned()), |build| {
            let (sha, older) = (sha(build), None);
            TargetAnswer::Says(SaidCommit::Build { build: BuildNumber(build), sha, older })
        }),
    };
    let (environment, source) = (PRODUCTION, "hosts.example".to_owned());
    let targets = all.iter().map(of).collect();
    waved.push(Fact::TargetsSaid(TargetsSaid { environment, source, targets }));
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
const TAKEN: [Change; 11] = [
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
    for (_, take, _) in &TAKEN[9..] {
        take(&mut waved);
    }
    let why = waved.by_itself().expect_err("both stop it");
    assert!(why.contains("on hold by trunkline: the database burns"), "{why}");
    assert!(why.contains("production is frozen"), "{why}");
    let id = waved.id;
    let overrides =
        &mut waved.record.state.deployments.get_mut(&id).expect("it is there").request.overrides;
    overrides.extend([Guard::Hold, Guard::Freeze].map(|guard| (guard, "urgent".to_owned())));
    let why = waved.by_itself().expect_err("the hold came later than the deployment");
    assert!(why.contains("on hold") && !why.contains("frozen"), "{why}");
    waved.record.state.holds.get_mut(&PRODUCTION).expect("it is held").id = Seq(1);
    assert!(waved.by_itself().is_ok());
}
