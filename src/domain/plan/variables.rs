//! The guard on the environment variables of the steps: each has a value, and the same as at the last deployment.

use super::{Finding, Guard, PlanInput, Severity, finding};
use crate::domain::event::are_remote;
use crate::domain::ids::Environment;
use crate::domain::variables::{LostValues, and};

pub(super) fn findings(input: PlanInput<'_>, environment: Environment) -> Vec<Finding> {
    if are_remote(input.steps) {
        // They get none of them.
        return Vec::new();
    }
    let missing = input.variables.missing.iter();
    let missing =
        missing.map(|missing| finding(Guard::Variables, Severity::Refuse, missing.to_string()));
    missing.chain(lost(&input.variables.lost)).chain(changed(input, environment)).collect()
}

/// That the values of the build's own file are not those that its steps get.
fn lost(lost: &LostValues) -> Vec<Finding> {
    let warning = |sentence| finding(Guard::Variables, Severity::Warn, sentence);
    let unset = lost.unset.iter().map(|unset| warning(unset.to_string()));
    let replaced = match lost.replaced.as_slice() {
        [] => None,
        names => Some(warning(format!(
            "The build's own service file cannot be read, so {} may have another value than it set",
            and(names)
        ))),
    };
    unset.chain(replaced).collect()
}

fn changed(input: PlanInput<'_>, environment: Environment) -> Option<Finding> {
    let (deployment, before) = input.state.variables.get(&environment)?;
    let sentence = match input.variables.changed_since(before).as_deref() {
        Some([]) => return None,
        Some([name]) => format!("{name} is not what it was for {deployment}. {ORIGIN}"),
        Some(names) => {
            format!("{} are not what they were for {deployment}. {ORIGIN}", names.join(", "))
        }
        None => format!(
            "Not known whether the engine's environment is the one of {deployment}: the key of the digests is another"
        ),
    };
    Some(finding(Guard::Variables, Severity::Warn, sentence))
}

const ORIGIN: &str = "The engine was started from another environment, or config.toml gives it now";
