//! What must be true of the record before an engine works on it. `trunkline doctor` checks the same.

use std::path::Path;

use super::error::EngineError;
use super::runner::{Runner as _, StepRunner};
use crate::domain::ids::Seq;

/// The folder of the runs, in the data folder.
pub(super) const RUNS: &str = "runs";
/// The record, in the data folder.
pub(super) const DATABASE: &str = "trunkline.db";

/// Checks that the record, whose last event is `head`, contains every run on disk. A record that lost its end would reuse the
/// numbers of these runs, and a new deployment would get an old outcome.
///
/// # Errors
/// When it does not.
pub fn is_complete(data: &Path, head: Seq) -> Result<(), EngineError> {
    let runs = data.join(RUNS);
    let runner = StepRunner::new(runs.clone(), "trunkline".into());
    let newest = runner.newest_run().map_or(0, |id| id.0);
    if newest <= head.0 {
        return Ok(());
    }
    let [database, run, runs] = [&data.join(DATABASE), &runs.join(newest.to_string()), &runs]
        .map(|path| path.display().to_string());
    Err(EngineError::CutOff { database, head: head.0, run, runs })
}
