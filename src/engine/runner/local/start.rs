//! Starts a step: one supervisor claims its run, or the engine gives up the run for good.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;
use tokio::time::{Instant, timeout};

use super::LOCK_RETRY;
use super::run::{RunFolder, Spec, Started};
use super::supervisor::{READY, TAKEN};
use crate::engine::runner::Status;
use crate::engine::variables::StepVariables;

/// How long a supervisor has to report its claim.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(20);
/// Tells the supervisor to read the step's variables from its standard input. Without it the step inherits them, as in 0.1.0.
pub const WITH_VARIABLES: &str = "with-variables";
/// The pause between checks for a supervisor's claim.
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// How late a supervisor may still claim its run.
const LATE_CLAIM: Duration = Duration::from_mins(1);

/// Starts supervisors until one has claimed the run.
///
/// # Errors
/// With a sentence, if none claims it in time.
pub(super) async fn start(
    program: &Path,
    run: &RunFolder,
    spec: &Spec,
    variables: &StepVariables,
) -> Result<(), String> {
    run.prepare(spec).map_err(|e| format!("{}: {e}", run.path().display()))?;
    let deadline = Instant::now() + HANDSHAKE_TIMEOUT;
    loop {
        launch(program, run, variables).await.map_err(|e| e.to_string())?;
        // Another supervisor may hold the lock and be about to claim, or a check held the lock for a moment.
        while !run.is_claimed() && run.is_held().unwrap_or(false) && Instant::now() < deadline {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        if run.is_claimed() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err("no supervisor claimed the step in time".into());
        }
    }
}

/// Starts a supervisor and waits until it reports that it or another one has the run.
async fn launch(program: &Path, run: &RunFolder, variables: &StepVariables) -> io::Result<()> {
    let mut supervisor = Command::new(program)
        .arg("supervise")
        .arg(run.path())
        .arg(WITH_VARIABLES)
        .env_clear()
        .envs(variables.environment.get_key_value("PATH"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let output = supervisor.stdout.take();
    if let Some(mut input) = supervisor.stdin.take() {
        let bytes = serde_json::to_vec(variables)?;
        // A supervisor that ends early says why on its output.
        let write = async move { input.write_all(&bytes).await };
        let _ended_early = timeout(HANDSHAKE_TIMEOUT, write).await;
    }
    // Wait for it, so that it does not become a zombie.
    tokio::spawn(async move { supervisor.wait().await });
    let Some(output) = output else { return Ok(()) };
    let mut lines = BufReader::new(output).lines();
    match timeout(HANDSHAKE_TIMEOUT, lines.next_line()).await {
        Ok(Ok(Some(word))) if word == READY || word == TAKEN => Ok(()),
        Ok(Ok(Some(trouble))) => Err(io::Error::other(trouble)),
        Ok(Ok(None)) => Err(io::Error::other("its supervisor exited without an answer")),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(io::Error::other("its supervisor did not answer")),
    }
}

/// Claims the run for the engine, so that no late supervisor can start it. False if a supervisor was faster.
///
/// On a full disk no claim succeeds. It is retried for as long as a supervisor may still claim.
pub(super) async fn give_up(run: &RunFolder, why: &str) -> bool {
    let latest = Instant::now() + LATE_CLAIM;
    loop {
        match run.claim(&Started::NOBODY) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return false,
            Err(_) if run.spec().is_ok() && Instant::now() < latest => {
                tokio::time::sleep(LOCK_RETRY).await;
            }
            Err(error) => {
                tracing::error!(%error, "a step that was not started could not be given up");
                return true;
            }
            Ok(()) => {
                if let Err(error) = run.finish(&Status::not_started(why)) {
                    tracing::error!(%error, "the status of a step that did not start could not be written");
                }
                return true;
            }
        }
    }
}
