//! How a deployment ends because of steps that did not succeed.

use crate::domain::deployment::{Deployment, StepState};
use crate::domain::event::{Outcome, StepOutcome, StepSpec};
use crate::domain::target::StepTarget;

/// `None` if every step that ended succeeded. Of steps that went together the worst end counts.
pub(super) fn bad_end(deployment: &Deployment) -> Option<Outcome> {
    let steps = deployment.steps.iter().zip(&deployment.request.steps);
    let bad: Vec<_> = steps.filter_map(|(state, spec)| Some((spec, bad(state)?))).collect();
    let (first, _) = bad.first()?;
    let is_unknown =
        |outcome: &StepOutcome| matches!(outcome, StepOutcome::Lost | StepOutcome::Unfound(_));
    let why = || {
        let each = bad.iter().map(|(spec, outcome)| match *outcome {
            outcome if is_unknown(outcome) => format!("step {} {outcome}", spec.name),
            outcome => format!("step {}: {outcome}", spec.name),
        });
        format!("{}{}", each.collect::<Vec<_>>().join("; "), others(deployment, first))
    };
    Some(if bad.iter().any(|(_, outcome)| is_unknown(outcome)) {
        Outcome::Interrupted(why())
    } else if bad.iter().all(|(_, outcome)| **outcome == StepOutcome::Cancelled) {
        Outcome::Cancelled
    } else {
        Outcome::Failed(why())
    })
}

fn bad(state: &StepState) -> Option<&StepOutcome> {
    match state {
        StepState::Ended { outcome, .. } if *outcome != StepOutcome::Succeeded => Some(outcome),
        _ => None,
    }
}

/// What became of the other targets of a step: ` (eu succeeded; ap was not begun)`.
fn others(deployment: &Deployment, of: &StepSpec) -> String {
    let Some(StepTarget { step, .. }) = &of.target else { return String::new() };
    let targets = deployment.request.steps.iter().zip(&deployment.steps);
    let targets: Vec<_> = targets
        .filter_map(|(spec, state)| Some((spec.target.as_ref()?, state)))
        .filter(|(target, _)| target.step == *step)
        .collect();
    let named = |is: fn(&StepState) -> bool, how: &str| {
        let names = targets.iter().filter(|(_, state)| is(state));
        let names: Vec<_> = names.map(|(target, _)| target.name.as_str()).collect();
        (!names.is_empty()).then(|| format!("{} {how}", names.join(", ")))
    };
    let parts = [
        named(StepState::succeeded, "succeeded"),
        named(|s| *s == StepState::Waiting, "not begun"),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join("; ")) }
}
