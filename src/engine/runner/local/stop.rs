//! Stops a step, whether or not its supervisor has started.

use std::io;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

use super::run::RunFolder;

/// How long a supervisor has to end its step. It is longer than the step's own grace time.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// How often to check whether it has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Asks a step to end: through the folder, for a supervisor that has not started, and by signal, which needs no disk.
/// It repeats the request until the step is over, because the disk may be full. A supervisor that does not end its step in
/// time is killed, so that no deployment waits forever. The watch of the step then ends the processes that are left.
pub(super) async fn stop(run: &RunFolder) {
    let (mut is_asked, mut is_signalled, deadline) = (false, false, Instant::now() + STOP_TIMEOUT);
    loop {
        is_asked = is_asked || succeeds(run, run.ask_to_stop().map(|()| true));
        is_signalled = is_signalled || succeeds(run, tell_supervisor(run, Signal::TERM));
        let is_held = run.is_held().unwrap_or(true);
        if !is_held && (is_asked || run.status().is_ok_and(|status| status.is_some())) {
            return;
        }
        if is_held && Instant::now() > deadline {
            tracing::error!(run = %run.path().display(), "a supervisor does not stop its step");
            succeeds(run, tell_supervisor(run, Signal::KILL));
            return;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// The result; an error counts as false and is logged.
fn succeeds(run: &RunFolder, done: io::Result<bool>) -> bool {
    done.unwrap_or_else(|error| {
        tracing::error!(run = %run.path().display(), %error, "a step could not be asked to stop");
        false
    })
}

/// Signals the supervisor. Returns whether there was one.
fn tell_supervisor(run: &RunFolder, signal: Signal) -> io::Result<bool> {
    let Some(started) = run.started()? else { return Ok(false) };
    // Only a supervisor holds the lock, so while it is held the id is the supervisor's.
    let (true, Some(pid)) = (run.is_held()?, Pid::from_raw(started.supervisor)) else {
        return Ok(false);
    };
    kill_process(pid, signal)?;
    Ok(true)
}
