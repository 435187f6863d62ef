//! Ends what is left of a step whose supervisor was killed: it writes into a closed pipe and answers to nobody.

use std::collections::BTreeSet;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::time::{Instant, sleep};

use super::processes;
use super::run::{RunFolder, Spec};

/// How long orphans have between TERM and KILL, and after that until they are given up.
const GRACE: Duration = Duration::from_secs(2);
/// How often it is looked whether they are gone.
const GLANCE: Duration = Duration::from_millis(25);

/// Ends every process group of the step, those too that its supervisor had no time to note.
pub(super) async fn end(run: &RunFolder) {
    let Ok(spec) = run.spec() else { return };
    let are_gone = end_by(run, &spec, Signal::TERM).await || end_by(run, &spec, Signal::KILL).await;
    let run = run.path().display();
    if !are_gone {
        tracing::error!(%run, "what is left of a step could not be ended");
    }
    // Who left the session of the step did so to live on.
    for process in processes::with_environment(&spec.environment) {
        tracing::warn!(%run, id = process.id, name = process.name(), "left its step and runs on");
    }
}

/// Whether all are gone in time. Each group is told once: a second TERM may mean something else.
async fn end_by(run: &RunFolder, spec: &Spec, signal: Signal) -> bool {
    let deadline = Instant::now() + GRACE;
    let mut told = BTreeSet::new();
    let mut quiet = 0;
    while Instant::now() < deadline {
        let groups = groups(run, spec);
        // A process that was just being started is seen only after it became the step's.
        quiet = if groups.is_empty() { quiet + 1 } else { 0 };
        if quiet == 2 {
            return true;
        }
        for group in groups.into_iter().filter_map(Pid::from_raw) {
            if told.insert(group.as_raw_nonzero()) {
                let _gone = kill_process_group(group, signal);
            }
        }
        sleep(GLANCE).await;
    }
    false
}

/// The groups that live: the one that the supervisor noted, and all of the step's in the session that it led.
fn groups(run: &RunFolder, spec: &Spec) -> BTreeSet<i32> {
    let session = run.started().ok().flatten().map(|started| started.supervisor);
    let noted = run.living_group().ok().flatten();
    let of_session = processes::with_environment(&spec.environment)
        .into_iter()
        .filter(|process| Some(process.session) == session)
        .map(|process| process.group);
    of_session.chain(noted).collect()
}
