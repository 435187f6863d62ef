//! How a deployment stands between two waves: what it waits for, what speaks against going on, and the one word for it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::state::WaveWait;
use super::stops::{held, stops};
use crate::calendar::Evaluation;
use crate::domain::ids::{BuildNumber, DeploymentId, Environment};
use crate::domain::live_source::AskedOf;
use crate::domain::policy::Policy;
use crate::domain::service::ServiceState;
use crate::domain::stops::Hold;
use crate::domain::time::{between, say};
use crate::domain::watch::{LiveEvidence, WatchEnd, WatchState, watch_evidence, watch_in_words};

/// A deployment of production that waits between two waves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaveStanding {
    pub deployment: DeploymentId,
    pub build: BuildNumber,
    pub wait: WaveWait,
    /// Whether the service file declares a watch of production.
    #[serde(default)]
    pub is_watched: bool,
    /// What was looked at since the wave was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<Box<WatchState>>,
    /// Whether the targets are asked what they run.
    #[serde(default)]
    pub is_asked: bool,
    /// What else keeps the next wave from beginning by itself: a hold, a freeze, a time in which nobody looked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stops: Vec<String>,
}

/// What it is made from.
#[derive(Debug, Clone, Copy)]
pub struct WaveInput<'a> {
    pub state: &'a ServiceState,
    pub policy: &'a Policy,
    /// The calendar freezes for a promote to production now.
    pub calendar: &'a Evaluation,
    pub now: DateTime<Utc>,
}

/// The deployment of production that waits between two waves, if one does.
#[must_use]
pub fn standing(input: WaveInput<'_>) -> Option<WaveStanding> {
    let state = input.state;
    let deployment = state.paused(Environment::Production)?;
    let wait = deployment.waiting_wave()?.clone();
    let watch = state.watches.of_wave(deployment.id, wait.number).cloned();
    let mut stops = stops(input, deployment, &wait);
    // A time in which nobody looked vouches for nothing.
    let is_unseen = watch.as_ref().is_some_and(|watch| watch.has_gap);
    stops.extend(is_unseen.then(|| "nobody looked for a while since the wave was done".to_owned()));
    // What it saw says nothing of the time since.
    let is_over = watch.as_ref().is_some_and(|watch| !watch.is_open());
    stops.extend(is_over.then(|| "its watch has ended, nobody looks any more".to_owned()));
    Some(WaveStanding {
        deployment: deployment.id,
        build: deployment.request.build,
        is_watched: !input.policy.watch.is_empty(),
        watch: watch.map(Box::new),
        is_asked: state.asked_of_production == Some(AskedOf::Targets),
        stops,
        wait,
    })
}

fn was_bad(watch: &WatchState) -> bool {
    watch.checks.iter().any(|check| check.turned_bad > 0)
}

impl WaveStanding {
    /// What is known of how production does since the wave was done.
    #[must_use]
    pub fn evidence(&self, now: DateTime<Utc>) -> LiveEvidence {
        match self.watch.as_deref() {
            // What was bad once since the wave was done is for a person to judge.
            Some(watch)
                if was_bad(watch) && watch_evidence(watch, now) == LiveEvidence::GoodSoFar =>
            {
                LiveEvidence::Recovered
            }
            Some(watch) => watch_evidence(watch, now),
            None if self.is_watched => LiveEvidence::Begun,
            None => LiveEvidence::NotWatched,
        }
    }

    /// `watched: good so far`, `not watched`.
    fn watched(&self, now: DateTime<Utc>) -> String {
        match self.watch.as_deref() {
            Some(watch) if self.evidence(now) == LiveEvidence::Recovered => {
                let was = watch.checks.iter().filter(|check| check.turned_bad > 0);
                let names: Vec<_> = was.map(|check| check.name.as_str()).collect();
                format!("watched: good again, {} BAD before", names.join(" "))
            }
            Some(watch) => watch_in_words(watch, now),
            None if self.is_watched => "watched: nothing seen yet".to_owned(),
            None => "not watched".to_owned(),
        }
    }

    /// What the targets said of the waves so far: `took effect on 1 of 1`.
    fn effect(&self) -> Option<String> {
        let effect = self.wait.effect.as_ref().map(|effect| effect.in_words(self.build));
        effect.or(self.is_asked.then(|| "its targets were not heard yet".to_owned()))
    }

    /// `took effect on 1 of 1` is all that counts as proof.
    fn took_effect(&self) -> bool {
        let effect = self.wait.effect.as_ref();
        effect.map_or(!self.is_asked, |effect| effect.is_whole(self.build))
    }

    /// What speaks against the next wave, the worst first. A person who continues all the same says why.
    #[must_use]
    pub fn against(&self, now: DateTime<Utc>) -> Vec<String> {
        let is = self.evidence(now);
        let watched =
            matches!(is, LiveEvidence::Bad | LiveEvidence::Unknown | LiveEvidence::Recovered)
                .then(|| self.watched(now));
        let wave = format!("wave {} of {}", self.wait.number, self.wait.of);
        let has_effect = self.took_effect() || self.wait.effect.is_none();
        let effect = self.effect().filter(|_| !has_effect).map(|how| format!("{wave} {how}"));
        watched.into_iter().chain(effect).chain(self.stops.iter().cloned()).collect()
    }

    /// Why the next wave begins by itself now.
    ///
    /// # Errors
    /// With what it waits for, or what keeps it.
    pub fn goes_on_by_itself(&self, now: DateTime<Utc>) -> Result<String, String> {
        let against = self.against(now);
        if !against.is_empty() {
            return Err(format!("does not go on by itself: {}", against.join("; ")));
        }
        let Some(until) = self.wait.until else { return Err("waits until continued".to_owned()) };
        if until > now {
            return Err(format!("waits for {}", say(between(now, until))));
        }
        let is_good = |watch: &WatchState| watch.is_open() && watch.end_at(now) == WatchEnd::Good;
        let is_seen = match self.watch.as_deref() {
            Some(watch) => is_good(watch),
            None => !self.is_watched,
        };
        if !is_seen {
            return Err("its pause is over; waits for its watch".to_owned());
        }
        if !self.took_effect() {
            return Err("its pause is over; waits to hear what its targets run".to_owned());
        }
        let effect = self.effect().map(|how| format!(", {how}")).unwrap_or_default();
        Ok(format!("its pause is over, {}{effect}", self.watched(now)))
    }

    /// What begins at once when this hold of production is released: `then #21 goes on with wave 2 of 3`.
    #[must_use]
    pub fn after_release(&self, hold: &Hold, now: DateTime<Utc>) -> Option<String> {
        let (said, mut free) = (held(hold), self.clone());
        free.stops.retain(|stop| *stop != said);
        let is_kept = free.stops.len() < self.stops.len();
        (is_kept && free.goes_on_by_itself(now).is_ok()).then(|| {
            let (build, next, of) = (self.build, self.wait.number + 1, self.wait.of);
            format!("then {build} goes on with wave {next} of {of}")
        })
    }

    /// `#21 wave 1 of 3 (h1), waits for 6m, watched: good so far, took effect on 1 of 1`.
    #[must_use]
    pub fn in_words(&self, now: DateTime<Utc>) -> String {
        format!("{} {}", self.build, self.of_wave(now))
    }

    /// The same without the build.
    #[must_use]
    pub fn of_wave(&self, now: DateTime<Utc>) -> String {
        let how = self.goes_on_by_itself(now);
        let how = how.map_or_else(|waits| waits, |_| "goes on now".to_owned());
        let is_told = !self.against(now).is_empty();
        let watched = (!is_told).then(|| self.watched(now));
        let effect = self.effect().filter(|_| !is_told);
        let parts = [Some(self.wait.named()), Some(how), watched, effect];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// In few words, for where there is little room: `wave 1 of 3 waits 6m`, `wave 1 of 3 BAD`.
    #[must_use]
    pub fn short(&self, now: DateTime<Utc>) -> String {
        let wave = format!("wave {} of {}", self.wait.number, self.wait.of);
        let how = match (self.evidence(now), self.wait.until) {
            (LiveEvidence::Bad, _) => "BAD".to_owned(),
            (LiveEvidence::Unknown, _) => "UNKNOWN".to_owned(),
            _ if !self.against(now).is_empty() => "STOPPED".to_owned(),
            (_, Some(until)) if until > now => format!("waits {}", say(between(now, until))),
            (_, _) => "waits".to_owned(),
        };
        format!("{wave} {how}")
    }
}
