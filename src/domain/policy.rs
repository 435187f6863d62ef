//! The rules of a service, read from the tip of its trunk.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::incident::IncidentPolicy;
use super::leftovers::DeclaredLeftover;
use super::time::{Milliseconds, millis};
pub use crate::calendar::FreezeMode;

/// What a promote must satisfy. A typed reason overrides each rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Policy {
    /// How long a build must be in staging first.
    #[serde(with = "millis")]
    #[schema(value_type = Milliseconds)]
    pub soak: Duration,
    /// The plan warns if the range has more commits than this.
    pub big_batch: u32,
    /// The kinds of verification that a build needs; at least one.
    pub verify: Vec<VerifyBy>,
    pub freeze: FreezeMode,
    /// How long a request for a promoter stays open.
    #[serde(default = "request_expires", with = "millis")]
    #[schema(value_type = Milliseconds)]
    pub request_expires: Duration,
    /// Who deploys to staging.
    #[serde(default, skip_serializing_if = "Staging::is_deploy")]
    pub staging: Staging,
    /// The names of what is looked at in production after a deployment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub watch: Vec<String>,
    /// Whether a watch that turns bad may roll production back by itself.
    #[serde(default, skip_serializing_if = "is_false")]
    pub auto_rollback: bool,
    /// Whether the rollback steps may run in staging, to try the way back.
    #[serde(default, skip_serializing_if = "Rehearse::is_never")]
    pub rehearse: Rehearse,
    /// What a rollback leaves behind, as the service file says it; absent while that is not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaves: Option<Vec<DeclaredLeftover>>,
    /// The severities of incidents, and when a postmortem has to be there.
    #[serde(default, skip_serializing_if = "IncidentPolicy::is_default")]
    pub incidents: IncidentPolicy,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            soak: Duration::from_mins(30),
            big_batch: 8,
            verify: vec![VerifyBy::Person],
            freeze: FreezeMode::Override,
            request_expires: request_expires(),
            staging: Staging::Deploy,
            watch: Vec::new(),
            auto_rollback: false,
            rehearse: Rehearse::Never,
            leaves: None,
            incidents: IncidentPolicy::default(),
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(is: &bool) -> bool {
    !is
}

fn request_expires() -> Duration {
    Duration::from_mins(20)
}

/// Whether the rollback steps may run in staging.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rehearse {
    /// Nobody says that they act only on the environment that they are told.
    #[default]
    Never,
    /// When a person asks for it.
    ByHand,
    /// Also by itself, once a day at a quiet hour.
    Daily,
}

impl Rehearse {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_never(&self) -> bool {
        *self == Self::Never
    }
}

/// Who deploys to staging.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Staging {
    /// trunkline, with the steps of each build.
    #[default]
    Deploy,
    /// Another engine. trunkline records its deployments and starts none.
    Observe,
}

impl Staging {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_deploy(&self) -> bool {
        *self == Self::Deploy
    }
}

/// A kind of verification: who or what verifies a build.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerifyBy {
    /// The success of this step of the staging pipeline.
    Step(String),
    /// The success of the deployment to staging.
    Staging,
    /// The watch of its deployment to staging, if every check was good all the time.
    Watch,
    /// A person.
    #[default]
    Person,
}

impl VerifyBy {
    #[must_use]
    pub fn is_person(&self) -> bool {
        *self == Self::Person
    }
}
