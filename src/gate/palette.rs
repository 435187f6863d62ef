//! The approximate RGB values of terminal colours, and the check that text is readable on its background.

use ratatui_core::style::{Color, Style};

/// The sixteen colours of xterm. Other terminals differ slightly.
pub const SIXTEEN: [(Color, Rgb); 16] = [
    (Color::Black, (0, 0, 0)),
    (Color::Red, (205, 0, 0)),
    (Color::Green, (0, 205, 0)),
    (Color::Yellow, (205, 205, 0)),
    (Color::Blue, (0, 0, 238)),
    (Color::Magenta, (205, 0, 205)),
    (Color::Cyan, (0, 205, 205)),
    (Color::Gray, (229, 229, 229)),
    (Color::DarkGray, (127, 127, 127)),
    (Color::LightRed, (255, 0, 0)),
    (Color::LightGreen, (0, 255, 0)),
    (Color::LightYellow, (255, 255, 0)),
    (Color::LightBlue, (92, 92, 255)),
    (Color::LightMagenta, (255, 0, 255)),
    (Color::LightCyan, (0, 255, 255)),
    (Color::White, (255, 255, 255)),
];

/// The levels of the 6x6x6 cube in the 256 colours.
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The least squared distance at which text is readable on its background.
const READABLE: u32 = 60 * 60;

pub type Rgb = (u8, u8, u8);

/// The style, without its colours if text would not be readable on its background.
#[must_use]
pub fn force_apart(style: Style) -> Style {
    let too_close = match (style.fg.and_then(rgb), style.bg.and_then(rgb)) {
        (Some(fg), Some(bg)) => distance(fg, bg) < READABLE,
        _ => false,
    };
    if too_close { Style { fg: None, bg: None, ..style } } else { style }
}

/// `None` for the terminal's own colour.
#[must_use]
pub fn rgb(colour: Color) -> Option<Rgb> {
    match colour {
        Color::Reset => None,
        Color::Rgb(r, g, b) => Some((r, g, b)),
        Color::Indexed(index) => Some(indexed(index)),
        named => SIXTEEN.into_iter().find(|(colour, _)| *colour == named).map(|(_, rgb)| rgb),
    }
}

/// The number of the nearest of the sixteen colours; `None` for the terminal's own colour.
#[must_use]
pub fn nearest(colour: Color) -> Option<usize> {
    let wanted = rgb(colour)?;
    let named = SIXTEEN.iter().position(|(known, _)| *known == colour);
    named.or_else(|| (0..SIXTEEN.len()).min_by_key(|index| distance(SIXTEEN[*index].1, wanted)))
}

/// The RGB value of one of the 256 colours.
#[must_use]
pub fn indexed(index: u8) -> Rgb {
    match index {
        0..=15 => SIXTEEN[usize::from(index)].1,
        16..=231 => {
            let level = |n: u8| CUBE[usize::from(n % 6)];
            let cube = index - 16;
            (level(cube / 36), level(cube / 6), level(cube))
        }
        232..=255 => {
            let grey = 8 + 10 * (index - 232);
            (grey, grey, grey)
        }
    }
}

/// The squared distance between two colours.
#[must_use]
pub fn distance(a: Rgb, b: Rgb) -> u32 {
    let square = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
    square(a.0, b.0) + square(a.1, b.1) + square(a.2, b.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_that_hide_text_are_forced_apart_however_they_are_written() {
        for (fg, bg) in [
            (Color::Black, Color::Black),
            (Color::Black, Color::Indexed(0)),
            (Color::Indexed(16), Color::Rgb(1, 1, 1)),
            (Color::White, Color::Indexed(231)),
        ] {
            assert_eq!(force_apart(Style::new().fg(fg).bg(bg)), Style::new(), "{fg} on {bg}");
        }
        let readable = Style::new().fg(Color::Black).bg(Color::Green);
        assert_eq!(force_apart(readable), readable);
    }
}
