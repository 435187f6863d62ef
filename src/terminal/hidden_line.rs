//! Reads a line from the terminal that must not be shown: a token.

use std::io::{self, Read as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// The most bytes of a line.
const LARGEST: usize = 8 * 1024;
const INTERRUPT: u8 = 0x03;
const END: u8 = 0x04;
const BACKSPACE: [u8; 2] = [0x08, 0x7f];

/// Puts the terminal back as it was.
struct EchoBack(Termios);

impl Drop for EchoBack {
    fn drop(&mut self) {
        // The terminal may be gone.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// Asks for a line and reads it without an echo. `None` if the user stopped it.
///
/// # Errors
/// When the terminal cannot be read or set.
pub fn ask(question: &str) -> io::Result<Option<String>> {
    let before = tcgetattr(io::stdin())?;
    let mut hidden = before.clone();
    // A key that ends a program would leave the terminal without an echo.
    hidden.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
    let shown = EchoBack(before);
    // What was typed before is not meant for this.
    tcsetattr(io::stdin(), OptionalActions::Flush, &hidden)?;
    let mut out = io::stderr();
    write!(out, "{question} ")?;
    out.flush()?;
    let line = read();
    drop(shown);
    writeln!(out)?;
    line
}

fn read() -> io::Result<Option<String>> {
    let mut line = Vec::new();
    for byte in io::stdin().lock().bytes() {
        match byte? {
            b'\r' | b'\n' => break,
            INTERRUPT => return Ok(None),
            END if line.is_empty() => return Ok(None),
            byte if BACKSPACE.contains(&byte) => drop(line.pop()),
            byte if line.len() < LARGEST => line.push(byte),
            _ => {}
        }
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}
