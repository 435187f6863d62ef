//! Where a rollback goes that names no build, and what it says of the builds that it passes over.

use trunkline::domain::command::{Action, Refusal};
use trunkline::domain::event::{DeploymentKind, Outcome};
use trunkline::domain::ids::{BuildNumber, Environment};
use trunkline::domain::plan::{Guard, Severity};
use trunkline::domain::remedy::Remedy;

use super::plan::{World, finding, severity};

/// The bad builds, what happened after #1, #2 and #3 were live, and where one key goes then.
#[test]
fn the_emergency_passes_over_bad_builds_and_says_so() {
    for (what, bad, expected, says) in [
        ("none is bad", &[][..], Some(2), None),
        ("the one before", &[2], Some(1), Some("Skips #2: quarantined (leaks data)")),
        ("the live one", &[3], Some(2), None),
        ("all before", &[1], None, None),
    ] {
        let mut world = World::new();
        world.promote(3, Some(Outcome::Succeeded));
        for number in bad {
            // What #2 brought is reverted in #3; what the others brought stays.
            world.quarantine(*number, if *number == 2 { &[3] } else { &[] });
        }
        let target = world.recorded.state.rollback_target();
        assert_eq!(target, expected.map(BuildNumber), "{what}");
        let planned = world.try_plan("raj", Action::Rollback { to: None });
        match planned {
            Ok(plan) => {
                let skips = plan.findings.iter().find(|f| f.sentence.starts_with("Skips"));
                assert_eq!(skips.map(|found| found.sentence.as_str()), says, "{what}");
                assert!(plan.severity() < Severity::Override, "{what}: it asks for nothing");
            }
            Err(why) => assert_eq!(
                why.to_string(),
                "no build that was live before is good to roll back to: #2: quarantined (leaks \
                 data); #1: quarantined (leaks data)"
            ),
        }
    }
}

#[test]
fn a_bad_target_that_is_chosen_on_purpose_needs_a_reason() {
    let mut world = World::new();
    world.promote(3, Some(Outcome::Succeeded));
    let chosen = Action::Rollback { to: Some(BuildNumber(2)) };
    let before = world.plan_by("raj", chosen);
    world.quarantine(2, &[3]);
    let plan = world.plan_by("raj", chosen);
    assert_eq!(severity(&plan, Guard::Quarantine), Severity::Override);
    let remedy = finding(&plan, Guard::Quarantine).remedy.clone();
    assert_eq!(remedy, Some(Remedy::RollBack { to: BuildNumber(1) }));
    let none = [].into();
    let refused = plan.check(&plan.fingerprint, &none, &world.recorded.state);
    assert!(matches!(refused, Err(Refusal::Policy { .. })), "{refused:?}");
    let reasons = [(Guard::Quarantine, "the leak is harmless here".to_owned())].into();
    assert_eq!(plan.check(&plan.fingerprint, &reasons, &world.recorded.state), Ok(()));
    let stale = plan.check(&before.fingerprint, &reasons, &world.recorded.state);
    assert!(matches!(stale, Err(Refusal::Changed { .. })), "it turned bad meanwhile: {stale:?}");
}

#[test]
fn a_promote_over_a_bad_live_build_is_undone_by_going_to_a_good_one() {
    let mut world = World::new();
    world.promote(3, Some(Outcome::Succeeded));
    world.build(4, "sam");
    world.quarantine(3, &[4]);
    let plan = world.plan_by("raj", Action::Promote { build: BuildNumber(4) });
    assert_eq!(plan.undo_remedy, Some(Remedy::RollBack { to: BuildNumber(2) }), "{}", plan.undo);
}

#[test]
fn a_target_that_production_was_rolled_back_from_is_named_so() {
    let mut world = World::new();
    let rollback = |world: &mut World, to| {
        let kind = DeploymentKind::Rollback;
        world.deploy(Environment::Production, to, kind, Some(Outcome::Succeeded));
    };
    let order = |world: &World, to| {
        let plan = world.plan_by("raj", Action::Rollback { to });
        let found = finding(&plan, Guard::Order).clone();
        (found.severity, found.sentence)
    };
    world.promote(3, Some(Outcome::Succeeded));
    rollback(&mut world, 1);
    for number in [4, 5] {
        world.build(number, "sam");
        world.promote(number, Some(Outcome::Succeeded));
    }
    world.quarantine(1, &[2]);
    world.quarantine(4, &[5]);
    let (severity, sentence) = order(&world, None);
    assert_eq!(world.recorded.state.rollback_target(), Some(BuildNumber(3)));
    assert_eq!(severity, Severity::Warn);
    assert!(sentence.ends_with("; production was rolled back from it"), "{sentence}");
    let (_, sentence) = order(&world, Some(BuildNumber(2)));
    assert!(sentence.ends_with("; production was rolled back past it"), "{sentence}");
    let promote = world.plan_by("raj", Action::Promote { build: BuildNumber(5) });
    assert!(promote.undo.contains("rolled back from it"), "{}", promote.undo);
    let (severity, sentence) = order(&world, Some(BuildNumber(4)));
    assert!(severity == Severity::Info && !sentence.contains("rolled back"), "{sentence}");
}
