//! A quick look at a line: the text of the common case, colours in plain text, without rows and styles.

use super::sequence::{SequenceVerdict, control_verdict};

/// A longer control sequence may be cut by the gate.
const SURELY_WHOLE: usize = 60;

/// Adds the text that `bytes` begin with to `out`, and returns how many bytes it came from. Colours and cosmetic control
/// sequences add nothing, a tab adds one space, and a carriage return ends the row. `None` if the gate may draw the
/// beginning in another way. Bytes beyond ASCII are added as they are: the gate may draw an escape instead.
#[must_use]
pub fn quick_text(bytes: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    match bytes {
        [b'\t', ..] => out.push(b' '),
        [b'\r', ..] => out.push(b'\n'),
        [0x1B, b'[', rest @ ..] => {
            let len = rest.iter().take_while(|byte| matches!(byte, b' '..=b'?')).count();
            let body = std::str::from_utf8(rest.get(..=len)?).ok()?;
            let vanishes = len < SURELY_WHOLE && control_verdict(body) != SequenceVerdict::Show;
            return vanishes.then_some(len + 3);
        }
        [..0x20 | 0x7F, ..] | [] => return None,
        _ => {
            let is_text = |byte: &&u8| **byte >= 0x20 && **byte != 0x7F;
            let len = bytes.iter().take_while(is_text).count();
            out.extend_from_slice(&bytes[..len]);
            return Some(len);
        }
    }
    Some(1)
}
