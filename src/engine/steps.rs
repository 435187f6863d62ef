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
use super::run::{RunFolder, Spec, Status};
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
        return not_started(why);
    }
    let watched = run.clone();
    let (sender, ended) = tokio::sync::oneshot::channel();
    // A thread of its own: it may wait for hours, and the runtime's threads must not be waited for.
    std::thread::spawn(move || {
        let _engine_stopped = sender.send(watched.wait_for_end());
    });
    if let Ok(Err(error)) = ended.await {
        tracing::error!(%id, step, %error, "a step's lock could not be watched");
    }
    outcome(&run).await
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

/// Asks a step to end: through the folder, for a supervisor that has not begun, and by signal.
pub(super) fn stop(run: &RunFolder) {
    if let Err(error) = try_to_stop(run) {
        tracing::error!(run = %run.path().display(), %error, "a step could not be asked to stop");
    }
}

fn try_to_stop(run: &RunFolder) -> io::Result<()> {
    std::fs::create_dir_all(run.path())?;
    run.ask_to_stop()?;
    let Some(started) = run.started()? else { return Ok(()) };
    // Only a supervisor holds the lock, so while it is held the id is its own.
    if let (true, Some(pid)) = (run.is_held()?, Pid::from_raw(started.supervisor)) {
        kill_process(pid, Signal::TERM)?;
    }
    Ok(())
}
