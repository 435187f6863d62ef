//! The facts of watches and waves among all facts: their sentences, and the deployment that each is about.

use super::Fact;
use crate::domain::ids::DeploymentId;
use crate::domain::people::Actor;

impl Fact {
    /// The sentence of a fact of a watch or a wave.
    pub(super) fn of_watch(&self, by: &Actor) -> String {
        match self {
            Self::WatchBegan(fact) => fact.sentence(),
            Self::WatchSampled(fact) => fact.sentence(),
            Self::WatchTurned(fact) => fact.sentence(),
            Self::WatchEnded(fact) => fact.sentence(),
            Self::AutoRollback(fact) => fact.sentence(),
            Self::WatchSeen(fact) => format!("{by} saw how the watch of {} ended", fact.deployment),
            Self::WaveWaits(fact) => fact.sentence(),
            Self::WaveContinued(fact) => fact.sentence(by),
            _ => String::new(),
        }
    }

    /// The deployment whose watch or wave a fact is about.
    pub(super) fn watched(&self) -> Option<DeploymentId> {
        Some(match self {
            Self::WatchBegan(fact) => fact.deployment,
            Self::WatchSampled(fact) => fact.deployment,
            Self::WatchTurned(fact) => fact.deployment,
            Self::WatchEnded(fact) => fact.deployment,
            Self::WatchSeen(fact) => fact.deployment,
            Self::WaveWaits(fact) => fact.deployment,
            Self::WaveContinued(fact) => fact.deployment,
            Self::AutoRollback(fact) => fact.deployment,
            _ => return None,
        })
    }
}
