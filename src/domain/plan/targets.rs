//! What a plan says of the targets of an environment.

use super::{Endpoints, Finding, Guard, PlanInput, Severity, finding};
use crate::domain::target::{differ, in_words};

/// That they differ, and which of them the steps leave out.
pub(super) fn findings(input: PlanInput<'_>, ends: &Endpoints) -> Vec<Finding> {
    let (environment, to) = (ends.environment, ends.target);
    let standing = input.state.targets(environment);
    let left_out = input.state.left_out(environment, input.steps);
    let mut findings = Vec::new();
    if differ(standing) {
        let all = if left_out.is_empty() {
            format!(". This brings {to} to all of them")
        } else {
            String::new()
        };
        let sentence = format!("Targets of {environment} differ: {}{all}", in_words(standing));
        findings.push(finding(Guard::Order, Severity::Warn, sentence));
    }
    if !left_out.is_empty() {
        let left: Vec<_> = left_out.into_iter().cloned().collect();
        let sentence = format!("The steps leave out targets: {}", in_words(&left));
        findings.push(finding(Guard::Order, Severity::Warn, sentence));
    }
    findings
}
