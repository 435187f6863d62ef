//! The inputs of the writer.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::checkouts::{MissingTrees, TreesAttempt};
use super::clock::Passed;
use super::commands::{CommandError, ForPlan, Gathered};
use super::freezes::FreezeUpdate;
use super::live_read::LiveRead;
use super::need_look::NeedLook;
use super::report::LateSight;
use super::runner::{RunId, Status};
use super::service_rules::ServiceRules;
use super::sighting::Observation;
use super::tokens::TokenInput;
use super::trunk::update::TrunkLook;
use super::watch::WatchReport;
use super::world::Trouble;
use crate::config::service_file::ServiceFile;
use crate::config::user_file::Watched;
use crate::domain::caller::Caller;
use crate::domain::command::{Command, Receipt};
use crate::domain::event::ChangeNote;
use crate::domain::ids::{BuildNumber, DeploymentId, IdempotencyKey, Seq, ServiceName, Sha};
use crate::domain::presence::PresentPerson;
use crate::domain::remote::{FoundBy, RunRef, Waits};
use crate::domain::retention::RetentionRule;
use crate::domain::undeployed::Undeployed;
use crate::domain::variables::{MissingVariables, RollbackLack, VariableDigests};
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
    /// It is known which run of another engine a step is.
    RunFound {
        service: ServiceName,
        run: RunId,
        found: RunRef,
        how: FoundBy,
    },
    /// What the run of a step at another engine waits for.
    RunWaits {
        service: ServiceName,
        run: RunId,
        waits: Option<Waits>,
    },
    /// What a look at what others deploy saw.
    Observed(Box<Observation>),
    /// The builds that CI did not bring to staging.
    Undeployed {
        service: ServiceName,
        builds: BTreeMap<BuildNumber, Undeployed>,
    },
    /// What a service itself answers that it runs. Reply once that is taken in.
    LiveRead(Box<LiveRead>, oneshot::Sender<()>),
    /// What a watch tells.
    Watch(Box<WatchReport>),
    /// A deployment at another engine that was seen to begin is not seen any more.
    SightingLost {
        service: ServiceName,
        deployment: DeploymentId,
        why: String,
    },
    /// What the run of a step at another engine does now. It is shown and not recorded.
    RunSays {
        service: ServiceName,
        run: RunId,
        says: Option<String>,
    },
    /// The engine of a run that is being cancelled keeps a rollback behind it.
    RunMakesWay {
        service: ServiceName,
        run: RunId,
    },
    /// Nobody attends a run any more, and nothing is said of it.
    NotAttended {
        run: RunId,
    },
    /// The run of a step was certainly never started at the other engine.
    RunAbsent {
        service: ServiceName,
        run: RunId,
    },
    /// A run that was given up is there. Reply once that is recorded.
    RunIsLate {
        service: ServiceName,
        run: RunId,
        seen: Box<LateSight>,
        reply: oneshot::Sender<()>,
    },
    /// Nobody looks any more for a run that was given up.
    NotFollowed {
        run: RunId,
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
    /// Who has a service open now.
    Present {
        service: ServiceName,
        people: Vec<PresentPerson>,
    },
    /// Sets or clears a problem that belongs to no service.
    Trouble {
        source: String,
        trouble: Option<Trouble>,
    },
    /// Sets or clears the problem that steps of a service lack a variable.
    VariablesMissing {
        service: ServiceName,
        missing: Option<MissingVariables>,
        /// What the next rollback lacks, if it lacks anything.
        for_rollback: Option<RollbackLack>,
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
    /// Reply once all earlier inputs are taken.
    Ping(oneshot::Sender<()>),
    /// Record that the runs of these deployments are removed. Reply with those that may be removed now.
    RemoveRuns {
        service: ServiceName,
        deployments: Vec<DeploymentId>,
        rule: RetentionRule,
        reply: oneshot::Sender<Vec<DeploymentId>>,
    },
    /// Record that an observed command printed something else. Reply whether that is recorded.
    OutputChanged {
        service: ServiceName,
        note: Box<ChangeNote>,
        reply: oneshot::Sender<bool>,
    },
    /// What is observed of this service cannot be read, or can be again.
    OutputTrouble {
        service: ServiceName,
        trouble: Option<Trouble>,
    },
    /// Production may be rolled back by itself now.
    AutoRollback(Box<AutoRollbackRequest>),
    /// A daily rehearsal may begin.
    RehearsalDue(ServiceName),
    /// The next wave of a deployment may begin by itself.
    WaveDue(ServiceName),
    /// Whether something that rollback steps need is there.
    NeedLooked(NeedLook),
    /// Decide again for this service.
    Settle(ServiceName),
    /// Test again whether the record can be written.
    TryRecord,
    /// Record the waiting refusals.
    Refusals,
    /// Look whether the files that the engine stands on are still there.
    CheckFoundation,
    Stop,
}

/// A rollback that was decided on by itself.
pub struct AutoRollbackRequest {
    pub service: ServiceName,
    /// The event that decided it.
    pub decision: Seq,
    /// What git knows of it, or why it cannot be made.
    pub gathered: Result<ForPlan, String>,
    pub reply: oneshot::Sender<AutoRollbackAnswer>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoRollbackAnswer {
    /// It is recorded, given up, or not pending any more.
    Settled,
    /// The service changed: it has to be gathered anew.
    Outdated,
    /// It cannot be recorded now.
    Unrecorded,
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
