//! Turns the colours and attributes that a log sets into a style.

use ratatui_core::style::{Color, Modifier, Style};

use crate::palette::force_apart;

/// The colours and attributes that the stream has set. Blinking and hidden text are ignored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pen {
    fg: Option<Color>,
    bg: Option<Color>,
    modifier: Modifier,
}

impl Pen {
    /// Applies the parameters of one sequence: `1;31`, `38;5;208`, `38:2::255:128:0`. Empty parameters reset.
    pub fn apply(&mut self, parameters: &str) {
        let mut rest = parameters.split(';');
        while let Some(parameter) = rest.next() {
            let mut parts = parameter.split(':');
            let code = parts.next().map_or(0, number);
            let subs: Vec<&str> = parts.collect();
            match code {
                38 | 48 | 58 => {
                    let colour = if subs.is_empty() { listed(&mut rest) } else { grouped(&subs) };
                    self.extended(code, colour);
                }
                4 if subs.first() == Some(&"0") => self.modifier.remove(Modifier::UNDERLINED),
                _ => self.simple(code),
            }
        }
    }

    /// The style to draw with. It is readable, and never the style of the gate's own escapes.
    pub fn style(self) -> Style {
        let mut modifier = self.modifier;
        if modifier.contains(Modifier::REVERSED) {
            modifier.remove(Modifier::DIM);
        }
        let style = Style { fg: self.fg, bg: self.bg, ..Style::new() };
        force_apart(style).add_modifier(modifier)
    }

    fn extended(&mut self, code: u16, colour: Option<Color>) {
        match code {
            38 => self.fg = colour.or(self.fg),
            48 => self.bg = colour.or(self.bg),
            _ => {}
        }
    }

    fn simple(&mut self, code: u16) {
        match code {
            0 => *self = Self::default(),
            1 => self.modifier.insert(Modifier::BOLD),
            2 => self.modifier.insert(Modifier::DIM),
            3 => self.modifier.insert(Modifier::ITALIC),
            4 | 21 => self.modifier.insert(Modifier::UNDERLINED),
            7 => self.modifier.insert(Modifier::REVERSED),
            9 => self.modifier.insert(Modifier::CROSSED_OUT),
            22 => self.modifier.remove(Modifier::BOLD | Modifier::DIM),
            23 => self.modifier.remove(Modifier::ITALIC),
            24 => self.modifier.remove(Modifier::UNDERLINED),
            27 => self.modifier.remove(Modifier::REVERSED),
            29 => self.modifier.remove(Modifier::CROSSED_OUT),
            30..=37 => self.fg = Some(basic(code - 30)),
            39 => self.fg = None,
            40..=47 => self.bg = Some(basic(code - 40)),
            49 => self.bg = None,
            90..=97 => self.fg = Some(basic(code - 90 + 8)),
            100..=107 => self.bg = Some(basic(code - 100 + 8)),
            _ => {}
        }
    }
}

/// An empty parameter is zero. A number that is too large matches no code.
fn number(text: &str) -> u16 {
    if text.is_empty() { 0 } else { text.parse().unwrap_or(u16::MAX) }
}

/// Reads `5;N` or `2;R;G;B` from the list of parameters.
fn listed<'a>(rest: &mut impl Iterator<Item = &'a str>) -> Option<Color> {
    match number(rest.next()?) {
        5 => indexed(rest.next()?),
        2 => {
            let (r, g, b) = (rest.next()?, rest.next()?, rest.next()?);
            rgb([r, g, b])
        }
        _ => None,
    }
}

/// Reads `5:N`, `2:R:G:B`, or the standard's `2:SPACE:R:G:B`.
fn grouped(subs: &[&str]) -> Option<Color> {
    match subs {
        ["5", index, ..] => indexed(index),
        ["2", r, g, b] | ["2", _, r, g, b, ..] => rgb([r, g, b]),
        _ => None,
    }
}

fn indexed(index: &str) -> Option<Color> {
    let index = u8::try_from(number(index)).ok()?;
    Some(if index < 16 { basic(u16::from(index)) } else { Color::Indexed(index) })
}

fn rgb(parts: [&str; 3]) -> Option<Color> {
    let [r, g, b] = parts.map(|part| u8::try_from(number(part)).ok());
    Some(Color::Rgb(r?, g?, b?))
}

fn basic(code: u16) -> Color {
    const BASIC: [Color; 16] = [
        Color::Black,
        Color::Red,
        Color::Green,
        Color::Yellow,
        Color::Blue,
        Color::Magenta,
        Color::Cyan,
        Color::Gray,
        Color::DarkGray,
        Color::LightRed,
        Color::LightGreen,
        Color::LightYellow,
        Color::LightBlue,
        Color::LightMagenta,
        Color::LightCyan,
        Color::White,
    ];
    BASIC[usize::from(code)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pen(parameters: &[&str]) -> Style {
        let mut pen = Pen::default();
        for one in parameters {
            pen.apply(one);
        }
        pen.style()
    }

    #[test]
    fn colours_are_kept_in_every_notation() {
        let plain = Style::new();
        assert_eq!(pen(&["1;31"]), plain.fg(Color::Red).add_modifier(Modifier::BOLD));
        assert_eq!(pen(&["38;5;208"]), plain.fg(Color::Indexed(208)));
        assert_eq!(pen(&["38;5;1"]), plain.fg(Color::Red));
        assert_eq!(pen(&["38;2;255;128;0"]), plain.fg(Color::Rgb(255, 128, 0)));
        assert_eq!(pen(&["38:2::255:128:0"]), plain.fg(Color::Rgb(255, 128, 0)));
        assert_eq!(pen(&["48:5:17;97"]), plain.bg(Color::Indexed(17)).fg(Color::White));
        assert_eq!(pen(&["104"]), plain.bg(Color::LightBlue));
    }

    #[test]
    fn a_reset_an_unknown_and_a_broken_parameter_do_no_harm() {
        assert_eq!(pen(&["1;31", ""]), Style::new());
        assert_eq!(pen(&["1;31", "0"]), Style::new());
        assert_eq!(pen(&["99999999999;38;5"]), Style::new());
        assert_eq!(pen(&["38;2;300;0;0;31"]), Style::new().fg(Color::Red));
    }

    #[test]
    fn blinking_and_hidden_text_and_the_look_of_escapes_are_not_to_be_had() {
        assert_eq!(pen(&["5;6;8"]), Style::new());
        assert_eq!(pen(&["30;40"]), Style::new());
        assert_eq!(pen(&["2;7"]), Style::new().add_modifier(Modifier::REVERSED));
    }
}
