//! What to do about a finding, as a key to press.

use crate::console::actions::{self, Action};
use crate::domain::plan::Finding;
use crate::domain::remedy::Remedy;

/// The key that does it, where one does.
#[must_use]
pub fn key(remedy: &Remedy) -> Option<&'static str> {
    let action = match remedy {
        Remedy::Verify { .. } => Action::Verify,
        Remedy::Promote { .. } => Action::Promote,
        Remedy::RollBack { .. } => Action::RollBack,
        Remedy::ReleaseHold { .. } => Action::Hold,
        Remedy::AskPromoter { .. }
        | Remedy::Watch { .. }
        | Remedy::Wait { .. }
        | Remedy::CheckMigrations { .. }
        | Remedy::FindCommit { .. } => return None,
    };
    actions::entry(&action).keys.first().copied()
}

/// The finding's sentence and what to do about it: `Production is on hold…. H: release the hold on production`.
#[must_use]
pub fn sentence(finding: &Finding) -> String {
    let Some(remedy) = &finding.remedy else { return finding.sentence.clone() };
    let sentence = &finding.sentence;
    key(remedy).map_or_else(|| sentence.clone(), |key| format!("{sentence}. {key}: {remedy}"))
}

/// The key that takes a promote back.
#[must_use]
pub fn key_of_undo(remedy: &Remedy) -> Option<&'static str> {
    let undoes = matches!(remedy, Remedy::RollBack { .. });
    undoes.then(|| actions::entry(&Action::Emergency).keys.first().copied()).flatten()
}
