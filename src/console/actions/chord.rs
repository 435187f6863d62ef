//! A key with its modifiers. The only file that knows the key codes of the terminal library.

use std::fmt;
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// A key with its modifiers, written `P`, `ctrl-d`, `alt-x`, `shift-tab` or `space`.
///
/// A letter carries its case itself, so shift is named only for keys that have no case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Chord {
    control: bool,
    alt: bool,
    code: KeyCode,
}

/// Keys with a name: as it is written, and as the screen shows it.
const NAMED: [(KeyCode, &str, &str); 15] = [
    (KeyCode::Char(' '), "space", "Space"),
    (KeyCode::Enter, "enter", "Enter"),
    (KeyCode::Esc, "esc", "Esc"),
    (KeyCode::Tab, "tab", "Tab"),
    (KeyCode::BackTab, "shift-tab", "Shift-tab"),
    (KeyCode::Backspace, "backspace", "Backspace"),
    (KeyCode::Delete, "del", "Del"),
    (KeyCode::Up, "up", "Up"),
    (KeyCode::Down, "down", "Down"),
    (KeyCode::Left, "left", "Left"),
    (KeyCode::Right, "right", "Right"),
    (KeyCode::Home, "home", "Home"),
    (KeyCode::End, "end", "End"),
    (KeyCode::PageUp, "pgup", "PgUp"),
    (KeyCode::PageDown, "pgdn", "PgDn"),
];

impl Chord {
    /// The chord of a key event, or `None` for a key that nothing can be bound to.
    #[must_use]
    pub fn pressed(key: &KeyEvent) -> Option<Self> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        match key.code {
            KeyCode::BackTab => Some(Self { control: false, alt: false, code: key.code }),
            KeyCode::Char(letter) => Some(Self::typing(control, alt, letter)),
            KeyCode::F(_) => Some(Self { control, alt, code: key.code }),
            code => named(code).map(|_| Self { control, alt, code }),
        }
    }

    /// The letter that it types, where it types one.
    #[must_use]
    pub fn letter(self) -> Option<char> {
        match self.code {
            KeyCode::Char(letter) if !self.control => Some(letter),
            _ => None,
        }
    }

    /// The key that gives up what was begun, whatever else it is bound to.
    pub const GIVES_UP: Self = Self { control: false, alt: false, code: KeyCode::Esc };

    /// The ones with which no letter is typed, in words.
    pub const MODIFIERS: &str = "ctrl- or alt- with it";

    /// Whether it gives up and goes back everywhere: Esc and ctrl-c.
    #[must_use]
    pub fn is_way_out(self) -> bool {
        let interrupts = self.control && !self.alt && self.code == KeyCode::Char('c');
        self == Self::GIVES_UP || interrupts
    }

    /// Whether nobody presses it by the way: upper case, a function key, or one with a modifier.
    #[must_use]
    pub fn is_loud(self) -> bool {
        match self.code {
            _ if self.control || self.alt => true,
            KeyCode::F(_) => true,
            KeyCode::Char(letter) => letter.is_uppercase() || "!@#$%^&*+~".contains(letter),
            _ => false,
        }
    }

    /// Whether it types a letter wherever it is bound to nothing.
    #[must_use]
    pub fn is_typed(self) -> bool {
        matches!(self.code, KeyCode::Char(_)) && !self.control && !self.alt
    }

    /// Its name on screen: `PgDn`, `ctrl-d`.
    #[must_use]
    pub fn shown(self) -> String {
        match (named(self.code), self.code) {
            (Some((_, _, shown)), _) => self.modified(shown),
            (None, KeyCode::F(number)) => self.modified(&format!("F{number}")),
            (None, _) => self.to_string(),
        }
    }

    fn typing(control: bool, alt: bool, letter: char) -> Self {
        let letter = if control { letter.to_ascii_lowercase() } else { letter };
        Self { control, alt, code: KeyCode::Char(letter) }
    }

    fn modified(self, name: &str) -> String {
        let control = if self.control { "ctrl-" } else { "" };
        let alt = if self.alt { "alt-" } else { "" };
        format!("{control}{alt}{name}")
    }
}

fn named(code: KeyCode) -> Option<&'static (KeyCode, &'static str, &'static str)> {
    NAMED.iter().find(|(named, _, _)| *named == code)
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match (named(self.code), self.code) {
            (Some((_, name, _)), _) => (*name).to_owned(),
            (None, KeyCode::Char(letter)) => letter.to_string(),
            (None, KeyCode::F(number)) => format!("f{number}"),
            (None, code) => format!("{code:?}"),
        };
        f.write_str(&self.modified(&name))
    }
}

impl FromStr for Chord {
    type Err = InvalidChord;

    fn from_str(text: &str) -> Result<Self, InvalidChord> {
        let invalid = || InvalidChord(text.to_owned());
        let after = |text: &str, before| match text.strip_prefix(before) {
            Some(rest) if !rest.is_empty() => (true, rest.to_owned()),
            _ => (false, text.to_owned()),
        };
        let (control, rest) = after(text, "ctrl-");
        let (alt, name) = after(&rest, "alt-");
        if let Some((code, _, _)) = NAMED.iter().find(|(_, written, _)| *written == name) {
            return Ok(Self { control, alt, code: *code });
        }
        let mut letters = name.chars();
        match (letters.next(), letters.as_str()) {
            (Some(letter), "") if !letter.is_control() => Ok(Self::typing(control, alt, letter)),
            (Some('f'), number) => {
                let number = number.parse().map_err(|_| invalid())?;
                Ok(Self { control, alt, code: KeyCode::F(number) })
            }
            _ => Err(invalid()),
        }
    }
}

/// A text that names no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no key; write it like \"P\", \"ctrl-d\", \"alt-x\", \"enter\", \"f1\" or \"space\""
)]
pub struct InvalidChord(String);

#[cfg(test)]
mod tests {
    use super::*;

    fn event(code: KeyCode, modifiers: KeyModifiers) -> KeyEvent {
        KeyEvent::new(code, modifiers)
    }

    #[test]
    fn a_key_is_read_as_it_is_written() {
        let names =
            ["P", "?", "-", "ü", "f12", "ctrl-d", "alt-x", "ctrl-alt-home", "space", "ctrl--"];
        for name in names.into_iter().chain(NAMED.map(|(_, name, _)| name)) {
            let chord: Chord = name.parse().unwrap();
            assert_eq!(chord.to_string(), name);
        }
        for wrong in ["", "no key", "fx", "Enter", "f999", "ctrl-"] {
            let error = wrong.parse::<Chord>().unwrap_err();
            assert!(error.to_string().starts_with(&format!("{wrong:?} is no key")), "{error}");
        }
    }

    #[test]
    fn a_press_has_the_chord_that_a_table_names() {
        let none = KeyModifiers::NONE;
        let presses = [
            (event(KeyCode::Char('P'), KeyModifiers::SHIFT), "P", Some('P')),
            (event(KeyCode::Char(' '), none), "space", Some(' ')),
            (event(KeyCode::Char('D'), KeyModifiers::CONTROL), "ctrl-d", None),
            (event(KeyCode::Char('x'), KeyModifiers::ALT), "alt-x", Some('x')),
            (event(KeyCode::BackTab, KeyModifiers::SHIFT), "shift-tab", None),
            (event(KeyCode::F(1), none), "f1", None),
        ];
        for (press, name, letter) in presses {
            let chord = Chord::pressed(&press).unwrap();
            assert_eq!((chord, chord.letter()), (name.parse().unwrap(), letter));
        }
        assert_eq!(Chord::pressed(&event(KeyCode::CapsLock, none)), None);
    }

    #[test]
    fn the_screen_writes_special_keys_with_a_capital() {
        let shown = ["pgdn", "f1", "ctrl-d", "p", "alt-enter"].map(|name| {
            let chord: Chord = name.parse().unwrap();
            chord.shown()
        });
        assert_eq!(shown, ["PgDn", "F1", "ctrl-d", "p", "alt-Enter"]);
    }
}
