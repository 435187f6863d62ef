//! Snapshots for the console: the fleet and one service at an instant, with everything that a screen needs.

pub mod alarm;
pub mod build;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::alarm::Alarm;
use crate::calendar::FreezeWindow;
use crate::domain::build::{Build, BuildState};
use crate::domain::by_hand::ByHand;
use crate::domain::caller::AccessRole;
use crate::domain::deployment::{Deployment, DeploymentState};
use crate::domain::event::DeploymentKind;
use crate::domain::ids::{BuildNumber, DeploymentId, Environment, ServiceName, Sha};
use crate::domain::incident::{IncidentStanding, UsersQuestion};
use crate::domain::needs::NeedStanding;
use crate::domain::on_call::OnCall;
use crate::domain::people::{Actor, People};
use crate::domain::policy::Policy;
use crate::domain::presence::PresentPerson;
use crate::domain::quarantine::Quarantined;
use crate::domain::remote::Waited;
use crate::domain::request::Request;
use crate::domain::schema::{Outlook, Verdict};
use crate::domain::service::Live;
use crate::domain::stops::{Freeze, Hold};
use crate::domain::target::{TargetStanding, differ};
use crate::domain::time::{Milliseconds, millis};
use crate::domain::tried::TriedWayBack;
use crate::domain::watch;
use crate::domain::watch::{LiveEvidence, WatchEnd, WatchState};
use crate::domain::wave::WaveStanding;
use crate::domain::way_back::FlawedBuild;

/// Identifies one state of a snapshot. Equal versions mean equal content.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Version(pub String);

/// The backend that answers, and what it can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Description {
    /// The version of the program that answers.
    pub version: String,
    /// The version of its wire protocol.
    pub api: u32,
    /// The kind of backend, for people: `embedded engine`.
    pub backend: String,
    /// A practice service with no real deployments.
    pub demo: bool,
    /// Identifies the backend's process. A restart changes it.
    pub instance: String,
    pub capabilities: Capabilities,
    /// The caller's role; absent from an engine that knows no roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<AccessRole>,
    /// Where people reach the pages of this server; absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
}

/// What a backend can do. The screen names what it cannot do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[allow(clippy::struct_excessive_bools, reason = "a set of independent abilities")]
pub struct Capabilities {
    pub promote: bool,
    pub rollback: bool,
    pub cancel: bool,
    pub verify: bool,
    pub hold: bool,
    pub freeze: bool,
    pub logs: bool,
}

impl ServiceSnapshot {
    /// The trunk, in words before it is known.
    #[must_use]
    pub fn trunk_in_words(&self) -> &str {
        if self.trunk.is_empty() { "trunk not known yet" } else { &self.trunk }
    }

    /// What is said of how the live build of an environment does, in one place for all that show it.
    #[must_use]
    pub fn evidence_in_words(&self, environment: Environment, now: DateTime<Utc>) -> String {
        watch::evidence(self.live.get(&environment), self.watches.get(&environment), now)
    }

    /// What each target of an environment has, if they do not all have the same.
    #[must_use]
    pub fn apart(&self, environment: Environment) -> Option<&[TargetStanding]> {
        self.targets.get(&environment).map(Vec::as_slice).filter(|targets| differ(targets))
    }
}

impl Capabilities {
    pub const ALL: Self = Self {
        promote: true,
        rollback: true,
        cancel: true,
        verify: true,
        hold: true,
        freeze: true,
        logs: true,
    };
}

/// One row for each service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FleetSnapshot {
    pub version: Version,
    /// The backend's own time when this was made.
    pub at: DateTime<Utc>,
    pub services: Vec<FleetRow>,
    /// What is wrong with the backend as a whole.
    pub problems: Vec<Problem>,
}

/// A service in the fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FleetRow {
    pub service: ServiceName,
    pub live: Option<Live>,
    /// What each target of production has, where its steps deploy to several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetStanding>,
    /// Whether production ran before trunkline deployed there, so that what is live is not known.
    #[serde(default, skip_serializing_if = "is_false")]
    pub live_unknown: bool,
    /// How many builds that reached staging are newer than the live one.
    pub ahead: u32,
    /// The deployment in flight, production before staging.
    pub running: Option<Running>,
    pub freeze: Option<Freeze>,
    /// The calendar freeze that covers `at` and lasts longest.
    #[serde(default)]
    pub calendar: Option<FreezeWindow>,
    pub hold: Option<Hold>,
    /// The open request for a promoter.
    #[serde(default)]
    pub request: Option<Request>,
    pub last_rollback: Option<DateTime<Utc>>,
    /// The incidents that are open or lack a postmortem, newest first, without what was said of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incidents: Vec<IncidentStanding>,
    /// The last rollback, if nobody said yet whether users were affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users_question: Option<Box<UsersQuestion>>,
    /// What is known of how the live build does.
    #[serde(default)]
    pub evidence: LiveEvidence,
    /// The last watch of production, without what was seen before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<Box<WatchState>>,
    /// How a deployment of production stands that waits between two waves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wave: Option<Box<WaveStanding>>,
    /// What is wrong with what it runs, the worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alarms: Vec<Alarm>,
    pub problems: u32,
}

/// A deployment that is queued or running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Running {
    pub deployment: DeploymentId,
    pub build: BuildNumber,
    pub environment: Environment,
    pub kind: DeploymentKind,
    pub state: DeploymentState,
    /// When it started or, if it has not, when it was requested.
    pub since: DateTime<Utc>,
    #[serde(with = "millis::option")]
    #[schema(value_type = Option<Milliseconds>)]
    pub expected: Option<Duration>,
    /// Whether its running step waits or waited for people or a timer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited: Option<Waited>,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceSnapshot {
    pub version: Version,
    /// The backend's own time when this was made; ages are counted from it.
    pub at: DateTime<Utc>,
    pub service: ServiceName,
    /// Where its repository is, without credentials.
    pub repository: String,
    /// Empty until it is known.
    pub trunk: String,
    pub me: Me,
    pub live: BTreeMap<Environment, Live>,
    /// What each target of an environment has, where its steps deploy to several.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub targets: BTreeMap<Environment, Vec<TargetStanding>>,
    /// Where all targets say that they run what is live, how many they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub heard: BTreeMap<Environment, usize>,
    /// The last deployment of production to end, if its targets are asked what they run and were not heard since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unheard: Option<DeploymentId>,
    /// Why nobody says what production runs, where the last question about it hung until it was given up. Nobody should wait
    /// for the next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hangs: Option<String>,
    /// Whether production ran before trunkline deployed there, so that what is live is not known.
    #[serde(default, skip_serializing_if = "is_false")]
    pub live_unknown: bool,
    /// Whether what staging runs is not known, since the record was restored from a copy.
    #[serde(default, skip_serializing_if = "is_false")]
    pub staging_unknown: bool,
    /// The last production deployment, if it did not succeed. What runs there is uncertain.
    pub unsettled: Option<DeploymentId>,
    /// What is known of how the live build of production does.
    #[serde(default)]
    pub evidence: LiveEvidence,
    /// The last watch of each environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub watches: BTreeMap<Environment, WatchState>,
    /// How a deployment of production stands that waits between two waves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wave: Option<Box<WaveStanding>>,
    /// What is wrong with what it runs, the worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alarms: Vec<Alarm>,
    /// The newest builds, newest first; `builds_total` counts all.
    pub builds: Vec<BuildRow>,
    /// How many builds there are in all.
    pub builds_total: u32,
    /// The open deployments, the staging deployments of `builds`, the one that left staging in doubt, the last rehearsal, and
    /// the last ones of production, newest first.
    pub deployments: Vec<DeploymentRow>,
    /// How many production deployments there are in all.
    pub history_total: u32,
    pub holds: BTreeMap<Environment, Hold>,
    /// The freezes set by hand that are not over at `at`.
    pub freezes: Vec<Freeze>,
    /// The quarantined commits, newest first.
    #[serde(default)]
    pub quarantine: Vec<Quarantined>,
    /// How many quarantined commits there are in all.
    #[serde(default)]
    pub quarantine_total: u32,
    /// The last requests for a promoter, newest first.
    #[serde(default)]
    pub requests: Vec<Request>,
    /// The windows of the calendar freezes, from a week before this month to 75 days ahead, earliest first.
    #[serde(default)]
    pub calendar: Vec<FreezeWindow>,
    /// Current and imminent problems of the calendar freezes, their files and feeds.
    #[serde(default)]
    pub calendar_problems: Vec<String>,
    /// The incidents that are open or lack a postmortem, and the newest others, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incidents: Vec<IncidentStanding>,
    /// How many incidents there are in all.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub incidents_total: u32,
    /// The last rollback, if nobody said yet whether users were affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users_question: Option<Box<UsersQuestion>>,
    pub rollback: Option<RollbackPreview>,
    /// The builds that a rollback without a target passes over, and why; also if there is no target.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<FlawedBuild>,
    /// The builds that were live in production and are no good target of a rollback, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flawed: Vec<FlawedBuild>,
    pub policy: Policy,
    pub people: People,
    /// Who has the service open now, the caller too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub present: Vec<PresentPerson>,
    /// Who is on call; absent if the service file does not say where to read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_call: Option<OnCall>,
    pub problems: Vec<Problem>,
    /// Why the holds, freezes and settings may not be as they are here: the trunk, a calendar or the record cannot be read.
    /// Absent from a server that does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules_in_doubt: Option<Vec<String>>,
}

/// The most builds that a snapshot carries.
pub const BUILDS_SHOWN: usize = 100;
/// The most ended production deployments that a snapshot carries.
pub const HISTORY_SHOWN: usize = 100;

/// The most finished incidents that a snapshot carries.
pub const INCIDENTS_SHOWN: usize = 20;

/// The most quarantined commits that a snapshot carries.
pub const QUARANTINE_SHOWN: usize = 50;

/// The most flawed builds in one list of a snapshot.
pub const FLAWED_SHOWN: usize = 100;

/// A build with its derived state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BuildRow {
    #[serde(flatten)]
    pub build: Build,
    pub state: BuildState,
    /// The quarantined commits whose effect it has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bad: Vec<Sha>,
    /// How many more there are than the ones in `bad`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bad_more: u32,
    /// How it came to staging or did not, where its state does not tell all: `CI did not deploy it: [skip ci] is in its
    /// message`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staging_note: Option<String>,
    /// The ones in `bad` whose effect is uncertain. They count as present.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_doubt: Vec<Sha>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(is: &bool) -> bool {
    !is
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// A deployment with its derived state and times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeploymentRow {
    #[serde(flatten)]
    pub deployment: Deployment,
    pub state: DeploymentState,
    /// The sha and subject of what it deploys.
    pub sha: Sha,
    pub subject: String,
    #[serde(with = "millis::option")]
    #[schema(value_type = Option<Milliseconds>)]
    pub expected: Option<Duration>,
    /// The expected milliseconds of each step, in order.
    #[schema(value_type = Vec<Option<Milliseconds>>)]
    pub steps_expected: Vec<Option<u64>>,
    /// How long its build stayed live, if another build has replaced it.
    #[serde(default, with = "millis::option")]
    #[schema(value_type = Option<Milliseconds>)]
    pub live_for: Option<Duration>,
    /// How its watch ended, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<WatchEnd>,
}

/// The rollback that starts when no target is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RollbackPreview {
    pub to: BuildNumber,
    pub sha: Sha,
    /// When the target last went live.
    pub was_live: Option<DateTime<Utc>>,
    /// What a rollback since then says of it, as a clause: `production was rolled back from it`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<String>,
    pub verdict: Verdict,
    /// Why it would be refused, whatever the verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<String>,
    #[serde(with = "millis::option")]
    #[schema(value_type = Option<Milliseconds>)]
    pub expected: Option<Duration>,
    /// The deployment that goes there already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under_way: Option<DeploymentId>,
    /// Whether its service file is not read, so that it is not known whether it can be deployed as it was.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unchecked: bool,
    /// The commands that do it without trunkline; absent from a server that does not know them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<Box<ByHand>>,
    /// Whether its steps were tried; absent from a server that does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<TriedWayBack>,
    /// How everything stands that its steps need, by the trunk's newest service file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<NeedStanding>,
    /// After a rollback to `to` that failed, the good build before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead: Option<BuildNumber>,
}

impl RollbackPreview {
    /// Whether nothing is known against it, and its service file is not read, so that it is not safe either.
    #[must_use]
    pub fn is_only_unchecked(&self) -> bool {
        self.unchecked && self.verdict.outlook == Outlook::Safe
    }

    /// How it would go: what is known of the schema is said whatever else there is to say, and then whether it was tried.
    #[must_use]
    pub fn outlook_in_words(&self, now: DateTime<Utc>) -> String {
        let state = match (self.under_way, &self.blocked) {
            (Some(id), _) => Some(format!("under way ({id})")),
            (None, Some(why)) => Some(format!("BLOCKED: {why}")),
            (None, None) => self.is_only_unchecked().then(|| "UNCHECKED".to_owned()),
        };
        let is_told = state.is_none() || self.verdict.outlook > Outlook::Safe;
        let verdict = is_told.then(|| self.verdict.headline());
        let is_unread = self.unchecked && self.under_way.is_none();
        let unread = is_unread.then(|| "its trunkline.toml is not read".to_owned());
        let tried = self.tried.as_ref().filter(|_| self.under_way.is_none());
        let tried = tried.map(|tried| tried.at(now));
        let instead = self.instead.map(|build| format!("the good build before is {build}"));
        let needs = self.needs.iter().filter_map(NeedStanding::sentence);
        let all = [state, verdict, unread, tried, instead];
        all.into_iter().flatten().chain(needs).collect::<Vec<_>>().join("; ")
    }
}

/// The caller of this connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Me {
    pub actor: Actor,
    /// Whether `[people]` lists the caller, so that their own commits are known.
    pub identified: bool,
}

/// A current problem, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    pub since: DateTime<Utc>,
    pub what: String,
    pub remedy: String,
}
