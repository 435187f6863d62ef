//! The supervisor of one step: a process in its own session that outlives console and engine. It writes the log and the
//! outcome to disk.

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

/// What the supervisor prints once it has claimed the run.
pub(super) const READY: &str = "ready";
/// What it prints if another supervisor has or had the run.
pub(super) const TAKEN: &str = "taken";

/// How many times the write of the outcome is retried, once a second.
const STATUS_TRIES: u32 = 600;

/// Runs the step that the folder describes, at most once ever, and writes its outcome there.
#[must_use]
pub fn run(folder: &Path) -> ExitCode {
    // The engine's session may end. This fails only if the process already leads a session.
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
    // This comes last: the next step waits for the outcome, but not for a slow log.
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

/// Prints a word for the engine, which may be gone.
fn tell(word: &str) {
    let _engine_is_gone = writeln!(io::stdout(), "{word}");
}

/// Writes the outcome, which the deploy depends on: a full disk gets ten minutes to recover. A removed folder is not
/// retried.
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
