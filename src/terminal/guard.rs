//! Enters and leaves full screen. Every mode is undone once, in reverse order, for every way that the program ends, except
//! SIGKILL.

use std::fs::File;
use std::io::{self, StdoutLock, Write};
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange,
};
use crossterm::style::force_color_output;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute};
use rustix::process::{Signal, kill_current_process_group};
use rustix::termios::{QueueSelector, tcflush};

use crate::fault::{self, Layer};

/// How long to wait for the continue signal. The kernel does not stop a process that no shell can continue.
const CONTINUE_TIMEOUT: Duration = Duration::from_millis(500);

/// The modes that are set. A panic and a signal undo them without the guard.
static ENTERED: Mutex<Entered> = Mutex::new(Entered { modes: Vec::new(), over: false });

#[derive(Debug)]
struct Entered {
    /// In the order they were set.
    modes: Vec<Mode>,
    /// The terminal was given back for good: no further mode is set.
    over: bool,
}

/// A terminal setting that we change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Raw,
    /// The window title, which the terminal saves and restores.
    Title,
    AlternateScreen,
    HiddenCursor,
    BracketedPaste,
    FocusChange,
}

/// The order in which the console sets them.
const MODES: [Mode; 6] = [
    Mode::Raw,
    Mode::Title,
    Mode::AlternateScreen,
    Mode::HiddenCursor,
    Mode::BracketedPaste,
    Mode::FocusChange,
];

/// The terminal while it is ours. Dropping the guard gives it back.
#[derive(Debug)]
pub struct TerminalGuard<W: Write> {
    out: W,
    modes: Vec<Mode>,
}

impl<W: Write> TerminalGuard<W> {
    /// Takes the terminal over. There is one terminal: hold one guard.
    ///
    /// # Errors
    ///
    /// When a mode cannot be set; those set before it are undone.
    pub fn enter(out: W) -> io::Result<Self> {
        // The theme decides about colour, including NO_COLOR. If crossterm applied NO_COLOR too, it would replace colours by a
        // reset, which also clears the attributes and hides the selection.
        force_color_output(true);
        Self::with_modes(out, &MODES)
    }

    /// Gives the terminal back, stops this process as ctrl-z does, and takes the terminal over again once it is
    /// `continued`. The screen is empty after that: draw everything.
    ///
    /// # Errors
    ///
    /// When the process cannot stop itself or the terminal cannot be taken over again.
    pub async fn suspend(&mut self, continued: impl Future<Output = ()>) -> io::Result<()> {
        leave_all(&mut self.out);
        // Stop the whole foreground job, as the terminal does for ctrl-z: if only this process stopped, a wrapping script
        // and the shell would wait for it. SIGTSTP is handled by this process, so send SIGTTIN. The kernel ignores it for
        // a job that no shell can continue.
        kill_current_process_group(Signal::TTIN)?;
        let _orphans_are_never_stopped =
            tokio::time::timeout(CONTINUE_TIMEOUT, continued).await.is_err();
        enter_all(&mut self.out, &self.modes)
    }

    /// Sets the modes again after a SIGSTOP, because other programs may have changed them.
    ///
    /// # Errors
    ///
    /// When a mode cannot be set.
    pub fn resume(&mut self) -> io::Result<()> {
        leave_all(&mut self.out);
        enter_all(&mut self.out, &self.modes)
    }

    /// Gives the terminal back, as dropping does.
    pub fn leave(self) {
        drop(self);
    }

    fn with_modes(out: W, modes: &[Mode]) -> io::Result<Self> {
        let mut guard = Self { out, modes: modes.to_vec() };
        enter_all(&mut guard.out, modes)?;
        Ok(guard)
    }
}

impl<W: Write> Drop for TerminalGuard<W> {
    fn drop(&mut self) {
        fault::here(Layer::Drop);
        leave_all(&mut self.out);
    }
}

/// Gives the terminal back for good, from any thread: the exit after a panic or a signal. While the returned lock is held,
/// no other thread can draw: a later frame would hide the cursor again.
///
/// It flushes the buffer of the standard output and then writes directly. Unread input is discarded, because the shell
/// would run it.
pub fn give_back() -> StdoutLock<'static> {
    let mut entered = entered();
    entered.over = true;
    // This comes first: a terminal that reads nothing can block every write below.
    if let Some(raw) = entered.modes.iter().position(|mode| *mode == Mode::Raw) {
        entered.modes.remove(raw);
        let _none_is_left = tcflush(io::stdin(), QueueSelector::IFlush);
        undo(Mode::Raw, &mut io::sink());
    }
    let mut drawing = io::stdout().lock();
    if !entered.modes.is_empty() {
        let _gone_with_its_terminal = drawing.flush();
        if let Ok(terminal) = drawing.as_fd().try_clone_to_owned() {
            entered.leave(&mut File::from(terminal));
        }
    }
    drawing
}

/// Each mode is set and undone under the lock, so that giving the terminal back for good cannot come in between.
fn enter_all(out: &mut impl Write, modes: &[Mode]) -> io::Result<()> {
    for mode in modes {
        fault::here(Layer::Enter);
        let mut entered = entered();
        if entered.over {
            return Ok(());
        }
        // Recorded first, so that a partly set mode is undone. Undoing a mode that was not set does no harm.
        entered.modes.push(*mode);
        mode.enter(out)?;
    }
    Ok(())
}

fn leave_all(out: &mut impl Write) {
    entered().leave(out);
}

fn entered() -> MutexGuard<'static, Entered> {
    ENTERED.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Entered {
    fn leave(&mut self, out: &mut impl Write) {
        while let Some(mode) = self.modes.pop() {
            undo(mode, out);
        }
    }
}

/// If one mode cannot be undone, the others still are.
fn undo(mode: Mode, out: &mut impl Write) {
    if let Err(error) = mode.leave(out) {
        tracing::warn!(?mode, %error, "a terminal mode could not be undone");
    }
}

impl Mode {
    fn enter(self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Raw => enable_raw_mode(),
            Self::Title => write_now(out, "\x1b[22;2t"),
            Self::AlternateScreen => execute!(out, EnterAlternateScreen),
            Self::HiddenCursor => execute!(out, cursor::Hide),
            Self::BracketedPaste => execute!(out, EnableBracketedPaste),
            Self::FocusChange => execute!(out, EnableFocusChange),
        }
    }

    fn leave(self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Raw => disable_raw_mode(),
            Self::Title => write_now(out, "\x1b[23;2t"),
            Self::AlternateScreen => {
                // An unfinished frame may have left colours or a scroll region.
                write_now(out, "\x1b[r\x1b[m")?;
                execute!(out, LeaveAlternateScreen)
            }
            Self::HiddenCursor => execute!(out, cursor::Show),
            Self::BracketedPaste => execute!(out, DisableBracketedPaste),
            Self::FocusChange => execute!(out, DisableFocusChange),
        }
    }
}

fn write_now(out: &mut impl Write, sequence: &str) -> io::Result<()> {
    out.write_all(sequence.as_bytes())?;
    out.flush()
}

#[cfg(test)]
mod tests;
