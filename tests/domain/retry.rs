//! Deploying a build again: what may be tried again, what it says, and what the record makes of it.

use chrono::TimeDelta;
use trunkline::domain::build::BuildState;
use trunkline::domain::command::{Action, Refusal};
use trunkline::domain::event::{Adoption, DeploymentKind, Fact, Outcome};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment};
use trunkline::domain::plan::{Guard, Plan, Severity, retry_in_staging};
use trunkline::domain::policy::{Staging, VerifyBy};
use trunkline::domain::remedy::Remedy;

use trunkline_testing::record::{adopted, request, sha};

use crate::plan::{World, finding, severity};

const STAGING: Environment = Environment::Staging;
const PRODUCTION: Environment = Environment::Production;

fn retry(number: u64, environment: Environment) -> Action {
    Action::Retry { build: BuildNumber(number), environment }
}

fn failed() -> Outcome {
    Outcome::Failed("step smoke: exit 7".into())
}

/// Adds the build 4, and what became of its way to staging.
fn with_4(world: &mut World, outcome: Option<Outcome>) -> DeploymentId {
    world.build(4, "ann");
    world.deploy(STAGING, 4, DeploymentKind::Auto, outcome)
}

fn plan(world: &World, number: u64) -> Plan {
    world.plan_by("raj", retry(number, STAGING))
}

/// The sentence of the plan that says this.
fn says<'a>(plan: &'a Plan, words: &str) -> &'a str {
    let found = plan.findings.iter().find(|finding| finding.sentence.contains(words));
    &found.unwrap_or_else(|| panic!("{words:?} is not in {:#?}", plan.findings)).sentence
}

#[test]
fn what_did_not_succeed_in_staging_can_be_tried_again() {
    let interrupted = || Some(Outcome::Interrupted("step smoke lost".into()));
    for (outcome, words) in [
        (Some(failed()), "failed 5m ago: step smoke: exit 7. Its steps run again from the first"),
        (Some(Outcome::Cancelled), "was cancelled 5m ago. Its steps run again"),
        (interrupted(), "was interrupted 5m ago, and how far it came is not known"),
    ] {
        let mut world = World::new();
        let before = with_4(&mut world, outcome);
        world.later(TimeDelta::minutes(5));
        let plan = plan(&world, 4);
        assert_eq!((plan.kind, plan.environment), (DeploymentKind::Retry, STAGING));
        assert_eq!(plan.retries, Some(before));
        assert_eq!(plan.live.as_ref().map(|live| live.build), Some(BuildNumber(3)));
        assert_eq!(plan.severity(), Severity::Warn, "{:#?}", plan.findings);
        assert!(says(&plan, words).starts_with(&format!("{before} of #4")));
        assert_eq!(plan.undo, "retry #3 in staging");
        let request = plan.request([].into());
        assert_eq!((request.retries, request.environment), (Some(before), STAGING));
        assert!(!request.is_judged(), "nobody judged its migrations for staging");
    }
}

#[test]
fn a_build_that_never_began_or_was_passed_over_can_be_deployed() {
    let mut world = World::new();
    world.build(4, "ann");
    with_5(&mut world);
    assert_eq!(world.recorded.state.builds[&BuildNumber(4)].superseded_by, Some(BuildNumber(5)));
    let plan = plan(&world, 4);
    assert_eq!((plan.kind, plan.retries), (DeploymentKind::Retry, None));
    assert!(plan.severity() < Severity::Override, "{:#?}", plan.findings);
    says(&plan, "#4 is older than #5. It takes the place of #5 in staging until the next build");
    assert!(plan.goes_back(), "it takes the commits of #5 away");
    world.record(Fact::DeploymentRequested(plan.request([].into())));
    assert_eq!(world.recorded.state.builds[&BuildNumber(4)].superseded_by, None);
}

/// Adds the build 5, which is in staging.
fn with_5(world: &mut World) {
    world.build(5, "ann");
    world.deploy(STAGING, 5, DeploymentKind::Auto, Some(Outcome::Succeeded));
}

/// What happened, to which build, and what which guard says then.
type Case = (&'static str, fn(&mut World), u64, Guard, Severity, &'static str);

#[test]
fn a_retry_is_refused_where_it_makes_no_sense_and_says_why() {
    let hold = || Fact::HoldPlaced {
        all: false,
        environment: STAGING,
        reason: "a demo".into(),
        rollback: None,
    };
    let rewritten = || Fact::TrunkRewritten {
        from: sha(4),
        to: sha(3),
        off_trunk: vec![BuildNumber(4)],
        onto: Some(BuildNumber(3)),
    };
    let cases: [Case; 8] = [
        ("it runs there", |_| (), 3, Guard::Order, Severity::Refuse, "nothing to try again"),
        (
            "it waits",
            |world| world.build(4, "ann"),
            4,
            Guard::Order,
            Severity::Refuse,
            "#4 waits for staging and starts by itself",
        ),
        (
            "it runs now",
            |world| _ = with_4(world, None),
            4,
            Guard::InFlight,
            Severity::Refuse,
            "is running, started",
        ),
        (
            "another runs now",
            |world| _ = with_4(world, None),
            2,
            Guard::InFlight,
            Severity::Refuse,
            "auto of #4",
        ),
        (
            "it is off the trunk",
            |world| _ = with_4(world, Some(failed())),
            4,
            Guard::Order,
            Severity::Refuse,
            "#4 is not on the trunk any more",
        ),
        (
            "staging is on hold",
            |world| _ = with_4(world, Some(failed())),
            4,
            Guard::Hold,
            Severity::Override,
            "Staging is on hold for",
        ),
        (
            "another engine deploys there",
            |world| {
                with_4(world, Some(failed()));
                world.policy.staging = Staging::Observe;
            },
            4,
            Guard::Order,
            Severity::Refuse,
            "Another engine deploys to staging",
        ),
        (
            "it has a bad commit",
            |world| {
                with_4(world, Some(failed()));
                world.quarantine(4, &[]);
            },
            4,
            Guard::Quarantine,
            Severity::Warn,
            "Contains bad commit",
        ),
    ];
    for (name, happened, number, guard, expected, words) in cases {
        let mut world = World::new();
        happened(&mut world);
        match name {
            "staging is on hold" => _ = world.record(hold()),
            "it is off the trunk" => _ = world.record(rewritten()),
            _ => {}
        }
        let plan = plan(&world, number);
        assert_eq!(severity(&plan, guard), expected, "{name}: {:#?}", plan.findings);
        assert!(finding(&plan, guard).sentence.contains(words), "{name}: {:#?}", plan.findings);
    }
    let Err(Refusal::NotFound { sentence, .. }) = World::new().try_plan("raj", retry(9, STAGING))
    else {
        panic!("there is no build 9");
    };
    assert_eq!(sentence, "there is no build #9");
}

#[test]
fn what_ran_before_a_failure_can_be_put_back_into_staging() {
    let mut world = World::new();
    let broken = with_4(&mut world, Some(failed()));
    let plan = plan(&world, 3);
    assert!(plan.severity() < Severity::Override, "{:#?}", plan.findings);
    says(&plan, &format!("Restores #3, which staging ran before {broken} of #4"));
    says(&plan, &format!("What staging runs is in doubt: {broken} of #4 did not succeed"));
    assert_eq!(plan.retries, None, "its own deployment went well");
}

#[test]
fn a_plan_of_a_retry_is_stale_once_staging_changed_and_only_then() {
    let mut world = World::new();
    with_4(&mut world, Some(failed()));
    let confirmed = plan(&world, 4);
    let told = |world: &World| {
        plan(world, 4).check(&confirmed.fingerprint, &[].into(), &world.recorded.state)
    };
    let from = world.recorded.now;
    world.record(Fact::FreezePlaced { from, until: None, reason: "holiday".into() });
    world.promote(3, Some(Outcome::Succeeded));
    assert_eq!(told(&world), Ok(()), "what happens in production is nothing to it");
    with_5(&mut world);
    let Err(Refusal::Changed { changes, .. }) = told(&world) else { panic!("it rested on #3") };
    assert!(changes[0].starts_with("staging changed: #5 is live"), "{changes:?}");
    let confirmed = plan(&world, 4);
    world.record(Fact::HoldPlaced {
        all: false,
        environment: STAGING,
        reason: "a demo".into(),
        rollback: None,
    });
    let now = plan(&world, 4);
    let refused = now.check(&confirmed.fingerprint, &[].into(), &world.recorded.state);
    let Err(Refusal::Changed { changes, .. }) = refused else { panic!("a hold was placed") };
    assert_eq!(changes, ["staging was put on hold by sam: a demo"]);
}

#[test]
fn a_retry_in_production_is_what_failed_with_all_its_guards() {
    let mut world = World::new();
    let broken = world.promote(3, Some(failed()));
    world.record(Fact::HoldPlaced {
        all: false,
        environment: PRODUCTION,
        reason: "why".into(),
        rollback: None,
    });
    let again = world.plan_by("jane", retry(3, PRODUCTION));
    let promote = world.plan_by("jane", Action::Promote { build: BuildNumber(3) });
    assert_eq!((again.kind, again.retries), (DeploymentKind::Promote, Some(broken)));
    assert_eq!((&again.findings, &again.undo), (&promote.findings, &promote.undo));
    assert_eq!(severity(&again, Guard::Author), Severity::Override, "jane wrote it");
    assert_eq!(severity(&again, Guard::Hold), Severity::Override);
    says(&again, &format!("{broken}, promote of #3, failed"));
    let back = world.deploy(PRODUCTION, 1, DeploymentKind::Rollback, Some(failed()));
    let again = world.plan_by("raj", retry(1, PRODUCTION));
    assert_eq!((again.kind, again.retries), (DeploymentKind::Rollback, Some(back)));
    assert_eq!(again.target.build, BuildNumber(1));
}

#[test]
fn a_rollback_that_is_being_cancelled_is_what_its_retry_tries_again() {
    let mut world = World::new();
    world.promote(3, Some(Outcome::Succeeded));
    let back = world.deploy(PRODUCTION, 1, DeploymentKind::Rollback, None);
    let reason = "the wrong one".into();
    world.record(Fact::CancelRequested { deployment: back, reason });
    let again = world.plan_by("raj", retry(1, PRODUCTION));
    assert_eq!((again.kind, again.retries), (DeploymentKind::Rollback, Some(back)));
    assert!(again.severity() < Severity::Refuse, "{:#?}", again.findings);
    says(&again, &format!("{back}, rollback of #1, is being cancelled. Its steps run again"));
    assert_eq!(again.request([].into()).retries, Some(back), "its key is known by that");
    world.record(Fact::DeploymentEnded { deployment: back, outcome: Outcome::Cancelled });
    let again = world.plan_by("raj", retry(1, PRODUCTION));
    assert_eq!(again.retries, Some(back));
    says(&again, &format!("{back}, rollback of #1, was cancelled"));
}

/// What can be tried again is one question, whoever asks: the plan, its way back and the remedies.
#[test]
fn no_retry_is_offered_that_its_own_plan_refuses() {
    let rewritten = |off_trunk: &[u64]| Fact::TrunkRewritten {
        from: sha(9),
        to: sha(1),
        off_trunk: off_trunk.iter().copied().map(BuildNumber).collect(),
        onto: Some(BuildNumber(1)),
    };
    let hold = || Fact::HoldPlaced {
        all: false,
        environment: STAGING,
        reason: "a demo".into(),
        rollback: None,
    };
    let mut off_trunk = World::new();
    off_trunk.record(rewritten(&[2, 3]));
    off_trunk.build(4, "ann");
    off_trunk.deploy(STAGING, 4, DeploymentKind::Auto, Some(failed()));
    let mut waiting = World::new();
    waiting.record(hold());
    waiting.build(4, "ann");
    waiting.build(5, "ann");
    let mut observed = World::new();
    with_4(&mut observed, Some(failed()));
    observed.policy.staging = Staging::Observe;
    let mut passed_over = World::new();
    passed_over.build(4, "ann");
    with_5(&mut passed_over);
    passed_over.record(rewritten(&[5]));
    let mut taken_again = World::new();
    with_4(&mut taken_again, Some(Outcome::Succeeded));
    taken_again.record(rewritten(&[4]));
    for world in [off_trunk, waiting, observed, passed_over, taken_again] {
        let state = &world.recorded.state;
        let mut undone = 0;
        for build in state.builds.values() {
            let offered = retry_in_staging(state, build, &world.policy);
            let own = plan(&world, build.number.0);
            let runs = state.live(STAGING).is_some_and(|live| live.build == build.number);
            let refused = severity(&own, Guard::Order) == Severity::Refuse;
            assert!(runs || offered.is_none() == refused, "{}: {:#?}", build.number, own.findings);
            if let Some(Remedy::Retry { build, .. }) = own.undo_remedy {
                undone += 1;
                let back = plan(&world, build.0);
                let order = finding(&back, Guard::Order);
                let now = "nothing to try again";
                let is_now = order.sentence.contains(now);
                assert!(order.severity < Severity::Refuse || is_now, "{:#?}", back.findings);
            }
        }
        let live = state.live_build(STAGING).expect("#3 went well");
        let may_be = retry_in_staging(state, live, &world.policy).is_some();
        assert_eq!(undone > 0, may_be, "what runs is put back if staging takes it");
    }
}

#[test]
fn the_way_back_from_a_retry_says_why_there_is_none() {
    let mut world = World::new();
    world.record(Fact::TrunkRewritten {
        from: sha(3),
        to: sha(2),
        off_trunk: vec![BuildNumber(3)],
        onto: Some(BuildNumber(2)),
    });
    let gone = plan(&world, 2);
    assert!(gone.undo.starts_with("none: #3 is not on the trunk any more"), "{}", gone.undo);
    assert_eq!(gone.undo_remedy, None);
    let mut world = World::new();
    with_4(&mut world, Some(failed()));
    assert_eq!(plan(&world, 3).undo, "none: #3 is what staging ran before, too");
}

#[test]
fn nothing_is_tried_again_in_production_that_did_not_fail_there() {
    let world = World::new();
    let build = BuildNumber(3);
    for (number, words, remedy) in [
        (3, "trunkline never deployed #3 to production", Some(Remedy::Promote { build })),
        (
            2,
            "succeeded; there is nothing to try again",
            Some(Remedy::Promote { build: BuildNumber(2) }),
        ),
        (1, "succeeded; there is nothing to try again", None),
        (9, "there is no build #9", None),
    ] {
        let refused = world.try_plan("raj", retry(number, PRODUCTION)).unwrap_err();
        let (Refusal::NotFound { sentence, remedy: told }
        | Refusal::Invalid { sentence, remedy: told }) = refused
        else {
            panic!("{refused}");
        };
        assert!(sentence.contains(words), "{sentence}");
        assert_eq!(told, remedy, "{sentence}");
    }
}

#[test]
fn what_a_person_stated_since_is_said_in_the_words_of_the_history() {
    let mut world = World::new();
    world.promote(2, Some(Outcome::Succeeded));
    let promote = |world: &World| world.plan_by("raj", Action::Promote { build: BuildNumber(3) });
    let confirmed = promote(&world);
    let stated = Adoption { reason: "by hand".into(), ..adopted(1) };
    world.record(Fact::ProductionAdopted(Box::new(stated)));
    world.later(TimeDelta::seconds(20));
    let told = promote(&world).check(&confirmed.fingerprint, &[].into(), &world.recorded.state);
    let Err(Refusal::Changed { changes, .. }) = told else { panic!("another build is live") };
    let said = "production changed: #1 is live; sam stated that production runs #1 20s ago";
    assert_eq!(changes[0], said);
}

#[test]
fn a_promote_of_what_fails_in_staging_once_more_is_confirmed_once_more() {
    let mut world = World::new();
    with_4(&mut world, Some(failed()));
    let again = world.deploy(STAGING, 4, DeploymentKind::Retry, None);
    let promote = |world: &World| world.plan_by("raj", Action::Promote { build: BuildNumber(4) });
    let confirmed = promote(&world);
    let verified = &finding(&confirmed, Guard::Verified).sentence;
    assert!(verified.ends_with(&format!("{again} deploys it there again now")), "{verified}");
    world.record(Fact::DeploymentEnded { deployment: again, outcome: failed() });
    let told = promote(&world).check(&confirmed.fingerprint, &[].into(), &world.recorded.state);
    let Err(Refusal::Changed { changes, .. }) = told else { panic!("it failed there again") };
    assert_eq!(changes, ["the state of #4 in staging changed"]);
}

#[test]
fn a_build_is_what_its_last_try_in_staging_says() {
    let mut world = World::new();
    let kinds = [VerifyBy::Person];
    let state = |world: &World| {
        let state = &world.recorded.state;
        state.build_state(&state.builds[&BuildNumber(3)], &kinds)
    };
    assert_eq!(state(&world), BuildState::Verified);
    let promote = |world: &World| world.plan_by("raj", Action::Promote { build: BuildNumber(3) });
    let confirmed = promote(&world);
    let again = world.deploy(STAGING, 3, DeploymentKind::Retry, None);
    assert_eq!(state(&world), BuildState::Deploying);
    let plan = promote(&world);
    says(&plan, &format!("; {again} deploys it to staging again now"));
    let outdated = plan.check(&confirmed.fingerprint, &[].into(), &world.recorded.state);
    let Err(Refusal::Changed { changes, .. }) = outdated else { panic!("it was seen good there") };
    assert_eq!(changes, ["the state of #3 in staging changed"]);
    world.record(Fact::DeploymentEnded { deployment: again, outcome: failed() });
    assert_eq!(state(&world), BuildState::Failed);
    let plan = promote(&world);
    let verified = finding(&plan, Guard::Verified);
    assert_eq!(verified.severity, Severity::Override);
    assert_eq!(verified.sentence, "#3 failed in staging: step smoke: exit 7");
    let retry = Remedy::Retry { build: BuildNumber(3), environment: STAGING };
    assert_eq!(verified.remedy, Some(retry));
    world.deploy(STAGING, 3, DeploymentKind::Retry, Some(Outcome::Succeeded));
    assert_eq!(state(&world), BuildState::Verified);
    let again = world.deploy(STAGING, 3, DeploymentKind::Retry, Some(failed()));
    let id = world.record(Fact::DeploymentRequested(request(STAGING, 3))).into();
    let plan = promote(&world);
    let verified = finding(&plan, Guard::Verified);
    assert_eq!(verified.severity, Severity::Override, "{again} failed, and {id} did nothing yet");
    assert!(verified.sentence.ends_with(&format!("{id} deploys it there again now")));
    world.record(Fact::DeploymentEnded { deployment: id, outcome: Outcome::Cancelled });
    assert_eq!(state(&world), BuildState::Failed, "{id} never began");
    assert_eq!(finding(&promote(&world), Guard::Verified).severity, Severity::Override);
    world.deploy(STAGING, 3, DeploymentKind::Retry, Some(Outcome::Succeeded));
    // One that never began changed nothing.
    let id = world.record(Fact::DeploymentRequested(request(STAGING, 3))).into();
    world.record(Fact::DeploymentEnded { deployment: id, outcome: Outcome::Cancelled });
    assert_eq!(state(&world), BuildState::Verified);
}
