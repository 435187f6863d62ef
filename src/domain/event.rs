//! The recorded facts: history, audit log and live stream are all reads of these.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::commit::{Commit, Revert};
use super::ids::{BuildNumber, DeploymentId, Environment, Seq, ServiceName, Sha};
use super::people::Actor;
use super::plan::{Finding, Guard};
use super::policy::VerifyBy;
use super::quarantine::BadCommit;
use super::schema::SchemaChange;
use super::time::{Milliseconds, millis};

/// One recorded fact. Its meaning never changes once it is stored; new facts and new optional fields may be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    pub seq: Seq,
    pub at: DateTime<Utc>,
    pub service: ServiceName,
    pub actor: Actor,
    pub fact: Fact,
}

/// What happened. The tag is not `kind`, which a deployment request has as a field of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// The trunk moved to a new first-parent commit.
    BuildFound {
        build: BuildNumber,
        sha: Sha,
        /// The commits since the build before, newest first.
        commits: Vec<Commit>,
        /// How many more there are beyond the ones listed.
        #[serde(default)]
        more: u32,
        /// The reverts among all its commits, also the ones that are not listed, oldest first; of a merge that was
        /// reverted also one for each commit that came with it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        reverts: Vec<Revert>,
    },
    /// The trunk was force-pushed: `from` is not an ancestor of `to` any more, and these builds are not on it.
    TrunkRewritten {
        from: Sha,
        to: Sha,
        off_trunk: Vec<BuildNumber>,
        /// The newest build that is still on it, from which on the commits of the next one are counted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        onto: Option<BuildNumber>,
    },
    /// A deployment was asked for; it is named by this event's sequence number.
    DeploymentRequested(DeploymentRequest),
    /// Its checkout is ready, its steps begin.
    DeploymentStarted {
        deployment: DeploymentId,
    },
    /// The step of this index is about to run; recorded before its process exists.
    StepStarted {
        deployment: DeploymentId,
        step: usize,
    },
    StepEnded {
        deployment: DeploymentId,
        step: usize,
        outcome: StepOutcome,
        #[serde(with = "millis")]
        #[schema(value_type = Milliseconds)]
        took: Duration,
    },
    CancelRequested {
        deployment: DeploymentId,
        reason: String,
    },
    DeploymentEnded {
        deployment: DeploymentId,
        outcome: Outcome,
    },
    BuildVerified {
        build: BuildNumber,
        note: String,
        #[serde(default, skip_serializing_if = "VerifyBy::is_person")]
        kind: VerifyBy,
    },
    /// A durable stop on an environment; `rollback` names the deployment that caused it.
    HoldPlaced {
        environment: Environment,
        reason: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rollback: Option<DeploymentId>,
    },
    HoldReleased {
        environment: Environment,
        reason: String,
        /// The commits that were named bad; they are in quarantine from now on.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        bad: Vec<BadCommit>,
    },
    /// Commits were named bad without a hold to release.
    CommitsQuarantined {
        bad: Vec<BadCommit>,
        reason: String,
    },
    /// A commit was not bad after all, or is harmless now.
    CommitCleared {
        sha: Sha,
        reason: String,
    },
    /// Somebody asks for a promoter, named by this event's sequence number. `until` is exclusive.
    PromoterRequested {
        build: BuildNumber,
        until: DateTime<Utc>,
        note: String,
    },
    RequestWithdrawn {
        request: Seq,
        reason: String,
    },
    /// A freeze set by hand, named by this event's sequence number. `until` is exclusive; without it, until lifted.
    FreezePlaced {
        from: DateTime<Utc>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<DateTime<Utc>>,
        reason: String,
    },
    FreezeLifted {
        freeze: Seq,
        reason: String,
    },
    /// A guard or a changed world kept a person from a command. Nothing was done. However often the same person tries
    /// the same and is refused by the same guards while nothing changes, it is recorded once a minute; and what was
    /// answered in the last moments before the engine was killed may be missing.
    Refused {
        /// What they wanted: `the promote of #12`.
        what: String,
        /// What they were told, in the very words; at most 2,000 characters of it.
        sentence: String,
        /// The findings that refused, or for which a reason was missing.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        findings: Vec<Finding>,
    },
}

impl Fact {
    /// Every name that a fact can have.
    pub const KINDS: [&'static str; 18] = [
        "build_found",
        "trunk_rewritten",
        "deployment_requested",
        "deployment_started",
        "step_started",
        "step_ended",
        "cancel_requested",
        "deployment_ended",
        "build_verified",
        "hold_placed",
        "hold_released",
        "commits_quarantined",
        "commit_cleared",
        "promoter_requested",
        "request_withdrawn",
        "freeze_placed",
        "freeze_lifted",
        "refused",
    ];

    /// The fact as it was meant when this actor recorded it. Before there were kinds of verification, those of a step
    /// were told by the engine's own name and a note alone; one whose note says nothing of a step is no kind's that a
    /// service could ask for.
    #[must_use]
    pub fn recorded_by(self, actor: &Actor) -> Self {
        match self {
            Self::BuildVerified { build, note, kind: VerifyBy::Person }
                if *actor == Actor::System =>
            {
                let step = note.strip_prefix("step ").and_then(|rest| rest.rsplit_once(" of d"));
                let kind = VerifyBy::Step(step.map_or("", |(step, _)| step).to_owned());
                Self::BuildVerified { build, note, kind }
            }
            fact => fact,
        }
    }

    /// The fact's name, as stored and as shown by `trunkline events`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::BuildFound { .. } => "build_found",
            Self::TrunkRewritten { .. } => "trunk_rewritten",
            Self::DeploymentRequested(_) => "deployment_requested",
            Self::DeploymentStarted { .. } => "deployment_started",
            Self::StepStarted { .. } => "step_started",
            Self::StepEnded { .. } => "step_ended",
            Self::CancelRequested { .. } => "cancel_requested",
            Self::DeploymentEnded { .. } => "deployment_ended",
            Self::BuildVerified { .. } => "build_verified",
            Self::HoldPlaced { .. } => "hold_placed",
            Self::HoldReleased { .. } => "hold_released",
            Self::CommitsQuarantined { .. } => "commits_quarantined",
            Self::CommitCleared { .. } => "commit_cleared",
            Self::PromoterRequested { .. } => "promoter_requested",
            Self::RequestWithdrawn { .. } => "request_withdrawn",
            Self::FreezePlaced { .. } => "freeze_placed",
            Self::FreezeLifted { .. } => "freeze_lifted",
            Self::Refused { .. } => "refused",
        }
    }
}

/// Everything that a deployment was asked to do, and what the person who asked had read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeploymentRequest {
    pub build: BuildNumber,
    pub sha: Sha,
    pub environment: Environment,
    pub kind: DeploymentKind,
    /// What was live when this was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<BuildNumber>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_sha: Option<Sha>,
    pub steps: Vec<StepSpec>,
    /// What its migrations do that the code before cannot simply live with; nothing where they were not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Vec<SchemaChange>>,
    /// Why not all of them were judged, if they were not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_trouble: Option<String>,
    /// The deployment that has to be cancelled first; this one waits for its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancels: Option<DeploymentId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// The typed reason for every finding that needed one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub overrides: BTreeMap<Guard, String>,
}

impl DeploymentRequest {
    /// Whether all that it does to the schema is in it.
    #[must_use]
    pub fn is_judged(&self) -> bool {
        self.schema.is_some() && self.schema_trouble.is_none()
    }
}

/// Why a deployment happens.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentKind {
    /// The trunk moved; staging follows by itself.
    Auto,
    Promote,
    Rollback,
    /// The live build once more.
    Redeploy,
}

impl DeploymentKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Promote => "promote",
            Self::Rollback => "rollback",
            Self::Redeploy => "redeploy",
        }
    }
}

impl std::fmt::Display for DeploymentKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// One command of a pipeline, as the commit that is deployed declares it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StepSpec {
    pub name: String,
    pub run: Run,
    #[serde(with = "millis")]
    #[schema(value_type = Milliseconds)]
    pub timeout: Duration,
    /// How long its author expects it to take, used until there are measurements.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "millis::option")]
    #[schema(value_type = Option<Milliseconds>)]
    pub expected: Option<Duration>,
}

/// How a step's process is started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Run {
    /// A line for `sh -c`, exactly as it stands in the file.
    Shell(String),
    /// A program and its arguments, without a shell.
    Argv(Vec<String>),
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    Succeeded,
    /// Ended with an exit code other than 0.
    Exited(i32),
    /// Ended by a signal that trunkline did not send.
    Signalled(i32),
    TimedOut,
    Cancelled,
    /// The process could not be started, with the reason.
    NotStarted(String),
    /// Its supervisor is gone and left no result: nobody knows how far it came.
    Lost,
}

impl StepOutcome {
    /// The outcome in a few words: `exit 1`, `timed out`.
    #[must_use]
    pub fn say(&self) -> String {
        match self {
            Self::Succeeded => "succeeded".into(),
            Self::Exited(code) => format!("exit {code}"),
            Self::Signalled(signal) => format!("killed by signal {signal}"),
            Self::TimedOut => "timed out".into(),
            Self::Cancelled => "cancelled".into(),
            Self::NotStarted(why) => format!("not started: {why}"),
            Self::Lost => "lost: its supervisor is gone and left no result".into(),
        }
    }
}

/// How a deployment ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Succeeded,
    /// With the sentence that says which step failed and how.
    Failed(String),
    Cancelled,
    /// Nobody knows how far it came: a person decides.
    Interrupted(String),
}
