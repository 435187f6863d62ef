//! Finds, starts and stops the engine process in the background.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use color_eyre::eyre::{Context as _, Report, eyre};
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use super::engine_lock::{Holder, holder};
use super::engines::{self, FoundEngine};
use super::error::CliError;
use super::{Global, trace};
use crate::backend::backoff;
use crate::backend::remote::{Remote, Revival, Urgency};
use crate::config::places::Places;
use crate::engine::free_bytes;

/// How long an engine may take to answer after its start: it reads its whole record first.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// How long an engine may take to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// The wait before a restart, so that `trunkline engine restart` can start its engine first.
const RESTART_DELAY: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(20);
/// How much of the log is shown of an engine that did not start, in bytes.
const LOG_SHOWN: u64 = 4_000;
/// A disk with less free space than this, in bytes, counts as full.
const LEAST_ROOM: u64 = 64 * 1024;

/// Connects to the engine and starts it if it does not answer. The connection does the same when the engine is lost.
pub async fn ensure_running(places: &Places, global: &Global) -> Result<Remote, CliError> {
    let socket = places.socket();
    if !answers(&socket) {
        start(places, global).await?;
    }
    Ok(revived(places, global, Failed::default()))
}

/// A connection to an engine that could not be started. It is started again by and by.
pub fn not_running(places: &Places, global: &Global, why: &CliError) -> Remote {
    let failed = Failed { count: 1, last: Some((Instant::now(), last_line(&why.sentence()))) };
    revived(places, global, failed)
}

fn revived(places: &Places, global: &Global, failed: Failed) -> Remote {
    let lost = Arc::new(LostEngine {
        places: places.clone(),
        global: global.clone(),
        failed: Mutex::new(failed),
    });
    Remote::over(places.socket()).revived_by(move |urgency| {
        let lost = Arc::clone(&lost);
        async move { lost.revive(urgency).await }
    })
}

/// What a failure ends with, which tells the most.
fn last_line(text: &str) -> String {
    let line = text.lines().rfind(|line| !line.trim().is_empty());
    line.unwrap_or_default().to_owned()
}

/// Restarts the engine for a connection that lost it.
struct LostEngine {
    places: Places,
    global: Global,
    /// The starts in a row that failed.
    failed: Mutex<Failed>,
}

#[derive(Default)]
struct Failed {
    count: u32,
    last: Option<(Instant, String)>,
}

impl LostEngine {
    /// Restarts an engine that died, unless `trunkline engine restart` does. An engine that was told to stop has removed
    /// its socket and is restarted only for a person who presses something, as by any command. The demo's engine is
    /// always restarted: it stops by itself when it is not watched. Starts that fail become ever more seldom.
    async fn revive(&self, urgency: Urgency) -> Revival {
        sleep(RESTART_DELAY).await;
        // One at a time: whoever waited finds an engine that answers.
        let mut failed = self.failed.lock().await;
        let socket = self.places.socket();
        if answers(&socket) {
            *failed = Failed::default();
            return Revival::Up;
        }
        let watched = urgency == Urgency::Watched;
        // One that never began has no socket either.
        if watched && !socket.exists() && !self.global.demo && failed.last.is_none() {
            return Revival::Stopped;
        }
        let seed = self.places.data.display().to_string();
        if let Some((at, why)) = &failed.last
            && watched
            && at.elapsed() < backoff::wait(failed.count, &seed)
        {
            return Revival::Failed(why.clone());
        }
        match start(&self.places, &self.global).await {
            Ok(()) => {
                *failed = Failed::default();
                Revival::Up
            }
            Err(failure) => {
                tracing::warn!(?failure, "cannot restart the engine");
                let why = last_line(&failure.sentence());
                failed.count += 1;
                failed.last = Some((Instant::now(), why.clone()));
                Revival::Failed(why)
            }
        }
    }
}

/// True if a program accepts connections on this socket.
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
    let deadline = Instant::now() + START_TIMEOUT;
    while !answers(&places.socket()) {
        let ended = child.try_wait()?;
        // It may have ended because another engine took the lock first; that one will answer.
        let is_unlocked = holder(&places.lock()) == Holder::None;
        if let Some(status) = ended.filter(|_| is_unlocked) {
            return Err(did_not_start(places, status, begin));
        }
        if Instant::now() > deadline {
            let log = places.engine_log();
            let seconds = START_TIMEOUT.as_secs();
            return Err(CliError::failed(format!(
                "the engine does not answer after {seconds} s; read its log {}",
                log.display()
            )));
        }
        sleep(PAUSE).await;
    }
    Ok(())
}

/// Stops the engine and waits until it has ended. Running steps continue under their supervisors.
///
/// Returns the process id of the engine, or `None` if none was running.
pub async fn stop(places: &Places) -> Result<Option<i32>, CliError> {
    let deadline = Instant::now() + STOP_TIMEOUT;
    let mut terminated = None;
    loop {
        match holder(&places.lock()) {
            Holder::None => return Ok(terminated),
            Holder::Process(Some(id)) if terminated != Some(id) => {
                terminate(id)?;
                terminated = Some(id);
            }
            Holder::Process(_) => {}
        }
        if Instant::now() > deadline {
            let seconds = STOP_TIMEOUT.as_secs();
            return Err(CliError::failed(match terminated {
                Some(id) => format!("the engine with process id {id} still runs after {seconds} s"),
                None => "an engine runs, but its lock has no process id".to_owned(),
            }));
        }
        sleep(PAUSE).await;
    }
}

/// Stops the engines of this data folder that hold no lock in it any more, since it was removed or replaced.
pub async fn stop_lost() -> Result<Vec<FoundEngine>, CliError> {
    let lost: Vec<_> = engines::lost_here().collect();
    for engine in &lost {
        terminate(engine.pid)?;
    }
    let deadline = Instant::now() + STOP_TIMEOUT;
    while engines::all().iter().any(|engine| lost.iter().any(|lost| lost.pid == engine.pid)) {
        if Instant::now() > deadline {
            let pids: Vec<_> = lost.iter().map(|engine| engine.pid.to_string()).collect();
            let sentence = format!(
                "an engine without its data folder still runs: process id {}",
                pids.join(", ")
            );
            return Err(CliError::failed(sentence));
        }
        sleep(PAUSE).await;
    }
    Ok(lost)
}

fn terminate(id: i32) -> Result<(), CliError> {
    let pid = Pid::from_raw(id).ok_or_else(|| eyre!("{id} is not a process id"))?;
    match kill_process(pid, Signal::TERM) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => {
            let what = format!("cannot stop the engine with process id {id}");
            Err(Report::new(error).wrap_err(what).into())
        }
    }
}

fn open_log(path: &Path) -> Result<File, CliError> {
    if fs::metadata(path).is_ok_and(|log| log.len() > trace::KEPT) {
        fs::rename(path, path.with_extension("log.old"))?;
    }
    let log = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    Ok(log.wrap_err_with(|| format!("cannot write the engine's log {:?}", path.display()))?)
}

fn did_not_start(places: &Places, status: ExitStatus, begin: u64) -> CliError {
    let log = end_of(&places.engine_log(), begin).unwrap_or_default();
    let output = match log.trim() {
        "" if is_full(&places.data) => "its disk is full; free some space",
        "" => "it wrote nothing to its log",
        output => output,
    };
    CliError::failed(format!("the engine did not start ({status}):\n{output}"))
}

/// True if the folder's disk is full.
pub fn is_full(folder: &Path) -> bool {
    free_bytes(folder).is_some_and(|free| free < LEAST_ROOM)
}

/// What was written to a log after `begin`, at most the last `LOG_SHOWN` bytes.
fn end_of(path: &Path, begin: u64) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(begin.max(length.saturating_sub(LOG_SHOWN)))).ok()?;
    let mut text = Vec::new();
    file.take(LOG_SHOWN).read_to_end(&mut text).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}
