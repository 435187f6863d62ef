//! The ways out that need no event loop: a signal, a panic and the end of the terminal all end the program by themselves.

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

/// How long a terminal may take to read what gives it back before what it has not read is thrown away, to make room.
const POLITE: Duration = Duration::from_millis(500);
/// The same for the report of a panic, which may have to be looked up in a slow file.
const PATIENT: Duration = Duration::from_secs(10);
/// How often room is made after that, and how many times before the program ends all the same.
const INSISTENT: (Duration, usize) = (Duration::from_millis(100), 10);

/// The exit code after a panic, as Rust has it.
const PANICKED: i32 = 101;

/// From now on SIGTERM, SIGHUP, SIGINT and SIGQUIT, and the end of the terminal, give the terminal back and end the
/// program within two seconds, whatever its event loop is doing. The exit status is 128 and the signal's number. SIGQUIT
/// leaves no core behind: whoever looks for a way out at night wants the terminal back.
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
/// there before prints its report, then the exit code says so. A console whose part is dead would show old things
/// forever. What is contained is dead to nobody. Call it after that other hook is installed.
pub fn leave_on_panic() {
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if fault::is_contained() {
            tracing::error!(panic = %info, "a reader panicked");
            return;
        }
        let giving_back = insist(POLITE);
        let _nobody_draws = guard::give_back();
        drop(giving_back);
        let _telling = insist(PATIENT);
        previous(info);
        fault::here(Layer::Exit);
        tracing::error!(panic = %info, "the program panicked");
        process::exit(PANICKED);
    }));
}

/// Leaves for the signal that `wait` comes back with.
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

/// Waits until the other side of the terminal is closed, which not every process gets a SIGHUP for. Asks for no event,
/// so that what a person types does not wake it: a hangup is reported unasked.
fn wait_for_hangup() {
    let input = io::stdin();
    let mut terminal = [PollFd::new(&input, PollFlags::empty())];
    while poll(&mut terminal, None) == Err(Errno::INTR) {}
}

fn exit(signal: Signal) -> ! {
    let _leaving = insist(POLITE);
    let _nobody_draws = guard::give_back();
    tracing::info!(signal = signal.as_raw(), "left on a signal");
    process::exit(128 + signal.as_raw());
}

/// Ends the program also where the terminal reads nothing, which would keep it forever; until the answer is dropped.
fn insist(patience: Duration) -> mpsc::Sender<()> {
    let (leaving, left) = mpsc::channel();
    let insisting = thread::Builder::new().name("insist".to_owned()).spawn(move || {
        let waits = iter::once(patience).chain(iter::repeat_n(INSISTENT.0, INSISTENT.1));
        for wait in waits {
            if left.recv_timeout(wait) == Err(RecvTimeoutError::Disconnected) {
                return;
            }
            make_room();
        }
        // Nothing gentler would come through; if even this fails, the process is gone already.
        let _gone = kill_process(getpid(), Signal::KILL);
    });
    if let Err(error) = insisting {
        tracing::warn!(%error, "nobody watches over the way out");
    }
    leaving
}

/// Throws away what the terminal has not read, and has whoever waits to write look again: a flush tells nobody, and a
/// signal only one thread, but output that goes on after a stop wakes all of them. Only in the foreground: who is not
/// would be stopped for it.
fn make_room() {
    let terminal = io::stdout();
    if tcgetpgrp(&terminal).is_ok_and(|foreground| foreground == getpgrp()) {
        let _it_is_gone = tcflush(&terminal, QueueSelector::OFlush);
        let _stopped = tcflow(&terminal, Action::OOff);
        let _it_goes_on = tcflow(&terminal, Action::OOn);
    }
}

/// What a shell tells its jobs: to stop, and that they may go on.
#[derive(Debug)]
pub struct JobControl {
    stop: tokio::signal::unix::Signal,
    go_on: tokio::signal::unix::Signal,
}

/// What a job was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    Stop,
    GoOn,
}

impl JobControl {
    /// Listens from now on: a SIGTSTP no longer stops the process by itself.
    ///
    /// # Errors
    ///
    /// When signals cannot be listened to.
    pub fn listen() -> io::Result<Self> {
        let of = |which: Signal| signal(SignalKind::from_raw(which.as_raw()));
        Ok(Self { stop: of(Signal::TSTP)?, go_on: of(Signal::CONT)? })
    }

    pub async fn told(&mut self) -> Told {
        tokio::select! {
            _ = self.stop.recv() => Told::Stop,
            _ = self.go_on.recv() => Told::GoOn,
        }
    }

    /// Waits until the process may go on.
    pub async fn continued(&mut self) {
        self.go_on.recv().await;
    }
}
