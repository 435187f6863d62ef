//! The supervisor of one step: a process in its own session that outlives console and engine. It writes the log and the
//! outcome to disk.

mod child;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::run::{RunFolder, Spec, Started};
use crate::domain::event::StepOutcome;
use crate::engine::clock::{Clock as _, SystemClock};
use crate::engine::reserve::Reserve;
use crate::engine::runner::Status;
use crate::engine::runner::output::{LogFile, Mask};
use crate::engine::variables::{Secret, StepVariables};
use crate::git::REDIRECTING;

/// What the supervisor prints once it has claimed the run.
pub(super) const READY: &str = "ready";
/// What it prints if another supervisor has or had the run.
pub(super) const TAKEN: &str = "taken";

/// How many times the write of the outcome is retried, once a second.
const STATUS_TRIES: u32 = 600;

/// Runs the step that the folder describes, at most once ever, and writes its outcome there.
#[must_use]
pub fn run(folder: &Path, variables_on_stdin: bool) -> ExitCode {
    // The engine's session may end. This fails only if the process already leads a session.
    let _already_leader = rustix::process::setsid();
    let run = RunFolder::at(folder);
    match supervise(&run, variables_on_stdin) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("failed: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn supervise(run: &RunFolder, variables_on_stdin: bool) -> io::Result<()> {
    let spec = run.spec()?;
    // All of it before the claim: an engine that dies while it writes has started nothing.
    let variables = if variables_on_stdin {
        serde_json::from_reader(io::stdin().lock())?
    } else {
        inherited(&spec)
    };
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
    let is_rollback = spec.environment.get("TRUNKLINE_KIND").is_some_and(|kind| kind == "rollback");
    let data = run.path().ancestors().nth(3).filter(|_| !is_rollback);
    let mut log = LogFile::create(&run.log(), data.map(Reserve::of));
    tell(READY);
    let mask = Mask::new(&variables.secrets);
    for note in mask.notes() {
        log.note(SystemClock.now(), note);
    }
    let began = Instant::now();
    let outcome = if run.is_asked_to_stop() {
        StepOutcome::Cancelled
    } else {
        runtime.block_on(child::run(run, &spec, &variables.environment, stop, &mask, &mut log))
    };
    log.finish(SystemClock.now());
    let kept = keep_status(run, &Status { outcome, took: began.elapsed(), ended_at: None });
    // This comes last: the next step waits for the outcome, but not for a slow log.
    log.sync();
    kept
}

/// What a step of an engine of 0.1.0 inherits.
fn inherited(spec: &Spec) -> StepVariables {
    let text = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    let mut environment: BTreeMap<_, _> = std::env::vars_os().filter_map(text).collect();
    // The engine may have been started from a git hook. A step's git must use its own checkout.
    environment.retain(|name, _| !REDIRECTING.contains(&name.as_str()));
    let secret = |name: &String| {
        let value = environment.get(name)?.clone();
        Some(Secret { name: name.clone(), value, own: true })
    };
    let secrets = spec.secrets.iter().filter_map(secret).collect();
    StepVariables { environment, secrets }
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
