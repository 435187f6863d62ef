//! Reduces colours to the terminal's depth: to the nearest colour that it has, or to none.

use std::fmt::Write as _;

use ratatui::style::{Color, Modifier, Style};

use super::capabilities::Depth;
use crate::gate::palette::{Rgb, SIXTEEN, distance, indexed, rgb};

/// The style, reduced to the colours of `depth`.
#[must_use]
pub fn degrade(style: Style, depth: Depth) -> Style {
    let to = |colour: Color| at_depth(colour, depth);
    Style {
        fg: style.fg.and_then(to),
        bg: style.bg.and_then(to),
        underline_color: style.underline_color.and_then(to),
        ..style
    }
}

/// The nearest colour of `depth`; `None` where there is none.
#[must_use]
pub fn at_depth(colour: Color, depth: Depth) -> Option<Color> {
    match (depth, colour) {
        (Depth::Mono, _) => None,
        (Depth::Ansi16, Color::Rgb(..) | Color::Indexed(_)) => rgb(colour).map(nearest_of_16),
        (Depth::Ansi256, Color::Rgb(r, g, b)) => Some(nearest_of_256((r, g, b))),
        _ => Some(colour),
    }
}

/// The sequence that sets a style, for what is printed line by line; `\x1b[0m` ends it.
#[must_use]
pub fn sequence(style: Style) -> String {
    let attributes = [
        (Modifier::BOLD, "1"),
        (Modifier::DIM, "2"),
        (Modifier::ITALIC, "3"),
        (Modifier::UNDERLINED, "4"),
        (Modifier::REVERSED, "7"),
    ];
    let mut sequence = "\x1b[0".to_owned();
    for (attribute, code) in attributes {
        if style.add_modifier.contains(attribute) {
            sequence.extend([";", code]);
        }
    }
    for (colour, base) in [(style.fg, 30), (style.bg, 40)] {
        let written = match colour {
            None => Ok(()),
            Some(Color::Reset) => write!(sequence, ";{}", base + 9),
            Some(Color::Rgb(r, g, b)) => write!(sequence, ";{};2;{r};{g};{b}", base + 8),
            Some(Color::Indexed(index)) => write!(sequence, ";{};5;{index}", base + 8),
            Some(named) => {
                let at = SIXTEEN.iter().position(|(colour, _)| *colour == named).unwrap_or(7);
                let code = if at < 8 { base + at } else { base + 60 + at - 8 };
                write!(sequence, ";{code}")
            }
        };
        written.expect("a String takes any text");
    }
    sequence.push('m');
    sequence
}

fn nearest_of_16(wanted: Rgb) -> Color {
    SIXTEEN
        .into_iter()
        .min_by_key(|(_, rgb)| distance(*rgb, wanted))
        .map_or(Color::Reset, |(colour, _)| colour)
}

fn nearest_of_256(wanted: Rgb) -> Color {
    (16..=255)
        .min_by_key(|index| distance(indexed(*index), wanted))
        .map_or(Color::Reset, Color::Indexed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_style_is_written_as_terminals_read_it() {
        let cases = [
            (Style::new(), "\x1b[0m"),
            (Style::new().fg(Color::Red).add_modifier(Modifier::BOLD), "\x1b[0;1;31m"),
            (Style::new().fg(Color::LightCyan).bg(Color::DarkGray), "\x1b[0;96;100m"),
            (Style::new().fg(Color::Indexed(74)).bg(Color::Reset), "\x1b[0;38;5;74;49m"),
            (Style::new().bg(Color::Rgb(1, 2, 3)), "\x1b[0;48;2;1;2;3m"),
        ];
        for (style, written) in cases {
            assert_eq!(sequence(style), written);
        }
    }

    #[test]
    fn a_colour_becomes_the_nearest_that_the_terminal_has() {
        let orange = Style::new().fg(Color::Rgb(255, 128, 0)).bg(Color::Indexed(17));
        assert_eq!(degrade(orange, Depth::Rgb), orange);
        assert_eq!(degrade(orange, Depth::Ansi256).fg, Some(Color::Indexed(208)));
        assert_eq!(degrade(orange, Depth::Ansi16).bg, Some(Color::Black));
        assert_eq!(degrade(orange, Depth::Mono), Style::new());
    }
}
