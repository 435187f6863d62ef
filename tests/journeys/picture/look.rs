//! The colours of a picture: what a terminal's palette means, and what bold, dim and reverse make of it.

use std::fmt;

use vt100::{Cell, Color};

/// A colour as a picture knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rgb(u8, u8, u8);

pub const BACKGROUND: Rgb = Rgb(0x12, 0x16, 0x1c);
const FOREGROUND: Rgb = Rgb(0xd5, 0xda, 0xe1);

/// The sixteen colours that a terminal names.
const NAMED: [Rgb; 16] = [
    Rgb(0x2a, 0x30, 0x3a),
    Rgb(0xf0, 0x71, 0x78),
    Rgb(0x8c, 0xc4, 0x6d),
    Rgb(0xe8, 0xb8, 0x5c),
    Rgb(0x6f, 0xa8, 0xf0),
    Rgb(0xc7, 0x92, 0xea),
    Rgb(0x5c, 0xc6, 0xd0),
    Rgb(0xd5, 0xda, 0xe1),
    Rgb(0x7d, 0x87, 0x96),
    Rgb(0xff, 0x8b, 0x92),
    Rgb(0xb5, 0xe0, 0x90),
    Rgb(0xff, 0xd5, 0x80),
    Rgb(0x94, 0xc1, 0xff),
    Rgb(0xdd, 0xb3, 0xf8),
    Rgb(0x86, 0xe1, 0xea),
    Rgb(0xff, 0xff, 0xff),
];

/// How a cell looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    pub foreground: Rgb,
    /// `None` is the picture's own.
    pub background: Option<Rgb>,
    bold: bool,
    italic: bool,
    underline: bool,
}

impl Look {
    /// The look of a cell; the cursor stands on it as a block.
    pub fn of(cell: &Cell, cursor: bool) -> Self {
        let foreground = resolved(cell.fgcolor());
        let background = resolved(cell.bgcolor());
        let (mut front, back) = if cell.inverse() == cursor {
            (foreground.unwrap_or(FOREGROUND), background)
        } else {
            (background.unwrap_or(BACKGROUND), Some(foreground.unwrap_or(FOREGROUND)))
        };
        if cell.dim() {
            front = front.towards(back.unwrap_or(BACKGROUND));
        }
        Self {
            foreground: front,
            background: back,
            bold: cell.bold(),
            italic: cell.italic(),
            underline: cell.underline(),
        }
    }

    /// What a text of this look says beside its colour.
    pub fn weight(self) -> String {
        let bold = if self.bold { " font-weight=\"bold\"" } else { "" };
        let italic = if self.italic { " font-style=\"italic\"" } else { "" };
        let underline = if self.underline { " text-decoration=\"underline\"" } else { "" };
        format!("{bold}{italic}{underline}")
    }
}

impl Rgb {
    /// A good part of the way to another colour, which is how dim text looks.
    fn towards(self, other: Self) -> Self {
        let mix = |a: u8, b: u8| u8::try_from((u16::from(a) * 3 + u16::from(b) * 2) / 5);
        let mix = |a, b| mix(a, b).expect("a mean of two bytes is a byte");
        Self(mix(self.0, other.0), mix(self.1, other.1), mix(self.2, other.2))
    }
}

impl fmt::Display for Rgb {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

fn resolved(colour: Color) -> Option<Rgb> {
    match colour {
        Color::Default => None,
        Color::Rgb(red, green, blue) => Some(Rgb(red, green, blue)),
        Color::Idx(index @ 0..16) => Some(NAMED[usize::from(index)]),
        Color::Idx(index @ 16..232) => Some(of_the_cube(index - 16)),
        Color::Idx(index) => {
            let grey = 8 + (index - 232) * 10;
            Some(Rgb(grey, grey, grey))
        }
    }
}

/// Six steps of red, green and blue each.
fn of_the_cube(index: u8) -> Rgb {
    let step = |step: u8| if step == 0 { 0 } else { 55 + step * 40 };
    Rgb(step(index / 36), step(index / 6 % 6), step(index % 6))
}
