//! What a key is called: `ctrl-d`, `P`, `shift-tab`; the action table, the hints and the help use these names.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The name of a pressed key, or `None` for one that nothing can be bound to.
///
/// A letter carries its case itself, so shift is named only for keys that have no case.
#[must_use]
pub fn name(key: &KeyEvent) -> Option<String> {
    let plain = match key.code {
        KeyCode::Char(' ') => "space".to_owned(),
        KeyCode::Char(letter) if key.modifiers.contains(KeyModifiers::CONTROL) => {
            letter.to_ascii_lowercase().to_string()
        }
        KeyCode::Char(letter) => letter.to_string(),
        KeyCode::F(number) => format!("f{number}"),
        KeyCode::BackTab => return Some("shift-tab".into()),
        code => special(code)?.to_owned(),
    };
    let control = if key.modifiers.contains(KeyModifiers::CONTROL) { "ctrl-" } else { "" };
    let alt = if key.modifiers.contains(KeyModifiers::ALT) { "alt-" } else { "" };
    Some(format!("{control}{alt}{plain}"))
}

/// A key's name as the screen shows it: the names of special keys begin with a capital.
#[must_use]
pub fn shown(name: &str) -> String {
    let special = name.chars().count() > 1 && !name.starts_with("ctrl-");
    let mut letters = name.chars();
    match letters.next() {
        Some(first) if special => first.to_uppercase().chain(letters).collect(),
        _ => name.to_owned(),
    }
}

fn special(code: KeyCode) -> Option<&'static str> {
    Some(match code {
        KeyCode::Enter => "enter",
        KeyCode::Esc => "esc",
        KeyCode::Tab => "tab",
        KeyCode::Backspace => "backspace",
        KeyCode::Delete => "del",
        KeyCode::Up => "up",
        KeyCode::Down => "down",
        KeyCode::Left => "left",
        KeyCode::Right => "right",
        KeyCode::Home => "home",
        KeyCode::End => "end",
        KeyCode::PageUp => "pgup",
        KeyCode::PageDown => "pgdn",
        _ => return None,
    })
}
