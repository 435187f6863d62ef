//! After a rollback that failed: the three ways that are left; and whether the way back of a plan was tried.

use ratatui::text::Line;

use crate::console::actions::action::{DialogAction, KeyAction};
use crate::console::age::age;
use crate::console::model::Model;
use crate::console::theme::Role;
use crate::console::view::dialog;
use crate::console::view::parts::row::Row;
use crate::console::view::parts::verdict;
use crate::domain::command::Action;
use crate::domain::plan::Plan;

/// Again, the good build before, or by hand; nothing where no rollback failed before this plan.
pub fn ways(model: &Model, plan: &Plan, width: u16) -> Vec<Line<'static>> {
    let Some(failed) = &plan.after_failure else { return Vec::new() };
    let mut lines = dialog::paragraph(model, width, &failed.sentence(model.now()), Role::Danger);
    let key = |action| model.key(&KeyAction::Dialog(action));
    let row = |key: String| {
        Row::new(&model.options.theme, width).gap(2).cell("or", 12, Role::Muted).own(key, Role::Key)
    };
    let target = plan.target.build;
    if let Some(way) = failed.other_way().filter(|_| failed.before != Some(target)) {
        let text = format!(" {way}");
        lines.push(row(key(DialogAction::BuildBefore)).own(text, Role::Text).line());
    }
    let by_hand = row(key(DialogAction::ByHand));
    lines.push(by_hand.own(" by hand: the exact commands", Role::Text).line());
    lines
}

/// Whose rollback steps run, where the trunk has others.
pub fn steps_row<'t>(model: &'t Model, plan: &Plan, width: u16) -> Option<Row<'t>> {
    if !plan.trunk_differs {
        return None;
    }
    let by_trunk = matches!(plan.action, Action::RollbackByTrunk { .. });
    let own = format!("of {}", plan.target.build);
    let (this, other) = if by_trunk {
        ("of the trunk".to_owned(), format!("those {own}"))
    } else {
        (own, "the trunk's, which differ".to_owned())
    };
    let key = model.key(&KeyAction::Dialog(DialogAction::TrunkSteps));
    let row = Row::new(&model.options.theme, width).gap(2).cell("steps", 12, Role::Muted);
    let row = row.own(format!("{this}; "), Role::Text).own(key, Role::Key);
    Some(row.own(format!(" takes {other}"), Role::Text))
}

/// Whether the rollback steps of the plan were tried.
pub fn tried_row<'t>(model: &'t Model, plan: &Plan, width: u16) -> Row<'t> {
    let row = Row::new(&model.options.theme, width).gap(2).cell("tried", 12, Role::Muted);
    let Some(tried) = &plan.tried else { return row.own("not known", Role::Muted) };
    let ago = tried.last.as_ref().map_or_else(String::new, |last| age(model.since(last.at)));
    row.own(tried.in_words(&ago), verdict::tried_role(model, tried))
}
