//! A deployment: one attempt to put one build into one environment, with its state from the events.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::effect::DeploymentEffect;
use super::event::{DeploymentKind, DeploymentRequest, Outcome, StepOutcome, UnknownCommit};
use super::ids::{DeploymentId, Environment};
use super::people::Actor;
use super::remote::{EngineName, SentRun, Waited, Waits};
use super::target::{StepTarget, TargetName};
use super::time::{Milliseconds, between, millis};
use super::wave::WaveWait;

/// The longest plausible time in a deployment during which no step runs.
const BETWEEN_STEPS: Duration = Duration::from_mins(5);

/// A deployment with its request, its steps and its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deployment {
    pub id: DeploymentId,
    pub request: DeploymentRequest,
    pub by: Actor,
    pub requested_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended: Option<Ended>,
    /// One for each step of the request, in its order.
    pub steps: Vec<StepState>,
    /// The runs of its steps at other engines, in the order of the steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<SentRun>,
    /// The run of another engine that it is, where trunkline only saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Box<SeenRun>>,
    pub cancel: Option<Cancel>,
    /// What the targets said that they run once it had ended; absent where nobody asked them, or not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Box<DeploymentEffect>>,
    /// What it left behind, of a rollback, and nobody had ticked when its hold was released.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_open: Vec<String>,
    /// Its last pause between two waves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wave: Option<Box<WaveWait>>,
}

/// A run at another engine that trunkline did not start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeenRun {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineName>,
    /// Its name there.
    pub run: String,
    /// Its page, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// Where no build is known, what it deployed. The request then names the build that was live before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<UnknownCommit>,
    /// Whether it had ended before trunkline looked there for the first time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taken_over: bool,
    /// Whether it was not seen deployed: the service itself says that it runs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub said: bool,
}

/// When and how a deployment ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ended {
    pub at: DateTime<Utc>,
    pub outcome: Outcome,
}

/// Who asked for the deployment to stop, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cancel {
    pub by: Actor,
    pub at: DateTime<Utc>,
    pub reason: String,
}

/// The state of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum StepState {
    Waiting,
    Running {
        since: DateTime<Utc>,
    },
    Ended {
        since: DateTime<Utc>,
        #[serde(with = "millis")]
        #[schema(value_type = Milliseconds)]
        took: Duration,
        outcome: StepOutcome,
    },
    /// The deployment ended before this step started.
    Skipped,
}

impl StepState {
    #[must_use]
    pub fn succeeded(&self) -> bool {
        matches!(self, Self::Ended { outcome: StepOutcome::Succeeded, .. })
    }
}

/// A deployment's state, derived from its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentState {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
    Interrupted,
}

impl DeploymentState {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }
}

impl Deployment {
    #[must_use]
    pub fn requested(
        id: DeploymentId,
        request: DeploymentRequest,
        by: Actor,
        at: DateTime<Utc>,
    ) -> Self {
        let steps = vec![StepState::Waiting; request.steps.len()];
        Self {
            id,
            request,
            by,
            requested_at: at,
            started_at: None,
            ended: None,
            steps,
            runs: Vec::new(),
            seen: None,
            cancel: None,
            effect: None,
            left_open: Vec::new(),
            wave: None,
        }
    }

    #[must_use]
    pub fn state(&self) -> DeploymentState {
        match (&self.ended, self.started_at) {
            (Some(ended), _) => match ended.outcome {
                Outcome::Succeeded => DeploymentState::Succeeded,
                Outcome::Failed(_) => DeploymentState::Failed,
                Outcome::Cancelled => DeploymentState::Cancelled,
                Outcome::Interrupted(_) => DeploymentState::Interrupted,
            },
            (None, Some(_)) => DeploymentState::Running,
            (None, None) => DeploymentState::Queued,
        }
    }

    /// Whether a person stated that it runs. Nobody saw that deployed.
    #[must_use]
    pub fn is_stated(&self) -> bool {
        self.is_by_word() && self.state() != DeploymentState::Interrupted
    }

    /// Whether it stands for what production ran after the copy from which a person restored the record.
    #[must_use]
    pub fn is_of_restore(&self) -> bool {
        self.is_by_word() && self.state() == DeploymentState::Interrupted
    }

    /// `promote`; `restore` where it stands for one.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        if self.is_of_restore() { "restore" } else { self.request.kind.as_str() }
    }

    /// What it deployed, if no build is of that commit.
    #[must_use]
    pub fn unknown_commit(&self) -> Option<&UnknownCommit> {
        self.seen.as_ref()?.unknown.as_ref()
    }

    /// What it deployed, in a column: `#12`, `3f2a9c1` where no build is of that commit, or `?`.
    #[must_use]
    pub fn deployed(&self) -> String {
        match self.unknown_commit() {
            None => self.request.build.to_string(),
            Some(UnknownCommit { sha: Some(sha), .. }) => sha.short().to_owned(),
            Some(UnknownCommit { sha: None, .. }) => "?".to_owned(),
        }
    }

    /// Whether nobody saw it deployed, and the service itself says that it runs.
    #[must_use]
    pub fn is_said(&self) -> bool {
        self.seen.as_ref().is_some_and(|seen| seen.said)
    }

    /// Why it is not known what runs, where no build is of what was deployed: `bob at github deployed 3f2a9c1, which is no
    /// build of main`.
    #[must_use]
    pub fn unknown_in_words(&self) -> Option<String> {
        let commit = self.unknown_commit()?;
        let how = match self.succeeded() {
            _ if self.is_said() => "says that it runs",
            true => "deployed",
            false => "tried to deploy",
        };
        Some(format!("{} {how} {commit}", self.by))
    }

    /// Whether its steps succeeded, and not all targets said after it that they run its build.
    #[must_use]
    pub fn is_partly(&self) -> bool {
        let is_whole = |effect: &DeploymentEffect| effect.is_whole(self.request.build);
        self.succeeded() && self.effect.as_ref().is_some_and(|effect| !is_whole(effect))
    }

    /// When it ended by the clock of the engine at which it was seen, or that ran its last step.
    #[must_use]
    pub fn ended_there(&self) -> Option<(EngineName, DateTime<Utc>)> {
        if let Some(seen) = &self.seen {
            return Some((seen.engine.clone()?, self.ended.as_ref()?.at));
        }
        let last = self.request.steps.len().checked_sub(1)?;
        let sent = self.sent(last)?;
        let (engine, mut at) = (sent.engine.clone(), sent.ended_at?);
        for step in self.request.together(last) {
            let beside = self.sent(step)?;
            if beside.engine != engine {
                return None;
            }
            at = at.max(beside.ended_at?);
        }
        Some((engine, at))
    }

    /// Whether it is a run that was given up and turned up late, which is being cancelled or was.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.request.kind == DeploymentKind::External && self.cancel.is_some() && !self.is_by_word()
    }

    fn is_by_word(&self) -> bool {
        self.request.kind == DeploymentKind::External && matches!(self.by, Actor::Person(_))
    }

    /// What it is: `promote of #12 by sam`, `sam stated that production runs #12`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let DeploymentRequest { kind, build, environment, .. } = &self.request;
        match kind {
            _ if self.is_stated() => format!("{} stated that {environment} runs {build}", self.by),
            _ if self.is_of_restore() => format!("{} restored the record from a copy", self.by),
            _ if self.is_said() => match self.unknown_commit() {
                Some(commit) => format!("{} said that {environment} runs {commit}", self.by),
                None => format!("{} said that {environment} runs {build}", self.by),
            },
            _ if let Some(commit) = self.unknown_commit() => {
                format!("deployment by {}: {commit}", self.by)
            }
            kind => format!("{} of {build} by {}", kind.noun(), self.by),
        }
    }

    /// Queued or running.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.state() == DeploymentState::Succeeded
    }

    /// Whether it is a rollback of production that trunkline asked for itself.
    #[must_use]
    pub fn is_automatic(&self) -> bool {
        let is_rollback = self.request.kind == DeploymentKind::Rollback;
        is_rollback
            && self.by == Actor::System
            && self.request.environment == Environment::Production
    }

    /// The indexes of the steps that run now: several only where targets go together.
    pub fn running_steps(&self) -> impl Iterator<Item = usize> {
        let steps = self.steps.iter().enumerate();
        steps.filter(|(_, step)| matches!(step, StepState::Running { .. })).map(|(at, _)| at)
    }

    /// The index of the first step that runs now.
    #[must_use]
    pub fn running_step(&self) -> Option<usize> {
        self.running_steps().next()
    }

    /// Which target of several a step is for.
    #[must_use]
    pub fn target(&self, step: usize) -> Option<&StepTarget> {
        self.request.steps.get(step)?.target.as_ref()
    }

    /// The name of that target; none where the step is for a wave of several.
    #[must_use]
    pub fn target_name(&self, step: usize) -> Option<TargetName> {
        let target = self.target(step).filter(|target| target.wave.is_none());
        target.map(|target| target.name.clone())
    }

    /// The run of a step at another engine, if it was recorded as sent.
    #[must_use]
    pub fn sent(&self, step: usize) -> Option<&SentRun> {
        self.runs.iter().find(|sent| sent.step == step)
    }

    /// The steps whose runs at other engines were asked to end and have not: they can be given up.
    pub fn unending_steps(&self) -> impl Iterator<Item = usize> {
        let is_cancelled = self.is_open() && self.cancel.is_some();
        self.running_steps().filter(move |step| is_cancelled && self.sent(*step).is_some())
    }

    /// Whether there is one.
    #[must_use]
    pub fn is_unending(&self) -> bool {
        self.unending_steps().next().is_some()
    }

    /// What a run of its steps waits for at another engine, where its time does not count meanwhile.
    #[must_use]
    pub fn waits(&self) -> Option<&Waits> {
        let running = self.running_steps().filter_map(|step| self.sent(step));
        running.filter_map(|sent| sent.waits.as_ref()).find(|waits| waits.stops_clocks())
    }

    /// Whether the run of this step waits or waited at another engine.
    #[must_use]
    pub fn waited(&self, step: usize) -> Option<Waited> {
        let sent = self.sent(step)?;
        let is_over = match &sent.waits {
            Some(waits) if !waits.stops_clocks() => return None,
            waits => waits.is_none(),
        };
        sent.waits_at.map(|at| Waited { at, is_over })
    }

    /// The same of the runs that go on now: one that waits, or the last that did.
    #[must_use]
    pub fn waited_now(&self) -> Option<Waited> {
        let waited = self.running_steps().filter_map(|step| self.waited(step));
        waited.max_by_key(|waited| (!waited.is_over, waited.at))
    }

    /// Whether this step runs now.
    #[must_use]
    pub fn runs_step(&self, step: usize) -> bool {
        matches!(self.steps.get(step), Some(StepState::Running { .. }))
    }

    /// The step whose log to show: the running one, else the last that ran.
    #[must_use]
    pub fn telling_step(&self) -> Option<usize> {
        self.running_step()
            .or_else(|| self.steps.iter().rposition(|step| matches!(step, StepState::Ended { .. })))
    }

    /// The time from start to end; `None` if it has not ended or never started. If the clock was set in between, this
    /// is the sum of the measured step times.
    #[must_use]
    pub fn took(&self) -> Option<Duration> {
        let ends = between(self.started_at?, self.ended.as_ref()?.at);
        let measured = |step: usize| match self.steps.get(step)? {
            StepState::Ended { outcome: StepOutcome::Lost, .. } | StepState::Running { .. } => None,
            StepState::Ended { took, .. } => Some(*took),
            StepState::Waiting | StepState::Skipped => Some(Duration::ZERO),
        };
        // Of those that go together the longest counts.
        let longest = |first: usize| {
            let mut together = self.request.together(first).peekable();
            if together.peek() != Some(&first) {
                return Some(Duration::ZERO);
            }
            together.map(measured).try_fold(Duration::ZERO, |most, took| Some(most.max(took?)))
        };
        let measured = (0..self.steps.len()).map(longest).sum::<Option<Duration>>();
        // Between waves no step runs for as long as a pause lasts.
        let measured = measured.filter(|_| self.wave.is_none());
        Some(measured.filter(|steps| steps.abs_diff(ends) > BETWEEN_STEPS).unwrap_or(ends))
    }

    /// Why it failed or was interrupted.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        match &self.ended.as_ref()?.outcome {
            Outcome::Failed(why) | Outcome::Interrupted(why) => Some(why),
            Outcome::Succeeded | Outcome::Cancelled => None,
        }
    }

    /// The name of the first step that did not succeed.
    #[must_use]
    pub fn failed_step(&self) -> Option<&str> {
        let at = self.steps.iter().position(|step| {
            matches!(step, StepState::Ended { outcome, .. } if *outcome != StepOutcome::Succeeded)
        })?;
        Some(&self.request.steps.get(at)?.name)
    }
}
