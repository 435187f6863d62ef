//! The engine as a process of its own in the background: found, started, and ended by the lock that it holds.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use color_eyre::eyre::{Context as _, Report, eyre};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use super::Global;
use super::engine_lock::{Holder, holder};
use super::error::CliError;
use crate::backend::remote::Remote;
use crate::config::places::Places;

/// How long an engine may take to answer after its start: it reads its whole record first.
const START: Duration = Duration::from_secs(30);
/// How long it may take to end after it was told to.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long another program that ended the engine has to start the next one.
const DEFERENCE: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(20);
/// How much of a failed engine's log is worth showing.
const LOG_SHOWN: u64 = 4_000;
/// With less room than this, in bytes, a disk is full.
const LEAST_ROOM: u64 = 64 * 1024;
/// A log longer than this is put aside when an engine starts.
const LOG_KEPT: u64 = 5_000_000;

/// Connects to the engine of these places, and starts it when it does not answer, now and later.
pub async fn ensure_running(places: &Places, global: &Global) -> Result<Remote, CliError> {
    let socket = places.socket();
    if !answers(&socket) {
        start(places, global).await?;
    }
    let (places, global) = (places.clone(), global.clone());
    Ok(Remote::over(socket).revived_by(move || revive(places.clone(), global.clone())))
}

/// Starts an engine in the place of one that died, unless somebody else does: `trunkline engine restart` may be about
/// to start a newer one. An engine that was told to end took its socket along and stays away; only the demo's, which
/// ends by itself when it is not watched, comes back when it is used again.
async fn revive(places: Places, global: Global) {
    sleep(DEFERENCE).await;
    let socket = places.socket();
    let ended_on_purpose = !socket.exists() && !global.demo;
    if ended_on_purpose || answers(&socket) {
        return;
    }
    if let Err(failure) = start(&places, &global).await {
        tracing::warn!(?failure, "the engine could not be brought back");
    }
}

/// Whether somebody accepts connections there.
pub fn answers(socket: &Path) -> bool {
    UnixStream::connect(socket).is_ok()
}

/// Starts an engine and waits until it answers.
async fn start(places: &Places, global: &Global) -> Result<(), CliError> {
    places.create()?;
    let log = open_log(&places.engine_log())?;
    let begin = log.metadata()?.len();
    let program =
        std::env::current_exe().wrap_err("cannot find this program to start the engine")?;
    let mut command = tokio::process::Command::new(program);
    if global.demo {
        command.arg("--demo");
    }
    let mut child = command
        .args(["serve", "--background"])
        .current_dir(&places.data)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .wrap_err("cannot start the engine")?;
    let deadline = Instant::now() + START;
    while !answers(&places.socket()) {
        let ended = child.try_wait()?;
        // It may have ended because another one was faster, which will answer in a moment.
        let alone = holder(&places.lock()) == Holder::Nobody;
        if let Some(status) = ended.filter(|_| alone) {
            return Err(did_not_start(places, status, begin));
        }
        if Instant::now() > deadline {
            let log = places.engine_log();
            let seconds = START.as_secs();
            return Err(CliError::failed(format!(
                "the engine does not answer after {seconds} s; its log is {}",
                log.display()
            )));
        }
        sleep(PAUSE).await;
    }
    Ok(())
}

/// Tells the engine to end and waits until it has. Running steps go on under their supervisors.
///
/// Answers with the process id of the engine, or `None` when none was running.
pub async fn stop(places: &Places) -> Result<Option<i32>, CliError> {
    let deadline = Instant::now() + DEADLINE;
    let mut told = None;
    loop {
        match holder(&places.lock()) {
            Holder::Nobody => return Ok(told),
            Holder::Process(Some(id)) if told != Some(id) => {
                terminate(id)?;
                told = Some(id);
            }
            Holder::Process(_) => {}
        }
        if Instant::now() > deadline {
            let seconds = DEADLINE.as_secs();
            return Err(CliError::failed(match told {
                Some(id) => format!("the engine with process id {id} still runs after {seconds} s"),
                None => "an engine runs but does not say its process id".to_owned(),
            }));
        }
        sleep(PAUSE).await;
    }
}

fn terminate(id: i32) -> Result<(), CliError> {
    let pid = Pid::from_raw(id).ok_or_else(|| eyre!("{id} is not a process id"))?;
    match kill_process(pid, Signal::TERM) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => {
            let said = format!("cannot tell the engine with process id {id} to end");
            Err(Report::new(error).wrap_err(said).into())
        }
    }
}

fn open_log(path: &Path) -> Result<File, CliError> {
    if fs::metadata(path).is_ok_and(|log| log.len() > LOG_KEPT) {
        fs::rename(path, path.with_extension("log.old"))?;
    }
    let log = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    Ok(log.wrap_err_with(|| format!("cannot write the engine's log {:?}", path.display()))?)
}

fn did_not_start(places: &Places, status: ExitStatus, begin: u64) -> CliError {
    let log = end_of(&places.engine_log(), begin).unwrap_or_default();
    let said = match log.trim() {
        "" if is_full(&places.data) => "its disk is full; free some space",
        "" => "it said nothing",
        said => said,
    };
    CliError::failed(format!("the engine did not start ({status}):\n{said}"))
}

/// Whether the disk of a folder has no room for anything.
pub fn is_full(folder: &Path) -> bool {
    rustix::fs::statvfs(folder)
        .is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < LEAST_ROOM)
}

/// What was written to a log after `begin`, at most its last part.
fn end_of(path: &Path, begin: u64) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(begin.max(length.saturating_sub(LOG_SHOWN)))).ok()?;
    let mut text = Vec::new();
    file.take(LOG_SHOWN).read_to_end(&mut text).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}
