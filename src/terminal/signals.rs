//! The way out that needs no event loop: a thread of its own ends the program on a signal or when the terminal is gone.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::process;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::guard;

/// How long giving the terminal back may take: a terminal that reads nothing would block it forever.
const PATIENCE: Duration = Duration::from_millis(1500);

/// A handle on the terminal of our own: the standard one may be locked by whoever hangs.
static TERMINAL: OnceLock<File> = OnceLock::new();

/// From now on SIGTERM, SIGHUP and SIGINT, and the end of the terminal, give the terminal back and end the program
/// within two seconds, whatever its event loop is doing. The exit status is 128 and the signal's number.
///
/// # Errors
///
/// When signals cannot be listened to.
pub fn leave_on_signals() -> io::Result<()> {
    let terminal = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
    let listeners = {
        let _context = runtime.enter();
        Listeners::new()?
    };
    TERMINAL.get_or_init(|| terminal);
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let signal = runtime.block_on(listeners.first());
        exit(signal);
    })?;
    Ok(())
}

struct Listeners {
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    /// `None` when standard input cannot be watched; then only the signals are.
    terminal: Option<AsyncFd<io::Stdin>>,
}

impl Listeners {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminal: AsyncFd::register_with_interest(io::stdin(), Interest::PRIORITY).ok(),
        })
    }

    /// The signal to leave for. A terminal that is gone is a hangup, even where nobody sends one.
    async fn first(mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::TERM,
            _ = self.hangup.recv() => Signal::HUP,
            _ = self.interrupt.recv() => Signal::INT,
            () = gone(self.terminal) => Signal::HUP,
        }
    }
}

/// Waits until the other side of the terminal is closed. What a person types does not wake it.
async fn gone(terminal: Option<AsyncFd<io::Stdin>>) {
    let Some(terminal) = terminal else { return std::future::pending().await };
    loop {
        match terminal.ready(Interest::PRIORITY).await {
            Ok(mut ready) if !ready.ready().is_read_closed() => ready.clear_ready(),
            Ok(_) | Err(_) => return,
        }
    }
}

fn exit(signal: Signal) -> ! {
    thread::spawn(|| {
        thread::sleep(PATIENCE);
        // Giving back hangs, so nothing gentler would come through; if even this fails, the process is gone already.
        let _gone = kill_process(getpid(), Signal::KILL);
    });
    if let Some(mut terminal) = TERMINAL.get() {
        guard::restore(&mut terminal);
    }
    tracing::info!(signal = signal.as_raw(), "left on a signal");
    process::exit(128 + signal.as_raw());
}
