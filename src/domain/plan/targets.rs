//! What a plan says of the targets of an environment.

use super::{Endpoints, Finding, Guard, Plan, PlanInput, Severity, finding};
use crate::domain::event::DeploymentKind;
use crate::domain::ids::Environment;
use crate::domain::live_source::AskedOf;
use crate::domain::remedy::Remedy;
use crate::domain::target::{changed_in_words, differ, in_words, unknown_in_words};

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
    findings.extend(changed(input, ends));
    if let Some(why) = unknown_in_words(standing) {
        let sentence = format!("What some targets of {environment} run is not known: {why}");
        findings.push(finding(Guard::Order, Severity::Warn, sentence));
    }
    if environment == Environment::Production {
        findings.extend(evidence(input));
    }
    findings
}

/// What nobody deployed. A promote needs a person who saw it; a rollback goes over it.
fn changed(input: PlanInput<'_>, ends: &Endpoints) -> Option<Finding> {
    let sentence = changed_in_words(input.state.targets(ends.environment))?;
    let severity = match ends.kind {
        DeploymentKind::Rollback | DeploymentKind::Retry => Severity::Warn,
        _ => Severity::Override,
    };
    let live = input.state.live_build(ends.environment);
    let commit = live.map(|live| live.sha.short().to_owned());
    let remedy = Remedy::Adopt { commit };
    let remedy = (ends.environment == Environment::Production).then_some(remedy);
    Some(finding(Guard::Order, severity, sentence).with(remedy))
}

/// How the sentence ends that all targets run what is live.
const BY_THEIR_OWN_WORD: &str = "by their own word";

impl Plan {
    /// With the sentence that the question for this plan was not answered yet, if it was not. What was said before is then no
    /// word of what runs now.
    #[must_use]
    pub fn without_word_of_now(mut self, unanswered: Option<String>) -> Self {
        if let Some(sentence) = unanswered {
            self.findings.retain(|found| !found.sentence.ends_with(BY_THEIR_OWN_WORD));
            self.findings.push(finding(Guard::Order, Severity::Info, sentence).unknown());
        }
        self
    }
}

/// What tells that production runs what the record says.
fn evidence(input: PlanInput<'_>) -> Option<Finding> {
    let (state, production) = (input.state, Environment::Production);
    let live = state.live(production)?.build;
    let is_read = !state.unread.contains_key(&production);
    match state.asked_of_production? {
        AskedOf::Nobody => {
            let sentence = "Nothing tells what production really runs: trunkline.toml has no [production.live]";
            Some(finding(Guard::Order, Severity::Info, sentence).unknown())
        }
        AskedOf::Targets if let Some(all) = state.all_say_live(production) => {
            let sentence = format!("{live} runs on {all} of {all} targets, {BY_THEIR_OWN_WORD}");
            Some(finding(Guard::Order, Severity::Info, sentence))
        }
        AskedOf::Targets if let Some(last) = state.unheard().filter(|_| is_read) => {
            let sentence =
                format!("What the targets of production run was not heard since {}", last.id);
            Some(finding(Guard::Order, Severity::Warn, sentence))
        }
        AskedOf::Service | AskedOf::Targets => None,
    }
}
