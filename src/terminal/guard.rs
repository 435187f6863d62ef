//! Entering the full screen and leaving it, whatever happens: each mode that was set is undone, in reverse, once.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::panic;
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
use tokio::signal::unix::{SignalKind, signal};

/// How long to wait for the word that we were continued. A process that nobody could continue is not stopped at all.
const CONTINUED: Duration = Duration::from_millis(500);

/// The modes that are set, so that a panic and a signal can undo them where the guard is out of reach.
static ENTERED: Mutex<Vec<Mode>> = Mutex::new(Vec::new());

/// One thing about the terminal that we change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Raw,
    /// The window's title as it was, kept by the terminal.
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
pub struct Guard<W: Write> {
    out: W,
    modes: Vec<Mode>,
}

impl<W: Write> Guard<W> {
    /// Takes the terminal over. There is one terminal: hold one guard.
    ///
    /// # Errors
    ///
    /// When a mode cannot be set; those set before it are undone.
    pub fn enter(out: W) -> io::Result<Self> {
        // The theme has decided about colour, NO_COLOR included. Where crossterm decides again, it answers a colour with a
        // reset that takes the attributes along, and the selection vanishes.
        force_color_output(true);
        Self::with_modes(out, &MODES)
    }

    /// Gives the terminal back, stops this process as ctrl-z does, and takes the terminal over again once it is
    /// continued. What was on screen is gone then: draw everything.
    ///
    /// # Errors
    ///
    /// When the process cannot stop itself or the terminal cannot be taken over again.
    pub async fn suspend(&mut self) -> io::Result<()> {
        let mut continued = signal(SignalKind::from_raw(Signal::CONT.as_raw()))?;
        leave_all(&mut self.out);
        // The whole foreground job, as the terminal would do it: stopping ourselves alone leaves a wrapping script, and
        // with it the shell, waiting for us.
        kill_current_process_group(Signal::TSTP)?;
        let _orphans_are_never_stopped =
            tokio::time::timeout(CONTINUED, continued.recv()).await.is_err();
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

impl<W: Write> Drop for Guard<W> {
    fn drop(&mut self) {
        leave_all(&mut self.out);
    }
}

/// Gives the terminal back from wherever we are: the way out of a panic and of a signal. Does nothing where no mode
/// is set. It writes past the standard output's own lock, which whoever panics or hangs may hold.
pub fn restore() {
    if let Ok(terminal) = io::stdout().as_fd().try_clone_to_owned() {
        leave_all(&mut File::from(terminal));
    }
}

/// On a panic: first the terminal is given back, then the panic is logged, then the hook that was there before
/// prints its report. Call it after that one is installed.
pub fn install_panic_hook() {
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        restore();
        tracing::error!(panic = %info, "the program panicked");
        previous(info);
    }));
}

fn enter_all(out: &mut impl Write, modes: &[Mode]) -> io::Result<()> {
    for mode in modes {
        // Recorded first: a mode that was half set is undone, and undoing one that was not set does no harm.
        entered().push(*mode);
        mode.enter(out)?;
    }
    Ok(())
}

/// One mode's failure must not keep the others set.
fn leave_all(out: &mut impl Write) {
    let modes = std::mem::take(&mut *entered());
    for mode in modes.into_iter().rev() {
        if let Err(error) = mode.leave(out) {
            tracing::warn!(?mode, %error, "the terminal could not be given back whole");
        }
    }
}

fn entered() -> MutexGuard<'static, Vec<Mode>> {
    ENTERED.lock().unwrap_or_else(PoisonError::into_inner)
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
            Self::AlternateScreen => execute!(out, LeaveAlternateScreen),
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
