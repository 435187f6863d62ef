//! Character classes: visible, control, or invisible.

use unicode_width::UnicodeWidthChar;

/// Code points that draw nothing, change the direction of others, or are no characters at all. They include the joiners and
/// the variation selectors, which may pass between certain characters.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    c.is_control() || is_noncharacter(c) || is_ignorable(c)
}

/// Spaces other than U+0020. In a name they look like a space or are invisible.
pub fn is_odd_space(c: char) -> bool {
    c != ' ' && (c.is_whitespace() || is_blank(c))
}

/// A character that is drawn as nothing and is no space.
pub fn is_blank(c: char) -> bool {
    c == '\u{2800}'
}

/// A character that is drawn onto the one before it.
pub fn is_mark(c: char) -> bool {
    !is_hidden(c) && c.width() == Some(0)
}

/// A character that may be followed by a variation selector or be joined with others like it.
pub fn is_emoji(c: char) -> bool {
    matches!(c,
        '\u{A9}' | '\u{AE}' | '\u{203C}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{24C2}' | '\u{3030}' | '\u{303D}'
        | '\u{3297}' | '\u{3299}'
        | '\u{2190}'..='\u{21FF}' | '\u{2300}'..='\u{23FF}' | '\u{25A0}'..='\u{27BF}' | '\u{2900}'..='\u{297F}'
        | '\u{2B00}'..='\u{2BFF}' | '\u{1F000}'..='\u{1FAFF}')
}

/// A letter of a script in which a joiner changes how words are written.
pub fn is_joining_letter(c: char) -> bool {
    !is_hidden(c)
        && matches!(c, '\u{600}'..='\u{DFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{18AF}'
        | '\u{FB50}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}')
}

fn is_noncharacter(c: char) -> bool {
    matches!(u32::from(c) & 0xFFFF, 0xFFFE | 0xFFFF) || matches!(c, '\u{FDD0}'..='\u{FDEF}')
}

/// Format characters, default ignorable characters, and fillers that draw nothing.
fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{600}'..='\u{605}' | '\u{61C}' | '\u{6DD}' | '\u{70F}' | '\u{890}'..='\u{891}'
        | '\u{8E2}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
        | '\u{1107F}' | '\u{110BD}' | '\u{110CD}' | '\u{13430}'..='\u{1345F}' | '\u{16FE4}'
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D159}' | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{E0FFF}')
}
