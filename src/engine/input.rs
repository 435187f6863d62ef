//! What the writer takes, in one order.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::clock::Passed;
use super::commands::{CommandError, Gathered};
use super::freezes::FreezeNews;
use super::runner::{RunId, Status};
use super::service_rules::ServiceRules;
use super::trunk::update::TrunkLook;
use super::world::Trouble;
use crate::config::service_file::ServiceFile;
use crate::domain::caller::Caller;
use crate::domain::command::{Command, Receipt};
use crate::domain::ids::{DeploymentId, IdempotencyKey, ServiceName, Sha};
use crate::store::StoreError;

/// Everything that can happen to the engine, in one order.
pub enum Input {
    Command(Box<CommandRequest>),
    Looked(Box<TrunkLook>),
    Prepared {
        service: ServiceName,
        deployment: DeploymentId,
        result: Result<(), String>,
    },
    StepEnded {
        service: ServiceName,
        run: RunId,
        status: Status,
    },
    /// The reading of a pipeline that was decided has ended.
    PipelineRead {
        service: ServiceName,
        sha: Sha,
    },
    /// The service file of a commit, or why it cannot be used.
    PipelineKnown {
        service: ServiceName,
        sha: Sha,
        file: Result<Arc<ServiceFile>, String>,
    },
    /// The last good service file, which git did not tell while the engine opened.
    RulesRead(Box<ServiceRules>),
    /// What a look at the freezes changes.
    FreezesRead(Box<FreezeNews>),
    /// Sets or clears a problem that belongs to no service.
    Trouble {
        source: String,
        trouble: Option<Trouble>,
    },
    /// The clock was set or the machine slept.
    ClockJumped(Passed),
    /// Tell what was answered to a command, now that all that came before is recorded.
    Receipt {
        key: IdempotencyKey,
        reply: oneshot::Sender<Result<Option<Receipt>, StoreError>>,
    },
    /// Look again whether there is something to do.
    Settle(ServiceName),
    /// Look again whether the record can be written.
    Rehearse,
    /// Record the refusals that wait.
    Refusals,
    Stop,
}

/// A person's command.
pub struct CommandRequest {
    pub service: ServiceName,
    pub caller: Caller,
    pub command: Command,
    pub key: IdempotencyKey,
    pub gathered: Option<Gathered>,
    pub reply: oneshot::Sender<Result<Receipt, CommandError>>,
}
