//! What stays behind after the rollback of a plan, in a few lines; and what is open when a hold is released.

use ratatui::text::Line;

use crate::console::actions::action::KeyAction;
use crate::console::model::Model;
use crate::console::theme::Role;
use crate::console::view::dialog::paragraph;
use crate::domain::leftovers::{Leftovers, STAYS_BEHIND};
use crate::domain::plan::Plan;

/// What the plan knows of it; nothing for any other plan than that of a rollback.
pub fn lines(model: &Model, plan: &Plan, width: u16) -> Vec<Line<'static>> {
    let Some(left) = &plan.stays_behind else { return Vec::new() };
    let role = if left.items.is_empty() { Role::Muted } else { Role::Warn };
    paragraph(model, width, &format!("{STAYS_BEHIND}: {}", left.in_brief()), role)
}

/// What is open on a hold, and that releasing it all the same takes one more press.
pub fn at_release(model: &Model, left: &Leftovers, sure: bool, width: u16) -> Vec<Line<'static>> {
    let count = left.open().count();
    if count == 0 {
        return Vec::new();
    }
    let key = model.key(&KeyAction::Checklist);
    let open = left.open_in_words();
    let text = format!("{STAYS_BEHIND}, not ticked: {open}; close this and press {key} to tick");
    let mut lines = paragraph(model, width, &text, Role::Warn);
    if sure {
        let them = if count == 1 { "it" } else { "them" };
        let text = format!("press once more to release with {them} open; that is recorded");
        lines.extend(paragraph(model, width, &text, Role::Danger));
    }
    lines
}
