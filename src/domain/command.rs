//! The commands, and their answers: a receipt, or a refusal that says what to do instead.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::event::NoteKind;
use super::ids::{BuildNumber, CommitPrefix, DeploymentId, Environment, IncidentId, Seq};
use super::incident::{IncidentMark, UsersAffected, all_of};
use super::limits::{BadCommitName, BadCommitNames, ReasonText};
use super::log::Unsearchable;
use super::plan::{Finding, Fingerprint, Guard, Plan};
use super::remedy::Remedy;

/// The actions that have a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum Action {
    /// Put a build into production.
    Promote { build: BuildNumber },
    /// Put production back to a build that was live before; without `to`, to the default target.
    Rollback { to: Option<BuildNumber> },
    /// The same with the rollback steps that the trunk's newest commit declares, where those of the build cannot work any
    /// more. They run in the files of the build.
    RollbackByTrunk { to: Option<BuildNumber> },
    /// Deploy a build again to an environment where its last deployment did not succeed; to staging also a build that was
    /// passed over or that another replaced. In production this is the promote or rollback that failed, once more.
    Retry {
        build: BuildNumber,
        #[serde(default = "staging")]
        environment: Environment,
    },
}

fn staging() -> Environment {
    Environment::Staging
}

/// Everything that changes something. Each command is sent with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "command")]
pub enum Command {
    /// Run the plan with this fingerprint. If the plan has changed, nothing runs.
    Execute {
        #[serde(flatten)]
        action: Action,
        fingerprint: Fingerprint,
        /// The typed reason for every finding that needs one.
        #[serde(default)]
        #[schema(value_type = BTreeMap<Guard, ReasonText>)]
        overrides: BTreeMap<Guard, String>,
    },
    Cancel {
        deployment: DeploymentId,
        #[schema(value_type = ReasonText)]
        reason: String,
    },
    /// Stops waiting for a run at another engine that was asked to end and has not. It may still change something.
    GiveUp {
        deployment: DeploymentId,
        #[schema(value_type = ReasonText)]
        reason: String,
    },
    Verify {
        build: BuildNumber,
        #[schema(value_type = ReasonText)]
        note: String,
    },
    Hold {
        environment: Environment,
        #[schema(value_type = ReasonText)]
        reason: String,
    },
    /// Ends a hold. The hold of a rollback needs `bad`: the bad commits, or an empty list if there is none.
    Release {
        environment: Environment,
        #[schema(value_type = ReasonText)]
        reason: String,
        #[serde(default)]
        #[schema(value_type = Option<BadCommitNames>)]
        bad: Option<Vec<String>>,
        /// The hold that the caller saw; without it, the current hold.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hold: Option<Seq>,
        /// The numbers of the things left behind by a rollback that the caller saw open and leaves open. If another one
        /// is open, nothing is released.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        leave_open: Vec<u32>,
    },
    /// Ticks a thing that a rollback left behind: somebody looked after it.
    Tick(ItemOfHold),
    /// Takes a tick back.
    Untick(ItemOfHold),
    /// Marks commits as bad, each by its sha or the beginning of it.
    Quarantine {
        #[schema(value_type = BadCommitNames)]
        commits: Vec<String>,
        #[schema(value_type = ReasonText)]
        reason: String,
    },
    /// Takes a commit out of the quarantine.
    Clear {
        #[schema(value_type = BadCommitName)]
        commit: String,
        #[schema(value_type = ReasonText)]
        reason: String,
    },
    /// Asks somebody else to promote the build. The fingerprint is that of the promote's plan.
    Ask {
        build: BuildNumber,
        fingerprint: Fingerprint,
        #[schema(value_type = ReasonText)]
        note: String,
    },
    /// Withdraws a request.
    Withdraw {
        request: Seq,
        #[schema(value_type = ReasonText)]
        reason: String,
    },
    /// `until` is exclusive; without it, the freeze lasts until it is lifted. `from` in the past means now.
    Freeze {
        from: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
        #[schema(value_type = ReasonText)]
        reason: String,
    },
    Lift {
        freeze: Seq,
        #[schema(value_type = ReasonText)]
        reason: String,
    },
    /// Makes a build of the trunk's newest commit, which made none by itself.
    BuildTip {},
    /// Tries the way back: the rollback steps run in staging with the build before, then staging comes forward again.
    Rehearse {},
    /// States that production runs this commit, named by its sha or the beginning of it. Nothing is deployed.
    Adopt {
        #[schema(value_type = CommitPrefix)]
        commit: String,
        #[serde(default)]
        #[schema(value_type = ReasonText)]
        reason: String,
    },
    /// Notes that a console showed a person how the watch of a deployment ended.
    SeeWatch {
        deployment: DeploymentId,
    },
    /// Holds production, as every other service is held at the same time.
    StopAll {
        #[schema(value_type = ReasonText)]
        reason: String,
    },
    /// Notes a change beside the deployments.
    Note(NewNote),
    /// Lets the next wave of a deployment begin that waits after this wave. The reason may be empty unless something speaks
    /// against it.
    Continue {
        deployment: DeploymentId,
        /// The wave after which it waits, as the caller saw it, from 1 on.
        wave: u32,
        #[serde(default)]
        #[schema(value_type = ReasonText)]
        reason: String,
        /// What the caller saw speak against it, as the console notes it. If something else does by now, nothing begins. Without
        /// it, the reason answers whatever speaks against it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<BTreeSet<String>>,
    },
    OpenIncident(NewIncident),
    UpdateIncident(NewIncidentUpdate),
    ResolveIncident {
        incident: IncidentId,
        #[schema(value_type = ReasonText)]
        text: String,
        /// When it was over, if that was earlier.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<DateTime<Utc>>,
    },
    /// An incident is not over after all.
    ReopenIncident {
        incident: IncidentId,
        #[schema(value_type = ReasonText)]
        reason: String,
    },
    /// States where the postmortem of an incident is: an address or a path.
    WritePostmortem {
        incident: IncidentId,
        #[schema(value_type = ReasonText)]
        place: String,
    },
    /// Opens an issue with the draft of the postmortem of an incident, at most once.
    OpenPostmortemIssue {
        incident: IncidentId,
        /// The issue that is there. Only the engine itself, which opened it, says this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<ReasonText>)]
        place: Option<String>,
    },
    /// States that nobody will write the postmortem of an incident.
    DismissPostmortem {
        incident: IncidentId,
        #[schema(value_type = ReasonText)]
        reason: String,
    },
    /// States that users were not affected by what a rollback took back.
    UsersNotAffected {
        rollback: DeploymentId,
        /// The other rollbacks that the question was about when it was answered.
        #[serde(default)]
        with: Vec<DeploymentId>,
        #[serde(default)]
        #[schema(value_type = ReasonText)]
        note: String,
    },
}

/// A new incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewIncident {
    /// What is wrong, in at most 200 characters.
    pub title: String,
    /// One of the service's severities.
    pub severity: String,
    #[serde(default)]
    pub users_affected: UsersAffected,
    /// The rollback that it is about; without it, one of the last day of which nobody said yet whether users were affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<DeploymentId>,
    /// It is about no rollback, whatever happened in the last day.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
}

/// A line of an incident. Something of it has to be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewIncidentUpdate {
    pub incident: IncidentId,
    #[serde(default)]
    #[schema(value_type = ReasonText)]
    pub text: String,
    /// When it happened, if that was earlier. Who wrote it and when stays visible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    /// What it tells of the times of the incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<IncidentMark>,
    /// The severity from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// Whether users are or were affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users_affected: Option<UsersAffected>,
}

/// One of the things that a rollback left behind, by its number on the hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ItemOfHold {
    pub environment: Environment,
    /// Counted from 1.
    pub item: u32,
    /// The hold that the caller saw; without it, the current hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Seq>,
}

/// A change beside the deployments, as somebody notes it: at most 200 characters of `what` and `who`, 1,000 of `undo`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewNote {
    pub kind: NoteKind,
    /// What was changed.
    pub what: String,
    /// Who changed it, if that is not the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// How to undo it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    /// Where more about it is: an address that begins with `https://` or `http://`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// When it was changed, if that is a while ago: at most 14 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<DateTime<Utc>>,
}

impl Command {
    /// What it does, as a phrase: `the promote of #12`. `target` is the build that a plan chose, for a rollback without
    /// one.
    #[must_use]
    pub fn what(&self, target: Option<BuildNumber>) -> String {
        match self {
            Self::Execute { action: Action::Promote { build }, .. } => {
                format!("the promote of {build}")
            }
            Self::Execute {
                action: Action::Rollback { to } | Action::RollbackByTrunk { to },
                ..
            } => match to.or(target) {
                Some(build) => format!("the rollback to {build}"),
                None => "the rollback".into(),
            },
            Self::Execute { action: Action::Retry { build, environment }, .. } => {
                format!("the retry of {build} in {environment}")
            }
            Self::Cancel { deployment, .. } => format!("the cancel of {deployment}"),
            Self::GiveUp { deployment, .. } => format!("giving {deployment} up"),
            Self::Verify { build, .. } => format!("the verification of {build}"),
            Self::Hold { environment, .. } => format!("the hold on {environment}"),
            Self::Release { environment, .. } => format!("the release of {environment}"),
            Self::Tick(of) => format!("the tick at {} of {}'s hold", of.item, of.environment),
            Self::Untick(of) => {
                format!("the end of the tick at {} of {}'s hold", of.item, of.environment)
            }
            Self::Quarantine { commits, .. } => format!("the quarantine of {}", commits.join(", ")),
            Self::Clear { commit, .. } => format!("the end of the quarantine of {commit}"),
            Self::Ask { build, .. } => format!("the request for a promoter of {build}"),
            Self::Withdraw { request, .. } => format!("the end of request {request}"),
            Self::Freeze { .. } => "the freeze".into(),
            Self::Lift { .. } => "the end of the freeze".into(),
            Self::Rehearse {} => "the rehearsal of a rollback".into(),
            Self::BuildTip {} => "the build of the trunk's newest commit".into(),
            Self::Adopt { commit, .. } => format!("the statement that {commit} is live"),
            Self::SeeWatch { deployment } => {
                format!("the note that the end of the watch of {deployment} was seen")
            }
            Self::StopAll { .. } => "the hold on production with all services".into(),
            Self::Note(note) => format!("the note of {} {}", note.kind, note.what),
            Self::Continue { deployment, wave, .. } => {
                format!("the continuing of {deployment} after wave {wave}")
            }
            Self::OpenIncident(new) => format!("the incident {}", new.title),
            Self::UpdateIncident(new) => format!("the update of {}", new.incident),
            Self::ResolveIncident { incident, .. } => format!("the end of {incident}"),
            Self::ReopenIncident { incident, .. } => format!("opening {incident} again"),
            Self::WritePostmortem { incident, .. } => {
                format!("the note of where the postmortem of {incident} is")
            }
            Self::OpenPostmortemIssue { incident, .. } => {
                format!("the issue with the draft of the postmortem of {incident}")
            }
            Self::DismissPostmortem { incident, .. } => {
                format!("the end of the wait for the postmortem of {incident}")
            }
            Self::UsersNotAffected { rollback, with, .. } => {
                let all = all_of(with.iter().copied().chain([*rollback]));
                format!("the answer that users were not affected before {all}")
            }
        }
    }
}

/// The answer to a command that is durably recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// The first event that the command caused.
    pub seq: Seq,
    pub at: DateTime<Utc>,
    /// The deployment that it started or cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentId>,
    /// What happened, as a sentence.
    pub said: String,
}

/// A decision against a command. Nothing was done and nothing failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "code")]
pub enum Refusal {
    /// A guard refuses, or an override has no reason.
    #[error("{sentence}")]
    Policy { sentence: String, findings: Vec<Finding> },
    /// The plan changed since it was confirmed: what changed, and the plan as it is now.
    #[error("the plan changed since you looked: {}", changes.join("; "))]
    Changed { changes: Vec<String>, plan: Box<Plan> },
    /// Something changed since the caller looked, for commands without a plan.
    #[error("{sentence}")]
    Moved { sentence: String },
    #[error("{sentence}")]
    NotFound {
        sentence: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        remedy: Option<Remedy>,
    },
    #[error("{sentence}")]
    Invalid {
        sentence: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        remedy: Option<Remedy>,
    },
    /// The idempotency key was used before for another command.
    #[error("this idempotency key was used for a different command; make a new one")]
    KeyReused,
}

impl Refusal {
    pub fn not_found(sentence: impl Into<String>) -> Self {
        Self::NotFound { sentence: sentence.into(), remedy: None }
    }

    pub fn invalid(sentence: impl Into<String>) -> Self {
        Self::Invalid { sentence: sentence.into(), remedy: None }
    }

    /// Adds what to do instead, if this kind of refusal has a remedy.
    #[must_use]
    pub fn with(mut self, instead: Remedy) -> Self {
        if let Self::NotFound { remedy, .. } | Self::Invalid { remedy, .. } = &mut self {
            *remedy = Some(instead);
        }
        self
    }
}

impl From<Unsearchable> for Refusal {
    fn from(unsearchable: Unsearchable) -> Self {
        Self::invalid(unsearchable.to_string())
    }
}
