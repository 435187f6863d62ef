//! What a key, a paste or a new size does.

use crossterm::event::{Event, KeyEvent, KeyEventKind};
use ratatui::layout::Size;

use crate::console::actions::action::{DialogAction, InputAction, KeyAction};
use crate::console::actions::chord::Chord;
use crate::console::actions::context::InputContext;
use crate::console::actions::keymap::PressedKey;
use crate::console::effect::{Effect, Outside};
use crate::console::model::areas::is_tiny;
use crate::console::model::dialog::progress::{Focus, QUIET};
use crate::console::model::notes::Tone;
use crate::console::model::overlay::Overlay;
use crate::console::model::pane::Pane;
use crate::console::model::{Model, PendingKey, Screen};
use crate::console::update::{
    act, browse, burst, changed, checklist, confirm, engines, log, overlays, pick, themes,
};
use crate::terminal::input::Crowd;

pub fn input(model: &mut Model, event: Event, crowd: Crowd) -> Vec<Effect> {
    if matches!(event, Event::Resize(..) | Event::FocusGained | Event::FocusLost) {
        return taken_in(model, event);
    }
    burst::begin(model, crowd);
    let open = model.confirm().map(|confirm| confirm.progress.ticket());
    let effects = taken_in(model, event);
    burst::end(model, open);
    effects
}

fn taken_in(model: &mut Model, event: Event) -> Vec<Effect> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => {
            model.failures.looked(model.keys_out);
            key_pressed(model, &key)
        }
        Event::Paste(text) => paste(model, &text),
        Event::Resize(width, height) => {
            model.size = Size { width, height };
            if let Some(confirm) = model.confirm_mut() {
                confirm.progress.resized();
            }
            // Also at the size that was drawn last: a terminal that shrank and grew again in between has lost it.
            vec![Effect::Outside(Outside::Redraw)]
        }
        // After a change of focus or a mouse event, the dialog has to be read first.
        _ => not_quiet(model),
    }
}

/// Input that presses no button disables every button for a moment.
fn not_quiet(model: &mut Model) -> Vec<Effect> {
    let at = model.at;
    model.last_input = Some(at);
    if let Some(confirm) = model.confirm_mut() {
        confirm.progress.pressed(at);
    }
    Vec::new()
}

fn key_pressed(model: &mut Model, key: &KeyEvent) -> Vec<Effect> {
    // A key that was in the pipe by then may have been pressed before the dialog was on screen.
    let keys_out = model.keys_out;
    let since_last = model.last_input.is_none_or(|last| keys_out >= last + QUIET);
    let quiet =
        model.confirm_mut().map_or(since_last, |confirm| confirm.progress.is_armed(keys_out));
    let quiet = quiet && !model.burst.is_now();
    // What opened by itself is not in the way of the emergency.
    let meant = if came_by_itself(model) { since_last && !model.burst.is_now() } else { quiet };
    not_quiet(model);
    let pending = model.pending.take();
    let Some(chord) = Chord::pressed(key) else { return Vec::new() };
    if is_tiny(model.area()) {
        return unseen(model, chord, meant);
    }
    everywhere(model, chord, meant).unwrap_or_else(|| in_context(model, pending, chord, quiet))
}

/// Whether the dialog is one that nobody pressed a key for.
fn came_by_itself(model: &Model) -> bool {
    model.confirm().and_then(|confirm| confirm.dialog.incident()).is_some_and(|form| form.by_itself)
}

/// Where a key is pressed now.
fn context(model: &Model) -> InputContext {
    match model.overlays.last() {
        Some(Overlay::Confirm(confirm)) => match confirm.progress.focus() {
            Focus::Field(_) => InputContext::Field,
            Focus::Commits => InputContext::Commits,
            Focus::Pick(_) => InputContext::Picks,
            Focus::Leave | Focus::Watch | Focus::Ask | Focus::Act => InputContext::Buttons,
        },
        Some(
            Overlay::Changes(_)
            | Overlay::Line(_)
            | Overlay::Messages(_)
            | Overlay::ByHand(_)
            | Overlay::CommandLines(_),
        ) => InputContext::Page,
        Some(Overlay::Changed(_)) => InputContext::Changed,
        Some(Overlay::Checklist(_)) => InputContext::Checklist,
        Some(Overlay::Engines(_) | Overlay::Themes(_)) => InputContext::Choice,
        Some(Overlay::Help(_)) => InputContext::Help,
        Some(Overlay::Palette(_)) => InputContext::Palette,
        Some(Overlay::Menu(_)) => InputContext::Menu,
        None if model.filter.typing => InputContext::Filter,
        None if model.log.search.is_some() => InputContext::Search,
        None if model.focus == Pane::Log && model.screen == Screen::Service => InputContext::Log,
        None => InputContext::Lists,
    }
}

/// Does what the table of the place says of a key; a letter that it says nothing of is typed.
fn in_context(
    model: &mut Model,
    pending: Option<PendingKey>,
    chord: Chord,
    armed: bool,
) -> Vec<Effect> {
    let context = context(model);
    // What opened by itself in between takes none of two keys.
    let first = pending.filter(|pending| pending.context == context).map(|pending| pending.first);
    let action = match (model.options.keymap.pressed(context, first, chord), first) {
        (PressedKey::Does(action), _) => Some(action),
        (PressedKey::Begins, _) => {
            model.pending = Some(PendingKey { context, first: chord });
            return Vec::new();
        }
        (PressedKey::Unbound, None) => None,
        (PressedKey::Unbound, Some(first)) => {
            if chord != Chord::GIVES_UP {
                let keys = format!("{} {}", first.shown(), chord.shown());
                model.say(Tone::Plain, format!("{keys} does nothing"));
            }
            return Vec::new();
        }
    };
    if action.is_none() && says_unbound(context) && tells_unbound(model, context, chord) {
        return Vec::new();
    }
    if action.is_some() {
        model.unbound = None;
    }
    let letter = chord.letter();
    match context {
        InputContext::Field
        | InputContext::Commits
        | InputContext::Picks
        | InputContext::Buttons => confirm::key(model, action.as_ref(), letter, armed),
        InputContext::Page => overlays::page(model, action.as_ref()),
        InputContext::Changed => changed::key(model, action.as_ref()),
        InputContext::Checklist => match action {
            Some(tick @ KeyAction::InChecklist(_)) => act::run(model, &tick),
            other => checklist::key(model, other.as_ref()),
        },
        InputContext::Help => overlays::help(model, action.as_ref(), letter),
        InputContext::Palette => pick::key(model, action.as_ref(), letter),
        InputContext::Menu => pick::menu_key(model, action.as_ref(), chord),
        InputContext::Choice => match model.overlays.last() {
            Some(Overlay::Themes(_)) => themes::key(model, action.as_ref(), letter),
            _ => engines::key(model, action.as_ref(), letter),
        },
        InputContext::Filter => browse::filter(model, action.as_ref(), letter),
        InputContext::Search => log::search(model, action.as_ref(), letter),
        _ => {
            // A key of the log says so elsewhere.
            let of_log = || model.options.keymap.action(InputContext::Log, chord).cloned();
            action.or_else(of_log).map_or_else(Vec::new, |action| act::run(model, &action))
        }
    }
}

/// Whether a key that does nothing there is said to: elsewhere it is typed, or meant for a dialog.
fn says_unbound(context: InputContext) -> bool {
    matches!(
        context,
        InputContext::Lists
            | InputContext::Log
            | InputContext::Page
            | InputContext::Changed
            | InputContext::Checklist
    )
}

/// Says once that a key does nothing, and not again for each press. False for a key of the log, which says where it works.
fn tells_unbound(model: &mut Model, context: InputContext, chord: Chord) -> bool {
    let is_of_log = model.options.keymap.action(InputContext::Log, chord).is_some();
    if context == InputContext::Lists && is_of_log {
        return false;
    }
    if model.unbound.replace((context, chord)) != Some((context, chord)) {
        let (key, help) = (chord.shown(), model.key(&KeyAction::Help));
        let shows =
            if help.is_empty() { String::new() } else { format!("; {help} shows the keys") };
        model.say(Tone::Plain, format!("{key} does nothing here{shows}"));
    }
    true
}

/// Keys on a screen without room for panes: only the emergency acts, because it is shown.
fn unseen(model: &mut Model, chord: Chord, quiet: bool) -> Vec<Effect> {
    let keymap = &model.options.keymap;
    match (keymap.action(InputContext::Tiny, chord), is_emergency(model)) {
        (Some(KeyAction::Quit), _) => {
            let refused = burst::refuses(model, &KeyAction::Quit);
            return if refused { Vec::new() } else { vec![Effect::Quit] };
        }
        (Some(KeyAction::Back), false) => return leave_unseen(model),
        (Some(KeyAction::Interrupt), false) => return act::act(model, &KeyAction::Interrupt),
        (_, true) => {
            let wanted = [DialogAction::Press, DialogAction::Close].map(KeyAction::Dialog);
            let action = keymap.action(context(model), chord);
            // The number that it asks for can be typed here too.
            if is_typing(model) || action.is_some_and(|action| wanted.contains(action)) {
                return in_context(model, None, chord, quiet);
            }
        }
        _ => {}
    }
    // No text is typed on a screen that shows none, so the key always means the emergency.
    if is_emergency_key(model, chord) && quiet {
        return start_emergency(model);
    }
    everywhere(model, chord, quiet).unwrap_or_default()
}

/// Closes what is open under a screen without room.
fn leave_unseen(model: &mut Model) -> Vec<Effect> {
    let cancel = KeyAction::Input(InputAction::Cancel);
    if model.overlays.pop().is_some() {
        return Vec::new();
    }
    match context(model) {
        InputContext::Filter => browse::filter(model, Some(&cancel), None),
        InputContext::Search => log::search(model, Some(&cancel), None),
        _ => Vec::new(),
    }
}

fn is_emergency_key(model: &Model, chord: Chord) -> bool {
    let action = model.options.keymap.action(InputContext::Everywhere, chord);
    action == Some(&KeyAction::Emergency)
}

fn is_emergency(model: &Model) -> bool {
    matches!(model.overlays.last(), Some(Overlay::Confirm(c)) if c.dialog.is_emergency())
}

/// Whether letters go into a text.
fn is_typing(model: &Model) -> bool {
    let dialog =
        matches!(model.overlays.last(), Some(Overlay::Confirm(c)) if c.focused_field().is_some());
    dialog || model.filter.typing || model.log.search.is_some()
}

/// What works under every overlay.
fn everywhere(model: &mut Model, chord: Chord, quiet: bool) -> Option<Vec<Effect>> {
    match model.options.keymap.action(InputContext::Everywhere, chord)?.clone() {
        KeyAction::Emergency => emergency(model, chord, quiet),
        action => Some(act::run(model, &action)),
    }
}

/// Starts the emergency, unless its key is a letter of a text or may be one.
fn emergency(model: &mut Model, chord: Chord, quiet: bool) -> Option<Vec<Effect>> {
    if is_emergency(model) {
        return Some(Vec::new());
    }
    match emergency_press(model, chord, quiet) {
        EmergencyPress::Letter => None,
        EmergencyPress::TooSoon if burst::refuses(model, &KeyAction::Emergency) => Some(Vec::new()),
        EmergencyPress::TooSoon => {
            let key = chord.shown();
            model.say(Tone::Plain, format!("too quick for the emergency: pause, then press {key}"));
            Some(Vec::new())
        }
        EmergencyPress::Meant => Some(start_emergency(model)),
    }
}

fn start_emergency(model: &mut Model) -> Vec<Effect> {
    if burst::refuses(model, &KeyAction::Emergency) {
        return Vec::new();
    }
    model.overlays.clear();
    model.filter.typing = false;
    model.log.search = None;
    act::run(model, &KeyAction::Emergency)
}

/// What the key of the emergency is where it was pressed.
enum EmergencyPress {
    Meant,
    /// Part of the text that is being typed.
    Letter,
    /// Perhaps the rest of a text that was meant for a dialog.
    TooSoon,
}

/// After a pause the key means the emergency, also in a field that is still empty.
fn emergency_press(model: &Model, chord: Chord, quiet: bool) -> EmergencyPress {
    let letter = chord.letter();
    let typed = letter.is_some();
    let is_dialog = |overlay: &Overlay| matches!(overlay, Overlay::Confirm(_));
    match model.overlays.last() {
        Some(Overlay::Confirm(confirm)) => match confirm.focused_field() {
            Some(field) if letter.is_some_and(|letter| field.takes(letter)) => {
                if quiet && field.text.is_empty() {
                    EmergencyPress::Meant
                } else {
                    EmergencyPress::Letter
                }
            }
            _ if quiet => EmergencyPress::Meant,
            _ => EmergencyPress::TooSoon,
        },
        Some(Overlay::Help(_) | Overlay::Engines(_) | Overlay::Palette(_) | Overlay::Themes(_))
            if typed && !quiet =>
        {
            EmergencyPress::Letter
        }
        Some(_) if !quiet && model.overlays.iter().any(is_dialog) => EmergencyPress::TooSoon,
        None if typed && (model.filter.typing || model.log.search.is_some()) => {
            EmergencyPress::Letter
        }
        _ => EmergencyPress::Meant,
    }
}

/// A paste goes into the text that is being typed; it never presses anything.
fn paste(model: &mut Model, text: &str) -> Vec<Effect> {
    not_quiet(model);
    model.pending = None;
    match context(model) {
        InputContext::Field => confirm::paste(model, text),
        InputContext::Help => overlays::typed(model, text),
        InputContext::Palette => pick::typed(model, text),
        InputContext::Search => model.log.search.iter_mut().for_each(|input| input.insert(text)),
        InputContext::Filter => model.filter.text.insert(text),
        _ => {}
    }
    Vec::new()
}
