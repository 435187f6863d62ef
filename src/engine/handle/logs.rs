//! The logs of steps, by cursor and by search.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Handle;
use crate::domain::command::Refusal;
use crate::domain::deployment::StepState;
use crate::domain::ids::{DeploymentId, ServiceName};
use crate::domain::log::{FilteredPage, FilteredRead, LogFind, LogFrom, LogPage, LogSearch};
use crate::engine::commands::CommandError;
use crate::engine::runner::{RunId, Runner as _};

/// The first and the longest interval at which a waiting log reader checks the file.
const LOG_POLL_INTERVAL: [Duration; 2] = [Duration::from_millis(5), Duration::from_millis(40)];

impl Handle {
    /// Reads a step's log; waits for the first line after the cursor while the step may still write.
    ///
    /// # Errors
    /// When there is no such step, or its log cannot be read.
    pub async fn log(
        &self,
        name: &ServiceName,
        deployment: DeploymentId,
        step: usize,
        from: LogFrom,
        limit: usize,
        wait: Duration,
    ) -> Result<LogPage, CommandError> {
        let deadline = tokio::time::Instant::now() + wait;
        let run = RunId { deployment, step };
        let [mut interval, longest] = LOG_POLL_INTERVAL;
        loop {
            let complete = self.step_is_over(name, deployment, step)?;
            let page = self.0.runner.log(run, from, limit, complete).await;
            let page =
                page.map_err(|e| CommandError::Failed(format!("the log cannot be read: {e}")))?;
            if complete
                && page.size == 0
                && let Some((at, why)) = self.missing_log(name, run)?
            {
                return Ok(LogPage::note(at, &why, from));
            }
            let waits = page.bytes.is_empty() && !page.ended && matches!(from, LogFrom::After(_));
            if !waits || tokio::time::Instant::now() >= deadline {
                return Ok(page);
            }
            tokio::time::sleep(interval).await;
            interval = longest.min(2 * interval);
        }
    }

    /// Searches a bounded part of a step's log.
    ///
    /// # Errors
    /// When there is no such step, the search is invalid, or the log cannot be read.
    pub async fn search_log(
        &self,
        name: &ServiceName,
        deployment: DeploymentId,
        step: usize,
        search: LogSearch,
    ) -> Result<LogFind, CommandError> {
        let complete = self.step_is_over(name, deployment, step)?;
        let run = RunId { deployment, step };
        let found = self.0.runner.search_log(run, search, complete).await?;
        if complete
            && found == (LogFind::Nowhere { size: 0 })
            && let Some((at, why)) = self.missing_log(name, run)?
        {
            return Ok(LogFind::Nowhere { size: LogPage::note(at, &why, LogFrom::End).size });
        }
        Ok(found)
    }

    /// Reads the lines of a bounded part of a step's log that pass a filter; waits for the first line after the cursor,
    /// whether or not it passes, while the step may still write.
    ///
    /// # Errors
    /// When there is no such step, the filter is invalid, or the log cannot be read.
    pub async fn filter_log(
        &self,
        name: &ServiceName,
        deployment: DeploymentId,
        step: usize,
        read: FilteredRead,
        wait: Duration,
    ) -> Result<FilteredPage, CommandError> {
        let deadline = tokio::time::Instant::now() + wait;
        let run = RunId { deployment, step };
        let [mut interval, longest] = LOG_POLL_INTERVAL;
        loop {
            let complete = self.step_is_over(name, deployment, step)?;
            let page = self.0.runner.filter_log(run, read.clone(), complete).await?;
            let grows = matches!(read.from, LogFrom::After(_));
            let waits = grows && page.next == page.start && !page.ended;
            if !waits || tokio::time::Instant::now() >= deadline {
                return Ok(page);
            }
            tokio::time::sleep(interval).await;
            interval = longest.min(2 * interval);
        }
    }

    /// Since when the log of a step that ran is not there, and why. No log is not the same as an empty one.
    fn missing_log(
        &self,
        name: &ServiceName,
        run: RunId,
    ) -> Result<Option<(DateTime<Utc>, String)>, Refusal> {
        if self.0.runner.is_stored(run) {
            return Ok(None);
        }
        let RunId { deployment: id, step } = run;
        self.read_service(name, |service| {
            let step = service.state.deployments.get(&id)?.steps.get(step)?;
            let StepState::Ended { since, .. } = step else { return None };
            if let Some((at, rule)) = service.state.removed_runs.get(&id) {
                let on = at.format("%Y-%m-%d");
                return Some((*at, format!("the log of {id} was removed on {on} by {rule}")));
            }
            let why = format!(
                "the log of {id} is not in the data folder; after a restore of the record it is in a folder \
                 before-restore-... there"
            );
            Some((*since, why))
        })
    }

    fn step_is_over(
        &self,
        name: &ServiceName,
        id: DeploymentId,
        step: usize,
    ) -> Result<bool, Refusal> {
        let is_over = |step: &StepState| match step {
            StepState::Waiting | StepState::Running { .. } => false,
            StepState::Ended { .. } | StepState::Skipped => true,
        };
        let found = self.read_service(name, |service| {
            service.state.deployments.get(&id)?.steps.get(step).map(is_over)
        })?;
        found.ok_or_else(|| {
            Refusal::not_found(format!("there is no step {step} of deployment {id}"))
        })
    }
}
