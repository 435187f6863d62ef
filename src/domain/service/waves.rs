//! How the facts of waves change a service.

use chrono::{DateTime, Utc};

use super::ServiceState;
use crate::domain::deployment::Deployment;
use crate::domain::event::{TargetSaid, TargetsSaid};
use crate::domain::ids::Environment;
use crate::domain::wave::{WaveContinued, WaveWait, WaveWaits};

impl ServiceState {
    pub(super) fn wave_waits(&mut self, at: DateTime<Utc>, fact: &WaveWaits) {
        self.change(fact.deployment, |deployment| {
            let despite = deployment.wave.take().and_then(|before| before.despite);
            deployment.wave = Some(Box::new(WaveWait { despite, ..WaveWait::began(fact, at) }));
        });
    }

    pub(super) fn wave_continued(&mut self, at: DateTime<Utc>, fact: &WaveContinued) {
        self.change(fact.deployment, |deployment| {
            let wait = deployment.wave.as_mut().filter(|wait| wait.is_continued_by(fact));
            if let Some(wait) = wait {
                wait.continued = true;
                wait.despite = fact.despite.clone().or(wait.despite.take());
            }
        });
        self.watches.wave_is_over(fact.deployment, at);
    }

    /// The deployment of an environment that waits between two waves.
    #[must_use]
    pub fn paused(&self, environment: Environment) -> Option<&Deployment> {
        self.open(environment).find(|deployment| deployment.waiting_wave().is_some())
    }

    /// Whether these answers tell something of the waves so far that is not known yet.
    #[must_use]
    pub fn is_news_of_waves(&self, said: &TargetsSaid) -> bool {
        let paused = self.paused(said.environment);
        let wait = paused.and_then(|paused| Some((paused, paused.waiting_wave()?)));
        wait.is_some_and(|(paused, wait)| {
            wait.effect.as_ref() != Some(&paused.effect_of_waves(wait, &said.targets))
        })
    }

    /// The answers of the targets that no wave so far is for, while a deployment waits between two. What they ran was heard.
    pub(super) fn said_beside_waves<'a>(&self, said: &'a TargetsSaid) -> Vec<&'a TargetSaid> {
        let paused = self.paused(said.environment);
        let wait = paused.and_then(|paused| Some((paused, paused.waiting_wave()?)));
        let Some((paused, wait)) = wait.filter(|_| self.is_heard(said.environment)) else {
            return Vec::new();
        };
        let of_waves = paused.targets_until(wait.number);
        said.targets.iter().filter(|said| !of_waves.contains(&said.target)).collect()
    }

    /// The targets answered while a deployment waits between two waves. Only those of the waves so far have to have its
    /// build, and what the others say is no news of it. Returns whether one waits.
    pub(super) fn waves_answered(&mut self, said: &TargetsSaid) -> bool {
        let Some(paused) = self.paused(said.environment) else { return false };
        let Some(wait) = paused.waiting_wave() else { return false };
        let (id, effect) = (paused.id, paused.effect_of_waves(wait, &said.targets));
        self.change(id, |deployment| {
            if let Some(wait) = &mut deployment.wave {
                wait.effect = Some(effect);
            }
        });
        true
    }
}
