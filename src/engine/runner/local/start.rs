//! Starting a step: a supervisor takes its run at most once, or the engine gives it up for good.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::time::{Instant, timeout};

use super::UNWATCHED;
use super::run::{RunFolder, Spec, Started};
use super::supervisor::{READY, TAKEN};
use crate::engine::runner::Status;

/// How long a supervisor has to say that it has the run.
const HANDSHAKE: Duration = Duration::from_secs(20);
/// The pause before the next look for a supervisor's claim.
const SOON: Duration = Duration::from_millis(10);
/// How late a supervisor may still come to its run.
const LATE: Duration = Duration::from_mins(1);

/// Starts supervisors until one has claimed the run.
///
/// # Errors
/// With a sentence, when none did in time.
pub(super) async fn start(program: &Path, run: &RunFolder, spec: &Spec) -> Result<(), String> {
    run.prepare(spec).map_err(|e| format!("{}: {e}", run.path().display()))?;
    let deadline = Instant::now() + HANDSHAKE;
    loop {
        launch(program, run).await.map_err(|e| e.to_string())?;
        // Another supervisor may have the lock and be on its way to the claim, or somebody only looked at the lock.
        while !run.is_claimed() && run.is_held().unwrap_or(false) && Instant::now() < deadline {
            tokio::time::sleep(SOON).await;
        }
        if run.is_claimed() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err("no supervisor took it".into());
        }
    }
}

/// Starts a supervisor and waits until it says that it has the run, or that another one has it.
async fn launch(program: &Path, run: &RunFolder) -> io::Result<()> {
    let mut supervisor = Command::new(program)
        .arg("supervise")
        .arg(run.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let output = supervisor.stdout.take();
    // Somebody has to collect it when it ends.
    tokio::spawn(async move { supervisor.wait().await });
    let Some(output) = output else { return Ok(()) };
    let mut lines = BufReader::new(output).lines();
    match timeout(HANDSHAKE, lines.next_line()).await {
        Ok(Ok(Some(word))) if word == READY || word == TAKEN => Ok(()),
        Ok(Ok(Some(trouble))) => Err(io::Error::other(trouble)),
        Ok(Ok(None)) => Err(io::Error::other("its supervisor ended without a word")),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(io::Error::other("its supervisor did not answer")),
    }
}

/// Claims the run itself, so that no late supervisor can start it. False if a supervisor was faster.
///
/// A full disk takes no claim, ours or a supervisor's. It is tried again for as long as a supervisor may be late.
pub(super) async fn give_up(run: &RunFolder, why: &str) -> bool {
    let latest = Instant::now() + LATE;
    loop {
        match run.claim(&Started::NOBODY) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return false,
            Err(_) if run.spec().is_ok() && Instant::now() < latest => {
                tokio::time::sleep(UNWATCHED).await;
            }
            Err(error) => {
                tracing::error!(%error, "a step that was not started could not be given up");
                return true;
            }
            Ok(()) => {
                if let Err(error) = run.finish(&Status::not_started(why)) {
                    tracing::error!(%error, "that a step was not started could not be noted");
                }
                return true;
            }
        }
    }
}
