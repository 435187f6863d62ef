//! Decodes UTF-8 in pieces of any size into characters and invalid bytes.

/// A character or an invalid byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Char(char),
    /// A byte that is not valid UTF-8.
    Byte(u8),
}

/// The bytes of an incomplete character.
#[derive(Debug, Clone, Default)]
pub struct Decoder {
    pending: [u8; 4],
    len: usize,
}

impl Decoder {
    /// True if no character is incomplete.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a byte and passes on what it completes: a character, or the bytes of an invalid one.
    pub fn push(&mut self, byte: u8, mut out: impl FnMut(Unit)) {
        if self.len == 0 && byte.is_ascii() {
            return out(Unit::Char(char::from(byte)));
        }
        self.pending[self.len] = byte;
        self.len += 1;
        match std::str::from_utf8(&self.pending[..self.len]) {
            Ok(text) => {
                text.chars().for_each(|c| out(Unit::Char(c)));
                self.len = 0;
            }
            Err(error) if error.error_len().is_none() => {}
            Err(_) => self.reject(byte, out),
        }
    }

    /// Passes on the bytes of an incomplete character at the end of the input.
    pub fn finish(&mut self, out: impl FnMut(Unit)) {
        let len = std::mem::take(&mut self.len);
        self.pending[..len].iter().map(|byte| Unit::Byte(*byte)).for_each(out);
    }

    /// Passes on the pending bytes as invalid, since `byte` does not continue them. `byte` may start a new character.
    fn reject(&mut self, byte: u8, mut out: impl FnMut(Unit)) {
        self.len -= 1;
        let had_pending = self.len > 0;
        self.finish(&mut out);
        if had_pending {
            self.push(byte, out);
        } else {
            out(Unit::Byte(byte));
        }
    }
}
