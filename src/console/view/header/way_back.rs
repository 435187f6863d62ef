//! What the header says of the way back: where one key would put production, how that would go, and whether it was tried.

use super::apart;
use super::length::{Length, SHORT_NAME};
use crate::console::actions::action::KeyAction;
use crate::console::age::age;
use crate::console::model::Model;
use crate::console::theme::Role;
use crate::console::view::parts::row::Row;
use crate::console::view::parts::verdict;
use crate::domain::needs::{NeedStanding, NeedState};
use crate::domain::snapshot::RollbackPreview;
use crate::domain::time::say;
use crate::domain::tried::Trust;

/// Where one key would put production back, and how that would go.
pub fn way_back<'t>(model: &Model, row: Row<'t>, length: Length) -> Row<'t> {
    let Some(service) = &model.service else { return row };
    let row = apart(row, length).own(model.key(&KeyAction::RollBack), Role::Key);
    let arrow = model.options.theme.symbols.arrow;
    let Some(target) = &service.rollback else {
        let (word, short, role) = match service.skipped.as_slice() {
            [] if service.live_unknown => ("not known", "not known", Role::Muted),
            [] => ("no earlier build", "none", Role::Muted),
            _ => ("no good build", "no good", Role::Danger),
        };
        return if length < Length::NoArrow {
            row.own(format!(" {arrow} {word}"), role)
        } else {
            row.own(format!(" {short}"), role)
        };
    };
    let row = if length < Length::NoArrow { row.own(format!(" {arrow}"), Role::Text) } else { row };
    let row = row.own(format!(" {}", target.to), Role::Text);
    let row = match target.expected {
        Some(time) if length < Length::NoTook => row.own(format!(" ~{}", say(time)), Role::Text),
        _ => row,
    };
    let (word, role) = match (target.under_way, &target.blocked) {
        (Some(_), _) => ("UNDER WAY", Role::Warn),
        (None, Some(_)) => ("BLOCKED", Role::Danger),
        (None, None) if target.is_only_unchecked() => ("UNCHECKED", Role::Warn),
        (None, None) => verdict::word(target.verdict.outlook),
    };
    let row = tried(model, row.gap(1).own(word, role), target, length);
    let row = lacks(row, target, length);
    match service.skipped.as_slice() {
        [first, more @ ..] if length < Length::NoAge => {
            let more = if more.is_empty() { String::new() } else { format!(" +{}", more.len()) };
            row.own(format!(" skips {}{more}", first.build), Role::Warn)
        }
        _ => row,
    }
}

/// Whether that way back was tried. What failed is said as long as there is room.
fn tried<'t>(model: &Model, row: Row<'t>, target: &RollbackPreview, length: Length) -> Row<'t> {
    let tried = target.tried.as_ref().filter(|_| target.under_way.is_none());
    let Some(tried) = tried else { return row };
    let role = verdict::tried_role(model, tried);
    let ago = tried.last.as_ref().map_or_else(String::new, |last| age(model.since(last.at)));
    match tried.trust(model.now()) {
        // On the smallest screens production's own state says it.
        Trust::Failed if length >= Length::Bare => row,
        Trust::Failed if length >= Length::OnlyRed => row.own(", FAILED", role),
        Trust::Failed => row.own(format!(", {}", tried.in_words(&ago)), role),
        _ if length < Length::NoTried => row.own(format!(", {}", tried.in_words(&ago)), role),
        _ => row,
    }
}

/// What its steps need and is missing.
fn lacks<'t>(row: Row<'t>, target: &RollbackPreview, length: Length) -> Row<'t> {
    let is_missing = |need: &&NeedStanding| need.state == NeedState::Missing;
    match target.needs.iter().find(is_missing).filter(|_| length < Length::NoArrow) {
        Some(need) => {
            row.own(", no ", Role::Danger).called_within(&need.name, SHORT_NAME, Role::Danger)
        }
        None => row,
    }
}
