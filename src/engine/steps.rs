//! The engine's side of a step: start its supervisor at most once, watch it to its end, stop it when asked.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use super::checkouts;
use super::run::{RunFolder, Spec, Started, Status};
use super::shared::Shared;
use super::supervisor::{READY, TAKEN};
use crate::domain::deployment::Deployment;
use crate::domain::event::StepOutcome;
use crate::domain::ids::{DeploymentId, ServiceName};

/// How long a step has between TERM and KILL.
const GRACE: Duration = Duration::from_secs(10);
/// How long a supervisor has to say that the run is its own.
const HANDSHAKE: Duration = Duration::from_secs(20);
/// How long orphans have between TERM and KILL.
const ORPHANS: Duration = Duration::from_secs(2);
/// How long a supervisor that was asked has to end its step and to say so: longer than the step itself has.
const OVERDUE: Duration = Duration::from_secs(30);
/// How often it is looked whether it has.
const GLANCE: Duration = Duration::from_millis(250);
/// How long until a lock that could not be watched is watched again.
const UNWATCHED: Duration = Duration::from_secs(1);
/// How often a start is tried that another process got in the way of.
const STARTS: u32 = 5;

/// Sees a step through to its end, whoever started it and however often this engine was restarted in between.
pub(super) async fn attend(
    shared: &Shared,
    service: &ServiceName,
    id: DeploymentId,
    step: usize,
) -> Status {
    let run = RunFolder::of(&shared.folders.runs, id, step);
    if let Err(why) = see_started(shared, service, id, step, &run).await {
        tracing::error!(%id, step, why, "a step could not be started");
        if give_up(&run, &why) {
            return not_started(why);
        }
    }
    while let Err(error) = wait_for_end(&run).await {
        // Only the lock tells whether the step still runs: without it nothing may be concluded.
        tracing::error!(%id, step, %error, "a step's lock could not be watched");
        tokio::time::sleep(UNWATCHED).await;
    }
    outcome(&run).await
}

/// Waits on a thread of its own: it may take hours, and the runtime's threads must not be waited for.
async fn wait_for_end(run: &RunFolder) -> io::Result<()> {
    let watched = run.clone();
    let (sender, ended) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().spawn(move || {
        let _engine_stopped = sender.send(watched.wait_for_end());
    })?;
    ended.await.map_err(io::Error::other)?
}

/// Takes the run away from every supervisor that may still come to it, so that "not started" stays true. False when
/// one was faster.
fn give_up(run: &RunFolder, why: &str) -> bool {
    let nobody = Started { supervisor: 0 };
    match run.claim(&nobody) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
        Ok(()) => {
            if let Err(error) = run.finish(&not_started(why.to_owned())) {
                tracing::error!(%error, "that a step was not started could not be noted");
            }
            true
        }
        // A disk that takes no claim of ours takes none of a supervisor's either.
        Err(_) => true,
    }
}

/// Makes sure that a supervisor has or had the run.
async fn see_started(
    shared: &Shared,
    service: &ServiceName,
    id: DeploymentId,
    step: usize,
    run: &RunFolder,
) -> Result<(), String> {
    if run.is_claimed() {
        return Ok(());
    }
    let spec = spec(shared, service, id, step)?;
    run.prepare(&spec).map_err(|e| format!("{}: {e}", run.path().display()))?;
    for _ in 0..STARTS {
        start(&shared.folders.program, run).await.map_err(|e| e.to_string())?;
        if run.is_claimed() {
            return Ok(());
        }
    }
    Err(format!("its supervisor gave up {STARTS} times"))
}

fn spec(
    shared: &Shared,
    service: &ServiceName,
    id: DeploymentId,
    step: usize,
) -> Result<Spec, String> {
    let world = shared.world();
    let service = world.services.get(service).ok_or("the service is gone")?;
    let deployment = service.state.deployments.get(&id).ok_or("the deployment is gone")?;
    let request = &deployment.request;
    let step = request.steps.get(step).ok_or("the step is gone")?;
    let checkout = checkouts::path(
        &shared.folders.checkouts,
        &service.name,
        request.environment,
        &request.sha,
    );
    let folder = match &service.watched.folder {
        Some(folder) => checkout.join(folder),
        None => checkout,
    };
    Ok(Spec {
        run: step.run.clone(),
        folder,
        environment: facts(service.name.as_str(), deployment),
        timeout: step.timeout,
        grace: GRACE,
        secrets: service.file.as_ref().map(|file| file.secrets.clone()).unwrap_or_default(),
    })
}

/// What a step is told through its environment.
fn facts(service: &str, deployment: &Deployment) -> BTreeMap<String, String> {
    let request = &deployment.request;
    let previous = request.previous_sha.as_ref().map_or("", |sha| sha.as_str());
    [
        ("TRUNKLINE_SERVICE", service.to_owned()),
        ("TRUNKLINE_ENVIRONMENT", request.environment.to_string()),
        ("TRUNKLINE_BUILD", request.build.0.to_string()),
        ("TRUNKLINE_SHA", request.sha.to_string()),
        ("TRUNKLINE_PREVIOUS_SHA", previous.to_owned()),
        ("TRUNKLINE_KIND", request.kind.to_string()),
        ("TRUNKLINE_DEPLOYMENT", deployment.id.0.to_string()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// Starts a supervisor and waits until it says whether the run is its own.
async fn start(program: &Path, run: &RunFolder) -> io::Result<()> {
    let mut supervisor = Command::new(program)
        .arg("supervise")
        .arg(run.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let output = supervisor.stdout.take();
    // Somebody has to collect it when it ends.
    tokio::spawn(async move { supervisor.wait().await });
    let Some(output) = output else { return Ok(()) };
    let mut lines = BufReader::new(output).lines();
    match timeout(HANDSHAKE, lines.next_line()).await {
        Ok(Ok(Some(word))) if word == READY || word == TAKEN => Ok(()),
        Ok(Ok(Some(trouble))) => Err(io::Error::other(trouble)),
        Ok(Ok(None)) => Err(io::Error::other("its supervisor ended without a word")),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(io::Error::other("its supervisor did not answer")),
    }
}

/// What the supervisor left behind.
async fn outcome(run: &RunFolder) -> Status {
    match run.status() {
        Ok(Some(status)) => return status,
        Ok(None) => {}
        Err(error) => tracing::error!(%error, "a step's outcome cannot be read"),
    }
    if let Ok(Some(leader)) = run.living_group() {
        end_orphans(leader).await;
    }
    Status { outcome: StepOutcome::Lost, took: Duration::ZERO }
}

fn not_started(why: String) -> Status {
    Status { outcome: StepOutcome::NotStarted(why), took: Duration::ZERO }
}

/// A step whose supervisor was killed writes into a closed pipe and answers to nobody: its group is ended.
async fn end_orphans(leader: i32) {
    let Some(group) = Pid::from_raw(leader) else { return };
    let _gone = kill_process_group(group, Signal::TERM);
    tokio::time::sleep(ORPHANS).await;
    let _gone = kill_process_group(group, Signal::KILL);
}

/// Asks a step to end: through the folder, for a supervisor that has not begun, and by signal. A supervisor that
/// does not do it in its time is ended itself, and the step with it: no other deployment waits for it forever.
pub(super) async fn stop(run: &RunFolder) {
    let trouble = |error: io::Error| {
        tracing::error!(run = %run.path().display(), %error, "a step could not be asked to stop");
    };
    // A full disk takes no word, and a signal needs no disk.
    run.ask_to_stop().unwrap_or_else(trouble);
    tell_supervisor(run, Signal::TERM).unwrap_or_else(trouble);
    let deadline = tokio::time::Instant::now() + OVERDUE;
    while run.is_held().unwrap_or(true) {
        if tokio::time::Instant::now() > deadline {
            tracing::error!(run = %run.path().display(), "a supervisor does not stop its step");
            return tell_supervisor(run, Signal::KILL).unwrap_or_else(trouble);
        }
        tokio::time::sleep(GLANCE).await;
    }
}

fn tell_supervisor(run: &RunFolder, signal: Signal) -> io::Result<()> {
    let Some(started) = run.started()? else { return Ok(()) };
    // Only a supervisor holds the lock, so while it is held the id is its own.
    if let (true, Some(pid)) = (run.is_held()?, Pid::from_raw(started.supervisor)) {
        kill_process(pid, signal)?;
    }
    Ok(())
}
