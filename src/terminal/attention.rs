//! Gets attention outside the pane: the bell and the window title.

use std::io::{self, Write};

use crate::gate::Safe;

/// Longer titles are cut.
const TITLE_COLUMNS: usize = 80;

/// Rings the bell. tmux and all terminals mark the window for it; no other notification works everywhere.
///
/// # Errors
///
/// When the terminal cannot be written to.
pub fn bell(out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"\x07")?;
    out.flush()
}

/// Sets the window title. The guard restores the old one.
///
/// # Errors
///
/// When the terminal cannot be written to.
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
