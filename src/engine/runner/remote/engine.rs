//! What every kind of engine can be asked for a run.

use std::time::Duration;

use super::answers::{Absence, Found, Looked, SendAnswer};
use super::client::{CallError, EngineClient, IsWanted};
use super::github::GitHubActions;
use super::http_jobs::HttpJobs;
use super::order::Order;
use super::preset::PresetEngine;
use crate::domain::remote::RemoteJob;

/// An engine at which steps can run.
pub(super) enum RemoteEngine {
    Http(HttpJobs),
    GitHub(Box<GitHubActions>),
    Preset(PresetEngine),
}

impl RemoteEngine {
    pub fn token(&self) -> Option<String> {
        match self {
            Self::Http(jobs) => jobs.token(),
            Self::GitHub(github) => github.token(),
            Self::Preset(preset) => preset.token(),
        }
    }

    /// The same, which does what is done in the name of a person with this person's token.
    pub fn in_the_name_of(self, presser: EngineClient) -> Self {
        match self {
            Self::GitHub(github) => Self::GitHub(Box::new(github.in_the_name_of(presser))),
            other => other,
        }
    }

    pub fn absence(&self, order: &Order) -> Absence {
        match self {
            Self::Http(_) => HttpJobs::ABSENCE,
            Self::GitHub(github) => github.absence(order),
            Self::Preset(preset) => preset.absence(),
        }
    }

    /// The pause between two looks that found nothing new.
    pub fn pace(&self) -> Duration {
        match self {
            Self::Http(_) => HttpJobs::PACE,
            Self::GitHub(github) => github.times().pace,
            Self::Preset(preset) => preset.pace(),
        }
    }

    /// Whether a look waits a while for a change, so that the next may follow at once.
    pub fn waits_for_change(&self) -> bool {
        matches!(self, Self::Http(_))
    }

    /// How long a run that was asked to end may take before it is forced, and before it is given up.
    pub fn grace(&self) -> (Option<Duration>, Duration) {
        match self {
            Self::Http(_) => (None, HttpJobs::END_WITHIN),
            Self::Preset(_) => (None, PresetEngine::END_WITHIN),
            Self::GitHub(github) => {
                let grace = github.times().grace;
                (Some(grace), grace + GitHubActions::FORCED_WITHIN)
            }
        }
    }

    /// Whether it answers and knows the token. Starts nothing.
    pub async fn check(&self) -> Result<(), String> {
        match self {
            Self::Http(jobs) => jobs.check().await,
            Self::GitHub(github) => github.check().await,
            Self::Preset(preset) => preset.check().await,
        }
    }

    /// Starts the run, if it is still wanted when all that comes before the request is done. Nothing here repeats the request.
    pub async fn send(&self, order: &Order, is_wanted: IsWanted<'_>) -> SendAnswer {
        match self {
            Self::Http(jobs) => jobs.send(order, is_wanted).await,
            Self::GitHub(github) => github.send(order, is_wanted).await,
            Self::Preset(preset) => preset.send(order, is_wanted).await,
        }
    }

    /// Looks for the run by its key.
    pub async fn find(&self, order: &Order) -> Found {
        match self {
            Self::Http(jobs) => jobs.find(&order.key).await,
            Self::GitHub(github) => github.find(order).await,
            Self::Preset(preset) => preset.find(order).await,
        }
    }

    /// Looks at the run; it may wait a while for a change. `None` if there is no such run.
    pub async fn look(
        &self,
        order: &Order,
        known: Option<&Looked>,
        wait: Duration,
    ) -> Result<Option<Looked>, CallError> {
        match self {
            Self::Http(jobs) => jobs.look(&order.key, known, wait).await,
            Self::GitHub(github) => github.look(order).await,
            Self::Preset(preset) => preset.look(order).await,
        }
    }

    /// Asks the run to end, with force if the engine knows that.
    ///
    /// # Errors
    /// When it is not known whether the engine heard it.
    pub async fn cancel(&self, order: &Order, is_forced: bool) -> Result<(), CallError> {
        match self {
            Self::Http(jobs) => jobs.cancel(&order.key).await,
            Self::GitHub(github) => github.cancel(order, is_forced).await,
            Self::Preset(preset) => preset.cancel(order).await,
        }
    }

    /// The name of what keeps a run of the next job behind the run of this order, whatever is done here; only on evidence.
    ///
    /// # Errors
    /// When that cannot be asked now.
    pub async fn keeps_behind(
        &self,
        order: &Order,
        next: &RemoteJob,
    ) -> Result<Option<String>, CallError> {
        let Self::GitHub(github) = self else { return Ok(None) };
        github.keeps_behind(order, next).await
    }
}
