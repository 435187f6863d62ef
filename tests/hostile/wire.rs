//! The sequences that our own screen needs; whatever else a program writes came from somebody else.

use vte::{Params, Parser, Perform};

use super::oracle::is_unseen;

/// The modes that the console sets: cursor, alternate screen, pastes, focus, whole frames.
const MODES: [u16; 5] = [25, 1049, 2004, 1004, 2026];
/// What keeps the window's title and gives it back.
const TITLE_STACK: [[u16; 2]; 2] = [[22, 2], [23, 2]];
const BEL: u8 = 7;

/// What was written that is not ours, and the titles that were set.
#[derive(Default)]
pub struct Wire {
    pub strange: Vec<String>,
    pub titles: Vec<String>,
    /// Only some rows move now; nothing may be written until all are free again.
    moves_rows: bool,
}

impl Wire {
    pub fn read(bytes: &[u8]) -> Self {
        let mut wire = Self::default();
        Parser::new().advance(&mut wire, bytes);
        if let Err(error) = std::str::from_utf8(bytes) {
            wire.strange.push(format!("no UTF-8: {error}"));
        }
        wire
    }

    /// Rows that only moved are moved by the terminal: `CSI top ; bottom r`, line feeds or their reverse, `CSI r`.
    fn margins(&mut self, numbers: &[u16]) -> bool {
        self.moves_rows = matches!(numbers, [top, bottom] if top < bottom);
        self.moves_rows || numbers == [0]
    }

    fn is_ours(&mut self, params: &Params, intermediates: &[u8], action: char) -> bool {
        let numbers: Vec<u16> = params.iter().flatten().copied().collect();
        match (intermediates, action) {
            (b"", 'm' | 'H' | 'J' | 'K') => true,
            (b"?", 'h' | 'l') => numbers.iter().all(|mode| MODES.contains(mode)),
            (b"", 'r') => self.margins(&numbers),
            (b"", 't') => TITLE_STACK.iter().any(|ours| numbers == ours),
            _ => false,
        }
    }
}

impl Perform for Wire {
    fn print(&mut self, c: char) {
        // What joins letters or turns an emoji may stand in a log; the screens are looked at cell by cell elsewhere.
        let joins = matches!(c, '\u{200C}' | '\u{200D}' | '\u{FE0E}' | '\u{FE0F}');
        if self.moves_rows {
            self.strange.push(format!("{c:?} among moving rows"));
        }
        if is_unseen(c) && !joins {
            self.strange.push(format!("U+{:04X}", u32::from(c)));
        }
    }

    fn execute(&mut self, byte: u8) {
        if !matches!(byte, b'\r' | b'\n' | BEL) {
            self.strange.push(format!("control {byte:02X}"));
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: char) {
        if ignore || !self.is_ours(params, intermediates, action) {
            let intermediates = intermediates.escape_ascii();
            self.strange.push(format!("CSI {intermediates} {params:?} {action}"));
        }
    }

    fn osc_dispatch(&mut self, params: &[&[u8]], _bell_terminated: bool) {
        match params {
            [b"2", title] => self.titles.push(String::from_utf8_lossy(title).into_owned()),
            _ => self.strange.push(format!("OSC {params:?}")),
        }
    }

    fn hook(&mut self, params: &Params, _: &[u8], _: bool, action: char) {
        self.strange.push(format!("DCS {params:?} {action}"));
    }

    fn esc_dispatch(&mut self, intermediates: &[u8], _: bool, byte: u8) {
        if self.moves_rows && intermediates.is_empty() && byte == b'M' {
            return;
        }
        let intermediates = intermediates.escape_ascii();
        self.strange.push(format!("ESC {intermediates} {}", char::from(byte)));
    }
}
