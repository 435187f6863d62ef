//! Decodes UTF-8 that arrives in any pieces into characters and invalid bytes.

/// A character or an invalid byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Char(char),
    /// A byte that is not valid UTF-8.
    Byte(u8),
}

/// The bytes of a character that has not ended yet.
#[derive(Debug, Clone, Default)]
pub struct Decoder {
    pending: [u8; 4],
    len: usize,
}

impl Decoder {
    /// No character has begun.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Gives out what `byte` completes: a character, or the bytes of one that can no longer become any.
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
            Err(_) => self.give_up(byte, out),
        }
    }

    /// The bytes of a character that the end has cut off.
    pub fn finish(&mut self, out: impl FnMut(Unit)) {
        let len = std::mem::take(&mut self.len);
        self.pending[..len].iter().map(|byte| Unit::Byte(*byte)).for_each(out);
    }

    /// `byte` does not go on with what came before it: that is broken, but `byte` may begin something.
    fn give_up(&mut self, byte: u8, mut out: impl FnMut(Unit)) {
        self.len -= 1;
        let begins = self.len > 0;
        self.finish(&mut out);
        if begins {
            self.push(byte, out);
        } else {
            out(Unit::Byte(byte));
        }
    }
}
