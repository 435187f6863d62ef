//! What a service's state is called in text: one set of sentences for the command line and for the pages.

pub mod measures;
pub mod on_call;
pub mod standing;
pub mod watch;

use chrono::{DateTime, Utc};

use super::build::Build;
use super::deployment::{Deployment, DeploymentState, SeenRun};
use super::event::{DeploymentKind, DeploymentRequest};
use super::ids::{BuildNumber, Environment};
use super::people::People;
use super::remote::{GitHubWay, SentRun};
use super::time::{between, say};

/// `2m10s ago`.
#[must_use]
pub fn ago(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    format!("{} ago", say(between(at, now)))
}

/// `in 3h` or `2m ago`.
#[must_use]
pub fn from_now(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    if at > now { format!("in {}", say(between(now, at))) } else { ago(at, now) }
}

/// `1 sample`, `2 samples`.
#[must_use]
pub fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Who wrote a build: one name, or `sam +2`.
#[must_use]
pub fn writers(build: &Build, people: &People) -> String {
    match build.writers(people).as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first, rest @ ..] => format!("{first} +{}", rest.len()),
    }
}

/// `promote of #12 to production`.
#[must_use]
pub fn asked_for(kind: DeploymentKind, build: BuildNumber, environment: Environment) -> String {
    format!("{kind} of {build} to {environment}")
}

/// What a deployment is about: `promote of #1288 to production`.
#[must_use]
pub fn about(deployment: &Deployment) -> String {
    let DeploymentRequest { kind, build, environment, .. } = &deployment.request;
    if deployment.is_of_restore() {
        return format!("restore of the record, in which {build} was live in {environment}");
    }
    if deployment.is_said() {
        let what = match deployment.unknown_commit() {
            Some(commit) => commit.to_string(),
            None => build.to_string(),
        };
        return format!("answer that {environment} runs {what}");
    }
    if let Some(commit) = deployment.unknown_commit() {
        return format!("deployment to {environment} of {commit}");
    }
    asked_for(*kind, *build, *environment)
}

/// The run of another engine that a deployment is, which trunkline did not start: `not by trunkline: run 881 at github`.
#[must_use]
pub fn seen_elsewhere(deployment: &Deployment) -> Option<String> {
    let SeenRun { engine, run, .. } = deployment.seen.as_deref()?;
    if deployment.is_said() {
        return Some("not by trunkline, and not seen: the service itself says so".to_owned());
    }
    let at = engine.as_ref().map_or(String::new(), |engine| format!(" at {engine}"));
    Some(format!("not by trunkline: {}{at}", run_in_words(run)))
}

/// `run 881`, or `deployment 5001` where the engine keeps deployments.
#[must_use]
pub fn run_in_words(run: &str) -> String {
    if run.starts_with("deployment ") { run.to_owned() } else { format!("run {run}") }
}

/// `succeeded in 12s`, `failed: release: exit 1`, `running release, 4s`.
#[must_use]
pub fn how_it_goes(deployment: &Deployment, now: DateTime<Utc>) -> String {
    let state = deployment.state();
    match (state, deployment.took()) {
        _ if deployment.is_said() => "not seen deployed".to_owned(),
        (DeploymentState::Succeeded, Some(took)) => {
            with_effect(deployment, format!("succeeded in {}", say(took)))
        }
        (DeploymentState::Running, _) if deployment.cancel.is_some() => {
            format!("being cancelled, {}", running(deployment, now))
        }
        (DeploymentState::Running, _) => running(deployment, now),
        (DeploymentState::Failed | DeploymentState::Interrupted, _) => {
            let why = deployment.trouble().unwrap_or("the reason is unknown");
            let waves = waves_left(deployment);
            with_effect(deployment, format!("{}{waves}: {why}", state.as_str()))
        }
        (DeploymentState::Cancelled, _) => {
            with_effect(deployment, format!("{}{}", state.as_str(), waves_left(deployment)))
        }
        _ => state.as_str().to_owned(),
    }
}

/// How far it came in its waves: `, partly: wave 1 of 3`.
fn waves_left(deployment: &Deployment) -> String {
    deployment.waves_left().map_or_else(String::new, |left| format!(", {left}"))
}

/// How its steps ended, and what the targets say that it brought about, which comes first where that is not all.
fn with_effect(deployment: &Deployment, steps: String) -> String {
    let build = deployment.request.build;
    match &deployment.effect {
        None => steps,
        Some(effect) if deployment.succeeded() && !effect.is_whole(build) => {
            format!("{} (its steps {steps})", effect.in_words(build))
        }
        Some(effect) => format!("{steps}, {}", effect.in_words(build)),
    }
}

/// [`how_it_goes`], which guards were overridden for it, and what of a rollback was open when its hold was released.
#[must_use]
pub fn outcome(deployment: &Deployment, now: DateTime<Utc>) -> String {
    let overridden: Vec<_> = deployment.request.overrides.keys().map(|g| g.as_str()).collect();
    let overridden = match overridden.as_slice() {
        [] => String::new(),
        guards => format!(" (overrode {})", guards.join(", ")),
    };
    let open = match deployment.left_open.as_slice() {
        [] => String::new(),
        open => format!("; its hold was released with this open: {}", open.join(", ")),
    };
    format!("{}{overridden}{open}", how_it_goes(deployment, now))
}

/// Where a step runs that does not run here, as far as that is known, and what it waits for there: `at deployer, run 881`.
#[must_use]
pub fn elsewhere(deployment: &Deployment, step: usize) -> Option<String> {
    let job = deployment.request.steps.get(step)?.remote()?;
    let engine = &job.engine;
    Some(match deployment.sent(step) {
        None => format!("at {engine}"),
        Some(SentRun { run: Some(run), late: Some(late), .. }) => {
            format!("at {engine}, run {}, which turned up late ({late})", run.id)
        }
        Some(SentRun { run: Some(run), waits, says, .. }) => {
            let waits = waits.as_ref().map(|waits| format!(", waits for {waits}"));
            let says = waits.or(says.as_ref().map(|says| format!(": {says}")));
            format!("at {engine}, run {}{}", run.id, says.unwrap_or_default())
        }
        Some(SentRun { key, .. }) => match job.call.way() {
            None => format!("for {engine} as {key}, no run known there yet"),
            Some(GitHubWay::Approve { environment }) => {
                format!(
                    "at {engine}, an approval of {environment} as {key}, which is not seen there yet"
                )
            }
            Some(GitHubWay::Tag { release, .. }) => {
                let what = if *release { "release" } else { "tag" };
                format!("at {engine}, by a {what}, no run of it known there yet")
            }
            Some(GitHubWay::Branch { branch }) => {
                format!("at {engine}, by a move of {branch}, no run of it known there yet")
            }
        },
    })
}

/// The address of the page about that run, at the other engine.
#[must_use]
pub fn page_elsewhere(deployment: &Deployment, step: usize) -> Option<&str> {
    deployment.sent(step)?.run.as_ref()?.page.as_deref()
}

fn running(deployment: &Deployment, now: DateTime<Utc>) -> String {
    let since = deployment.started_at.unwrap_or(deployment.requested_at);
    let steps = deployment.running_steps().filter_map(|step| deployment.request.steps.get(step));
    let names: Vec<_> = steps.map(|spec| spec.name.as_str()).collect();
    let what = format!("running {}", names.join(", "));
    let what = match deployment.waiting_wave() {
        Some(wait) => {
            let until = wait.until.map_or_else(
                || "until continued".to_owned(),
                |until| format!("for {}", say(between(now, until))),
            );
            format!("waits after {} {until}", wait.named())
        }
        None => what,
    };
    let what = what.trim_end();
    format!("{what}, {}", say(between(since, now)))
}
