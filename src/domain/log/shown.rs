//! What a person sees of a line, near enough to look for something in it: nothing that is on screen is missing here.

use unicode_width::UnicodeWidthChar;

const ESC: u8 = 0x1B;
const BEL: u8 = 0x07;
const SHIFT_IN: u8 = 0x0F;
const DELETE: u8 = 0x7F;

/// A longer sequence may be cut on screen, and what is left of it is not known here.
const SURELY_WHOLE: usize = 60;

/// Text as it is on screen, but for runs of blanks, which are one space, and for what is in doubt.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// Rows end with a line feed where a carriage return went back to overwrite.
    pub text: Vec<u8>,
    /// There is something in it whose look is not known here.
    pub is_doubtful: bool,
    /// There are characters that may stand on screen as the name of their code point.
    pub may_spell: bool,
}

/// What becomes of a sequence that begins with an ESC.
enum Sequence {
    /// It is as long as this and leaves nothing.
    Vanishes(usize),
    /// Its characters are shown.
    Shows,
    Unknown,
}

impl Shown {
    pub fn of(raw: &[u8]) -> Self {
        Self::of_pieces(raw, &[]).0
    }

    /// The same for bytes that are pieces of a line, and where the text of each piece begins, given where its bytes do.
    pub fn of_pieces(raw: &[u8], starts: &[usize]) -> (Self, Vec<usize>) {
        let mut shown = Self { text: Vec::with_capacity(raw.len()), ..Self::default() };
        let mut begun = Vec::new();
        let mut at = 0;
        while at < raw.len() {
            while starts.get(begun.len()).is_some_and(|start| *start <= at) {
                begun.push(shown.text.len());
            }
            let piece = starts.get(begun.len()).map_or(raw.len(), |next| *next) - at;
            at += shown.first(&raw[at..], piece);
        }
        begun.resize(starts.len(), shown.text.len());
        (shown, begun)
    }

    /// The row that a person sees first.
    pub fn first_row(&self) -> String {
        let row = self.text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        String::from_utf8_lossy(row).into_owned()
    }

    /// Adds what `rest` begins with, and says how much of it that was. Its piece is as long as `piece`.
    fn first(&mut self, rest: &[u8], piece: usize) -> usize {
        match rest[0] {
            ESC => return self.sequence(rest),
            b' ' | b'\t' => {
                if self.text.last() != Some(&b' ') {
                    self.text.push(b' ');
                }
            }
            SHIFT_IN => {}
            b'\r' | b'\n' => self.text.push(b'\n'),
            control @ (..0x20 | DELETE) => self.text.extend([b'^', control ^ 0x40]),
            0x80.. => return self.beyond_ascii(&rest[..piece]),
            _ => return self.plain(&rest[..piece]),
        }
        1
    }

    fn plain(&mut self, rest: &[u8]) -> usize {
        let mut blank = false;
        let goes_on = |byte: &&u8| {
            let twice = std::mem::replace(&mut blank, **byte == b' ') && blank;
            !twice && matches!(byte, b' '..=b'~')
        };
        let len = rest.iter().take_while(goes_on).count();
        self.text.extend(&rest[..len]);
        len
    }

    fn sequence(&mut self, rest: &[u8]) -> usize {
        match sequence(rest) {
            Sequence::Vanishes(len) => return len,
            Sequence::Shows => {}
            Sequence::Unknown => self.is_doubtful = true,
        }
        self.text.extend(b"^[");
        1
    }

    fn beyond_ascii(&mut self, rest: &[u8]) -> usize {
        let len = rest.iter().position(u8::is_ascii).unwrap_or(rest.len());
        let text = &rest[..len];
        self.may_spell |=
            std::str::from_utf8(text).map_or(true, |text| text.chars().any(may_spell));
        self.text.extend(text);
        len
    }
}

/// Whether a character may stand on screen as the name of its code point, or be left out after too many like it.
pub(super) fn may_spell(c: char) -> bool {
    let is_narrow = c.width().is_none_or(|width| width == 0);
    let is_odd =
        matches!(c, '\u{FFF0}'..='\u{FFFB}' | '\u{FFFE}'..='\u{FFFF}' | '\u{FDD0}'..='\u{FDEF}');
    is_narrow
        || is_odd
        || u32::from(c) & 0xFFFE == 0xFFFE
        || matches!(c, '\u{AD}' | '\u{600}'..='\u{605}' | '\u{6DD}' | '\u{70F}' | '\u{890}'..='\u{891}' | '\u{8E2}')
        || matches!(
            c,
            '\u{115F}' | '\u{3164}' | '\u{FFA0}' | '\u{1107F}' | '\u{110BD}' | '\u{110CD}'
        )
        || matches!(c, '\u{16FE4}' | '\u{1D159}' | '\u{2028}'..='\u{202E}')
        || matches!(c, '\u{13430}'..='\u{1345F}' | '\u{E0000}'..='\u{E0FFF}')
}

fn sequence(rest: &[u8]) -> Sequence {
    match rest.get(1) {
        Some(b'[') => control(rest),
        Some(b']') => command(rest),
        Some(b'P' | b'_' | b'^' | b'X') => Sequence::Unknown,
        Some(b'(' | b')') if rest.get(2) == Some(&b'B') => Sequence::Vanishes(3),
        _ => Sequence::Shows,
    }
}

/// `ESC [`, parameters, and a letter that says what it does.
fn control(rest: &[u8]) -> Sequence {
    let parameters = rest[2..].iter().take_while(|byte| matches!(byte, b' '..=b'?')).count();
    if parameters > SURELY_WHOLE {
        return Sequence::Unknown;
    }
    let end = 2 + parameters;
    let is_plain = rest[2..end].iter().all(|byte| matches!(byte, b'0'..=b';'));
    let vanishes = match rest.get(end) {
        Some(b'h' | b'l') => {
            matches!(&rest[2..end], b"?25" | b"?7" | b"?12" | b"?2026")
        }
        Some(
            b'm'
            | b'@'
            | b'A'..=b'M'
            | b'P'
            | b'S'
            | b'T'
            | b'X'
            | b'Z'
            | b'`'
            | b'a'
            | b'd'
            | b'e'
            | b'f'
            | b's'
            | b'u',
        ) => is_plain,
        _ => false,
    };
    if vanishes { Sequence::Vanishes(end + 1) } else { Sequence::Shows }
}

/// `ESC ]`, a number, its text, and a BEL or `ESC \`.
fn command(rest: &[u8]) -> Sequence {
    let body = rest[2..].iter().take_while(|byte| !byte.is_ascii_control()).count();
    let text = &rest[2..2 + body];
    let terminator = match &rest[2 + body..] {
        [BEL, ..] => 1,
        [ESC, b'\\', ..] => 2,
        _ => return Sequence::Unknown,
    };
    let number = text.split(|byte| *byte == b';').next().unwrap_or_default();
    let is_cosmetic = matches!(number, b"0" | b"1" | b"2" | b"7" | b"8" | b"133");
    if is_cosmetic && body < 4_000 && text.is_ascii() {
        Sequence::Vanishes(2 + body + terminator)
    } else if body < SURELY_WHOLE && text.is_ascii() && !is_cosmetic {
        Sequence::Shows
    } else {
        Sequence::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::log_rows;

    #[test]
    fn every_character_that_the_screen_does_not_show_as_it_is_is_known_here() {
        let all = (0x80..0x3_0000).chain(0xE_0000..0xE_1000).chain([0x4_FFFE, 0x10_FFFF]);
        for c in all.filter_map(char::from_u32) {
            let raw = format!("a{c}{c}{c}{c}{c}{c}{c}{c}{c}b");
            let shown = log_rows(raw.as_bytes());
            let as_it_is = shown.len() == 1 && shown[0].text == raw;
            assert!(as_it_is || may_spell(c), "U+{:04X}", u32::from(c));
        }
    }
}
