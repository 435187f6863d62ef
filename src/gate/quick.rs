//! A fast path that extracts the text of a common line, plain text with colours, without rows and styles.

use super::sequence::{SequenceVerdict, control_verdict};

/// The longest control sequence that the gate certainly does not cut, in bytes.
const SURELY_WHOLE: usize = 60;

/// Appends the text at the start of `bytes` to `out` and returns how many bytes it read. Colours and cosmetic control
/// sequences add nothing, a tab adds one space, and a carriage return ends the row. Returns `None` if the gate may draw
/// these bytes differently. Bytes outside ASCII are copied, although the gate may draw an escape instead.
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
