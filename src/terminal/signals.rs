//! Exits that need no event loop: a signal, a panic and a terminal hangup each end the program.

use std::io;
use std::iter;
use std::panic;
use std::process;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Signal, getpgrp, getpid, kill_process};
use rustix::termios::{Action, QueueSelector, tcflow, tcflush, tcgetpgrp};
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::guard;
use crate::fault::{self, Layer};

/// How long the terminal may take to read its restore sequences. After that its unread output is discarded.
const EXIT_TIMEOUT: Duration = Duration::from_millis(500);
/// The same for a panic report, which may read symbols from a slow file.
const REPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// The interval between later discards, and how many there are before the program is killed.
const DISCARDS: (Duration, usize) = (Duration::from_millis(100), 10);

/// The exit code that Rust uses after a panic.
const PANIC_EXIT_CODE: i32 = 101;

/// From now on SIGTERM, SIGHUP, SIGINT and SIGQUIT, and the end of the terminal, give the terminal back and end the
/// program within two seconds, whatever its event loop is doing. The exit status is 128 and the signal's number. SIGQUIT
/// writes no core dump.
///
/// # Errors
///
/// When signals cannot be listened to.
pub fn leave_on_signals() -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
    let listeners = {
        let _context = runtime.enter();
        Listeners::new()?
    };
    spawn("signals", move || runtime.block_on(listeners.first()))?;
    spawn("hangup", || {
        wait_for_hangup();
        Signal::HUP
    })
}

/// From now on a panic in any thread or task ends the program: first the terminal is given back, then the hook that was
/// there before prints its report, then the exit code says so. A console with a dead task would show old
/// data forever. A contained panic does not end the program. Call this after the other hook is installed.
pub fn leave_on_panic() {
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if fault::is_contained() {
            tracing::error!(panic = %info, "a reader panicked");
            return;
        }
        let giving_back = watchdog(EXIT_TIMEOUT);
        let _drawing_lock = guard::give_back();
        drop(giving_back);
        let _telling = watchdog(REPORT_TIMEOUT);
        previous(info);
        fault::here(Layer::Exit);
        tracing::error!(panic = %info, "the program panicked");
        process::exit(PANIC_EXIT_CODE);
    }));
}

/// Exits with the signal that `wait` returns.
fn spawn(name: &str, wait: impl FnOnce() -> Signal + Send + 'static) -> io::Result<()> {
    let body = || {
        fault::here(Layer::Thread);
        exit(wait())
    };
    thread::Builder::new().name(name.to_owned()).spawn(body)?;
    Ok(())
}

struct Listeners {
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    quit: tokio::signal::unix::Signal,
}

impl Listeners {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    async fn first(mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::TERM,
            _ = self.hangup.recv() => Signal::HUP,
            _ = self.interrupt.recv() => Signal::INT,
            _ = self.quit.recv() => Signal::QUIT,
        }
    }
}

/// Waits until the other side of the terminal is closed. Not every process gets a SIGHUP then. It polls for no event, so that
/// input does not wake it: poll always reports a hangup.
fn wait_for_hangup() {
    let input = io::stdin();
    let mut terminal = [PollFd::new(&input, PollFlags::empty())];
    while poll(&mut terminal, None) == Err(Errno::INTR) {}
}

fn exit(signal: Signal) -> ! {
    let _leaving = watchdog(EXIT_TIMEOUT);
    let _drawing_lock = guard::give_back();
    tracing::info!(signal = signal.as_raw(), "left on a signal");
    process::exit(128 + signal.as_raw());
}

/// Ends the program even if the terminal reads nothing, unless the returned value is dropped in time.
fn watchdog(timeout: Duration) -> mpsc::Sender<()> {
    let (leaving, left) = mpsc::channel();
    let started = thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
        let waits = iter::once(timeout).chain(iter::repeat_n(DISCARDS.0, DISCARDS.1));
        for wait in waits {
            if left.recv_timeout(wait) == Err(RecvTimeoutError::Disconnected) {
                return;
            }
            discard_output();
        }
        // The process may be blocked on output, so only SIGKILL ends it. It fails only if the process is gone.
        let _gone = kill_process(getpid(), Signal::KILL);
    });
    if let Err(error) = started {
        tracing::warn!(%error, "cannot start the exit watchdog");
    }
    leaving
}

/// Discards the output that the terminal has not read, and wakes every thread that is blocked on a write: output that is
/// stopped and restarted wakes all writers, a flush wakes none. Only in the foreground: the kernel stops a background
/// process for it.
fn discard_output() {
    let terminal = io::stdout();
    if tcgetpgrp(&terminal).is_ok_and(|foreground| foreground == getpgrp()) {
        let _it_is_gone = tcflush(&terminal, QueueSelector::OFlush);
        let _stopped = tcflow(&terminal, Action::OOff);
        let _it_goes_on = tcflow(&terminal, Action::OOn);
    }
}

/// The job control signals of the shell: stop and continue.
#[derive(Debug)]
pub struct JobControl {
    stop: tokio::signal::unix::Signal,
    resume: tokio::signal::unix::Signal,
}

/// A job control signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobSignal {
    Stop,
    Continue,
}

impl JobControl {
    /// Listens from now on: a SIGTSTP no longer stops the process by itself.
    ///
    /// # Errors
    ///
    /// When signals cannot be listened to.
    pub fn listen() -> io::Result<Self> {
        let of = |which: Signal| signal(SignalKind::from_raw(which.as_raw()));
        Ok(Self { stop: of(Signal::TSTP)?, resume: of(Signal::CONT)? })
    }

    pub async fn next(&mut self) -> JobSignal {
        tokio::select! {
            _ = self.stop.recv() => JobSignal::Stop,
            _ = self.resume.recv() => JobSignal::Continue,
        }
    }

    /// Waits until the process may go on.
    pub async fn continued(&mut self) {
        self.resume.recv().await;
    }
}
