//! What a service file declares of its waves, as the steps of a deployment carry it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::event::StepSpec;
use crate::domain::target::TargetName;
use crate::domain::time::{Milliseconds, millis, say};

/// The most waves of a service.
pub const MOST_WAVES: usize = 10;
/// The longest pause after a wave.
pub const LONGEST_PAUSE: Duration = Duration::from_hours(24);

/// The part of production that a step of a deployment is for. The name of its target names the wave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StepWave {
    /// Which one it is, from 1 on.
    pub number: u32,
    /// How many there are.
    pub of: u32,
    pub targets: Vec<TargetName>,
    /// What is waited for after it; absent at the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<WavePause>,
}

/// What is waited for after a wave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WavePause {
    /// So long. Then the next wave begins by itself, unless something speaks against it.
    For {
        #[serde(with = "millis")]
        #[schema(value_type = Milliseconds)]
        time: Duration,
    },
    /// A person who continues.
    UntilContinued,
}

impl WavePause {
    /// `10m`, `until continued`.
    #[must_use]
    pub fn in_words(self) -> String {
        match self {
            Self::For { time } => say(time),
            Self::UntilContinued => "until continued".to_owned(),
        }
    }
}

/// The names of some targets: `h1 h2`.
#[must_use]
pub fn targets_in_words(targets: &[TargetName]) -> String {
    targets.iter().map(TargetName::as_str).collect::<Vec<_>>().join(" ")
}

/// The waves of some steps in their order, each with its name. Empty where the steps take production in one go.
#[must_use]
pub fn waves_of(steps: &[StepSpec]) -> Vec<(&TargetName, &StepWave)> {
    let all = steps.iter().filter_map(|step| step.target.as_ref());
    let all = all.filter_map(|target| Some((&target.name, target.wave.as_deref()?)));
    let mut waves: Vec<(&TargetName, &StepWave)> = Vec::new();
    for wave in all {
        if waves.iter().all(|(name, _)| *name != wave.0) {
            waves.push(wave);
        }
    }
    waves
}

/// `canary (h1), 10m, then rest (h2 h3)`.
#[must_use]
pub fn waves_in_words(waves: &[(&TargetName, &StepWave)]) -> String {
    let words = waves.iter().map(|(name, wave)| {
        let pause = wave.pause.map_or_else(String::new, |pause| format!(", {}", pause.in_words()));
        format!("{name} ({}){pause}", targets_in_words(&wave.targets))
    });
    words.collect::<Vec<_>>().join(", then ")
}
