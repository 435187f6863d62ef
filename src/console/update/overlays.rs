//! The keys of the overlays that only show: changes, help, messages.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::console::actions::matching;
use crate::console::effect::Effect;
use crate::console::layout;
use crate::console::model::Model;
use crate::console::model::notes::Tone;
use crate::console::model::overlay::Overlay;
use crate::console::update::act;

/// Keys of a page that can only be scrolled and closed.
pub fn scroll(model: &mut Model, name: &str) -> Vec<Effect> {
    let page = isize::try_from(model.size.height / 2).unwrap_or(1);
    let by = match name {
        "esc" | "q" | "ctrl-c" | "d" | "M" | "enter" => {
            close(model);
            return Vec::new();
        }
        "j" | "down" => 1,
        "k" | "up" => -1,
        "ctrl-d" | "pgdn" => page,
        "ctrl-u" | "pgup" => -page,
        "g" | "home" => -10_000,
        "G" | "end" => 10_000,
        _ => return Vec::new(),
    };
    let most = layout::overlay_lines(model).saturating_sub(1);
    match model.overlays.last_mut() {
        Some(Overlay::Changes(page)) => {
            page.scroll = page.scroll.saturating_add_signed(by).min(most);
        }
        Some(Overlay::Messages(lines)) => *lines = lines.saturating_add_signed(by).min(most),
        _ => {}
    }
    Vec::new()
}

/// Closes the top overlay; a dialog that comes to light again has to be looked at first.
fn close(model: &mut Model) {
    model.overlays.pop();
    if let Some(confirm) = model.confirm_mut() {
        confirm.changes();
    }
}

/// Keys of the help: letters search, Enter runs the pick.
pub fn help(model: &mut Model, key: &KeyEvent, name: &str) -> Vec<Effect> {
    let Some(Overlay::Help(help)) = model.overlays.last_mut() else { return Vec::new() };
    let count = matching(&help.search).len();
    match (name, key.code) {
        ("esc" | "ctrl-c" | "f1", _) => {
            model.overlays.pop();
        }
        ("down" | "tab", _) => help.row = (help.row + 1).min(count.saturating_sub(1)),
        ("up" | "shift-tab", _) => help.row = help.row.saturating_sub(1),
        ("pgdn", _) => help.row = (help.row + 10).min(count.saturating_sub(1)),
        ("pgup", _) => help.row = help.row.saturating_sub(10),
        ("enter", _) => return run(model),
        ("?", _) if help.search.is_empty() => {
            model.overlays.pop();
        }
        ("backspace", _) => {
            help.search.pop();
            help.row = 0;
        }
        (_, KeyCode::Char(letter)) if !key.modifiers.contains(KeyModifiers::CONTROL) => {
            help.search.push(letter);
            help.row = 0;
        }
        _ => {}
    }
    Vec::new()
}

fn run(model: &mut Model) -> Vec<Effect> {
    let Some(Overlay::Help(help)) = model.overlays.pop() else { return Vec::new() };
    let Some(entry) = matching(&help.search).get(help.row).copied() else { return Vec::new() };
    match (entry.available)(model) {
        Ok(()) => act::act(model, &entry.action),
        Err(why) => {
            model.say(Tone::Plain, format!("{}: {why}", entry.name));
            Vec::new()
        }
    }
}
