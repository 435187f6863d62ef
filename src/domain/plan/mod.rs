//! The plan: what a promote or rollback would do, with every finding about it, before anyone confirms.

mod author;
mod endpoints;
mod fingerprint;
mod later;
mod migration;
mod promote;
mod read;
mod retry;
mod rollback;
mod targets;
mod tried;
mod variables;
mod watched;
mod waves;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::endpoints::no_build;
pub use self::endpoints::{Endpoints, endpoints};
pub use self::fingerprint::{ChangeDetails, Fingerprint, InvalidFingerprint, Part};
pub use self::migration::Migrations;
pub use self::retry::{retry_in_staging, retry_of};
pub use self::tried::AfterFailure;
use super::also_changed::AlsoChanged;
use super::build::Build;
use super::by_hand::ByHand;
use super::command::{Action, Refusal};
use super::commit::Range;
use super::event::{DeploymentKind, DeploymentRequest, StepSpec};
use super::expected;
use super::ids::{BuildNumber, DeploymentId, Environment, ServiceName, Sha};
use super::leftovers::Leftovers;
use super::people::{Actor, People};
use super::policy::Policy;
use super::remedy::Remedy;
use super::schema::{Outlook, Verdict};
use super::service::ServiceState;
use super::target::TargetStanding;
use super::time::{Milliseconds, millis, say};
use super::tried::TriedWayBack;
use super::variables::KnownVariables;
use super::way_back::{self, WayBack};
use crate::calendar::Evaluation;

/// What a promote, a rollback or a retry would do, with every finding about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    pub service: ServiceName,
    pub action: Action,
    pub kind: DeploymentKind,
    pub environment: Environment,
    /// Who would run it.
    pub actor: Actor,
    pub at: DateTime<Utc>,
    pub live: Option<PlannedBuild>,
    /// Whether production ran before trunkline deployed there, so that what is live is not known.
    #[serde(default)]
    pub live_unknown: bool,
    /// The newest build that may run now: the live one, or one whose deployment runs or did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaves: Option<BuildNumber>,
    /// What each target has, where the steps of the environment deploy to several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetStanding>,
    pub target: PlannedBuild,
    /// The commits that a promote ships or a rollback removes.
    pub range: Range,
    /// The migrations of a promote.
    #[serde(default)]
    pub migrations: Migrations,
    /// The verdict on this rollback; for a promote, the verdict on a rollback after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    pub steps: Vec<StepSpec>,
    #[serde(with = "millis::option")]
    #[schema(value_type = Option<Milliseconds>)]
    pub expected: Option<Duration>,
    /// The deployment that would be cancelled first.
    pub cancels: Option<DeploymentId>,
    /// The last deployment of the target there, if it did not succeed or is being cancelled: this tries it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<DeploymentId>,
    pub findings: Vec<Finding>,
    /// What stays behind after this rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stays_behind: Option<Box<Leftovers>>,
    /// Whether its rollback steps were tried; for a promote, those of the rollback after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<TriedWayBack>,
    /// The rollback that failed before this plan, and what else may be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_failure: Option<AfterFailure>,
    /// Whether the trunk declares other rollback steps than the build to which it goes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trunk_differs: bool,
    /// How to undo it, as a sentence.
    pub undo: String,
    /// How to undo it, as data, if one action does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo_remedy: Option<Remedy>,
    /// The commands that do it without trunkline; only of a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<Box<ByHand>>,
    /// What else changed in the last hour; only of a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub also: Option<AlsoChanged>,
    pub fingerprint: Fingerprint,
}

/// A build as a plan names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedBuild {
    pub build: BuildNumber,
    pub sha: Sha,
    pub subject: String,
    /// When it last went live; absent if it never was live.
    pub live_since: Option<DateTime<Utc>>,
}

/// One sentence of a guard. Not every finding is a problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    pub guard: Guard,
    pub severity: Severity,
    pub sentence: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Remedy>,
    /// Whether it says that something is not known: then it speaks for nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unknown: bool,
}

impl Finding {
    fn with(self, remedy: Option<Remedy>) -> Self {
        Self { remedy, ..self }
    }

    fn unknown(self) -> Self {
        Self { unknown: true, ..self }
    }
}

/// What a finding asks for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// No problem.
    Info,
    /// A risk. Needs no reason.
    Warn,
    /// Needs a typed reason.
    Override,
    /// Blocks the action.
    Refuse,
}

/// The rule behind a finding.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    Author,
    Freeze,
    Verified,
    Soak,
    Hold,
    Quarantine,
    Migration,
    Order,
    InFlight,
    BigBatch,
    Variables,
    Engine,
    Watch,
    WayBack,
}

impl Guard {
    pub const ALL: [Self; 14] = [
        Self::Author,
        Self::Freeze,
        Self::Verified,
        Self::Soak,
        Self::Hold,
        Self::Quarantine,
        Self::Migration,
        Self::Order,
        Self::InFlight,
        Self::BigBatch,
        Self::Variables,
        Self::Engine,
        Self::Watch,
        Self::WayBack,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Author => "author",
            Self::Freeze => "freeze",
            Self::Verified => "verified",
            Self::Soak => "soak",
            Self::Hold => "hold",
            Self::Quarantine => "quarantine",
            Self::Migration => "migration",
            Self::Order => "order",
            Self::InFlight => "in_flight",
            Self::BigBatch => "big_batch",
            Self::Variables => "variables",
            Self::Engine => "engine",
            Self::Watch => "watch",
            Self::WayBack => "way_back",
        }
    }
}

impl std::fmt::Display for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Guard {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let name = name.replace('-', "_");
        Self::ALL.into_iter().find(|guard| guard.as_str() == name).ok_or_else(|| {
            let all = Self::ALL.map(Self::as_str).join(", ");
            format!("unknown guard {name:?}; the guards are {all}")
        })
    }
}

/// What a plan is computed from.
#[derive(Debug, Clone, Copy)]
pub struct PlanInput<'a> {
    pub service: &'a ServiceName,
    pub state: &'a ServiceState,
    pub policy: &'a Policy,
    pub people: &'a People,
    /// The members of `[people]` who are on call now, as far as that is known.
    pub on_call: &'a [String],
    /// The calendar freezes for a promote to production now.
    pub calendar: &'a Evaluation,
    /// The commits between the live build and the target, see [`Endpoints::range`].
    pub range: &'a Range,
    /// The steps that the target's own pipeline declares for this kind of deployment.
    pub steps: &'a [StepSpec],
    pub migrations: &'a Migrations,
    pub variables: &'a KnownVariables,
    /// Why a step cannot run at the engine that it names.
    pub unusable_engine: Option<&'a str>,
}

/// Computes the plan. Pure: the same input, action, actor and instant give the same plan.
///
/// # Errors
/// [`Refusal::NotFound`] when the action names no build, see [`endpoints()`].
pub fn plan(
    input: PlanInput<'_>,
    action: Action,
    actor: &Actor,
    now: DateTime<Utc>,
) -> Result<Plan, Refusal> {
    let ends = endpoints(input.state, action)?;
    let target = &input.state.builds[&ends.target];
    let environment = ends.environment;
    let rollback = ends.kind == DeploymentKind::Rollback;
    let verdict = migration::verdict(input, &ends);
    let mut findings = match ends.kind {
        DeploymentKind::Rollback => {
            rollback::findings(input, target, action, verdict.as_ref(), now)
        }
        DeploymentKind::Retry => retry::findings(input, target, now),
        _ => promote::findings(input, target, actor, now),
    };
    let retried = ends.retries(input.state);
    findings.extend(retried.map(|retried| retry::again(retried, now)));
    findings.extend(targets::findings(input, &ends));
    findings.extend(waves::findings(input, &ends, now));
    findings.extend(variables::findings(input, environment));
    let unusable = input.unusable_engine;
    findings.extend(unusable.map(|why| finding(Guard::Engine, Severity::Refuse, why.to_owned())));
    let fingerprint = fingerprint::of(input, &ends, action, actor, now, verdict.as_ref());
    let in_flight = input.state.in_flight(environment);
    let (undo, undo_remedy) = undo(input, &ends);
    Ok(Plan {
        service: input.service.clone(),
        action,
        kind: ends.kind,
        environment,
        actor: actor.clone(),
        at: now,
        live: input.state.live_build(environment).map(|b| planned(input.state, environment, b)),
        live_unknown: environment == Environment::Production && input.state.is_live_unknown(),
        leaves: ends.newest,
        targets: input.state.targets(environment).to_vec(),
        target: planned(input.state, environment, target),
        range: input.range.clone(),
        migrations: input.migrations.clone(),
        verdict,
        steps: input.steps.to_vec(),
        expected: expected::deployment(input.state, environment, ends.kind, input.steps),
        cancels: in_flight.filter(|_| rollback).map(|d| d.id),
        retries: retried.map(|retried| retried.id),
        findings,
        undo,
        undo_remedy,
        stays_behind: rollback.then(|| Box::new(left_by(input, ends.target, now))),
        tried: tried::of(input, &ends),
        after_failure: tried::failure(input, &ends),
        trunk_differs: false,
        by_hand: None,
        also: None,
        fingerprint,
    })
}

fn left_by(input: PlanInput<'_>, target: BuildNumber, now: DateTime<Utc>) -> Leftovers {
    Leftovers::of_rollback(input.state, input.policy, target, now)
}

fn planned(state: &ServiceState, environment: Environment, build: &Build) -> PlannedBuild {
    let history = state.live.get(&environment);
    let last = history.and_then(|all| all.iter().rev().find(|live| live.build == build.number));
    PlannedBuild {
        build: build.number,
        sha: build.sha.clone(),
        subject: build.subject().to_owned(),
        live_since: last.map(|live| live.since),
    }
}

fn undo(input: PlanInput<'_>, ends: &Endpoints) -> (String, Option<Remedy>) {
    let state = input.state;
    let first = match (ends.kind, ends.live) {
        (DeploymentKind::Retry, _) => return retry::undo(input, ends.target),
        (DeploymentKind::Rollback, Some(live)) => {
            // After a promote that failed, what it tried to bring is newer than what is live.
            let newest = ends.newest.unwrap_or(live);
            return (format!("release the hold and promote {newest} again"), None);
        }
        (DeploymentKind::Redeploy, Some(live)) => state.live_before(live),
        (_, live) => live,
    };
    let WayBack { to: back, skipped } =
        first.map_or_else(WayBack::default, |first| state.way_back_from(first));
    let took = expected::deployment(state, Environment::Production, DeploymentKind::Rollback, &[]);
    let Some(to) = back else {
        let why = match way_back::named(&skipped) {
            _ if state.is_live_unknown() => "what is live now is not known".to_owned(),
            named if named.is_empty() => "no earlier build was live".to_owned(),
            named => format!("no earlier build is good ({named})"),
        };
        return (format!("none: {why}"), None);
    };
    let took = took.map_or(String::new(), |took| format!(", about {}", say(took)));
    let left = state.left_by_rollback(to).map_or(String::new(), |left| format!("; {left}"));
    (format!("roll back to {to}{took}{left}"), Some(Remedy::RollBack { to }))
}

impl Plan {
    /// Whether it takes commits away, see [`Endpoints::goes_back`].
    #[must_use]
    pub fn goes_back(&self) -> bool {
        let live = self.live.as_ref().map(|live| live.build);
        let (environment, newest) = (self.environment, self.leaves);
        let (target, kind) = (self.target.build, self.kind);
        Endpoints { environment, live, newest, target, kind }.goes_back()
    }

    /// The newest build that may run before it: what a rollback goes away from.
    #[must_use]
    pub fn from(&self) -> Option<BuildNumber> {
        self.leaves.or(self.live.as_ref().map(|live| live.build))
    }

    /// Whether it rolls back to a build that breaks on the schema.
    #[must_use]
    pub fn is_past_the_floor(&self) -> bool {
        let past = |verdict: &Verdict| verdict.outlook == Outlook::PointOfNoReturn;
        self.kind == DeploymentKind::Rollback && self.verdict.as_ref().is_some_and(past)
    }

    /// The highest severity of its findings.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Info)
    }

    /// The findings of one severity.
    pub fn of(&self, severity: Severity) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.severity == severity)
    }

    /// Checks that this plan, computed when it is executed, may run for somebody who confirmed the plan with the
    /// fingerprint `confirmed` and gave these reasons.
    ///
    /// # Errors
    /// [`Refusal::Changed`] when the plan changed since, [`Refusal::Policy`] when a guard refuses or a reason is missing.
    pub fn check(
        &self,
        confirmed: &Fingerprint,
        overrides: &BTreeMap<Guard, String>,
        state: &ServiceState,
    ) -> Result<(), Refusal> {
        self.check_without_reasons(confirmed, state)?;
        let has_reason = |finding: &&Finding| {
            overrides.get(&finding.guard).is_some_and(|reason| !reason.trim().is_empty())
        };
        let missing = self.of(Severity::Override).filter(|finding| !has_reason(finding));
        refuse(missing.cloned().collect(), "needs a reason: ")
    }

    /// [`Plan::check`] for a request for a promoter, which needs no reasons.
    ///
    /// # Errors
    /// As [`Plan::check`].
    pub fn check_without_reasons(
        &self,
        confirmed: &Fingerprint,
        state: &ServiceState,
    ) -> Result<(), Refusal> {
        let changes = confirmed.changes(self, ChangeDetails::of(state, self));
        if !changes.is_empty() {
            return Err(Refusal::Changed { changes, plan: Box::new(self.clone()) });
        }
        refuse(self.of(Severity::Refuse).cloned().collect(), "")
    }

    /// The files of the migrations that it brings; a rollback brings none, and staging is of no concern.
    fn recorded_migrations(&self) -> Option<Vec<String>> {
        let is_brought =
            self.environment == Environment::Production && self.kind != DeploymentKind::Rollback;
        is_brought.then(|| self.migrations.named())
    }

    /// The deployment request of this plan. Reasons that no finding asks for are dropped.
    #[must_use]
    pub fn request(&self, mut overrides: BTreeMap<Guard, String>) -> DeploymentRequest {
        overrides.retain(|guard, _| self.of(Severity::Override).any(|found| found.guard == *guard));
        let (schema, schema_trouble) = match self.environment {
            Environment::Production => self.migrations.recorded(),
            Environment::Staging => (None, None),
        };
        DeploymentRequest {
            build: self.target.build,
            sha: self.target.sha.clone(),
            environment: self.environment,
            kind: self.kind,
            previous: self.live.as_ref().map(|live| live.build),
            previous_sha: self.live.as_ref().map(|live| live.sha.clone()),
            steps: self.steps.clone(),
            schema,
            schema_trouble,
            migrations: self.recorded_migrations(),
            cancels: self.cancels,
            retries: self.retries,
            findings: self.findings.clone(),
            overrides,
            presser: None,
            by_trunk: matches!(self.action, Action::RollbackByTrunk { .. }),
        }
    }
}

fn finding(guard: Guard, severity: Severity, sentence: impl Into<String>) -> Finding {
    Finding { guard, severity, sentence: sentence.into(), remedy: None, unknown: false }
}

fn refuse(findings: Vec<Finding>, lead: &str) -> Result<(), Refusal> {
    if findings.is_empty() {
        return Ok(());
    }
    let sentences: Vec<_> = findings.iter().map(|finding| finding.sentence.as_str()).collect();
    Err(Refusal::Policy { sentence: format!("{lead}{}", sentences.join("; ")), findings })
}
