//! The watches of a service, folded from what is recorded of them.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auto::{AutoRollback, DecidedWatch, MadeRollback};
use super::fact::{
    CheckSummary, SampleVerdict, WatchBegan, WatchEnd, WatchEnded, WatchSampled, WatchTurned,
};
use crate::domain::ids::{BuildNumber, DeploymentId, Environment, Seq};
use crate::domain::people::Actor;
use crate::domain::time::{Milliseconds, between, millis};

/// How many summaries of a check are kept to draw them.
const BARS: usize = 60;
/// A watch that told nothing for this long and two rounds of its slowest check is not looked at.
const SILENT: Duration = Duration::from_mins(3);

/// The watch of one deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WatchState {
    pub deployment: DeploymentId,
    pub environment: Environment,
    pub build: BuildNumber,
    pub began: DateTime<Utc>,
    pub until: DateTime<Utc>,
    /// The longest pause between two looks of one check.
    #[serde(with = "millis")]
    #[schema(value_type = Milliseconds)]
    pub every: Duration,
    /// When something was last recorded of it.
    pub told: DateTime<Utc>,
    /// Whether it was silent for too long once, as when the engine was stopped. Only what judges its end asks.
    #[serde(skip)]
    pub has_gap: bool,
    pub checks: Vec<CheckState>,
    /// The wave after which it looks, where the deployment waits between two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wave: Option<u32>,
    /// Whether it led to a rollback by itself when it turned bad last, where the service asks for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<DecidedWatch>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<EndedWatch>,
    /// Who saw its end first, if somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<SeenWatch>,
}

/// One check of a watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckState {
    pub name: String,
    pub verdict: SampleVerdict,
    /// Since when it is judged so.
    pub since: DateTime<Utc>,
    pub good: u32,
    pub bad: u32,
    pub unknown: u32,
    /// How often it turned bad.
    pub turned_bad: u32,
    /// What the last sample said; nothing before the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    /// The last summaries, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bars: Vec<CheckBar>,
}

/// One summary of a check, to draw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckBar {
    /// The worst that was seen.
    pub worst: SampleVerdict,
    /// The last number, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// How and when a watch ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndedWatch {
    pub at: DateTime<Utc>,
    pub end: WatchEnd,
}

/// Who saw the end of a watch, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeenWatch {
    pub by: Actor,
    pub at: DateTime<Utc>,
}

impl CheckState {
    /// Whether a sample of it was recorded.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.says.is_some()
    }

    /// Whether fewer than half of its samples could be taken.
    fn is_blind(&self) -> bool {
        self.good + self.bad <= self.unknown
    }

    fn summed(&mut self, summary: &CheckSummary) {
        self.good = self.good.saturating_add(summary.good);
        self.bad = self.bad.saturating_add(summary.bad);
        self.unknown = self.unknown.saturating_add(summary.unknown);
        self.says = Some(summary.says.clone());
        let worst = match summary {
            CheckSummary { bad: 1.., .. } => SampleVerdict::Bad,
            CheckSummary { unknown: 1.., .. } => SampleVerdict::Unknown,
            _ => SampleVerdict::Good,
        };
        self.bars.push(CheckBar { worst, value: summary.value.clone() });
        let spare = self.bars.len().saturating_sub(BARS);
        self.bars.drain(..spare);
    }
}

impl WatchState {
    /// The checks that are judged so.
    pub fn judged(&self, verdict: SampleVerdict) -> impl Iterator<Item = &CheckState> {
        self.checks.iter().filter(move |check| check.verdict == verdict)
    }

    /// What is said beside a check that is bad, where the service asks for a rollback by itself.
    #[must_use]
    pub fn decided_in_words(&self) -> Option<String> {
        Some(self.decided.as_ref()?.in_words())
    }

    #[must_use]
    pub fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    /// Whether nothing was told for too long until then.
    #[must_use]
    pub fn is_silent(&self, at: DateTime<Utc>) -> bool {
        between(self.told, at) > SILENT + 2 * self.every
    }

    /// How it would end then. A time in which nobody looked vouches for nothing.
    #[must_use]
    pub fn end_at(&self, at: DateTime<Utc>) -> WatchEnd {
        if self.judged(SampleVerdict::Bad).next().is_some() {
            return WatchEnd::Bad;
        }
        let is_unknown = self.judged(SampleVerdict::Unknown).next().is_some();
        let is_unseen = self.checks.is_empty() || self.has_gap || self.is_silent(at);
        if is_unseen || is_unknown || self.checks.iter().any(CheckState::is_blind) {
            return WatchEnd::Unknown;
        }
        let was_bad = self.checks.iter().any(|check| check.turned_bad > 0);
        if was_bad { WatchEnd::Recovered } else { WatchEnd::Good }
    }

    fn told(&mut self, at: DateTime<Utc>) {
        self.has_gap |= self.is_silent(at);
        self.told = at;
    }

    fn check(&mut self, name: &str) -> Option<&mut CheckState> {
        self.checks.iter_mut().find(|check| check.name == name)
    }
}

/// The watches of a service: the last one of each environment, and how all ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watches {
    last: BTreeMap<Environment, WatchState>,
    /// The last one of a wave of production. It says nothing of a deployment as a whole.
    wave: Option<WatchState>,
    ends: BTreeMap<DeploymentId, WatchEnd>,
}

impl Watches {
    /// The last watch of an environment.
    #[must_use]
    pub fn last(&self, environment: Environment) -> Option<&WatchState> {
        self.last.get(&environment)
    }

    /// The watch after a wave of a deployment.
    #[must_use]
    pub fn of_wave(&self, deployment: DeploymentId, wave: u32) -> Option<&WatchState> {
        let is_it =
            |watch: &&WatchState| watch.deployment == deployment && watch.wave == Some(wave);
        self.wave.as_ref().filter(is_it)
    }

    /// The open watch of a deployment, or of a wave of it.
    #[must_use]
    pub fn open(&self, deployment: DeploymentId, wave: Option<u32>) -> Option<&WatchState> {
        let mut all = self.wave.iter().chain(self.last.values());
        let is_it = |watch: &WatchState| watch.deployment == deployment && watch.wave == wave;
        all.find(|watch| is_it(watch) && watch.is_open())
    }

    /// The pause after a wave is over, however that came: nobody looks at it any more.
    pub fn wave_is_over(&mut self, deployment: DeploymentId, at: DateTime<Utc>) {
        let watch = self.wave.as_mut().filter(|watch| watch.deployment == deployment);
        if let Some(watch) = watch.filter(|watch| watch.is_open()) {
            watch.ended = Some(EndedWatch { at, end: watch.end_at(at) });
        }
    }

    /// How the watch of a deployment ended.
    #[must_use]
    pub fn end_of(&self, deployment: DeploymentId) -> Option<WatchEnd> {
        self.ends.get(&deployment).copied()
    }

    /// Whether a deployment was or is watched.
    #[must_use]
    pub fn knows(&self, deployment: DeploymentId) -> bool {
        self.ends.contains_key(&deployment)
            || self.last.values().any(|watch| watch.deployment == deployment)
    }

    /// The last watch of each environment.
    pub fn all(&self) -> impl Iterator<Item = (&Environment, &WatchState)> {
        self.last.iter()
    }

    pub fn began(&mut self, at: DateTime<Utc>, fact: &WatchBegan) {
        let WatchBegan { deployment, environment, build, checks, until, every, wave } = fact;
        let check = |name: &String| CheckState {
            name: name.clone(),
            verdict: SampleVerdict::Unknown,
            since: at,
            good: 0,
            bad: 0,
            unknown: 0,
            turned_bad: 0,
            says: None,
            bars: Vec::new(),
        };
        let watch = WatchState {
            deployment: *deployment,
            environment: *environment,
            build: *build,
            began: at,
            until: *until,
            every: *every,
            told: at,
            has_gap: false,
            checks: checks.iter().map(check).collect(),
            wave: *wave,
            decided: None,
            ended: None,
            seen: None,
        };
        if wave.is_some() {
            self.wave = Some(watch);
            return;
        }
        let before = self.last.insert(*environment, watch);
        if let Some(before) = before.filter(WatchState::is_open) {
            self.ends.insert(before.deployment, WatchEnd::Replaced);
        }
    }

    pub fn sampled(&mut self, at: DateTime<Utc>, fact: &WatchSampled) {
        let Some(watch) = self.of(fact.deployment) else { return };
        watch.told(at);
        for summary in &fact.checks {
            if let Some(check) = watch.check(&summary.check) {
                check.summed(summary);
            }
        }
    }

    pub fn turned(&mut self, at: DateTime<Utc>, fact: &WatchTurned) {
        let Some(watch) = self.of(fact.deployment) else { return };
        watch.told(at);
        if let Some(check) = watch.check(&fact.check) {
            check.turned_bad += u32::from(fact.to == SampleVerdict::Bad);
            check.verdict = fact.to;
            check.since = at;
            check.says = Some(fact.says.clone());
        }
    }

    pub fn decided(&mut self, id: Seq, at: DateTime<Utc>, fact: &AutoRollback) {
        if let Some(watch) = self.of(fact.deployment) {
            let decision = fact.decision.clone();
            watch.decided = Some(DecidedWatch { id, at, decision, made: None });
        }
    }

    /// A rollback of production was asked for by itself.
    pub fn rolls_back(&mut self, deployment: DeploymentId) {
        if let Some(watch) = self.last.get_mut(&Environment::Production)
            && let Some(decided) = &mut watch.decided
        {
            decided.made.get_or_insert(MadeRollback { deployment, ended: None });
        }
    }

    /// A deployment ended, which may be that rollback.
    pub fn deployment_ended(&mut self, deployment: DeploymentId, how: &str) {
        let decided = self.last.values_mut().filter_map(|watch| watch.decided.as_mut());
        let made = decided.filter_map(|decided| decided.made.as_mut());
        for made in made.filter(|made| made.deployment == deployment) {
            made.ended = Some(how.to_owned());
        }
    }

    pub fn ended(&mut self, at: DateTime<Utc>, fact: &WatchEnded) {
        let is_of_wave = self.of(fact.deployment).is_some_and(|watch| watch.wave.is_some());
        if let Some(watch) = self.of(fact.deployment) {
            watch.ended = Some(EndedWatch { at, end: fact.end });
        }
        if !is_of_wave {
            self.ends.insert(fact.deployment, fact.end);
        }
    }

    pub fn seen(&mut self, at: DateTime<Utc>, by: &Actor, deployment: DeploymentId) {
        if let Some(watch) = self.of(deployment).filter(|watch| watch.seen.is_none()) {
            watch.seen = Some(SeenWatch { by: by.clone(), at });
        }
    }

    fn of(&mut self, deployment: DeploymentId) -> Option<&mut WatchState> {
        let of_wave = self.wave.as_mut().filter(|watch| watch.is_open());
        let mut all = of_wave.into_iter().chain(self.last.values_mut());
        all.find(|watch| watch.deployment == deployment)
    }
}
