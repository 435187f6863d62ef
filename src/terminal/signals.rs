//! The way out that needs no event loop: threads of its own end the program on a signal or when the terminal is gone.

use std::io::{self, Write as _};
use std::process;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Signal, getpid, kill_process};
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::guard;

/// How long giving the terminal back may take: a terminal that reads nothing would block it forever.
const PATIENCE: Duration = Duration::from_millis(1500);

/// From now on SIGTERM, SIGHUP and SIGINT, and the end of the terminal, give the terminal back and end the program
/// within two seconds, whatever its event loop is doing. The exit status is 128 and the signal's number.
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

/// Leaves for the signal that `wait` comes back with.
fn spawn(name: &str, wait: impl FnOnce() -> Signal + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(|| exit(wait()))?;
    Ok(())
}

struct Listeners {
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Listeners {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn first(mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::TERM,
            _ = self.hangup.recv() => Signal::HUP,
            _ = self.interrupt.recv() => Signal::INT,
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
    thread::spawn(|| {
        thread::sleep(PATIENCE);
        // Giving back hangs, so nothing gentler would come through; if even this fails, the process is gone already.
        let _gone = kill_process(getpid(), Signal::KILL);
    });
    // Kept to the end: a frame that is drawn after the terminal was given back would hide the cursor again.
    let mut drawing = io::stdout().lock();
    let _gone_with_its_terminal = drawing.flush();
    guard::restore();
    tracing::info!(signal = signal.as_raw(), "left on a signal");
    process::exit(128 + signal.as_raw());
}
