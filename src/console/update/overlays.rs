//! The keys of the overlays that only show: changes, help, messages.

use crate::console::actions::action::{HelpAction, KeyAction, Move, PageAction};
use crate::console::actions::matching;
use crate::console::effect::Effect;
use crate::console::layout;
use crate::console::model::Model;
use crate::console::model::overlay::{Help, Overlay};
use crate::console::update::{act, by_hand, command_lines};

/// How many rows of the help a page is.
const HELP_PAGE: usize = 10;

/// A key on a page that can only be scrolled and closed.
pub fn page(model: &mut Model, action: Option<&KeyAction>) -> Vec<Effect> {
    match action {
        Some(KeyAction::Page(PageAction::Close)) => close(model),
        Some(KeyAction::Page(PageAction::Copy)) => return copy(model),
        Some(KeyAction::Move(by)) => scroll(model, *by),
        _ => {}
    }
    Vec::new()
}

fn copy(model: &mut Model) -> Vec<Effect> {
    match model.overlays.last() {
        Some(Overlay::CommandLines(page)) => command_lines::copy(model, *page),
        _ => by_hand::copy(model),
    }
}

fn scroll(model: &mut Model, by: Move) {
    let page_rows = usize::from(model.size.height / 2);
    let most = layout::overlay_lines(model).saturating_sub(1);
    match model.overlays.last_mut() {
        Some(Overlay::Changes(changes)) => {
            changes.scroll = by.lead(changes.scroll, page_rows, most);
        }
        Some(Overlay::ByHand(page)) => page.scroll = by.lead(page.scroll, page_rows, most),
        Some(Overlay::Line(page)) => page.scroll = by.lead(page.scroll, page_rows, most),
        Some(Overlay::CommandLines(page)) => page.row = by.lead(page.row, page_rows, most),
        Some(Overlay::Messages(lines)) => *lines = by.lead(*lines, page_rows, most),
        _ => {}
    }
}

/// Closes the top overlay; a dialog below it has to be read first.
fn close(model: &mut Model) {
    model.overlays.pop();
    if let Some(confirm) = model.confirm_mut() {
        confirm.progress.changed();
    }
}

/// A key in the help: letters search.
pub fn help(model: &mut Model, action: Option<&KeyAction>, letter: Option<char>) -> Vec<Effect> {
    let Some(Overlay::Help(help)) = model.overlays.last_mut() else { return Vec::new() };
    match action {
        Some(KeyAction::InHelp(HelpAction::Run)) => return run(model),
        Some(KeyAction::InHelp(HelpAction::CloseIfEmpty)) if !help.search.is_empty() => {
            type_letter(help, letter);
        }
        Some(KeyAction::InHelp(HelpAction::Close | HelpAction::CloseIfEmpty)) => {
            model.overlays.pop();
        }
        Some(KeyAction::Move(by)) => {
            let count = matching(&model.options.keymap, help.search.as_str()).len();
            help.row = by.lead(help.row, HELP_PAGE, count.saturating_sub(1));
        }
        Some(KeyAction::Edit(edit)) => {
            help.search.edit(*edit);
            help.row = 0;
        }
        _ => type_letter(help, letter),
    }
    Vec::new()
}

fn type_letter(help: &mut Help, letter: Option<char>) {
    help.search.type_letter(letter);
    help.row = 0;
}

/// A text that was pasted into the search of the help.
pub fn typed(model: &mut Model, text: &str) {
    if let Some(Overlay::Help(help)) = model.overlays.last_mut() {
        help.search.insert(text);
        help.row = 0;
    }
}

/// Closes the help and runs the pick.
fn run(model: &mut Model) -> Vec<Effect> {
    let Some(Overlay::Help(help)) = model.overlays.pop() else { return Vec::new() };
    let found = matching(&model.options.keymap, help.search.as_str());
    let Some(entry) = found.get(help.row).copied() else { return Vec::new() };
    act::run(model, &entry.action)
}
