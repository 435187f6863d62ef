//! The guard writes to a recorder: every mode is undone once, in reverse order.

use std::sync::Arc;

use super::*;

/// The recorded modes are global to the process, so these tests run one by one.
static TURN: Mutex<()> = Mutex::new(());

const ENTER: &str = "\x1b[22;2t\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[?1004h";
const LEAVE: &str = "\x1b[?1004l\x1b[?2004l\x1b[?25h\x1b[r\x1b[m\x1b[?1049l\x1b[23;2t";

/// All modes except raw mode, which needs a terminal.
const DRAWN: &[Mode] = MODES.split_at(1).1;

#[derive(Debug, Clone, Default)]
struct Recorder {
    written: Arc<Mutex<Vec<u8>>>,
    /// Fails after this was written.
    refuses: Option<&'static str>,
}

impl Recorder {
    fn text(&self) -> String {
        String::from_utf8(self.written.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Recorder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.refuses.is_some_and(|refused| bytes == refused.as_bytes()) {
            return Err(io::Error::other("refused"));
        }
        self.written.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn leaving_undoes_exactly_what_entering_did_in_reverse() {
    let _turn = turn();
    let out = Recorder::default();
    let guard = TerminalGuard::with_modes(out.clone(), DRAWN).unwrap();
    assert_eq!(out.text(), ENTER);
    guard.leave();
    assert_eq!(out.text(), format!("{ENTER}{LEAVE}"));
}

#[test]
fn what_a_signal_restored_is_not_restored_again() {
    let _turn = turn();
    let (out, mut emergency) = (Recorder::default(), Vec::new());
    let guard = TerminalGuard::with_modes(out.clone(), DRAWN).unwrap();
    leave_all(&mut emergency);
    leave_all(&mut emergency);
    drop(guard);
    assert_eq!(String::from_utf8(emergency).unwrap(), LEAVE);
    assert_eq!(out.text(), ENTER);
}

#[test]
fn a_mode_that_fails_takes_back_the_ones_before_it() {
    let _turn = turn();
    let out = Recorder { refuses: Some("\x1b[?25l"), ..Recorder::default() };
    TerminalGuard::with_modes(out.clone(), DRAWN).unwrap_err();
    assert_eq!(out.text(), "\x1b[22;2t\x1b[?1049h\x1b[?25h\x1b[r\x1b[m\x1b[?1049l\x1b[23;2t");
}

#[test]
fn a_mode_that_cannot_be_undone_keeps_none_of_the_others_set() {
    let _turn = turn();
    let out = Recorder { refuses: Some("\x1b[?25h"), ..Recorder::default() };
    drop(TerminalGuard::with_modes(out.clone(), DRAWN).unwrap());
    assert!(out.text().ends_with("\x1b[r\x1b[m\x1b[?1049l\x1b[23;2t"), "{:?}", out.text());
}
