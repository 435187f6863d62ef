//! Every word of a watch that reassures, the evidence that it needs, and that it goes when the evidence is taken away.

use chrono::TimeDelta;
use trunkline::calendar::{FreezeRules, Tz};
use trunkline::domain::command::Action;
use trunkline::domain::commit::Range;
use trunkline::domain::ids::{BuildNumber, DeploymentId};
use trunkline::domain::people::People;
use trunkline::domain::plan::{Guard, Migrations, PlanInput, plan};
use trunkline::domain::policy::Policy;
use trunkline::domain::variables::KnownVariables;
use trunkline::domain::watch::SampleVerdict::{Bad, Good, Unknown};
use trunkline::domain::words::standing::{in_fleet, lines};
use trunkline_testing::record::{checkout, person, sha};

use crate::watch::{PRODUCTION, Shop};

/// Where a word about what is live stands: in the header (of all consoles), `status`, the fleet, the API and the plan.
fn places(shop: &Shop) -> Vec<(&'static str, String)> {
    let (snapshot, fleet) = (shop.snapshot(), shop.fleet());
    let status = lines(&snapshot, Tz::UTC);
    let status = status.iter().find(|(name, _)| *name == "production").expect("it is told");
    let api = serde_json::to_value(&fleet.services[0]).expect("it can be written");
    vec![
        ("header", snapshot.evidence_in_words(PRODUCTION, shop.record.now)),
        ("status", status.1.clone()),
        ("fleet", in_fleet(&fleet.services[0], &fleet, Tz::UTC)[0].clone()),
        ("API", api["evidence"].as_str().expect("it is a word").replace('_', " ")),
    ]
}

/// What the plan of a promote of #3 says of the watch.
fn planned(shop: &Shop, policy: &Policy) -> Vec<String> {
    let range = Range::of(None, sha(3), Vec::new());
    let input = PlanInput {
        service: &checkout(),
        state: &shop.record.state,
        policy,
        people: &People::default(),
        on_call: &[],
        calendar: &FreezeRules::default().promote_to_production("checkout", shop.record.now),
        range: &range,
        steps: &[],
        migrations: &Migrations::default(),
        variables: &KnownVariables::default(),
        unusable_engine: None,
    };
    let action = Action::Promote { build: BuildNumber(3) };
    let plan = plan(input, action, &person("jane"), shop.record.now).expect("a plan can be made");
    let watch = plan.findings.into_iter().filter(|finding| finding.guard == Guard::Watch);
    watch.map(|finding| finding.sentence).collect()
}

type Change = (&'static str, fn(&mut Shop, DeploymentId));

/// What takes the evidence away.
const TAKEN: [Change; 5] = [
    ("a check turns bad", |shop, id| shop.turn(id, "latency", Bad)),
    ("a check cannot tell any more", |shop, id| shop.turn(id, "latency", Unknown)),
    ("something else is live", |shop, _| {
        shop.deploy(PRODUCTION, 3);
    }),
    ("another watch began and saw nothing yet", |shop, _| {
        shop.deploy(PRODUCTION, 3);
        shop.watch(PRODUCTION, &["errors"]);
    }),
    ("nothing was told for long", |shop, _| shop.pass(TimeDelta::minutes(4))),
];

#[test]
fn good_so_far_needs_a_watch_of_this_deployment_that_tells_and_sees_nothing_else() {
    let (shop, _) = Shop::watched();
    for (place, words) in places(&shop) {
        assert!(words.contains("good so far"), "{place}: {words}");
    }
    for (what, take) in TAKEN {
        let (mut shop, id) = Shop::watched();
        take(&mut shop, id);
        for (place, words) in places(&shop) {
            assert!(!words.contains("good") && !words.contains("ok"), "{what}, {place}: {words}");
        }
    }
}

#[test]
fn watched_good_needs_an_end_of_this_deployments_watch_in_which_nothing_else_was_seen() {
    let ended = |before: &dyn Fn(&mut Shop, DeploymentId)| {
        let (mut shop, id) = Shop::watched();
        before(&mut shop, id);
        for _ in 0..13 {
            shop.samples(id, "latency", Good);
            shop.pass(TimeDelta::minutes(1));
        }
        shop.end(id);
        (shop, id)
    };
    let is_good = |words: &str| words.contains("watched 15m: good") || words == "good";
    let (shop, _) = ended(&|_, _| {});
    for (place, words) in places(&shop) {
        let word = words.split(" change").next().expect("there is a first part");
        assert!(is_good(word) && !word.contains("before"), "{place}: {words}");
    }
    let less: [Change; 5] = [
        ("nobody looked for a while", |shop, _| shop.pass(TimeDelta::minutes(4))),
        ("it was bad and is good again", |shop, id| {
            shop.turn(id, "errors", Bad);
            shop.turn(id, "errors", Good);
        }),
        ("it is bad", |shop, id| shop.turn(id, "errors", Bad)),
        ("it is unknown", |shop, id| shop.turn(id, "errors", Unknown)),
        ("most samples are missing", |shop, id| {
            shop.samples(id, "errors", Unknown);
            shop.samples(id, "errors", Unknown);
        }),
    ];
    for (what, take) in less {
        let (shop, _) = ended(&take);
        for (place, words) in places(&shop) {
            let is_warned = words.contains("again") || words == "recovered";
            assert!(is_warned || !is_good(&words), "{what}, {place}: {words}");
        }
    }
    // A rollback to a build that was watched good: that was another deployment.
    let (mut shop, _) = ended(&|_, _| {});
    shop.deploy(PRODUCTION, 1);
    shop.deploy(PRODUCTION, 2);
    for (place, words) in places(&shop) {
        assert!(words.contains("not watched"), "{place}: {words}");
    }
}

#[test]
fn a_plan_says_who_looks_after_it_and_how_what_is_live_does() {
    let (mut shop, id) = Shop::watched();
    let none = Policy::default();
    let some = Policy { watch: vec!["errors".into(), "latency".into()], ..Policy::default() };
    let live = "#2 is watched: good so far";
    assert_eq!(planned(&shop, &none), [live]);
    assert_eq!(planned(&shop, &some), [live, "Watched after this: errors, latency"]);
    shop.turn(id, "errors", Bad);
    shop.pass(TimeDelta::seconds(40));
    let bad = "#2 is watched: errors BAD 40s; errors: Bad it turned";
    assert_eq!(planned(&shop, &some)[0], bad);
    let alone = Policy { auto_rollback: true, ..some.clone() };
    let nobody = "nobody had asked for that when it turned bad";
    let why = format!("{bad}; not rolled back by itself: {nobody}");
    assert_eq!(planned(&shop, &alone)[0], why);
    shop.turn(id, "errors", Unknown);
    assert_eq!(
        planned(&shop, &some)[0],
        "#2 is watched: errors UNKNOWN 0s; errors: Unknown it turned"
    );
}
