//! Whether a way back was tried: when the rollback steps last ran, where, how they ended, and whether they changed since.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::deployment::{Deployment, DeploymentState};
use super::event::{DeploymentKind, StepSpec};
use super::ids::{BuildNumber, DeploymentId, Environment};
use super::service::ServiceState;
use super::target::differ;
use super::time::{Milliseconds, between, millis, say};

/// After so long a way back that worked says little.
const OLD: TimeDelta = TimeDelta::days(30);

/// What the record tells of the rollback steps of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TriedWayBack {
    /// The last time that they ran to an end; absent if they never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<LastTry>,
    /// Whether those that would run now are others; absent if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<bool>,
}

/// The last time that rollback steps ran and were not cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastTry {
    pub deployment: DeploymentId,
    pub environment: Environment,
    /// The build that they went back to.
    pub build: BuildNumber,
    /// When they ended.
    pub at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "millis::option")]
    #[schema(value_type = Option<Milliseconds>)]
    pub took: Option<Duration>,
    /// `succeeded`, `failed` or `interrupted`.
    pub state: DeploymentState,
    /// The step at which they failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Of steps that succeeded, what was heard of what they brought about.
    #[serde(default, skip_serializing_if = "is_default")]
    pub effect: TriedEffect,
}

/// What was heard after rollback steps that succeeded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TriedEffect {
    /// Nothing against it; perhaps nobody is asked.
    #[default]
    Unopposed,
    /// The targets are asked, and none was heard since.
    Unheard,
    /// A rehearsal that knew no targets in staging, while a rollback of production takes those of waves.
    Untargeted,
    /// Not all targets had its build.
    Partly,
    /// What ran after it was another build everywhere.
    Nothing,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What is said of a way back, worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trust {
    /// The steps that would run worked within thirty days.
    Proven,
    Old,
    /// They ended well, and no target was heard since.
    Unheard,
    /// Only a rehearsal ended well, without the targets that a rollback takes.
    Untargeted,
    Changed,
    Never,
    Failed,
}

impl TriedWayBack {
    /// How far the record speaks for this way back.
    #[must_use]
    pub fn trust(&self, now: DateTime<Utc>) -> Trust {
        match &self.last {
            None => Trust::Never,
            Some(last) if last.did_not_work() => Trust::Failed,
            Some(_) if self.changed != Some(false) => Trust::Changed,
            Some(last) if last.effect == TriedEffect::Unheard => Trust::Unheard,
            Some(last) if last.effect == TriedEffect::Untargeted => Trust::Untargeted,
            Some(last) if now - last.at > OLD => Trust::Old,
            Some(_) => Trust::Proven,
        }
    }

    /// In few words, with how long ago it was: `proven 3d ago`, `rollback never run here`, `FAILED 12s ago at fetch-image`.
    #[must_use]
    pub fn in_words(&self, ago: &str) -> String {
        let Some(last) = &self.last else { return "rollback never run here".to_owned() };
        let place = match last.environment {
            Environment::Staging => " in staging",
            Environment::Production => "",
        };
        if last.state != DeploymentState::Succeeded {
            let how = last.state.as_str().to_uppercase();
            let at = last.step.as_ref().map_or_else(String::new, |step| format!(" at {step}"));
            let changed = if self.changed == Some(true) { ", changed since" } else { "" };
            return format!("{how} {ago} ago{at}{place}{changed}");
        }
        match last.effect {
            TriedEffect::Partly => return format!("reached ONLY SOME targets {ago} ago{place}"),
            TriedEffect::Nothing => return format!("took NO effect {ago} ago{place}"),
            TriedEffect::Unheard | TriedEffect::Untargeted | TriedEffect::Unopposed => {}
        }
        match self.changed {
            Some(false) if last.effect == TriedEffect::Unheard => {
                format!("worked {ago} ago{place}, its effect not heard")
            }
            Some(false) if last.effect == TriedEffect::Untargeted => {
                format!("rehearsed {ago} ago{place}, without its targets")
            }
            Some(false) => format!("proven {ago} ago{place}"),
            Some(true) => format!("changed since it worked {ago} ago{place}"),
            None => format!("worked {ago} ago{place}, not known whether changed"),
        }
    }

    /// The same at an instant.
    #[must_use]
    pub fn at(&self, now: DateTime<Utc>) -> String {
        let ago = self.last.as_ref().map(|last| say(between(last.at, now)));
        self.in_words(&ago.unwrap_or_default())
    }
}

impl LastTry {
    fn did_not_work(&self) -> bool {
        self.state != DeploymentState::Succeeded
            || matches!(self.effect, TriedEffect::Partly | TriedEffect::Nothing)
    }
}

/// Whether a deployment of this kind runs rollback steps.
#[must_use]
pub fn runs_rollback_steps(kind: DeploymentKind) -> bool {
    matches!(kind, DeploymentKind::Rollback | DeploymentKind::Rehearsal)
}

/// Whether two lists of steps do the same. How long a step is expected to take changes nothing.
#[must_use]
pub fn are_same_steps(one: &[StepSpec], other: &[StepSpec]) -> bool {
    let same = |(a, b): (&StepSpec, &StepSpec)| {
        (&a.name, &a.run, &a.target) == (&b.name, &b.run, &b.target)
    };
    one.len() == other.len() && one.iter().zip(other).all(same)
}

impl ServiceState {
    /// Whether a rollback with these steps was tried, as far as they are known.
    #[must_use]
    pub fn tried_way_back(&self, steps: Option<&[StepSpec]>) -> TriedWayBack {
        let runs = self.deployments.values().rev();
        let runs = runs.filter(|run| runs_rollback_steps(run.request.kind));
        let mut tries = runs.filter_map(|run| Some((run, last_try(self, run)?))).peekable();
        let newest = tries.peek().cloned();
        // One without the targets tells less than any other.
        let last = tries.find(|(_, tried)| tried.effect != TriedEffect::Untargeted).or(newest);
        let changed = last
            .as_ref()
            .and_then(|(run, _)| steps.map(|steps| !are_same_steps(&run.request.steps, steps)));
        TriedWayBack { last: last.map(|(_, last)| last), changed }
    }

    /// Whether a run was a rehearsal that knew no targets, while a rollback of production takes those of waves.
    fn is_untargeted(&self, run: &Deployment) -> bool {
        self.untargeted.contains(&run.id)
            && !self.targets_to_roll_back(run.request.build, None).is_empty()
    }

    /// The rollback steps that would bring this build back, if they are recorded.
    #[must_use]
    pub fn recorded_rollback(&self, build: BuildNumber) -> Option<&[StepSpec]> {
        let by = match self.newest_build() {
            Some(newest) if self.rolled_back_by_trunk => newest.number,
            _ => build,
        };
        self.recipe(by)?.steps(Environment::Production, DeploymentKind::Rollback)
    }
}

fn last_try(state: &ServiceState, run: &Deployment) -> Option<LastTry> {
    let (ended, how) = (run.ended.as_ref()?, run.state());
    // One that was cancelled tells nothing.
    if run.started_at.is_none() || how == DeploymentState::Cancelled {
        return None;
    }
    Some(LastTry {
        deployment: run.id,
        environment: run.request.environment,
        build: run.request.build,
        at: ended.at,
        took: run.took(),
        state: how,
        step: run.failed_step().map(str::to_owned),
        effect: if run.succeeded() { effect(state, run) } else { TriedEffect::Unopposed },
    })
}

/// What was heard after a run that succeeded. What somebody changed afterwards is not its doing.
fn effect(state: &ServiceState, run: &Deployment) -> TriedEffect {
    let build = run.request.build;
    let Some(effect) = &run.effect else { return effect_unsaid(state, run) };
    let others = effect.targets.iter().filter(|said| said.says().is_some());
    let others = others.filter(|said| said.build() != Some(build)).count();
    match effect.reached(build) {
        _ if effect.is_whole(build) => TriedEffect::Unopposed,
        0 if others == 0 => TriedEffect::Unheard,
        0 if others == effect.targets.len() => TriedEffect::Nothing,
        _ => TriedEffect::Partly,
    }
}

/// The same where no target said it.
fn effect_unsaid(state: &ServiceState, run: &Deployment) -> TriedEffect {
    let environment = run.request.environment;
    let standing = state.targets(environment).iter().filter(|at| at.changed_at.is_none());
    let is_apart = || differ(&standing.cloned().collect::<Vec<_>>());
    let is_last = state.unsettled(environment).is_some_and(|doubt| doubt.id == run.id);
    let is_unheard = || state.unheard().is_some_and(|last| last.id == run.id);
    match () {
        () if state.is_contradicted(run.id) => TriedEffect::Nothing,
        () if is_last && is_apart() => TriedEffect::Partly,
        () if state.is_untargeted(run) => TriedEffect::Untargeted,
        () if is_unheard() => TriedEffect::Unheard,
        () => TriedEffect::Unopposed,
    }
}
