//! What is recorded between two waves.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::spec::{WavePause, targets_in_words};
use crate::domain::ids::DeploymentId;
use crate::domain::people::Actor;
use crate::domain::target::TargetName;

/// A wave is done, and the next one waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaveWaits {
    pub deployment: DeploymentId,
    /// The wave that is done.
    pub wave: TargetName,
    /// Which one it is, from 1 on.
    pub number: u32,
    pub of: u32,
    pub targets: Vec<TargetName>,
    pub pause: WavePause,
}

/// The next wave may begin. The actor is who continued: trunkline itself where the pause was over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaveContinued {
    pub deployment: DeploymentId,
    /// The wave after which it goes on.
    pub wave: TargetName,
    pub number: u32,
    pub of: u32,
    /// Why, as a person wrote it, or what trunkline saw: `its pause is over, watched: good so far`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What spoke against it when a person continued all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub despite: Option<String>,
}

impl WaveWaits {
    /// `d57 waits after wave 1 of 3 (canary: h1), 10m`.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self { deployment, wave, number, of, targets, pause } = self;
        let (targets, pause) = (targets_in_words(targets), pause.in_words());
        format!("{deployment} waits after wave {number} of {of} ({wave}: {targets}), {pause}")
    }
}

impl WaveContinued {
    /// `sam continues d57 after wave 1 of 3 (canary): looks good`.
    #[must_use]
    pub fn sentence(&self, by: &Actor) -> String {
        let Self { deployment, wave, number, of, reason, despite } = self;
        let after = format!("after wave {number} of {of} ({wave})");
        let despite = despite.as_ref().map(|why| format!(", although {why}")).unwrap_or_default();
        let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        match by {
            Actor::System => format!("{deployment} goes on {after}{despite}{reason}"),
            by => format!("{by} continues {deployment} {after}{despite}{reason}"),
        }
    }
}
