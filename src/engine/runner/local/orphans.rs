//! Ends the remaining processes of a step whose supervisor was killed: their output is lost and nothing controls them.

use std::collections::BTreeSet;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::time::{Instant, sleep};

use super::processes;
use super::run::{RunFolder, Spec};

/// How long orphans have between TERM and KILL, and after that until they are given up.
const GRACE: Duration = Duration::from_secs(2);
/// How often to check whether they are gone.
const POLL_INTERVAL: Duration = Duration::from_millis(25);

/// Ends every process group of the step, including those that its supervisor did not note.
pub(super) async fn end(run: &RunFolder) {
    let Ok(spec) = run.spec() else { return };
    let are_gone = end_by(run, &spec, Signal::TERM).await || end_by(run, &spec, Signal::KILL).await;
    let run = run.path().display();
    if !are_gone {
        tracing::error!(%run, "the remaining processes of a step could not be ended");
    }
    // A process that left the step's session did so on purpose, so it is not ended.
    for process in processes::with_environment(&spec.environment) {
        tracing::warn!(%run, id = process.id, name = process.name(), "a process left its step and still runs");
    }
}

/// Returns whether all groups end in time. Each gets the signal once: a second TERM may have another meaning.
async fn end_by(run: &RunFolder, spec: &Spec, signal: Signal) -> bool {
    let deadline = Instant::now() + GRACE;
    let mut signalled = BTreeSet::new();
    let mut quiet = 0;
    while Instant::now() < deadline {
        let groups = groups(run, spec);
        // Check twice: a process that is just starting is not visible yet.
        quiet = if groups.is_empty() { quiet + 1 } else { 0 };
        if quiet == 2 {
            return true;
        }
        for group in groups.into_iter().filter_map(Pid::from_raw) {
            if signalled.insert(group.as_raw_nonzero()) {
                let _gone = kill_process_group(group, signal);
            }
        }
        sleep(POLL_INTERVAL).await;
    }
    false
}

/// The live groups: the one that the supervisor noted, and all of the step's in the supervisor's session.
fn groups(run: &RunFolder, spec: &Spec) -> BTreeSet<i32> {
    let session = run.started().ok().flatten().map(|started| started.supervisor);
    let noted = run.living_group().ok().flatten();
    let of_session = processes::with_environment(&spec.environment)
        .into_iter()
        .filter(|process| Some(process.session) == session)
        .map(|process| process.group);
    of_session.chain(noted).collect()
}
