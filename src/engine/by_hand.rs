//! What only the engine knows of a rollback by hand: where the files are, and which variables the steps get.

use std::path::Path;

use super::checkouts::{self, CHECKOUTS_PROBLEM};
use super::variables::{StepNeeds, Variables};
use super::world::Service;
use crate::domain::build::Build;
use crate::domain::by_hand::{ByHand, HandFacts};
use crate::domain::event::DeploymentKind;
use crate::domain::ids::Environment;

/// The facts for a rollback to this build, whose steps need these variables.
pub(super) fn facts(
    (checkouts, variables): (&Path, &Variables),
    service: &Service,
    target: &Build,
    needs: &StepNeeds,
) -> HandFacts {
    let troubled = service.problems.contains_key(CHECKOUTS_PROBLEM);
    let checkout = checkouts::pristine(checkouts, &service.name, &target.sha);
    let lost = service.lack_of_rollback().filter(|lack| lack.target == target.sha);
    let missing = lost.and_then(|lack| lack.missing.as_ref());
    HandFacts {
        checkout: checkout.display().to_string(),
        checkout_kept: !troubled && checkouts::is_kept(service, &target.sha),
        mirror: service.mirror.path().display().to_string(),
        folder: service.watched_at(target.number).folder,
        variables: variables.by_hand(needs),
        values_from: variables.values_from(),
        engines: variables.engines(),
        warnings: missing.map(ToString::to_string).into_iter().collect(),
    }
}

/// The rollback that starts when no target is given, by hand.
pub(super) fn of_next_rollback(place: (&Path, &Variables), service: &Service) -> Option<ByHand> {
    let target = service.state.builds.get(&service.state.rollback_target()?)?;
    let needs = StepNeeds::of_next_rollback(service);
    let facts = facts(place, service, target, &needs);
    let steps = service.steps_of(target, Environment::Production, DeploymentKind::Rollback);
    ByHand::of(&service.name, &service.state, target.number, steps, facts)
}
