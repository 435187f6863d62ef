//! How far a deployment came in its waves, and what it waits for between two of them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::fact::{WaveContinued, WaveWaits};
use super::spec::{StepWave, WavePause, targets_in_words, waves_of};
use crate::domain::deployment::{Deployment, StepState};
use crate::domain::effect::DeploymentEffect;
use crate::domain::event::TargetSaid;
use crate::domain::target::TargetName;

/// The last pause of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaveWait {
    /// The wave that was done before it.
    pub wave: TargetName,
    pub number: u32,
    pub of: u32,
    /// The targets of that wave.
    pub targets: Vec<TargetName>,
    pub since: DateTime<Utc>,
    /// When the pause is over; absent where it lasts until a person continues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
    /// Whether the next wave may begin, or has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub continued: bool,
    /// What spoke against it when a person went on after this wave or an earlier one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub despite: Option<String>,
    /// What the targets of the waves until then say that they run; absent where nobody asked them, or not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<DeploymentEffect>,
}

impl WaveWait {
    /// The wave that a recorded pause follows.
    #[must_use]
    pub fn began(fact: &WaveWaits, at: DateTime<Utc>) -> Self {
        let until = match fact.pause {
            WavePause::For { time } => Some(at + time),
            WavePause::UntilContinued => None,
        };
        let WaveWaits { wave, number, of, targets, .. } = fact.clone();
        Self {
            wave,
            number,
            of,
            targets,
            since: at,
            until,
            continued: false,
            despite: None,
            effect: None,
        }
    }

    /// `wave 1 of 3 (h1)`.
    #[must_use]
    pub fn named(&self) -> String {
        format!("wave {} of {} ({})", self.number, self.of, targets_in_words(&self.targets))
    }

    /// Whether an event continues this very pause.
    #[must_use]
    pub fn is_continued_by(&self, fact: &WaveContinued) -> bool {
        !self.continued && self.number == fact.number
    }
}

/// Whether the next step of a deployment may begin, as far as its waves go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaveGate {
    Open,
    /// A wave is done, and that is not recorded yet.
    Pauses(WaveWaits),
    /// It is recorded, and nobody has continued.
    Waits,
}

impl Deployment {
    /// The wave that a step is for, with its name.
    fn wave_of(&self, step: usize) -> Option<(&TargetName, &StepWave)> {
        let target = self.request.steps.get(step)?.target.as_ref()?;
        Some((&target.name, target.wave.as_deref()?))
    }

    /// Whether this step, which is the next one, may begin.
    #[must_use]
    pub fn wave_gate(&self, next: usize) -> WaveGate {
        let before = next.checked_sub(1).and_then(|before| self.wave_of(before));
        let Some(((name, done), (_, begins))) = before.zip(self.wave_of(next)) else {
            return WaveGate::Open;
        };
        let Some(pause) = done.pause.filter(|_| done.number != begins.number) else {
            return WaveGate::Open;
        };
        match self.wave.as_ref().filter(|wait| wait.number == done.number) {
            Some(wait) if wait.continued => WaveGate::Open,
            Some(_) => WaveGate::Waits,
            None => WaveGate::Pauses(WaveWaits {
                deployment: self.id,
                wave: name.clone(),
                number: done.number,
                of: done.of,
                targets: done.targets.clone(),
                pause,
            }),
        }
    }

    /// The pause that it is in now. One that is being cancelled waits for nothing.
    #[must_use]
    pub fn waiting_wave(&self) -> Option<&WaveWait> {
        let is_waiting = self.is_open() && self.cancel.is_none();
        self.wave.as_deref().filter(|wait| is_waiting && !wait.continued)
    }

    /// `partly: wave 1 of 3` of one that did not go through all of its waves.
    #[must_use]
    pub fn waves_left(&self) -> Option<String> {
        let waves = waves_of(&self.request.steps);
        if self.started_at.is_none() || self.succeeded() || waves.is_empty() {
            return None;
        }
        let is_done = |(name, _): &&(&TargetName, &StepWave)| self.is_wave_done(name);
        let done = waves.iter().take_while(is_done).count();
        let has_begun = waves.get(done).is_some_and(|(name, _)| self.has_wave_begun(name));
        let of = waves.len();
        Some(match (done, has_begun) {
            (0, false) => format!("before wave 1 of {of}"),
            (0, true) => format!("in wave 1 of {of}"),
            (done, false) => format!("partly: wave {done} of {of}"),
            (done, true) => format!("partly: wave {done} of {of}, and in wave {}", done + 1),
        })
    }

    /// The states of the steps of a wave.
    fn steps_of_wave<'a>(&'a self, name: &'a TargetName) -> impl Iterator<Item = &'a StepState> {
        let steps = self.request.steps.iter().zip(&self.steps);
        let is_of = move |(spec, _): &(&_, _)| {
            let spec: &crate::domain::event::StepSpec = spec;
            spec.target.as_ref().is_some_and(|of| of.wave.is_some() && of.name == *name)
        };
        steps.filter(is_of).map(|(_, state)| state)
    }

    fn is_wave_done(&self, name: &TargetName) -> bool {
        self.steps_of_wave(name).all(StepState::succeeded)
    }

    pub(super) fn has_wave_begun(&self, name: &TargetName) -> bool {
        let is_untouched =
            |state: &StepState| matches!(state, StepState::Waiting | StepState::Skipped);
        !self.steps_of_wave(name).all(is_untouched)
    }

    /// The targets of all waves up to this one.
    #[must_use]
    pub fn targets_until(&self, number: u32) -> Vec<TargetName> {
        let waves = waves_of(&self.request.steps).into_iter();
        let until = waves.filter(|(_, wave)| wave.number <= number);
        until.flat_map(|(_, wave)| wave.targets.iter().cloned()).collect()
    }

    /// What these answers say of the targets that a pause comes after. One that is not among them did not answer.
    #[must_use]
    pub fn effect_of_waves(&self, wait: &WaveWait, said: &[TargetSaid]) -> DeploymentEffect {
        let of = |target: TargetName| {
            let known = said.iter().find(|said| said.target == target).cloned();
            known.unwrap_or_else(|| TargetSaid::unread(target, "nothing tells what it runs"))
        };
        DeploymentEffect { targets: self.targets_until(wait.number).into_iter().map(of).collect() }
    }
}
