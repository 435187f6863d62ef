//! What to do about a finding, as a key to press.

use crate::console::actions::action::KeyAction;
use crate::console::actions::keymap::Keymap;
use crate::domain::plan::Finding;
use crate::domain::remedy::Remedy;

/// The key that does it, where one does.
#[must_use]
pub fn key(keymap: &Keymap, remedy: &Remedy) -> Option<String> {
    let action = match remedy {
        Remedy::Verify { .. } => KeyAction::Verify,
        Remedy::Promote { .. } => KeyAction::Promote,
        Remedy::RollBack { .. } => KeyAction::RollBack,
        Remedy::Retry { .. } => KeyAction::Retry,
        Remedy::ReleaseHold { .. } => KeyAction::Hold,
        Remedy::GiveUp { .. } => KeyAction::Cancel,
        Remedy::Continue { .. } => KeyAction::Continue,
        Remedy::AskPromoter { .. }
        | Remedy::Watch { .. }
        | Remedy::Wait { .. }
        | Remedy::CheckMigrations { .. }
        | Remedy::FindCommit { .. }
        | Remedy::BuildTip {}
        | Remedy::Adopt { .. } => return None,
    };
    Some(keymap.shown(&action)).filter(|key| !key.is_empty())
}

/// The finding's sentence and what to do about it: `Production is on hold…. H: release the hold on production`.
#[must_use]
pub fn sentence(keymap: &Keymap, finding: &Finding) -> String {
    let Some(remedy) = &finding.remedy else { return finding.sentence.clone() };
    let sentence = &finding.sentence;
    let key = key(keymap, remedy);
    key.map_or_else(|| sentence.clone(), |key| format!("{sentence}. {key}: {remedy}"))
}

/// The key that takes a promote back.
#[must_use]
pub fn key_of_undo(keymap: &Keymap, remedy: &Remedy) -> Option<String> {
    let undoes = matches!(remedy, Remedy::RollBack { .. });
    Some(keymap.shown(&KeyAction::Emergency)).filter(|key| undoes && !key.is_empty())
}
