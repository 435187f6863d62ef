//! Copies to the clipboard of the user's own machine with OSC 52, also through ssh and tmux.

use std::io::{self, Write};

use crossterm::Command;
use crossterm::clipboard::CopyToClipboard;

/// The longest payload that all known terminals accept.
const LONGEST_PAYLOAD: usize = 74_994;

/// Why nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error(
        "{bytes} bytes are too many for a terminal's clipboard; save the log to a file instead"
    )]
    TooLong { bytes: usize },
    #[error("cannot write to the terminal: {0}")]
    Terminal(#[from] io::Error),
}

/// Sends `text` to the terminal. The terminal does not confirm it, so say "sent to the terminal", not "copied".
///
/// # Errors
///
/// When it is too long, or the terminal is gone.
pub fn copy(out: &mut impl Write, text: &str, tmux: bool) -> Result<(), CopyError> {
    let sequence = sequence(text, tmux)?;
    out.write_all(sequence.as_bytes())?;
    Ok(out.flush()?)
}

fn sequence(text: &str, tmux: bool) -> Result<String, CopyError> {
    if text.len().div_ceil(3) * 4 > LONGEST_PAYLOAD {
        return Err(CopyError::TooLong { bytes: text.len() });
    }
    let mut plain = String::new();
    CopyToClipboard::to_clipboard_from(text)
        .write_ansi(&mut plain)
        .expect("writing to a string does not fail");
    Ok(if tmux { through_tmux(&plain) } else { plain })
}

/// tmux forwards a wrapped sequence, with every ESC doubled, if `allow-passthrough` is on. Otherwise it may handle the
/// plain sequence (`set-clipboard`), so both are sent.
fn through_tmux(plain: &str) -> String {
    format!("{plain}\x1bPtmux;{}\x1b\\", plain.replace('\x1b', "\x1b\x1b"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_sent_encoded() {
        assert_eq!(sequence("#1287", false).unwrap(), "\x1b]52;c;IzEyODc=\x1b\\");
    }

    #[test]
    fn tmux_gets_it_plain_and_wrapped() {
        let plain = "\x1b]52;c;IzEyODc=\x1b\\";
        let wrapped = "\x1bPtmux;\x1b\x1b]52;c;IzEyODc=\x1b\x1b\\\x1b\\";
        assert_eq!(sequence("#1287", true).unwrap(), format!("{plain}{wrapped}"));
    }

    #[test]
    fn what_terminals_would_cut_is_not_sent() {
        let mut out = Vec::new();
        let error = copy(&mut out, &"x".repeat(60_000), false).unwrap_err();
        assert!(matches!(error, CopyError::TooLong { bytes: 60_000 }), "{error}");
        assert!(out.is_empty());
    }
}
