//! Where the escape sequences of terminals begin and end in a stream of bytes.

pub(super) const ESC: u8 = 0x1B;
/// The gate shows a sequence as text after this many bytes: of a control sequence, and of a string such as a title.
const LONGEST_CONTROL: usize = 64;
const LONGEST_STRING: usize = 4096;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    Escape,
    Control,
    String,
    /// An ESC in a string, which its end may follow.
    Closing,
}

/// Follows a stream through its sequences.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sequences {
    state: State,
    length: usize,
}

impl Sequences {
    /// True if no sequence is open.
    pub fn is_ground(self) -> bool {
        self.state == State::Ground
    }

    /// Whether this byte belongs to a sequence.
    pub fn push(&mut self, byte: u8) -> bool {
        self.length += 1;
        let (inside, next) = match (self.state, byte) {
            (_, b'\n') | (State::Ground, 0..ESC | 0x1C..) => (false, State::Ground),
            (State::Ground | State::Escape | State::Control, ESC)
            | (State::Escape, b' '..=b'/') => (true, State::Escape),
            (State::Escape | State::Closing, b'[') => (true, State::Control),
            (State::Escape, b']' | b'P' | b'_' | b'^' | b'X') => (true, State::String),
            (State::Escape, b'0'..=b'~')
            | (State::Control, b'@'..=b'~')
            | (State::String, 0x07)
            | (State::Closing, b'\\') => (true, State::Ground),
            (State::Control, b' '..=b'?') if self.length <= LONGEST_CONTROL => {
                (true, State::Control)
            }
            (State::String, ESC) => (true, State::Closing),
            (State::String, _) if self.length <= LONGEST_STRING => (true, State::String),
            _ => (false, State::Ground),
        };
        if next == State::Ground || (next == State::Escape && byte == ESC) {
            self.length = 1;
        }
        self.state = next;
        inside
    }
}

/// The last place at or before `at_most` where the text can be cut without splitting a sequence or a character. At least 1.
pub(super) fn cut(text: &[u8], at_most: usize) -> usize {
    if text.len() <= at_most {
        return text.len();
    }
    let is_start = |byte: u8| byte & 0b1100_0000 != 0b1000_0000;
    if memchr::memchr(ESC, &text[..at_most]).is_none() && is_start(text[at_most]) {
        return at_most;
    }
    let mut sequences = Sequences::default();
    let mut whole = 0;
    for (at, byte) in text[..at_most].iter().enumerate() {
        if sequences.is_ground() && is_start(*byte) {
            whole = at;
        }
        sequences.push(*byte);
    }
    if sequences.is_ground() && is_start(text[at_most]) || whole + LONGEST_STRING < at_most {
        return at_most;
    }
    if whole == 0 { at_most } else { whole }
}
