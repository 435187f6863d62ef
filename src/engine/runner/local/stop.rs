//! Stopping a step, whether or not its supervisor has begun.

use std::io;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

use super::run::RunFolder;

/// How long a supervisor has to end its step after it was asked: longer than the step itself has.
const OVERDUE: Duration = Duration::from_secs(30);
/// The pause between looks whether it has.
const GLANCE: Duration = Duration::from_millis(250);

/// Asks a step to end: through the folder, for a supervisor that has not begun, and by signal, which needs no disk.
/// It asks again until the step is over, because a full disk may take no request. A supervisor that does not end its
/// step in time is killed, and the step with it: no deployment waits for it forever.
pub(super) async fn stop(run: &RunFolder) {
    let (mut is_asked, mut is_told, deadline) = (false, false, Instant::now() + OVERDUE);
    loop {
        is_asked = is_asked || succeeds(run, run.ask_to_stop().map(|()| true));
        is_told = is_told || succeeds(run, tell_supervisor(run, Signal::TERM));
        let is_held = run.is_held().unwrap_or(true);
        if !is_held && (is_asked || run.status().is_ok_and(|status| status.is_some())) {
            return;
        }
        if is_held && Instant::now() > deadline {
            tracing::error!(run = %run.path().display(), "a supervisor does not stop its step");
            succeeds(run, tell_supervisor(run, Signal::KILL));
            return;
        }
        tokio::time::sleep(GLANCE).await;
    }
}

/// Whether it was done; that it could not be is noted.
fn succeeds(run: &RunFolder, done: io::Result<bool>) -> bool {
    done.unwrap_or_else(|error| {
        tracing::error!(run = %run.path().display(), %error, "a step could not be asked to stop");
        false
    })
}

/// Whether there was one to tell.
fn tell_supervisor(run: &RunFolder, signal: Signal) -> io::Result<bool> {
    let Some(started) = run.started()? else { return Ok(false) };
    // Only a supervisor holds the lock, so while it is held the id is its own.
    let (true, Some(pid)) = (run.is_held()?, Pid::from_raw(started.supervisor)) else {
        return Ok(false);
    };
    kill_process(pid, signal)?;
    Ok(true)
}
