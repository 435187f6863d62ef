//! The engine's side of a step: start its supervisor at most once, watch it to its end, stop it when asked.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::time::{Instant, timeout};

use super::run::{RunFolder, Spec, Started, Status};
use super::shared::Shared;
use super::supervisor::{READY, TAKEN};
use super::{checkouts, orphans};
use crate::domain::deployment::Deployment;
use crate::domain::event::StepOutcome;
use crate::domain::ids::{DeploymentId, ServiceName};

/// How long a step has between TERM and KILL.
const GRACE: Duration = Duration::from_secs(10);
/// How long a supervisor has to say that the run is its own.
const HANDSHAKE: Duration = Duration::from_secs(20);
/// How long a supervisor that was asked has to end its step and to say so: longer than the step itself has.
const OVERDUE: Duration = Duration::from_secs(30);
/// How often it is looked whether it has.
const GLANCE: Duration = Duration::from_millis(250);
/// How long until a lock that could not be watched is watched again.
const UNWATCHED: Duration = Duration::from_secs(1);
/// How soon it is looked again whether a supervisor has made its claim.
const SOON: Duration = Duration::from_millis(10);
/// How late a supervisor may still come to its run.
const LATE: Duration = Duration::from_mins(1);

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
        if give_up(&run, &why).await {
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
/// one was faster. A disk that takes no claim of ours takes none of a supervisor's either, but it may take one in a
/// while: that is waited for, as long as a supervisor that knows what to do could be late.
async fn give_up(run: &RunFolder, why: &str) -> bool {
    let latest = Instant::now() + LATE;
    loop {
        match run.claim(&Started::NOBODY) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return false,
            Err(_) if run.spec().is_ok() && Instant::now() < latest => {
                tokio::time::sleep(UNWATCHED).await;
            }
            Err(error) => {
                tracing::error!(%error, "a step that was not started could not be given up");
                return true;
            }
            Ok(()) => {
                if let Err(error) = run.finish(&not_started(why.to_owned())) {
                    tracing::error!(%error, "that a step was not started could not be noted");
                }
                return true;
            }
        }
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
    let deadline = Instant::now() + HANDSHAKE;
    loop {
        start(&shared.folders.program, run).await.map_err(|e| e.to_string())?;
        // Another supervisor may have the lock and be on its way to the claim, or somebody only looked at the lock.
        while !run.is_claimed() && run.is_held().unwrap_or(false) && Instant::now() < deadline {
            tokio::time::sleep(SOON).await;
        }
        if run.is_claimed() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err("no supervisor took it".into());
        }
    }
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
    // While the trunk's file is not read yet, what the build itself declares is the best that is known.
    let declared = || service.pipelines.get(&request.sha)?.as_ref().ok();
    let file = service.file.as_ref().or_else(declared);
    Ok(Spec {
        run: step.run.clone(),
        folder,
        environment: facts(service.name.as_str(), deployment),
        timeout: step.timeout,
        grace: GRACE,
        secrets: file.map(|file| file.secrets.clone()).unwrap_or_default(),
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
    if run.started().is_ok_and(|started| started == Some(Started::NOBODY)) {
        // The engine that gave it up had no time to say so.
        return not_started("its supervisor could not be started".into());
    }
    orphans::end(run).await;
    Status { outcome: StepOutcome::Lost, took: Duration::ZERO }
}

fn not_started(why: String) -> Status {
    Status { outcome: StepOutcome::NotStarted(why), took: Duration::ZERO }
}

/// Asks a step to end: through the folder, for a supervisor that has not begun, and by signal, which needs no disk.
/// What a full disk does not take is tried again until the step is over. A supervisor that does not end its step in
/// its time is ended itself, and the step with it: no other deployment waits for it forever.
pub(super) async fn stop(run: &RunFolder) {
    let (mut is_asked, mut is_told, deadline) = (false, false, Instant::now() + OVERDUE);
    loop {
        is_asked = is_asked || succeeds(run, run.ask_to_stop().map(|()| true));
        is_told = is_told || succeeds(run, tell_supervisor(run, Signal::TERM));
        let is_held = run.is_held().unwrap_or(true);
        if !is_held && (is_asked || run.status().is_ok_and(|status| status.is_some())) {
            return;
        }
        if is_held && Instant::now() > deadline {
            tracing::error!(run = %run.path().display(), "a supervisor does not stop its step");
            succeeds(run, tell_supervisor(run, Signal::KILL));
            return;
        }
        tokio::time::sleep(GLANCE).await;
    }
}

/// Whether it was done; that it could not be is noted.
fn succeeds(run: &RunFolder, done: io::Result<bool>) -> bool {
    done.unwrap_or_else(|error| {
        tracing::error!(run = %run.path().display(), %error, "a step could not be asked to stop");
        false
    })
}

/// Whether there was one to tell.
fn tell_supervisor(run: &RunFolder, signal: Signal) -> io::Result<bool> {
    let Some(started) = run.started()? else { return Ok(false) };
    // Only a supervisor holds the lock, so while it is held the id is its own.
    let (true, Some(pid)) = (run.is_held()?, Pid::from_raw(started.supervisor)) else {
        return Ok(false);
    };
    kill_process(pid, signal)?;
    Ok(true)
}
