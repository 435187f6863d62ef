//! What a build needs to be deployed: recorded when it was found, so that no later setting reads it another way.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::event::{DeploymentKind, StepSpec};
use super::ids::Environment;

/// What a build needs to be deployed, as its own commit declares it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recipe {
    /// The folder of the service in the repository; absent at its top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// Absent if they are too long to be recorded. They are read from the commit then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<RecordedPipeline>,
}

/// The steps of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordedPipeline {
    pub staging: Vec<StepSpec>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub production: Vec<StepSpec>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rollback: Vec<StepSpec>,
    /// The names of the variables that have the operator's value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pass: Vec<String>,
    /// The names of the variables whose value is in the service file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<String>,
    /// The names of the secret variables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
}

/// The most bytes of JSON of a recorded pipeline.
const LONGEST: usize = 16 * 1024;

impl Recipe {
    /// The recipe of a build; without its pipeline if that is too long for the record.
    #[must_use]
    pub fn new(folder: Option<String>, pipeline: RecordedPipeline) -> Self {
        let fits = serde_json::to_vec(&pipeline).is_ok_and(|json| json.len() <= LONGEST);
        Self { folder, pipeline: fits.then_some(pipeline) }
    }

    /// The steps of a deployment of this kind, if they are recorded.
    #[must_use]
    pub fn steps(&self, environment: Environment, kind: DeploymentKind) -> Option<&[StepSpec]> {
        let pipeline = self.pipeline.as_ref()?;
        Some(match (kind, environment) {
            (DeploymentKind::Rollback | DeploymentKind::Rehearsal, _) => &pipeline.rollback,
            (_, Environment::Staging) => &pipeline.staging,
            (_, Environment::Production) => &pipeline.production,
        })
    }
}
