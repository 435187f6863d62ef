//! What a plan says of what the service itself says that it runs.

use super::{Finding, Guard, Severity, finding};
use crate::domain::ids::Environment;
use crate::domain::remedy::Remedy;
use crate::domain::service::ServiceState;

/// That another build runs than the record says, with this severity, and that the service could not be asked.
pub(super) fn findings(
    state: &ServiceState,
    environment: Environment,
    severity: Severity,
) -> Vec<Finding> {
    let drift = state.drift(environment).map(|drift| {
        let remedy = Remedy::Adopt { commit: Some(drift.sha.short().to_owned()) };
        finding(Guard::Order, severity, capital(&drift.sentence())).with(Some(remedy))
    });
    let unread = state.unread.get(&environment).map(|why| {
        let sentence = format!("What {environment} runs now is not known: {why}");
        finding(Guard::Order, Severity::Warn, sentence)
    });
    drift.into_iter().chain(unread).collect()
}

fn capital(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
