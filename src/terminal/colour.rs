//! Reduces colours to the terminal's depth: to the nearest colour that it has, or to none.

use ratatui::style::{Color, Style};

use super::capabilities::Depth;
use crate::gate::palette::{Rgb, SIXTEEN, distance, indexed, rgb};

/// The style, reduced to the colours of `depth`.
#[must_use]
pub fn degrade(style: Style, depth: Depth) -> Style {
    let to = |colour: Color| nearest(colour, depth);
    Style {
        fg: style.fg.and_then(to),
        bg: style.bg.and_then(to),
        underline_color: style.underline_color.and_then(to),
        ..style
    }
}

fn nearest(colour: Color, depth: Depth) -> Option<Color> {
    match (depth, colour) {
        (Depth::Mono, _) => None,
        (Depth::Ansi16, Color::Rgb(..) | Color::Indexed(_)) => rgb(colour).map(nearest_of_16),
        (Depth::Ansi256, Color::Rgb(r, g, b)) => Some(nearest_of_256((r, g, b))),
        _ => Some(colour),
    }
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
    fn a_colour_becomes_the_nearest_that_the_terminal_has() {
        let orange = Style::new().fg(Color::Rgb(255, 128, 0)).bg(Color::Indexed(17));
        assert_eq!(degrade(orange, Depth::Rgb), orange);
        assert_eq!(degrade(orange, Depth::Ansi256).fg, Some(Color::Indexed(208)));
        assert_eq!(degrade(orange, Depth::Ansi16).bg, Some(Color::Black));
        assert_eq!(degrade(orange, Depth::Mono), Style::new());
    }
}
