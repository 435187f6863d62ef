//! Cuts a stream of bytes into log lines; a line without an end becomes several that say so.

use super::mask::Mask;

/// Longer lines are cut into pieces of about this many bytes.
const LONGEST: usize = 16 * 1024;

/// One stream's bytes that have no line end yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    partial: Vec<u8>,
}

/// A line, or a piece of one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub text: Vec<u8>,
    /// The step's own line goes on in the next piece.
    pub continues: bool,
}

impl Lines {
    /// Takes what was read and gives the pieces that are complete.
    pub fn push(&mut self, mut bytes: &[u8], mask: &Mask) -> Vec<Piece> {
        let mut pieces = Vec::new();
        while let Some(end) = bytes.iter().position(|b| *b == b'\n') {
            self.partial.extend_from_slice(&bytes[..end]);
            self.cut(mask, &mut pieces);
            let mut text = mask.apply(std::mem::take(&mut self.partial));
            if text.last() == Some(&b'\r') {
                text.pop();
            }
            pieces.push(Piece { text, continues: false });
            bytes = &bytes[end + 1..];
        }
        self.partial.extend_from_slice(bytes);
        self.cut(mask, &mut pieces);
        pieces
    }

    /// The last piece, when the stream ended without a line end.
    pub fn finish(&mut self, mask: &Mask) -> Option<Piece> {
        let text = mask.apply(std::mem::take(&mut self.partial));
        (!text.is_empty()).then_some(Piece { text, continues: false })
    }

    /// Cuts pieces off a line that is too long, and keeps what may be the beginning of a secret.
    fn cut(&mut self, mask: &Mask, pieces: &mut Vec<Piece>) {
        while self.partial.len() > LONGEST + mask.overlap() {
            let head: Vec<u8> = self.partial.drain(..LONGEST + mask.overlap()).collect();
            let mut text = mask.apply(head);
            let kept = text.split_off(text.len().saturating_sub(mask.overlap()));
            self.partial.splice(..0, kept);
            pieces.push(Piece { text, continues: true });
        }
    }
}
