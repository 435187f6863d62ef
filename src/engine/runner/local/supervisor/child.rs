//! Runs the step's process: starts it in its own group, reads its output to the end, and stops it on request or at timeout.

use std::collections::BTreeSet;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use std::os::unix::process::ExitStatusExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep_until};

use super::lines::Lines;
use super::log_file::LogFile;
use super::mask::Mask;
use crate::domain::event::{Run, StepOutcome};
use crate::domain::log::Stream;
use crate::domain::time::say;
use crate::engine::clock::{Clock as _, SystemClock};
use crate::engine::runner::local::processes;
use crate::engine::runner::local::run::{RunFolder, Spec};
use crate::git::REDIRECTING;

/// How long output is still read after the step's process ended: a background child may keep the pipes open forever.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

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
    mut stop: tokio::signal::unix::Signal,
    mask: &Mask,
    log: &mut LogFile,
) -> StepOutcome {
    let mut child = match command(spec).spawn() {
        Ok(child) => child,
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
    let mut output = StepOutput::of(&mut child, mask, log);
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

fn command(spec: &Spec) -> Command {
    let mut command = match &spec.run {
        Run::Shell(line) => {
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(line);
            shell
        }
        Run::Argv(argv) => {
            let (program, arguments) = argv.split_first().map_or(("", &[][..]), |(p, a)| (p, a));
            let mut command = Command::new(program);
            command.args(arguments);
            command
        }
    };
    // The engine may have been started from a git hook. A step's git must use its own checkout.
    for name in REDIRECTING {
        command.env_remove(name);
    }
    command
        .current_dir(&spec.folder)
        .envs(&spec.environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    command
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

/// Copies both streams of the step into the log.
struct StepOutput<'a> {
    out: Pipe,
    err: Pipe,
    mask: &'a Mask,
    log: &'a mut LogFile,
}

/// One stream: its pipe until it ends, and its unfinished line.
struct Pipe {
    reader: Option<Box<dyn AsyncRead + Unpin>>,
    lines: Lines,
    buffer: Vec<u8>,
}

impl Pipe {
    fn new(reader: Option<impl AsyncRead + Unpin + 'static>, stream: Stream) -> Self {
        let reader = reader.map(|reader| Box::new(reader) as Box<dyn AsyncRead + Unpin>);
        Self { reader, lines: Lines::new(stream), buffer: vec![0; 64 * 1024] }
    }

    /// Waits for bytes; 0 is the end. Never ready once the pipe has ended.
    async fn read(&mut self) -> usize {
        match &mut self.reader {
            Some(reader) => reader.read(&mut self.buffer).await.unwrap_or(0),
            None => std::future::pending().await,
        }
    }

    fn take(&mut self, read: usize, mask: &Mask, log: &mut LogFile) {
        let now = SystemClock.now();
        if read == 0 {
            self.reader = None;
            log.block(now, self.lines.finish(now, mask));
        } else {
            log.block(now, self.lines.push(now, &self.buffer[..read], mask, log.wants()));
        }
    }
}

impl<'a> StepOutput<'a> {
    fn of(child: &mut Child, mask: &'a Mask, log: &'a mut LogFile) -> Self {
        let out = Pipe::new(child.stdout.take(), Stream::Out);
        let err = Pipe::new(child.stderr.take(), Stream::Err);
        Self { out, err, mask, log }
    }

    async fn read(&mut self) {
        tokio::select! {
            read = self.out.read() => self.out.take(read, self.mask, self.log),
            read = self.err.read() => self.err.take(read, self.mask, self.log),
        }
    }

    fn is_open(&self) -> bool {
        self.out.reader.is_some() || self.err.reader.is_some()
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
        while self.is_open() {
            tokio::select! {
                () = self.read() => {}
                () = sleep_until(deadline) => {
                    self.note("a process that the step left behind keeps its output open; reading has stopped");
                    self.out.take(0, self.mask, self.log);
                    self.err.take(0, self.mask, self.log);
                }
            }
        }
    }

    fn note(&mut self, text: &str) {
        self.log.note(SystemClock.now(), text);
    }
}
