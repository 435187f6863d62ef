//! Targets: the places that one step deploys to, each by a run of its own, and what each of them has.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::{BuildNumber, DeploymentId, InvalidName, ServiceName};
use super::instant;
use super::wave::StepWave;

/// The most targets of one step.
pub const MOST_TARGETS: usize = 20;

/// The name of a target. It has the form of a service's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "ServiceName", into = "ServiceName")]
#[schema(value_type = String, pattern = "^[a-z0-9][a-z0-9_.-]{0,39}$")]
pub struct TargetName(ServiceName);

impl TargetName {
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl From<ServiceName> for TargetName {
    fn from(name: ServiceName) -> Self {
        Self(name)
    }
}

impl From<TargetName> for ServiceName {
    fn from(name: TargetName) -> Self {
        name.0
    }
}

impl std::str::FromStr for TargetName {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<Self, InvalidName> {
        name.parse().map(Self)
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How the targets of a step follow each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetOrder {
    /// Each begins after the one before succeeded.
    #[default]
    OneByOne,
    /// All begin at once, and the next step when all have ended.
    Together,
}

/// Which target of which declared step a step of a deployment is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StepTarget {
    /// The name of the declared step.
    pub step: String,
    pub name: TargetName,
    pub order: TargetOrder,
    /// Where it is for a wave of targets, which `name` then names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wave: Option<Box<StepWave>>,
}

impl StepTarget {
    /// The name of its step of a deployment: `release@eu`. No declared step can have it.
    #[must_use]
    pub fn step_name(&self) -> String {
        format!("{}@{}", self.step, self.name)
    }

    /// The places that it changes: itself, or all targets of its wave.
    #[must_use]
    pub fn places(&self) -> &[TargetName] {
        match &self.wave {
            Some(wave) => &wave.targets,
            None => std::slice::from_ref(&self.name),
        }
    }
}

/// What one target has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TargetStanding {
    pub target: TargetName,
    /// The build that came there last, and the deployment that brought it; absent if none is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildNumber>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentId>,
    /// The build of a deployment that may have changed it since and did not succeed there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<BuildNumber>,
    /// Why no build is known: what it says it runs is none, or it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Since when it says so itself; absent if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_since: Option<DateTime<Utc>>,
    /// Since when it says that it runs something that nobody deployed to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<DateTime<Utc>>,
}

impl TargetStanding {
    /// A target of which nothing is known.
    #[must_use]
    pub fn named(target: TargetName) -> Self {
        Self {
            target,
            build: None,
            deployment: None,
            doubt: None,
            why: None,
            said_since: None,
            changed_at: None,
        }
    }

    /// `#1290`, `#1286 or #1290`, `not known`.
    fn has(&self) -> String {
        match (self.build, self.doubt) {
            (None, _) => "not known".to_owned(),
            (Some(build), None) => build.to_string(),
            (Some(build), Some(doubt)) if doubt == build => format!("{build} in doubt"),
            (Some(build), Some(doubt)) => format!("{build} or {doubt}"),
        }
    }
}

/// Whether they do not all surely have the same build.
#[must_use]
pub fn differ(targets: &[TargetStanding]) -> bool {
    let first = targets.first().and_then(|first| first.build);
    let is_unsure = |target: &TargetStanding| target.doubt.is_some() || target.why.is_some();
    targets.iter().any(|target| is_unsure(target) || target.build != first)
}

/// What each has, those with the same together: `eu us #1290, ap #1286 or #1290`.
#[must_use]
pub fn in_words(targets: &[TargetStanding]) -> String {
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for target in targets {
        let (has, name) = (target.has(), target.target.as_str());
        match groups.iter_mut().find(|(known, _)| *known == has) {
            Some((_, names)) => names.push(name),
            None => groups.push((has, vec![name])),
        }
    }
    let said = groups.into_iter().map(|(has, names)| format!("{} {has}", names.join(" ")));
    said.collect::<Vec<_>>().join(", ")
}

/// What somebody changed who is not on record: `h1 runs #2 since Mon 2026-11-30 14:02 UTC, which nobody deployed`.
#[must_use]
pub fn changed_in_words(targets: &[TargetStanding]) -> Option<String> {
    let changed = targets.iter().filter_map(|target| {
        let since = instant::in_utc(target.changed_at?);
        let runs = target.build.map_or("something else".to_owned(), |build| build.to_string());
        Some(format!("{} runs {runs} since {since}, which nobody deployed", target.target))
    });
    let changed: Vec<_> = changed.collect();
    (!changed.is_empty()).then(|| changed.join("; "))
}

/// How many have a build, and what the others have: `partly: 2 of 3, h3 runs #3`.
#[must_use]
pub fn partly_in_words(targets: &[TargetStanding], build: BuildNumber) -> String {
    let has = |target: &&TargetStanding| target.doubt.is_none() && target.build == Some(build);
    let reached = targets.iter().filter(has).count();
    let runs = |target: &TargetStanding| target.build.map(|_| target.has());
    let others = targets.iter().filter(|target| !has(target));
    let others: Vec<_> = others.map(|target| (target.target.as_str(), runs(target))).collect();
    format!("partly: {reached} of {}, {}", targets.len(), grouped(&others))
}

/// Why it is not known what some of them run: `h3: it does not answer`.
#[must_use]
pub fn unknown_in_words(targets: &[TargetStanding]) -> Option<String> {
    let why = |target: &TargetStanding| {
        target.why.as_ref().map(|why| format!("{}: {why}", target.target))
    };
    let unknown: Vec<_> = targets.iter().filter_map(why).collect();
    (!unknown.is_empty()).then(|| unknown.join("; "))
}

/// `h3 runs #3`, `h2 h3 run #3, h4 not known`.
pub(super) fn grouped(all: &[(&str, Option<String>)]) -> String {
    let mut groups: Vec<(&Option<String>, Vec<&str>)> = Vec::new();
    for (name, runs) in all {
        match groups.iter_mut().find(|(known, _)| *known == runs) {
            Some((_, names)) => names.push(name),
            None => groups.push((runs, vec![name])),
        }
    }
    let words = groups.into_iter().map(|(runs, names)| {
        let verb = if names.len() == 1 { "runs" } else { "run" };
        let names = names.join(" ");
        runs.as_ref().map_or(format!("{names} not known"), |runs| format!("{names} {verb} {runs}"))
    });
    words.collect::<Vec<_>>().join(", ")
}
