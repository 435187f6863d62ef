//! What is wrong with what a service runs, read in one place, so that no view hides what another one shows.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::deployment::{Deployment, DeploymentState};
use crate::domain::event::DeploymentKind;
use crate::domain::ids::{BuildNumber, DeploymentId, Environment};
use crate::domain::instant;
use crate::domain::late::LateRun;
use crate::domain::people::Actor;
use crate::domain::said::{LiveDrift, said_instead};
use crate::domain::service::ServiceState;
use crate::domain::target::{TargetStanding, changed_in_words, in_words, partly_in_words};
use crate::domain::watch::{CheckState, SampleVerdict, WatchState};

/// One thing that is wrong with what a service runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "alarm")]
pub enum Alarm {
    /// The last deployment there began and did not succeed: what runs there is not known.
    InDoubt {
        environment: Environment,
        deployment: DeploymentId,
        kind: DeploymentKind,
        build: BuildNumber,
        state: DeploymentState,
        /// The step at which it ended, if one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<String>,
        /// What was deployed, if no build is of that commit: `@bob at github deployed 3f2a9c1, which is no build of main`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unknown: Option<String>,
        /// Whether it stands for what production ran after the copy from which a person restored the record.
        #[serde(default, skip_serializing_if = "is_false")]
        restored: bool,
        /// What each target there has, if it left them with different builds.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        targets: Vec<TargetStanding>,
    },
    /// A run that was given up turned up, and has not ended.
    LateRun {
        environment: Environment,
        /// The deployment whose run it was, and the one that it counts as.
        deployment: DeploymentId,
        counts_as: DeploymentId,
        /// Its page for people, or else its name there.
        run: String,
    },
    /// The service itself says that another build runs than the record does.
    Drift { environment: Environment, build: BuildNumber, record: BuildNumber, by: Actor },
    /// What production runs is no good build.
    BadLive { build: BuildNumber, why: String },
    /// The watch of what is live is bad, or ended so.
    WatchBad {
        environment: Environment,
        build: BuildNumber,
        deployment: DeploymentId,
        check: String,
        /// Since when that check is bad.
        since: DateTime<Utc>,
        /// What it said last.
        says: String,
        /// How many more checks are bad.
        #[serde(default)]
        more: u32,
        /// Whether production is rolled back by itself, where the service asks for that: `rolling back to #20 by itself`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by_itself: Option<String>,
    },
    /// The watch after a wave of a deployment is bad, and the next wave waits.
    WaveBad {
        build: BuildNumber,
        deployment: DeploymentId,
        /// `wave 1 of 3 (h1)`.
        wave: String,
        check: String,
        /// Since when that check is bad.
        since: DateTime<Utc>,
        /// What it said last.
        says: String,
        /// How many more checks are bad.
        #[serde(default)]
        more: u32,
    },
    /// The newest build of the trunk did not come to staging.
    NotInStaging { build: BuildNumber, why: String },
}

impl Alarm {
    /// In few words, the worst first: `FAILED #5 promote`, `STG #2 FAILED`.
    #[must_use]
    pub fn short(&self) -> String {
        match self {
            Self::InDoubt { restored: true, .. } => "RESTORED, NOT KNOWN".to_owned(),
            Self::InDoubt { environment, unknown: Some(_), .. } => match environment {
                Environment::Production => "LIVE NOT KNOWN".to_owned(),
                Environment::Staging => "STG NOT KNOWN".to_owned(),
            },
            Self::InDoubt { environment, targets, build, state, .. } if !targets.is_empty() => {
                let stage = if *environment == Environment::Staging { "STG " } else { "" };
                let is_partly = *state == DeploymentState::Succeeded && are_heard(targets);
                let words =
                    if is_partly { partly_in_words(targets, *build) } else { in_words(targets) };
                format!("{stage}{words}")
            }
            Self::InDoubt { environment: Environment::Production, kind, build, state, .. } => {
                format!("{} {build} {kind}", state.as_str().to_uppercase())
            }
            Self::InDoubt { build, state, .. } => {
                format!("STG {build} {}", state.as_str().to_uppercase())
            }
            Self::LateRun { deployment, .. } => format!("LATE RUN of {deployment}"),
            Self::Drift { environment, build, record, .. } => match environment {
                Environment::Production => format!("LIVE {build}, NOT {record}"),
                Environment::Staging => format!("STG {build}, NOT {record}"),
            },
            Self::BadLive { build, .. } => format!("LIVE {build} BAD"),
            Self::WatchBad { environment, check, .. } => match environment {
                Environment::Production => format!("WATCH {check} BAD"),
                Environment::Staging => format!("STG WATCH {check} BAD"),
            },
            Self::WaveBad { check, .. } => format!("WAVE {check} BAD"),
            Self::NotInStaging { build, .. } => format!("STG lacks {build}"),
        }
    }

    /// As a sentence: `production is in doubt: promote of #5 failed at step release`.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::InDoubt { environment, build, restored: true, .. } => format!(
                "{environment} is in doubt: the record was restored from a copy in which {build} was live; what runs there is not known"
            ),
            Self::InDoubt { environment, unknown: Some(unknown), .. } => {
                format!("what {environment} runs is not known: {unknown}")
            }
            Self::InDoubt { environment, kind, build, state, step, targets, .. } => {
                let what = match environment {
                    Environment::Production => format!("{} of {build}", kind.noun()),
                    Environment::Staging => build.to_string(),
                };
                let at = step.as_ref().map_or_else(String::new, |step| format!(" at step {step}"));
                let how = state.as_str();
                if *state == DeploymentState::Succeeded && are_heard(targets) {
                    return partly(*environment, &what, (*build, targets));
                }
                if !targets.is_empty() {
                    let differ = format!("{environment} differs by target: {}", in_words(targets));
                    return match state {
                        DeploymentState::Succeeded => differ,
                        _ => format!("{differ}; {what} {how}{at}"),
                    };
                }
                format!("{environment} is in doubt: {what} {how}{at}; what runs there is not known")
            }
            Self::LateRun { deployment, counts_as, run, .. } => format!(
                "a run of {deployment} that was given up turned up: {run} ({counts_as}); it is being cancelled"
            ),
            Self::Drift { environment, build, record, by } => {
                said_instead(*environment, *build, *record, by)
            }
            Self::BadLive { build, why } => format!("production runs {build}: {why}"),
            Self::WatchBad { environment, build, check, since, says, more, by_itself, .. } => {
                let more = if *more == 0 { String::new() } else { format!(" and {more} more") };
                let since = instant::in_utc(*since);
                let then = by_itself.as_ref().map_or_else(String::new, |then| format!("; {then}"));
                format!(
                    "{environment} runs {build}, and its watch says BAD since {since}: {check}{more}: {says}{then}"
                )
            }
            Self::WaveBad { build, wave, check, since, says, more, .. } => {
                let more = if *more == 0 { String::new() } else { format!(" and {more} more") };
                let since = instant::in_utc(*since);
                format!(
                    "{wave} of {build} is live and its watch says BAD since {since}: {check}{more}: {says}; the next wave waits for a person"
                )
            }
            Self::NotInStaging { build, why } => {
                format!("the newest build, {build}, is not in staging: {why}")
            }
        }
    }

    /// The environment that it is about.
    #[must_use]
    pub fn environment(&self) -> Environment {
        match self {
            Self::InDoubt { environment, .. }
            | Self::LateRun { environment, .. }
            | Self::Drift { environment, .. }
            | Self::WatchBad { environment, .. } => *environment,
            Self::BadLive { .. } | Self::WaveBad { .. } => Environment::Production,
            Self::NotInStaging { .. } => Environment::Staging,
        }
    }
}

/// Whether targets said themselves what they run.
fn are_heard(targets: &[TargetStanding]) -> bool {
    targets.iter().any(|target| target.said_since.is_some() || target.why.is_some())
}

/// `production is in doubt: rollback of #2 ended partly: 2 of 3, h3 runs #3`; of what was changed since, that and no more.
fn partly(
    environment: Environment,
    what: &str,
    (build, targets): (BuildNumber, &[TargetStanding]),
) -> String {
    let is_other = |target: &TargetStanding| {
        target.changed_at.is_none() && (target.doubt.is_some() || target.build != Some(build))
    };
    let partly = targets.iter().any(is_other);
    let partly = partly.then(|| format!("{what} ended {}", partly_in_words(targets, build)));
    let parts: Vec<_> = partly.into_iter().chain(changed_in_words(targets)).collect();
    format!("{environment} is in doubt: {}", parts.join("; "))
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(is: &bool) -> bool {
    !is
}

/// Everything that is wrong with what the service runs, the worst first.
#[must_use]
pub fn alarms(state: &ServiceState) -> Vec<Alarm> {
    let in_doubt = |environment| Some(of_attempt(state, state.unsettled(environment)?));
    let is_replaced = state.in_flight(Environment::Staging).is_some();
    let staging = in_doubt(Environment::Staging).filter(|_| !is_replaced);
    let known = state.unsettled(Environment::Staging).map(|attempt| attempt.id);
    let newest = not_in_staging(state, known);
    let drift = |environment| state.drift(environment).map(of_drift);
    let (production, below) = (drift(Environment::Production), drift(Environment::Staging));
    let watched = watch_bad(state, Environment::Production);
    let below_watched = watch_bad(state, Environment::Staging);
    let all = [
        in_doubt(Environment::Production),
        production,
        bad_live(state),
        wave_bad(state),
        watched,
        staging,
        below,
        newest,
        below_watched,
    ];
    state.late_runs().map(late_run).chain(all.into_iter().flatten()).collect()
}

fn of_drift(drift: LiveDrift) -> Alarm {
    let LiveDrift { environment, build, record, by, .. } = drift;
    Alarm::Drift { environment, build, record, by }
}

fn late_run(late: LateRun<'_>) -> Alarm {
    let run = late.sent.run.as_ref();
    let run = run.map(|run| run.page.clone().unwrap_or_else(|| format!("run {}", run.id)));
    Alarm::LateRun {
        environment: late.of.request.environment,
        deployment: late.of.id,
        counts_as: late.counts_as.id,
        run: run.unwrap_or_default(),
    }
}

fn of_attempt(state: &ServiceState, attempt: &Deployment) -> Alarm {
    let step = attempt.failed_step().map(str::to_owned);
    let unknown = attempt.unknown_in_words();
    Alarm::InDoubt {
        unknown,
        environment: attempt.request.environment,
        deployment: attempt.id,
        kind: attempt.request.kind,
        build: attempt.request.build,
        state: attempt.state(),
        step,
        restored: attempt.is_of_restore(),
        targets: state.targets_apart(attempt.request.environment).to_vec(),
    }
}

fn bad_live(state: &ServiceState) -> Option<Alarm> {
    let build = state.live(Environment::Production)?.build;
    let why = state.bad_live(build)?;
    Some(Alarm::BadLive { build, why })
}

/// The newest build, if it has no chance to come to staging by itself. `known` is an attempt that is told already.
fn not_in_staging(state: &ServiceState, known: Option<DeploymentId>) -> Option<Alarm> {
    let newest = state.newest_build()?;
    let build = newest.number;
    let why = match newest.staging {
        None => match state.unusable.get(&build).filter(|no| no.in_staging) {
            Some(broken) => broken.why.clone(),
            None => state.undeployed.get(&build).filter(|no| !no.is_meant)?.sentence(),
        },
        Some(_) if state.overtaken_by(newest).is_some() => return None,
        Some(id) => {
            let attempt = state.deployments.get(&id).filter(|_| Some(id) != known)?;
            let is_over = !attempt.is_open() && !attempt.succeeded();
            let why = attempt.trouble().unwrap_or(attempt.state().as_str());
            is_over.then(|| format!("{id}: {why}"))?
        }
    };
    Some(Alarm::NotInStaging { build, why })
}

/// The watch of what is live, if a check of it is bad.
fn watch_bad(state: &ServiceState, environment: Environment) -> Option<Alarm> {
    let live = state.live(environment)?;
    let watch = state.watches.last(environment).filter(|w| w.deployment == live.deployment)?;
    let (first, more) = bad_checks(watch)?;
    Some(Alarm::WatchBad {
        environment,
        build: watch.build,
        deployment: watch.deployment,
        check: first.name.clone(),
        since: first.since,
        says: first.says.clone().unwrap_or_default(),
        more,
        by_itself: watch.decided_in_words(),
    })
}

/// The watch after a wave, if a check of it is bad while the next one waits.
fn wave_bad(state: &ServiceState) -> Option<Alarm> {
    let paused = state.paused(Environment::Production)?;
    let wait = paused.waiting_wave()?;
    let watch = state.watches.of_wave(paused.id, wait.number)?;
    let (first, more) = bad_checks(watch)?;
    Some(Alarm::WaveBad {
        build: watch.build,
        deployment: paused.id,
        wave: wait.named(),
        check: first.name.clone(),
        since: first.since,
        says: first.says.clone().unwrap_or_default(),
        more,
    })
}

/// The check of a watch that is bad the longest, and how many more are.
fn bad_checks(watch: &WatchState) -> Option<(&CheckState, u32)> {
    let first = watch.judged(SampleVerdict::Bad).min_by_key(|check| check.since)?;
    let more = watch.judged(SampleVerdict::Bad).count() - 1;
    Some((first, u32::try_from(more).unwrap_or(u32::MAX)))
}
