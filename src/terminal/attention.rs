//! What reaches a person who looks elsewhere: the bell and the title of the window.

use std::io::{self, Write};

use crate::gate::Safe;

/// Longer titles are cut: they name a pane, they do not describe it.
const TITLE_COLUMNS: usize = 80;

/// Rings. tmux and the terminal mark the window by it, which they do for no other notification alike.
///
/// # Errors
///
/// When the terminal does not take it.
pub fn bell(out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"\x07")?;
    out.flush()
}

/// Names the window. The guard gives back the name that it had.
///
/// # Errors
///
/// When the terminal does not take it.
pub fn title(out: &mut impl Write, title: &Safe) -> io::Result<()> {
    write!(out, "\x1b]2;{}\x07", title.clip(TITLE_COLUMNS, "..."))?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate;

    #[test]
    fn a_hostile_title_ends_no_sequence_and_starts_none() {
        let mut out = Vec::new();
        title(&mut out, &gate::field("checkout\x07\x1b[6n")).unwrap();
        assert_eq!(out, b"\x1b]2;checkout^G^[[6n\x07");
    }
}
