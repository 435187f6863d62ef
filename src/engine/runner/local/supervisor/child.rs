//! Runs the step's process: starts it in its own group, reads its output to the end, and stops it on request or at timeout.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use std::os::unix::process::ExitStatusExt as _;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::process::Child;
use tokio::time::{Instant, sleep_until};

use crate::domain::event::StepOutcome;
use crate::domain::log::Stream;
use crate::domain::time::say;
use crate::engine::clock::{Clock as _, SystemClock};
use crate::engine::runner::local::command::{command, has_pipefail};
use crate::engine::runner::local::processes;
use crate::engine::runner::local::run::{RunFolder, Spec};
use crate::engine::runner::output::{Lines, LogFile, Mask};

/// How long output is still read after the step's process ended: a background child may keep the pipes open forever.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a whole line waits for more output if a secret may begin at its end.
const QUIET: Duration = Duration::from_millis(300);

/// How often to check whether a stopped step still has live processes.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The state of stopping the step, in the order of escalation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stopping {
    No,
    Asked(Reason, Instant),
    Killed(Reason),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reason {
    Cancelled,
    TimedOut,
}

/// Runs the step and returns how it ended.
pub(super) async fn run(
    run: &RunFolder,
    spec: &Spec,
    environment: &BTreeMap<String, String>,
    mut stop: tokio::signal::unix::Signal,
    mask: &Mask,
    log: &mut LogFile,
) -> StepOutcome {
    let (mut child, reader) = match start(spec, environment).await {
        Ok(started) => started,
        Err(error) => {
            log.note(SystemClock.now(), &format!("the step could not be started: {error}"));
            return StepOutcome::NotStarted(error.to_string());
        }
    };
    let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    if let Some(group) = group {
        // Needed only if this supervisor is killed, so a failure does not stop the step.
        let _best_effort = run.note_group(group.as_raw_nonzero().get());
    }
    let mut output = StepOutput::of(reader, mask, log);
    let mut stopping = Stopping::No;
    let deadline = Instant::now() + spec.timeout;
    let status = loop {
        let next = match stopping {
            Stopping::No => deadline,
            Stopping::Asked(_, kill_at) => kill_at,
            Stopping::Killed(_) => Instant::now() + Duration::from_hours(1),
        };
        tokio::select! {
            status = child.wait() => break status,
            () = output.read() => {}
            _ = stop.recv(), if stopping == Stopping::No => {
                stopping = ask(group, Reason::Cancelled, spec, &mut output);
            }
            () = sleep_until(next) => {
                stopping = escalate(stopping, group, spec, &mut output);
            }
        }
    };
    if let Stopping::Asked(_, kill_at) = stopping {
        output.read_while_it_lives(group, spec, kill_at).await;
    }
    output.drain().await;
    match stopping {
        Stopping::No => outcome(status),
        Stopping::Asked(reason, _) | Stopping::Killed(reason) => {
            // The remaining processes had their grace time.
            signal(group, spec, Signal::KILL);
            note_escaped(group, spec, log);
            match reason {
                Reason::Cancelled => StepOutcome::Cancelled,
                Reason::TimedOut => StepOutcome::TimedOut,
            }
        }
    }
}

/// Starts the step. Both its streams go into the one pipe.
async fn start(
    spec: &Spec,
    environment: &BTreeMap<String, String>,
) -> io::Result<(Child, pipe::Receiver)> {
    let (reader, writer) = io::pipe()?;
    let reader = pipe::Receiver::from_owned_fd(reader.into())?;
    let has_pipefail = has_pipefail(&spec.run, environment).await;
    let mut command = command(&spec.run, (&spec.folder, environment), has_pipefail)?;
    command.envs(&spec.environment);
    let child = command.stdout(writer.try_clone()?).stderr(writer).spawn()?;
    Ok((child, reader))
}

fn ask(group: Option<Pid>, reason: Reason, spec: &Spec, output: &mut StepOutput<'_>) -> Stopping {
    let why = match reason {
        Reason::Cancelled => "cancelled".to_owned(),
        Reason::TimedOut => format!("timed out after {}", say(spec.timeout)),
    };
    output.note(&format!("{why}: asking the step to end (TERM)"));
    signal(group, spec, Signal::TERM);
    Stopping::Asked(reason, Instant::now() + spec.grace)
}

fn escalate(
    stopping: Stopping,
    group: Option<Pid>,
    spec: &Spec,
    output: &mut StepOutput<'_>,
) -> Stopping {
    match stopping {
        Stopping::No => ask(group, Reason::TimedOut, spec, output),
        Stopping::Asked(reason, _) => {
            output.note(&format!("still running after {}: killing it (KILL)", say(spec.grace)));
            signal(group, spec, Signal::KILL);
            Stopping::Killed(reason)
        }
        Stopping::Killed(reason) => Stopping::Killed(reason),
    }
}

/// The live groups of the step: its own, and those that its shells made for their jobs.
fn living(spec: &Spec) -> BTreeSet<i32> {
    let session = rustix::process::getsid(None).ok().map(Pid::as_raw_pid);
    let processes = processes::with_environment(&spec.environment).into_iter();
    processes.filter(|process| Some(process.session) == session).map(|job| job.group).collect()
}

/// Signals all groups of the step. They may have ended already.
fn signal(group: Option<Pid>, spec: &Spec, signal: Signal) {
    let mut groups = living(spec);
    groups.extend(group.map(Pid::as_raw_pid));
    for group in groups.into_iter().filter_map(Pid::from_raw) {
        let _gone = kill_process_group(group, signal);
    }
}

/// Notes processes that started their own session. They no longer belong to the step and still run.
fn note_escaped(group: Option<Pid>, spec: &Spec, log: &mut LogFile) {
    let session = rustix::process::getsid(None).ok().map(Pid::as_raw_pid);
    let group = group.map(Pid::as_raw_pid);
    for process in processes::with_environment(&spec.environment) {
        if Some(process.session) != session && Some(process.group) != group {
            let (id, name) = (process.id, process.name());
            let note = format!(
                "process {id} ({name}) left the step and still runs; end it if it must not run"
            );
            log.note(SystemClock.now(), &note);
        }
    }
}

fn outcome(status: std::io::Result<ExitStatus>) -> StepOutcome {
    match status.map(|status| (status.code(), status.signal())) {
        Ok((Some(0), _)) => StepOutcome::Succeeded,
        Ok((Some(code), _)) => StepOutcome::Exited(code),
        Ok((None, Some(signal))) => StepOutcome::Signalled(signal),
        Ok((None, None)) | Err(_) => StepOutcome::Lost,
    }
}

/// Copies the output of the step into the log: one pipe for both streams, which keeps their order.
struct StepOutput<'a> {
    pipe: Option<pipe::Receiver>,
    lines: Lines,
    buffer: Vec<u8>,
    mask: &'a Mask,
    log: &'a mut LogFile,
}

impl<'a> StepOutput<'a> {
    fn of(pipe: pipe::Receiver, mask: &'a Mask, log: &'a mut LogFile) -> Self {
        let (lines, buffer) = (Lines::new(Stream::Out), vec![0; 64 * 1024]);
        Self { pipe: Some(pipe), lines, buffer, mask, log }
    }

    /// Waits for bytes and logs them. Never ready once the pipe has ended.
    async fn read(&mut self) {
        let Some(pipe) = &mut self.pipe else { return std::future::pending().await };
        let pause = if self.lines.are_held() { QUIET } else { Duration::from_hours(1) };
        let read = tokio::time::timeout(pause, pipe.read(&mut self.buffer)).await;
        let now = SystemClock.now();
        match read {
            Ok(Ok(read)) if read > 0 => {
                let bytes = &self.buffer[..read];
                self.log.block(now, self.lines.push(now, bytes, self.mask, self.log.wants()));
            }
            Ok(_) => self.end(),
            Err(_quiet) => self.log.block(now, self.lines.release(now, self.mask)),
        }
    }

    fn end(&mut self) {
        let now = SystemClock.now();
        self.pipe = None;
        self.log.block(now, self.lines.finish(now, self.mask));
    }

    /// Reads until every process of the step has ended. Its children have the same grace time as the step's own process.
    async fn read_while_it_lives(&mut self, group: Option<Pid>, spec: &Spec, kill_at: Instant) {
        while !living(spec).is_empty() {
            if Instant::now() > kill_at {
                escalate(Stopping::Asked(Reason::Cancelled, kill_at), group, spec, self);
                return;
            }
            tokio::select! {
                () = self.read() => {}
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
        }
    }

    /// Reads the remaining output until the pipes close or the time is over.
    async fn drain(&mut self) {
        let deadline = Instant::now() + DRAIN_TIMEOUT;
        while self.pipe.is_some() {
            tokio::select! {
                () = self.read() => {}
                () = sleep_until(deadline) => {
                    self.note("a process that the step left behind keeps its output open; reading has stopped");
                    self.end();
                }
            }
        }
    }

    fn note(&mut self, text: &str) {
        self.log.note(SystemClock.now(), text);
    }
}
