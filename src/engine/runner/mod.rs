//! Runners carry out the steps of deployments. The rest of the engine knows steps only through this trait.

mod job;
pub mod local;
mod output;
pub mod remote;
mod status;

use std::future::Future;
use std::io;
use std::sync::Arc;

pub use self::job::{Job, Permit, RunId};
pub(super) use self::output::Mask;
pub use self::status::Status;
use super::commands::CommandError;
use super::variables::StepVariables;
use crate::domain::ids::DeploymentId;
use crate::domain::log::{FilteredPage, FilteredRead, LogFind, LogFrom, LogPage, LogSearch};

/// The runner of the steps on this machine. It also keeps the logs of all others.
pub type StepRunner = local::LocalRunner;

/// The runners of all steps.
#[derive(Clone)]
pub struct Runners {
    pub local: Arc<StepRunner>,
    pub remote: Arc<remote::RemoteRunner>,
}

/// What a look for an earlier send found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunMatch {
    /// The run was sent, by this engine or one before it.
    Sent,
    /// It was certainly never sent, or sending it again cannot start it twice.
    Absent,
}

/// What became of a send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendResult {
    Started,
    /// It does not run and never will.
    Rejected(String),
}

/// Carries out steps on this machine. Those at other engines are carried out by [`remote::RemoteRunner`].
///
/// A run starts at most once, however often the engine restarts. The caller first asks `find`; only for an absent run it
/// calls `send`.
pub trait Runner: Send + Sync + 'static {
    /// Looks for a run that was sent before. Changes nothing.
    fn find(&self, run: RunId) -> impl Future<Output = RunMatch> + Send;

    /// Starts the run. The permit proves that the record says so first.
    /// Without its variables it is rejected.
    fn send(
        &self,
        permit: Permit,
        job: Job,
        variables: Result<StepVariables, String>,
    ) -> impl Future<Output = SendResult> + Send;

    /// Waits until the run ends.
    fn watch(&self, run: RunId) -> impl Future<Output = Status> + Send;

    /// Makes the run end, also one that has not started yet.
    fn cancel(&self, run: RunId) -> impl Future<Output = ()> + Send;

    /// Reads about `limit` bytes of the run's log, in whole lines. With `complete` the last line counts although it may not
    /// be finished.
    ///
    /// # Errors
    /// When there is a log that cannot be read.
    fn log(
        &self,
        run: RunId,
        from: LogFrom,
        limit: usize,
        complete: bool,
    ) -> impl Future<Output = io::Result<LogPage>> + Send;

    /// Searches a bounded part of the run's log.
    ///
    /// # Errors
    /// When the search is not valid, or the log cannot be read.
    fn search_log(
        &self,
        run: RunId,
        search: LogSearch,
        complete: bool,
    ) -> impl Future<Output = Result<LogFind, CommandError>> + Send;

    /// Reads the lines of a bounded part of the run's log that pass a filter.
    ///
    /// # Errors
    /// When the filter is not valid, or the log cannot be read.
    fn filter_log(
        &self,
        run: RunId,
        read: FilteredRead,
        complete: bool,
    ) -> impl Future<Output = Result<FilteredPage, CommandError>> + Send;

    /// The newest deployment that any run belongs to.
    fn newest_run(&self) -> Option<DeploymentId>;
}

/// Sees a step through to its end. It starts the step if no engine did so before, with the variables as they are then.
pub async fn attend(
    runner: &impl Runner,
    permit: Permit,
    job: Job,
    variables: impl Future<Output = Result<StepVariables, String>>,
) -> Status {
    let run = permit.run();
    if runner.find(run).await == RunMatch::Absent
        && let SendResult::Rejected(why) = runner.send(permit, job, variables.await).await
    {
        return Status::not_started(why);
    }
    runner.watch(run).await
}
