//! The recorded facts. The history, the audit log and the event stream all read them.

mod adoption;
mod incident;
mod live_said;
mod noted;
mod observed;
mod outcome;
mod request;
mod sentence;
mod targets_said;
mod watch;

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::adoption::Adoption;
pub use self::incident::{
    IncidentOpened, IncidentReopened, IncidentResolved, IncidentUpdated, PostmortemDismissed,
    PostmortemWritten, UsersNotAffected,
};
pub use self::live_said::{LiveSaid, SaidCommit};
pub use self::noted::{ChangeNote, NoteKind, OutputChange};
pub use self::observed::{ObservedDeployment, OlderBuild, UnknownCommit, UnknownDeployment};
pub use self::outcome::{Outcome, StepOutcome};
pub use self::request::{
    DeploymentKind, DeploymentRequest, Run, StepSpec, are_remote, steps_in_words, together,
};
pub use self::sentence::Subject;
pub use self::targets_said::{TargetAnswer, TargetSaid, TargetsSaid};
use super::commit::{Commit, Revert};
use super::ids::{BuildNumber, DeploymentId, Environment, Seq, ServiceName, Sha};
use super::leftovers::{LeftoverTick, LeftoversListed};
use super::people::Actor;
use super::plan::Finding;
use super::policy::VerifyBy;
use super::quarantine::BadCommit;
use super::recipe::Recipe;
use super::remote::{EngineName, FoundBy, RunKey, RunRef, Waits};
use super::retention::RetentionRule;
use super::target::TargetName;
use super::time::{Milliseconds, millis};
use super::variables::VariableDigests;
use super::watch::{AutoRollback, WatchBegan, WatchEnded, WatchSampled, WatchSeen, WatchTurned};
use super::wave::{WaveContinued, WaveWaits};

/// One recorded fact with who caused it and when. The meaning of a stored fact never changes. New facts and new
/// optional fields may be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    pub seq: Seq,
    pub at: DateTime<Utc>,
    pub service: ServiceName,
    pub actor: Actor,
    pub fact: Fact,
}

/// What happened.
// A new fact is its variant and its name here, its sentence in sentence.rs, and its arm in `ServiceState::apply`.
// The tag is not `kind`, since a deployment request has a field of that name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// The trunk moved to a new first-parent commit, or a person had a build made of its newest commit.
    BuildFound {
        build: BuildNumber,
        sha: Sha,
        /// The commits since the build before, newest first.
        commits: Vec<Commit>,
        /// How many more commits there are than the listed ones.
        #[serde(default)]
        more: u32,
        /// The reverts among all its commits, listed or not, oldest first. A reverted merge also has one for each
        /// commit that it brought.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        reverts: Vec<Revert>,
        /// What it needs to be deployed; absent if its service file cannot be used.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recipe: Option<Box<Recipe>>,
        /// The branch that was the trunk.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trunk: Option<String>,
    },
    /// The trunk was force-pushed: `from` is no longer an ancestor of `to`, and these builds are off the trunk.
    TrunkRewritten {
        from: Sha,
        to: Sha,
        off_trunk: Vec<BuildNumber>,
        /// The newest build that is still on it. The next build's commits are counted from there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        onto: Option<BuildNumber>,
    },
    /// A deployment was requested. This event's sequence number names it.
    DeploymentRequested(DeploymentRequest),
    /// Its checkout is ready and its steps begin.
    DeploymentStarted {
        deployment: DeploymentId,
        /// Digests of the values that its steps take from the environment in which the engine was started.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        variables: Option<VariableDigests>,
    },
    /// The step with this index is about to run. Recorded before its process exists.
    StepStarted {
        deployment: DeploymentId,
        step: usize,
        /// The target, where the step is for one of several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<TargetName>,
    },
    /// A step is about to be sent to another engine. Recorded before the request leaves, so that it is sent once: whoever
    /// finds this after a restart only looks for the run.
    RunSent {
        deployment: DeploymentId,
        step: usize,
        /// The target, where the step is for one of several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<TargetName>,
        engine: EngineName,
        key: RunKey,
    },
    /// It is known which run of the other engine the step is.
    RunFound {
        deployment: DeploymentId,
        step: usize,
        /// The target, where the step is for one of several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<TargetName>,
        run: RunRef,
        how: FoundBy,
    },
    /// What holds up the run of a step at another engine, or that nothing does any more.
    RunWaits {
        deployment: DeploymentId,
        step: usize,
        /// The target, where the step is for one of several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<TargetName>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        waits: Option<Waits>,
    },
    StepEnded {
        deployment: DeploymentId,
        step: usize,
        /// The target, where the step is for one of several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<TargetName>,
        outcome: StepOutcome,
        #[serde(with = "millis")]
        #[schema(value_type = Milliseconds)]
        took: Duration,
        /// When its run ended, by the clock of the other engine that ran it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ended_at: Option<DateTime<Utc>>,
    },
    CancelRequested {
        deployment: DeploymentId,
        reason: String,
    },
    DeploymentEnded {
        deployment: DeploymentId,
        outcome: Outcome,
    },
    /// Another engine deploys to an environment. This event's sequence number names the deployment. The actor is who
    /// started it there.
    DeploymentObserved(ObservedDeployment),
    /// The same of a commit that no build is of: what runs there is not known until something else is deployed.
    UnknownObserved(UnknownDeployment),
    /// An observed deployment ended.
    ObservedEnded {
        deployment: DeploymentId,
        outcome: Outcome,
        /// When it ended, by the clock of its engine.
        at: DateTime<Utc>,
    },
    /// What the service itself says that an environment runs: its first answer, each other one, and each that is another
    /// than the record. One that is counts as a deployment, which this event's sequence number names. The actor is the
    /// service at its host.
    LiveSaid(LiveSaid),
    /// What each target of an environment itself says that it runs: the first answers after each deployment, and each other
    /// ones. If all say another build than the record, that counts as a deployment, which this event's sequence number names.
    TargetsSaid(TargetsSaid),
    BuildVerified {
        build: BuildNumber,
        note: String,
        #[serde(default, skip_serializing_if = "VerifyBy::is_person")]
        kind: VerifyBy,
    },
    /// A stop on an environment until it is released. `rollback` names the deployment that placed it.
    HoldPlaced {
        environment: Environment,
        reason: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rollback: Option<DeploymentId>,
        /// Whether it was placed together with those of all other services.
        #[serde(default, skip_serializing_if = "is_false")]
        all: bool,
    },
    HoldReleased {
        environment: Environment,
        reason: String,
        /// The commits that were marked bad. They are in quarantine from now on.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        bad: Vec<BadCommit>,
        /// What its rollback left behind and nobody had ticked.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        open: Vec<String>,
    },
    /// Commits were marked bad without releasing a hold.
    CommitsQuarantined {
        bad: Vec<BadCommit>,
        reason: String,
    },
    /// A commit is not bad after all, or no longer harmful.
    CommitCleared {
        sha: Sha,
        reason: String,
    },
    /// Somebody asks for a promoter. This event's sequence number names the request. `until` is exclusive.
    PromoterRequested {
        build: BuildNumber,
        until: DateTime<Utc>,
        note: String,
    },
    RequestWithdrawn {
        request: Seq,
        reason: String,
    },
    /// A freeze set by hand. This event's sequence number names it. `until` is exclusive; without it, until lifted.
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
    /// A person stated what production runs; nothing was deployed. This event's sequence number names it as a
    /// deployment at another engine.
    ProductionAdopted(Box<Adoption>),
    /// The record was restored from a copy whose last event is `head`, recorded at `at`. What happened after that is not
    /// recorded. What was open is interrupted, and what production runs is not known. This event's sequence number names
    /// that doubt as a deployment at another engine.
    RecordRestored {
        head: Seq,
        at: DateTime<Utc>,
    },
    /// The logs of these deployments were removed, with all else that is on disk of their steps.
    RunsRemoved {
        deployments: Vec<DeploymentId>,
        rule: RetentionRule,
    },
    /// A command was refused, by a guard or because something changed. Nothing was done. The same refusal of the same
    /// person is recorded at most once a minute while nothing changes. Refusals from the last moments before the
    /// engine was killed may be missing.
    Refused {
        /// What they wanted: `the promote of #12`.
        what: String,
        /// The answer as they read it, at most 2,000 characters.
        sentence: String,
        /// The findings that refused, or that lacked a reason.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        findings: Vec<Finding>,
    },
    /// What was deployed is looked at for a while.
    WatchBegan(WatchBegan),
    /// What the watch saw since the summary before.
    WatchSampled(WatchSampled),
    /// A check of the watch turned bad, good or unknown.
    WatchTurned(WatchTurned),
    WatchEnded(WatchEnded),
    /// A console showed a person how the watch ended.
    WatchSeen(WatchSeen),
    /// Something was changed beside the deployments: a flag, a setting, a machine, data.
    Noted(ChangeNote),
    /// What a rollback leaves behind, as it was known when it was requested. The hold that it placed has the list.
    LeftoversListed(LeftoversListed),
    /// Somebody looked after a thing that a rollback left behind.
    LeftoverTicked(LeftoverTick),
    /// It is open again.
    LeftoverUnticked(LeftoverTick),
    /// A wave of a deployment is done, and the next one waits.
    WaveWaits(WaveWaits),
    /// The next wave may begin.
    WaveContinued(WaveContinued),
    /// The watch of production turned bad where the service asks for a rollback by itself: it is one, or why not.
    AutoRollback(AutoRollback),
    /// Somebody opened an incident. This event's sequence number names it.
    IncidentOpened(IncidentOpened),
    /// Somebody wrote a line of an incident, or changed its severity, or said whether users are affected.
    IncidentUpdated(IncidentUpdated),
    IncidentResolved(IncidentResolved),
    IncidentReopened(IncidentReopened),
    /// The postmortem of an incident is there.
    PostmortemWritten(PostmortemWritten),
    /// An incident gets no postmortem.
    PostmortemDismissed(PostmortemDismissed),
    /// Users were not affected by what a rollback took back.
    UsersNotAffected(UsersNotAffected),
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(is: &bool) -> bool {
    !is
}

/// Writes the list of names and the look-up from the one table.
macro_rules! names {
    ($($fact:ident: $name:literal,)+) => {
        impl Fact {
            /// The name of every fact.
            pub const KINDS: &[&str] = &[$($name),+];

            /// The fact's name, as stored and as given to `trunkline audit --kind`.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$fact { .. } => $name,)+
                }
            }
        }
    };
}

names! {
    BuildFound: "build_found",
    TrunkRewritten: "trunk_rewritten",
    DeploymentRequested: "deployment_requested",
    DeploymentStarted: "deployment_started",
    StepStarted: "step_started",
    RunSent: "run_sent",
    RunFound: "run_found",
    RunWaits: "run_waits",
    StepEnded: "step_ended",
    CancelRequested: "cancel_requested",
    DeploymentEnded: "deployment_ended",
    DeploymentObserved: "deployment_observed",
    UnknownObserved: "unknown_observed",
    ObservedEnded: "observed_ended",
    LiveSaid: "live_said",
    TargetsSaid: "targets_said",
    BuildVerified: "build_verified",
    HoldPlaced: "hold_placed",
    HoldReleased: "hold_released",
    CommitsQuarantined: "commits_quarantined",
    CommitCleared: "commit_cleared",
    PromoterRequested: "promoter_requested",
    RequestWithdrawn: "request_withdrawn",
    FreezePlaced: "freeze_placed",
    FreezeLifted: "freeze_lifted",
    ProductionAdopted: "production_adopted",
    RecordRestored: "record_restored",
    RunsRemoved: "runs_removed",
    Refused: "refused",
    WatchBegan: "watch_began",
    WatchSampled: "watch_sampled",
    WatchTurned: "watch_turned",
    WatchEnded: "watch_ended",
    WatchSeen: "watch_seen",
    Noted: "noted",
    LeftoversListed: "leftovers_listed",
    LeftoverTicked: "leftover_ticked",
    LeftoverUnticked: "leftover_unticked",
    WaveWaits: "wave_waits",
    WaveContinued: "wave_continued",
    AutoRollback: "auto_rollback",
    IncidentOpened: "incident_opened",
    IncidentUpdated: "incident_updated",
    IncidentResolved: "incident_resolved",
    IncidentReopened: "incident_reopened",
    PostmortemWritten: "postmortem_written",
    PostmortemDismissed: "postmortem_dismissed",
    UsersNotAffected: "users_not_affected",
}

impl Fact {
    /// Fills in the kind of a verification in old records, which do not store it. There, a verification by the engine is
    /// by a step, which the note names. If the note names no step, the step's name is empty.
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
}
