//! The inputs of the writer.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::checkouts::{MissingTrees, TreesAttempt};
use super::clock::Passed;
use super::commands::{CommandError, Gathered};
use super::freezes::FreezeUpdate;
use super::runner::{RunId, Status};
use super::service_rules::ServiceRules;
use super::tokens::TokenInput;
use super::trunk::update::TrunkLook;
use super::world::Trouble;
use crate::config::service_file::ServiceFile;
use crate::config::user_file::Watched;
use crate::domain::caller::Caller;
use crate::domain::command::{Command, Receipt};
use crate::domain::ids::{DeploymentId, IdempotencyKey, ServiceName, Sha};
use crate::domain::variables::{MissingVariables, VariableDigests};
use crate::store::StoreError;

/// Everything that can happen to the engine. The writer takes inputs one by one.
pub enum Input {
    Command(Box<CommandRequest>),
    Looked(Box<TrunkLook>),
    Prepared {
        service: ServiceName,
        deployment: DeploymentId,
        result: Result<Option<VariableDigests>, String>,
    },
    StepEnded {
        service: ServiceName,
        run: RunId,
        status: Status,
    },
    /// A decided read of a pipeline has ended.
    PipelineRead {
        service: ServiceName,
        sha: Sha,
    },
    /// Make the checkouts that a service needs and does not have.
    MakeTrees(ServiceName),
    /// A try to make them has ended.
    TreesMade {
        service: ServiceName,
        attempt: TreesAttempt,
        missing: Option<MissingTrees>,
    },
    /// The service file of a commit, or why it cannot be used.
    PipelineKnown {
        service: ServiceName,
        sha: Sha,
        file: Result<Arc<ServiceFile>, String>,
    },
    /// The last good service file, which git did not give while the engine opened.
    RulesRead(Box<ServiceRules>),
    /// The result of a check of the freezes.
    FreezesRead(Box<FreezeUpdate>),
    /// A repository was taken out of the user file.
    NotWatched(Watched),
    /// Sets or clears a problem that belongs to no service.
    Trouble {
        source: String,
        trouble: Option<Trouble>,
    },
    /// Sets or clears the problem that steps of a service lack a variable.
    VariablesMissing {
        service: ServiceName,
        missing: Option<MissingVariables>,
        /// Those that the next rollback lacks.
        for_rollback: Option<MissingVariables>,
        /// Whether the next rollback runs without the values of its build's own service file, which cannot be read.
        is_unread: bool,
    },
    /// The clock was set or the machine slept.
    ClockJumped(Passed),
    /// Reply with the receipt of a command, after all earlier inputs.
    Receipt {
        key: IdempotencyKey,
        reply: oneshot::Sender<Result<Option<Receipt>, StoreError>>,
    },
    /// Makes, revokes or notes a token.
    Token(TokenInput),
    /// Decide again for this service.
    Settle(ServiceName),
    /// Test again whether the record can be written.
    Rehearse,
    /// Record the waiting refusals.
    Refusals,
    /// Look whether the files that the engine stands on are still there.
    CheckFoundation,
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
