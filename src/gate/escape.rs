//! The visible escapes that are drawn in place of unsafe input.

use std::fmt;

/// Refused input. Its `Display` is the escape that is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// `^X` for C0 and DEL, `<U+200B>` for any other character, by its number.
    Char(char),
    /// A byte that is not valid UTF-8: `<XX>`.
    Byte(u8),
    /// This many combining marks past the limit for one character.
    Marks(usize),
    /// An empty value.
    Empty,
}

impl fmt::Display for Escape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Char(c @ ('\0'..='\u{1F}' | '\u{7F}')) => {
                write!(f, "^{}", char::from(c as u8 ^ 0x40))
            }
            Self::Char(c) => write!(f, "<U+{:04X}>", u32::from(c)),
            Self::Byte(byte) => write!(f, "<{byte:02X}>"),
            Self::Marks(more) => write!(f, "<+{more} marks>"),
            Self::Empty => f.write_str("<empty>"),
        }
    }
}
