//! What a key, a paste or a new size does, given what lies on top.

use crossterm::event::{Event, KeyEvent, KeyEventKind};
use ratatui::layout::Size;

use crate::console::actions::{self, Action, keys};
use crate::console::effect::{Effect, Outside};
use crate::console::model::Model;
use crate::console::model::areas::is_tiny;
use crate::console::model::dialog::{Confirm, Manner, QUIET, Reading};
use crate::console::model::notes::Tone;
use crate::console::model::overlay::Overlay;
use crate::console::update::{act, browse, confirm, log, overlays};

pub fn input(model: &mut Model, event: Event) -> Vec<Effect> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => key_pressed(model, &key),
        Event::Paste(text) => paste(model, &text),
        Event::Resize(width, height) => {
            model.size = Size { width, height };
            if let Some(confirm) = model.confirm_mut() {
                confirm.changes();
                // Its lines end elsewhere now.
                confirm.reading = Reading::default();
            }
            // Also at the size that was drawn last: a terminal that shrank and grew again in between has lost it.
            vec![Effect::Outside(Outside::Redraw)]
        }
        // Who comes back to the window, or reaches for the mouse, has not read the dialog yet.
        _ => not_quiet(model),
    }
}

/// Something came in that presses no button, and so puts every button off.
fn not_quiet(model: &mut Model) -> Vec<Effect> {
    let at = model.at;
    model.last_input = Some(at);
    if let Some(confirm) = model.confirm_mut() {
        confirm.pressed(at);
    }
    Vec::new()
}

fn key_pressed(model: &mut Model, key: &KeyEvent) -> Vec<Effect> {
    // A key that was in the pipe by then may have been pressed before the dialog was on screen.
    let keys_out = model.keys_out;
    let since_last = model.last_input.is_none_or(|last| keys_out >= last + QUIET);
    let quiet = model.confirm_mut().map_or(since_last, |confirm| confirm.is_armed(keys_out));
    not_quiet(model);
    let Some(name) = keys::name(key) else { return Vec::new() };
    if is_tiny(model.area()) {
        return unseen(model, key, &name, quiet);
    }
    if let Some(always) = everywhere(model, &name, quiet) {
        return always;
    }
    match model.overlays.last() {
        Some(Overlay::Confirm(_)) => confirm::key(model, key, &name, quiet),
        Some(Overlay::Changes(_) | Overlay::Messages(_)) => overlays::scroll(model, &name),
        Some(Overlay::Help(_)) => overlays::help(model, key, &name),
        None if model.filter.typing => browse::filter(model, key, &name),
        None if model.log.search.is_some() => log::search(model, key, &name),
        None => browse(model, &name),
    }
}

/// Keys on a screen without room for panes: nothing acts that could not be seen, but for the emergency, which shows.
fn unseen(model: &mut Model, key: &KeyEvent, name: &str, quiet: bool) -> Vec<Effect> {
    match (name, is_emergency(model)) {
        ("q", _) => vec![Effect::Quit],
        ("enter" | "esc" | "ctrl-c", true) => confirm::key(model, key, name, quiet),
        // The number that it asks for can be typed here too.
        (_, true) if is_typing(model) => confirm::key(model, key, name, quiet),
        ("esc", false) if model.overlays.pop().is_some() => Vec::new(),
        ("esc", false) if model.filter.typing => browse::filter(model, key, name),
        ("esc", false) if model.log.search.is_some() => log::search(model, key, name),
        ("ctrl-c", false) => act::act(model, &Action::Interrupt),
        // No text is typed where none can be seen, so that its key means the emergency in every one of them.
        _ if is_bang(name) && quiet => start_emergency(model, name),
        _ => everywhere(model, name, quiet).unwrap_or_default(),
    }
}

fn is_bang(name: &str) -> bool {
    actions::bound(name).is_some_and(|entry| entry.action == Action::Emergency)
}

fn is_emergency(model: &Model) -> bool {
    let emergency = |c: &Confirm| matches!(c.manner, Manner::Emergency { .. });
    matches!(model.overlays.last(), Some(Overlay::Confirm(c)) if emergency(c))
}

/// Whether letters go into a text.
fn is_typing(model: &Model) -> bool {
    let dialog =
        matches!(model.overlays.last(), Some(Overlay::Confirm(c)) if c.focused_field().is_some());
    dialog || model.filter.typing || model.log.search.is_some()
}

/// What works under every overlay.
fn everywhere(model: &mut Model, name: &str, quiet: bool) -> Option<Vec<Effect>> {
    match &actions::bound(name)?.action {
        Action::Emergency => emergency(model, name, quiet),
        action @ (Action::Redraw | Action::Suspend) => Some(act::act(model, action)),
        _ => None,
    }
}

/// Starts the emergency, unless its key is a letter of a text or may be one.
fn emergency(model: &mut Model, name: &str, quiet: bool) -> Option<Vec<Effect>> {
    if is_emergency(model) {
        return Some(Vec::new());
    }
    match bang(model, quiet) {
        Bang::Letter => None,
        Bang::Hasty => {
            let key = keys::shown(name);
            model.say(Tone::Plain, format!("too quick for the emergency: pause, then press {key}"));
            Some(Vec::new())
        }
        Bang::Emergency => Some(start_emergency(model, name)),
    }
}

fn start_emergency(model: &mut Model, name: &str) -> Vec<Effect> {
    model.overlays.clear();
    model.filter.typing = false;
    model.log.search = None;
    browse(model, name)
}

/// What the key of the emergency is where it was pressed.
enum Bang {
    Emergency,
    /// Part of the text that is being typed.
    Letter,
    /// Perhaps the rest of a text that was meant for a dialog.
    Hasty,
}

/// Whoever paused before the key means the emergency, also in a field that nothing was typed into yet.
fn bang(model: &Model, quiet: bool) -> Bang {
    let is_dialog = |overlay: &Overlay| matches!(overlay, Overlay::Confirm(_));
    match model.overlays.last() {
        Some(Overlay::Confirm(confirm)) => match confirm.focused_field() {
            Some(field) if field.takes('!') && !(quiet && field.text.is_empty()) => Bang::Letter,
            _ if quiet => Bang::Emergency,
            _ => Bang::Hasty,
        },
        Some(Overlay::Help(_)) if !quiet => Bang::Letter,
        Some(_) if !quiet && model.overlays.iter().any(is_dialog) => Bang::Hasty,
        None if model.filter.typing || model.log.search.is_some() => Bang::Letter,
        _ => Bang::Emergency,
    }
}

fn browse(model: &mut Model, name: &str) -> Vec<Effect> {
    match actions::bound(name) {
        Some(entry) => match (entry.available)(model) {
            Ok(()) => act::act(model, &entry.action),
            Err(why) => {
                model.say(Tone::Plain, why);
                Vec::new()
            }
        },
        None => Vec::new(),
    }
}

/// A paste goes into the text that is being typed, and nowhere else: it never presses anything.
fn paste(model: &mut Model, text: &str) -> Vec<Effect> {
    not_quiet(model);
    match model.overlays.last_mut() {
        Some(Overlay::Confirm(_)) => confirm::paste(model, text),
        Some(Overlay::Help(help)) => {
            help.search.extend(text.chars().filter(|c| !c.is_control()).take(40));
        }
        None if model.log.search.is_some() => log::paste(model, text),
        None if model.filter.typing => {
            model.filter.text.extend(text.chars().filter(|c| !c.is_control()).take(100));
        }
        _ => {}
    }
    Vec::new()
}
