//! What must not reach a terminal, by the lists of Unicode and not by those of the gate, so that the two can disagree.

use std::ops::RangeInclusive;

/// `General_Category` Cc, Cf, Zl and Zp, `Default_Ignorable_Code_Point`, the noncharacters of the first plane, and signs
/// that are drawn as nothing. Unicode 16.
const UNSEEN: &[RangeInclusive<u32>] = &[
    0x00..=0x1F,
    0x7F..=0x9F,
    0xAD..=0xAD,
    0x34F..=0x34F,
    0x600..=0x605,
    0x61C..=0x61C,
    0x6DD..=0x6DD,
    0x70F..=0x70F,
    0x890..=0x891,
    0x8E2..=0x8E2,
    0x115F..=0x1160,
    0x17B4..=0x17B5,
    0x180B..=0x180F,
    0x200B..=0x200F,
    0x2028..=0x202E,
    0x2060..=0x206F,
    0x3164..=0x3164,
    0xFDD0..=0xFDEF,
    0xFE00..=0xFE0F,
    0xFEFF..=0xFEFF,
    0xFFA0..=0xFFA0,
    0xFFF0..=0xFFFB,
    0xFFFE..=0xFFFF,
    0x1107F..=0x1107F,
    0x110BD..=0x110BD,
    0x110CD..=0x110CD,
    0x13430..=0x1343F,
    0x16FE4..=0x16FE4,
    0x1BCA0..=0x1BCA3,
    0x1D159..=0x1D159,
    0x1D173..=0x1D17A,
    0xE0000..=0xE0FFF,
];

/// Spaces that are not the space, and the braille pattern without a dot.
const ODD_SPACES: &[RangeInclusive<u32>] = &[
    0xA0..=0xA0,
    0x1680..=0x1680,
    0x2000..=0x200A,
    0x202F..=0x202F,
    0x205F..=0x205F,
    0x2800..=0x2800,
    0x3000..=0x3000,
];

/// The blocks of combining marks.
const MARKS: &[RangeInclusive<u32>] = &[
    0x300..=0x34E,
    0x350..=0x36F,
    0x483..=0x489,
    0x591..=0x5BD,
    0x1AB0..=0x1ACE,
    0x1DC0..=0x1DFF,
    0x20D0..=0x20F0,
    0x302A..=0x302D,
    0x3099..=0x309A,
    0xFE20..=0xFE2F,
];

/// The scripts in which joiners belong to the writing, and the blocks of emoji.
const JOINED: &[RangeInclusive<u32>] = &[
    0x600..=0xDFF,
    0x1000..=0x109F,
    0x1780..=0x18AF,
    0x2190..=0x21FF,
    0x2300..=0x23FF,
    0x25A0..=0x27BF,
    0x2900..=0x297F,
    0x2B00..=0x2BFF,
    0xFB50..=0xFDFF,
    0xFE70..=0xFEFC,
    0x1F000..=0x1FAFF,
];

/// Emoji outside of their blocks.
const EMOJI: &[u32] =
    &[0xA9, 0xAE, 0x203C, 0x2049, 0x2122, 0x2139, 0x24C2, 0x3030, 0x303D, 0x3297, 0x3299];

/// How many marks one character may carry.
const MARKS_IN_FIELD: usize = 2;
const MARKS_IN_LOG: usize = 8;

/// Every character that no policy lets through in a name.
pub fn refused() -> impl Iterator<Item = char> {
    UNSEEN.iter().chain(ODD_SPACES).cloned().flatten().filter_map(char::from_u32)
}

pub fn is_unseen(c: char) -> bool {
    is_in(c, UNSEEN) || u32::from(c) & 0xFFFE == 0xFFFE
}

/// What is wrong with the text of a field; nothing when all is well.
pub fn fault_in_field(text: &str) -> Option<String> {
    if text.is_empty() || text.starts_with(' ') || text.ends_with(' ') {
        return Some("an edge that nobody sees".to_owned());
    }
    fault_in_sentence(text)
}

/// The same for a sentence of ours with a field in it.
pub fn fault_in_sentence(text: &str) -> Option<String> {
    if is_plain(text) {
        return None;
    }
    let unseen = text.chars().find(|c| is_unseen(*c) || is_in(*c, ODD_SPACES));
    let unseen = unseen.map(|c| format!("U+{:04X}", u32::from(c)));
    unseen.or_else(|| too_many_marks(text, MARKS_IN_FIELD))
}

/// The same for a row of a log, where what belongs to the writing of a script or an emoji may stay.
pub fn fault_in_log(text: &str) -> Option<String> {
    if is_plain(text) {
        return None;
    }
    let mut before = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let next = rest.clone().next();
        if is_unseen(c) && !belongs(c, before, next) {
            return Some(format!("U+{:04X} after {before:?}", u32::from(c)));
        }
        before = Some(c);
    }
    too_many_marks(text, MARKS_IN_LOG)
}

/// The same for one cell of the screen: its neighbours are in other cells.
pub fn fault_in_cell(symbol: &str) -> Option<String> {
    if is_plain(symbol) {
        return None;
    }
    let mut before = None;
    for c in symbol.chars() {
        let may_join = matches!(c, '\u{200C}' | '\u{200D}') && before.is_some_and(is_joined);
        if is_unseen(c) && !may_join && !belongs(c, before, Some('\u{20E3}')) {
            return Some(format!("U+{:04X} in {symbol:?}", u32::from(c)));
        }
        before = Some(c);
    }
    too_many_marks(symbol, MARKS_IN_LOG)
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Ranges by first code point.
fn is_in(c: char, ranges: &[RangeInclusive<u32>]) -> bool {
    let c = u32::from(c);
    let after = ranges.partition_point(|range| *range.start() <= c);
    after.checked_sub(1).is_some_and(|at| c <= *ranges[at].end())
}

fn is_joined(c: char) -> bool {
    is_in(c, JOINED) || is_in(c, MARKS) || c == '\u{FE0F}' || EMOJI.contains(&u32::from(c))
}

fn belongs(c: char, before: Option<char>, next: Option<char>) -> bool {
    let emoji = |c: char| {
        !c.is_alphabetic() && is_in(c, JOINED) || EMOJI.contains(&u32::from(c)) || is_in(c, MARKS)
    };
    match c {
        '\u{200C}' | '\u{200D}' => before.is_some_and(is_joined) && next.is_some_and(is_joined),
        '\u{FE0F}' if next == Some('\u{20E3}') && before.is_some_and(is_keycap) => true,
        '\u{FE0E}' | '\u{FE0F}' => before.is_some_and(emoji),
        _ => false,
    }
}

fn is_keycap(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '#' | '*')
}

fn too_many_marks(text: &str, most: usize) -> Option<String> {
    let mut run = 0;
    for c in text.chars() {
        run = if is_in(c, MARKS) { run + 1 } else { 0 };
        if run > most {
            return Some(format!("{run} marks on one character"));
        }
    }
    None
}
