//! The supervisor of one step: a process of its own session that outlives console and engine, writes the log and
//! leaves the outcome on disk.

mod child;
mod lines;
mod log_file;
mod mask;
mod tail;
#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use self::log_file::LogFile;
use self::mask::Mask;
use super::run::{RunFolder, Started};
use crate::domain::event::StepOutcome;
use crate::engine::clock::{Clock as _, SystemClock};
use crate::engine::runner::Status;

/// What the supervisor tells the engine on its standard output once the run is its own.
pub(super) const READY: &str = "ready";
/// What it tells when another supervisor has or had the run.
pub(super) const TAKEN: &str = "taken";

/// How often a full disk is asked again to take the outcome, a second apart.
const STATUS_TRIES: u32 = 600;

/// Runs the step that the folder describes, at most once in all time, and leaves its outcome there.
#[must_use]
pub fn run(folder: &Path) -> ExitCode {
    // The engine may stop, and its session with it; a session leader already has its own.
    let _already_leader = rustix::process::setsid();
    let run = RunFolder::at(folder);
    match supervise(&run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("failed: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn supervise(run: &RunFolder) -> io::Result<()> {
    let spec = run.spec()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Before the claim makes this process known to the engine, TERM must already mean "cancel".
    let stop = {
        let _inside = runtime.enter();
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?
    };
    let Some(_lock) = take(run)? else {
        tell(TAKEN);
        return Ok(());
    };
    let mut log = LogFile::create(&run.log());
    tell(READY);
    let mask = Mask::new(&spec.secrets, |name| std::env::var(name).ok());
    for name in mask.too_short() {
        log.note(
            SystemClock.now(),
            &format!("{name} is shorter than 8 characters and not masked here"),
        );
    }
    let began = Instant::now();
    let outcome = if run.is_asked_to_stop() {
        StepOutcome::Cancelled
    } else {
        runtime.block_on(child::run(run, &spec, stop, &mask, &mut log))
    };
    log.finish(SystemClock.now());
    let kept = keep_status(run, &Status { outcome, took: began.elapsed() });
    // Last, as the next step waits for the outcome and not for a log that may take long.
    log.sync();
    kept
}

/// Locks and claims the run; `None` when it has or had another supervisor.
fn take(run: &RunFolder) -> io::Result<Option<std::fs::File>> {
    let lock = match run.lock() {
        Ok(lock) => lock,
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
        Err(error) => return Err(error),
    };
    let supervisor = std::process::id().cast_signed();
    match run.claim(&Started { supervisor }) {
        Ok(()) => Ok(Some(lock)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error),
    }
}

/// The engine may be gone, then nobody listens.
fn tell(word: &str) {
    let _nobody_listens = writeln!(io::stdout(), "{word}");
}

/// The outcome is what the deploy stands on: a full disk gets ten minutes to recover. A folder that somebody removed
/// does not come back.
fn keep_status(run: &RunFolder, status: &Status) -> io::Result<()> {
    let mut tries = 0;
    loop {
        match run.finish(status) {
            Ok(()) => return Ok(()),
            Err(error) if tries == STATUS_TRIES || error.kind() == ErrorKind::NotFound => {
                return Err(error);
            }
            Err(_) => {
                tries += 1;
                std::thread::sleep(Duration::from_secs(1));
            }
        }
    }
}
