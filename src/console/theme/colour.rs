//! A colour of a theme, with a value for each depth, and how a theme file writes it.

use ratatui::style::Color;

use crate::settings::{Mistakes, Setting, did_you_mean};
use crate::terminal::capabilities::Depth;
use crate::terminal::colour::at_depth;

/// The colours that every terminal has, and its own text or background.
const NAMED: [(&str, Color); 17] = [
    ("default", Color::Reset),
    ("black", Color::Black),
    ("red", Color::Red),
    ("green", Color::Green),
    ("yellow", Color::Yellow),
    ("blue", Color::Blue),
    ("magenta", Color::Magenta),
    ("cyan", Color::Cyan),
    ("gray", Color::Gray),
    ("darkgray", Color::DarkGray),
    ("lightred", Color::LightRed),
    ("lightgreen", Color::LightGreen),
    ("lightyellow", Color::LightYellow),
    ("lightblue", Color::LightBlue),
    ("lightmagenta", Color::LightMagenta),
    ("lightcyan", Color::LightCyan),
    ("white", Color::White),
];

/// A colour at each depth. What is not said is the nearest that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThemeColour {
    best: Color,
    of_256: Option<u8>,
    of_16: Option<Color>,
}

impl ThemeColour {
    /// What of it a terminal of this depth can show.
    #[must_use]
    pub fn at(self, depth: Depth) -> Option<Color> {
        match depth {
            Depth::Mono => None,
            Depth::Ansi16 => self.of_16.or_else(|| at_depth(self.widest(), depth)),
            Depth::Ansi256 => Some(self.of_256.map_or(self.best, Color::Indexed))
                .and_then(|colour| at_depth(colour, depth)),
            Depth::Rgb => Some(self.best),
        }
    }

    /// A number of 256 says more than what it stands for.
    fn widest(self) -> Color {
        self.of_256.map_or(self.best, Color::Indexed)
    }

    /// The colour of a name or of `#rrggbb`.
    #[must_use]
    pub fn written(text: &str) -> Option<Self> {
        let colour = named(text).or_else(|| hex(text))?;
        Some(Self { best: colour, of_256: None, of_16: None })
    }

    /// Reads a colour of a palette: a text, or a value for each depth.
    pub fn read(setting: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        if !setting.is_table() {
            let text = setting.text(mistakes)?;
            let colour = Self::written(text);
            if colour.is_none() {
                setting.reject(mistakes, unknown(text, &[]));
            }
            return colour;
        }
        let mut section = setting.section(mistakes)?;
        let rgb = section.take("rgb").and_then(|entry| rgb(&entry, mistakes));
        let of_256 = section.take("c256").and_then(|entry| number(&entry, mistakes));
        let of_16 = section.take("c16").and_then(|entry| one_of_16(&entry, mistakes));
        let at = section.at;
        section.finish(mistakes);
        let best = rgb.or(of_256.map(Color::Indexed)).or(of_16);
        if best.is_none() {
            mistakes.add(at, &setting.path, "has no colour; write rgb = \"#rrggbb\"");
        }
        Some(Self { best: best?, of_256, of_16 })
    }
}

fn named(text: &str) -> Option<Color> {
    NAMED.iter().find(|(name, _)| *name == text).map(|(_, colour)| *colour)
}

fn hex(text: &str) -> Option<Color> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    let all = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let number = u32::from_str_radix(digits, 16).ok().filter(|_| all)?;
    let [_, red, green, blue] = number.to_be_bytes();
    Some(Color::Rgb(red, green, blue))
}

fn rgb(setting: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<Color> {
    let text = setting.text(mistakes)?;
    let colour = hex(text);
    if colour.is_none() {
        setting.reject(mistakes, format!("{text:?} is not written as \"#rrggbb\""));
    }
    colour
}

/// The first sixteen are the terminal's own, as `c16` has them.
fn number(setting: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<u8> {
    let number = setting.count(mistakes)?;
    let found = u8::try_from(number).ok().filter(|number| *number >= 16);
    if found.is_none() {
        setting.reject(mistakes, format!("{number} is not a number from 16 to 255"));
    }
    found
}

fn one_of_16(setting: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<Color> {
    let text = setting.text(mistakes)?;
    let colour = named(text);
    if colour.is_none() {
        setting.reject(mistakes, unknown(text, &[]));
    }
    colour
}

/// That there is no such colour, and which may be meant.
#[must_use]
pub fn unknown(text: &str, palette: &[&str]) -> String {
    let known: Vec<_> =
        palette.iter().copied().chain(NAMED.iter().map(|(name, _)| *name)).collect();
    let advice = did_you_mean(text, &known).unwrap_or_else(|| {
        "; write \"#rrggbb\", a name of [palette], one of the 16 colours or \"default\"".to_owned()
    });
    format!("unknown colour {text:?}{advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_has_a_value_for_each_depth_and_the_nearest_where_none_is_said() {
        let sky = ThemeColour {
            best: Color::Rgb(0x56, 0xb4, 0xe9),
            of_256: Some(74),
            of_16: Some(Color::LightCyan),
        };
        let all = [Depth::Mono, Depth::Ansi16, Depth::Ansi256, Depth::Rgb];
        let told = [None, Some(Color::LightCyan), Some(Color::Indexed(74)), Some(sky.best)];
        assert_eq!(all.map(|depth| sky.at(depth)), told);
        let bare = ThemeColour { of_256: None, of_16: None, ..sky };
        assert_eq!(bare.at(Depth::Ansi256), Some(Color::Indexed(74)));
        assert_eq!(bare.at(Depth::Ansi16), Some(Color::LightBlue));
        let own = ThemeColour::written("default").unwrap();
        assert_eq!(own.at(Depth::Ansi16), Some(Color::Reset));
        assert_eq!(own.at(Depth::Mono), None);
    }

    #[test]
    fn only_six_digits_and_the_known_names_are_colours() {
        assert!(ThemeColour::written("#0072b2").is_some());
        for wrong in ["#07b", "#+072b2", "#0072b", "0072b2", "Red", "#0072bg", "", "#é072b"] {
            assert_eq!(ThemeColour::written(wrong), None, "{wrong}");
        }
    }
}
