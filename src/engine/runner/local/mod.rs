//! The local runner: each step runs on this machine under a supervisor process, which outlives the engine.

pub(in crate::engine) mod command;
mod logs;
mod orphans;
mod processes;
pub mod run;
pub mod start;
mod stop;
mod stored;
pub mod supervisor;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use self::run::{RunFolder, Spec, Started};
pub use self::stored::RunningStep;
use super::{Job, Permit, RunId, RunMatch, Runner, SendResult, Status};
use crate::domain::event::StepOutcome;
use crate::domain::ids::DeploymentId;
use crate::domain::log::{FilteredPage, FilteredRead, LogFind, LogFrom, LogPage, LogSearch};
use crate::engine::commands::CommandError;
use crate::engine::variables::StepVariables;

/// How long a step has between TERM and KILL.
const GRACE: Duration = Duration::from_secs(10);
/// The pause before a failed lock or claim is retried.
const LOCK_RETRY: Duration = Duration::from_secs(1);

/// Runs steps on this machine.
pub struct LocalRunner {
    /// The folder of all runs.
    runs: PathBuf,
    /// The binary that has the `supervise` command.
    program: PathBuf,
}

impl LocalRunner {
    #[must_use]
    pub fn new(runs: PathBuf, program: PathBuf) -> Self {
        Self { runs, program }
    }

    fn folder(&self, run: RunId) -> RunFolder {
        RunFolder::of(&self.runs, run.deployment, run.step)
    }
}

impl Runner for LocalRunner {
    async fn find(&self, run: RunId) -> RunMatch {
        // A supervisor claims its run before it starts the step, and a claim succeeds once.
        if self.folder(run).is_claimed() { RunMatch::Sent } else { RunMatch::Absent }
    }

    async fn send(
        &self,
        permit: Permit,
        job: Job,
        variables: Result<StepVariables, String>,
    ) -> SendResult {
        let run = self.folder(permit.run());
        let spec = Spec {
            run: job.command,
            folder: job.folder,
            environment: job.environment,
            timeout: job.timeout,
            grace: GRACE,
            secrets: Vec::new(),
        };
        let started = match &variables {
            Ok(variables) => start::start(&self.program, &run, &spec, variables).await,
            Err(why) => run.prepare(&spec).map_err(|e| e.to_string()).and(Err(why.clone())),
        };
        let Err(why) = started else {
            return SendResult::Started;
        };
        tracing::error!(run = %run.path().display(), why, "a step could not be started");
        if start::give_up(&run, &why).await {
            SendResult::Rejected(why)
        } else {
            SendResult::Started
        }
    }

    async fn watch(&self, run: RunId) -> Status {
        let run = self.folder(run);
        while let Err(error) = wait_for_end(&run).await {
            // Only the lock tells whether the step still runs.
            tracing::error!(run = %run.path().display(), %error, "a step's lock could not be watched");
            tokio::time::sleep(LOCK_RETRY).await;
        }
        outcome(&run).await
    }

    async fn cancel(&self, run: RunId) {
        stop::stop(&self.folder(run)).await;
    }

    async fn log(
        &self,
        run: RunId,
        from: LogFrom,
        limit: usize,
        complete: bool,
    ) -> io::Result<LogPage> {
        let path = self.folder(run).log();
        let read = move || logs::read(&path, from, limit, complete);
        tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
    }

    async fn search_log(
        &self,
        run: RunId,
        search: LogSearch,
        complete: bool,
    ) -> Result<LogFind, CommandError> {
        let path = self.folder(run).log();
        let look = move || logs::search(&path, &search, complete);
        tokio::task::spawn_blocking(look).await.map_err(|_| CommandError::stopping())?
    }

    async fn filter_log(
        &self,
        run: RunId,
        read: FilteredRead,
        complete: bool,
    ) -> Result<FilteredPage, CommandError> {
        let path = self.folder(run).log();
        let look = move || logs::filter(&path, &read, complete);
        tokio::task::spawn_blocking(look).await.map_err(|_| CommandError::stopping())?
    }

    fn newest_run(&self) -> Option<DeploymentId> {
        let entries = std::fs::read_dir(&self.runs).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).max().map(DeploymentId)
    }
}

/// Waits on its own thread, because a step may take hours.
async fn wait_for_end(run: &RunFolder) -> io::Result<()> {
    let watched = run.clone();
    let (sender, ended) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().spawn(move || {
        let _engine_stopped = sender.send(watched.wait_for_end());
    })?;
    ended.await.map_err(io::Error::other)?
}

/// The outcome that the supervisor left.
async fn outcome(run: &RunFolder) -> Status {
    match run.status() {
        Ok(Some(status)) => return status,
        Ok(None) => {}
        Err(error) => tracing::error!(%error, "a step's outcome cannot be read"),
    }
    if run.started().is_ok_and(|started| started == Some(Started::NOBODY)) {
        // The engine gave up the run and died before it wrote the status.
        return Status::not_started("its supervisor could not be started");
    }
    orphans::end(run).await;
    Status { outcome: StepOutcome::Lost, took: Duration::ZERO, ended_at: None }
}
