//! What a deployment is asked to do: its build, its environment and its steps.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::ids::{BuildNumber, DeploymentId, Environment, Sha};
use crate::domain::plan::{Finding, Guard};
use crate::domain::remote::RemoteJob;
use crate::domain::schema::SchemaChange;
use crate::domain::target::{StepTarget, TargetOrder};
use crate::domain::time::{Milliseconds, millis};

/// Everything that a deployment is asked to do, and the findings that the person who asked had read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeploymentRequest {
    pub build: BuildNumber,
    pub sha: Sha,
    pub environment: Environment,
    pub kind: DeploymentKind,
    /// What was live at the time of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<BuildNumber>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_sha: Option<Sha>,
    pub steps: Vec<StepSpec>,
    /// What its migrations do that can break older code; missing if they were not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Vec<SchemaChange>>,
    /// Why some of them were not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_trouble: Option<String>,
    /// The migrations that it brings, by their files; missing if they were not looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrations: Option<Vec<String>>,
    /// The deployment that is cancelled first. This one waits for its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancels: Option<DeploymentId>,
    /// The last deployment of this build there, if it did not succeed: this one is a retry of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<DeploymentId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// The typed reason for every finding that needed one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub overrides: BTreeMap<Guard, String>,
    /// The identity with which whoever asked was connected, where a step acts in their name at another engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presser: Option<String>,
    /// Whether its steps are the rollback steps of the trunk at that time, and not those of its build.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_trunk: bool,
}

impl DeploymentRequest {
    /// True if the request lists everything that it does to the schema.
    #[must_use]
    pub fn is_judged(&self) -> bool {
        self.schema.is_some() && self.schema_trouble.is_none()
    }

    /// The indexes of the steps that begin and end with this one, itself included.
    pub fn together(&self, step: usize) -> impl Iterator<Item = usize> {
        together(&self.steps, step)
    }
}

/// Why a deployment happens.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentKind {
    /// The trunk moved and staging follows.
    Auto,
    Promote,
    Rollback,
    /// The live build once more.
    Redeploy,
    /// A person put a build into staging again, or one that was passed over.
    Retry,
    /// Another engine deployed it. trunkline only saw that.
    External,
    /// The rollback steps run in staging, to try the way back.
    Rehearsal,
    /// What staging ran before a rehearsal comes back.
    Return,
}

impl DeploymentKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Promote => "promote",
            Self::Rollback => "rollback",
            Self::Redeploy => "redeploy",
            Self::Retry => "retry",
            Self::External => "external",
            Self::Rehearsal => "rehearsal",
            Self::Return => "return",
        }
    }

    /// Whether it is a part of a rehearsal, which says nothing of a build.
    #[must_use]
    pub fn is_of_rehearsal(self) -> bool {
        matches!(self, Self::Rehearsal | Self::Return)
    }

    /// The word for it before "of": `promote of #12`, `deployment of #12`.
    #[must_use]
    pub fn noun(self) -> &'static str {
        if self == Self::External { "deployment" } else { self.as_str() }
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
    /// How long its author expects it to take. Used until there are measurements.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "millis::option")]
    #[schema(value_type = Option<Milliseconds>)]
    pub expected: Option<Duration>,
    /// Which target it is for, where one declared step has several: each is a step of the deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<StepTarget>,
}

impl StepSpec {
    /// Its name in the service file, which all targets of a step have in common.
    #[must_use]
    pub fn declared(&self) -> &str {
        self.target.as_ref().map_or(&self.name, |target| &target.step)
    }

    fn goes_with(&self, other: &Self) -> bool {
        self.target.as_ref().is_some_and(|target| target.order == TargetOrder::Together)
            && other.target.is_some()
            && self.declared() == other.declared()
    }
    /// The job, if the step runs at another engine.
    #[must_use]
    pub fn remote(&self) -> Option<&RemoteJob> {
        match &self.run {
            Run::Remote(job) => Some(job),
            Run::Shell(_) | Run::Bash(_) | Run::Argv(_) => None,
        }
    }
}

/// Whether all steps run at other engines, so that they need no checkout here.
#[must_use]
pub fn are_remote(steps: &[StepSpec]) -> bool {
    !steps.is_empty() && steps.iter().all(|step| step.remote().is_some())
}

/// The indexes of the steps that begin and end with one of them, itself included.
pub fn together(steps: &[StepSpec], step: usize) -> impl Iterator<Item = usize> {
    let all = steps.iter().enumerate();
    let with = move |(at, other): &(usize, &StepSpec)| {
        *at == step || steps.get(step).is_some_and(|step| step.goes_with(other))
    };
    all.filter(with).map(|(at, _)| at)
}

/// The names of the steps in their order: `release@eu and release@us together, smoke`.
#[must_use]
pub fn steps_in_words(steps: &[StepSpec]) -> String {
    let mut said = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let with: Vec<_> = together(steps, at).collect();
        match with.as_slice() {
            [first, _, ..] if *first == at => {
                let names: Vec<_> = with.iter().map(|at| steps[*at].name.as_str()).collect();
                said.push(format!("{} together", names.join(" and ")));
            }
            [_, _, ..] => {}
            _ => said.push(step.name.clone()),
        }
    }
    said.join(", ")
}

/// How a step is started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Run {
    /// A text for `sh -c`, exactly as in the file. It stops at the first command that fails.
    Shell(String),
    /// The same for `bash -c`.
    Bash(String),
    /// A program and its arguments, without a shell.
    Argv(Vec<String>),
    /// A job at another engine.
    Remote(RemoteJob),
}
