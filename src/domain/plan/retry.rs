//! The guards on a retry in staging, and what a retry in production repeats.

use chrono::{DateTime, Utc};

use super::promote::{hold, in_flight, quarantine, skipped};
use super::{Finding, Guard, PlanInput, Severity, finding, no_build};
use crate::domain::build::Build;
use crate::domain::command::Refusal;
use crate::domain::deployment::Deployment;
use crate::domain::event::{DeploymentKind, Outcome};
use crate::domain::ids::{BuildNumber, Environment};
use crate::domain::policy::{Policy, Staging};
use crate::domain::remedy::Remedy;
use crate::domain::service::ServiceState;
use crate::domain::time::{between, say};

/// The kind of a promote of this build.
pub(super) fn promote_of(build: BuildNumber, live: Option<BuildNumber>) -> DeploymentKind {
    if live == Some(build) { DeploymentKind::Redeploy } else { DeploymentKind::Promote }
}

/// What a retry in production is: the promote or rollback that did not succeed, with all its guards.
pub(super) fn in_production(
    state: &ServiceState,
    build: BuildNumber,
    live: Option<BuildNumber>,
) -> Result<DeploymentKind, Refusal> {
    if !state.builds.contains_key(&build) {
        return Err(no_build(build));
    }
    let may_be_promoted = live.is_none_or(|live| live <= build);
    let refuse = |refusal: Refusal| {
        Err(if may_be_promoted { refusal.with(Remedy::Promote { build }) } else { refusal })
    };
    let Some(last) = state.last_of(build, Environment::Production) else {
        let sentence = format!("trunkline never deployed {build} to production");
        return refuse(Refusal::not_found(sentence));
    };
    match last.request.kind {
        _ if last.succeeded() => refuse(Refusal::invalid(format!(
            "{} of {build} to production ({}) succeeded; there is nothing to try again",
            last.request.kind, last.id
        ))),
        DeploymentKind::Rollback => Ok(DeploymentKind::Rollback),
        _ => Ok(promote_of(build, live)),
    }
}

pub(super) fn findings(input: PlanInput<'_>, target: &Build, now: DateTime<Utc>) -> Vec<Finding> {
    let staging = Environment::Staging;
    let mut findings =
        vec![order(input, target), in_flight(input, staging, now), hold(input, staging, now)];
    findings.extend(in_doubt(input, target));
    findings.extend(skipped(input, target));
    // A build with a bad commit goes to staging by itself, too.
    findings.extend(quarantine(input, target, now).map(|bad| Finding {
        severity: bad.severity.min(Severity::Warn),
        remedy: None,
        ..bad
    }));
    findings
}

fn order(input: PlanInput<'_>, target: &Build) -> Finding {
    let with = |severity, sentence: String| finding(Guard::Order, severity, sentence);
    let number = target.number;
    if let Some(why) = unfit(target, waits(input.state, target), input.policy) {
        return with(Severity::Refuse, why);
    }
    let Some(live) = input.state.live(Environment::Staging) else {
        return with(Severity::Info, "No build went well in staging yet".to_owned());
    };
    let runs = live.build;
    match input.state.unsettled(Environment::Staging) {
        _ if number > runs => with(Severity::Info, format!("{number} is newer than {runs}")),
        _ if number < runs => with(
            Severity::Warn,
            format!(
                "{number} is older than {runs}. It takes the place of {runs} in staging until the next build comes"
            ),
        ),
        Some(partly) if partly.succeeded() => {
            let sentence = format!("Deploys {number} to all targets again, after {}", partly.id);
            with(Severity::Info, sentence)
        }
        Some(failed) => with(
            Severity::Info,
            format!(
                "Restores {number}, which staging ran before {} of {}",
                failed.id, failed.request.build
            ),
        ),
        None => {
            let sentence = format!(
                "Staging runs {number} already ({}), and nothing failed since: there is nothing to try again",
                live.deployment
            );
            with(Severity::Refuse, sentence)
        }
    }
}

/// Why staging does not take a build by a retry, whatever runs there now; `None` if it does. `waits` is whether staging takes
/// it next by itself.
fn unfit(build: &Build, waits: bool, policy: &Policy) -> Option<String> {
    let number = build.number;
    if policy.staging == Staging::Observe {
        let sentence =
            "Another engine deploys to staging and trunkline only watches: retry it there";
        return Some(sentence.to_owned());
    }
    if build.off_trunk {
        return Some(format!(
            "{number} is not on the trunk any more: a force-push took it away, and staging follows the trunk"
        ));
    }
    waits.then(|| format!("{number} waits for staging and starts by itself as soon as it can"))
}

fn waits(state: &ServiceState, build: &Build) -> bool {
    state.next_for_staging().is_some_and(|next| next.number == build.number)
}

/// That another deployment than the one to try again left staging in doubt.
fn in_doubt(input: PlanInput<'_>, target: &Build) -> Option<Finding> {
    let failed = input.state.unsettled(Environment::Staging)?;
    let build = failed.request.build;
    let how = if failed.succeeded() { "left its targets apart" } else { "did not succeed" };
    let sentence = format!("What staging runs is in doubt: {} of {build} {how}", failed.id);
    (build != target.number).then(|| finding(Guard::Order, Severity::Warn, sentence))
}

/// What became of the deployment that is tried again.
pub(super) fn again(retried: &Deployment, now: DateTime<Utc>) -> Finding {
    let (id, kind, build) = (retried.id, retried.request.kind, retried.request.build);
    let ended = retried.ended.as_ref();
    let ago = ended.map_or_else(String::new, |end| format!(" {} ago", say(between(end.at, now))));
    let how = match ended.map(|end| &end.outcome) {
        Some(Outcome::Failed(why)) => format!("failed{ago}: {why}"),
        Some(Outcome::Interrupted(why)) => {
            format!("was interrupted{ago}, and how far it came is not known: {why}")
        }
        Some(_) => format!("was cancelled{ago}"),
        None => "is being cancelled".to_owned(),
    };
    let what = match kind {
        DeploymentKind::Auto | DeploymentKind::Retry => format!("{id} of {build}"),
        kind => format!("{id}, {kind} of {build},"),
    };
    if retried.started_at.is_some() {
        let sentence = format!("{what} {how}. Its steps run again from the first");
        finding(Guard::Order, Severity::Warn, sentence)
    } else {
        let began = if ended.is_some() { "It never began" } else { "It did not begin yet" };
        finding(Guard::Order, Severity::Info, format!("{what} {how}. {began}"))
    }
}

/// A retry in staging of a build that failed there, was passed over or was replaced, unless staging does not take it.
/// `waits` is whether staging takes it next by itself.
#[must_use]
pub fn retry_of(build: &Build, waits: bool, policy: &Policy) -> Option<Remedy> {
    let (number, environment) = (build.number, Environment::Staging);
    let retry = Remedy::Retry { build: number, environment };
    unfit(build, waits, policy).is_none().then_some(retry)
}

/// The same, asked of the record.
#[must_use]
pub fn retry_in_staging(state: &ServiceState, build: &Build, policy: &Policy) -> Option<Remedy> {
    retry_of(build, waits(state, build), policy)
}

/// What puts the build back into staging that this retry replaces.
pub(super) fn undo(input: PlanInput<'_>, target: BuildNumber) -> (String, Option<Remedy>) {
    let Some(live) = input.state.live_build(Environment::Staging) else {
        return ("none: no build went well in staging yet".to_owned(), None);
    };
    if live.number == target {
        return (format!("none: {target} is what staging ran before, too"), None);
    }
    if let Some(why) = unfit(live, waits(input.state, live), input.policy) {
        return (format!("none: {why}"), None);
    }
    let remedy = Remedy::Retry { build: live.number, environment: Environment::Staging };
    (remedy.to_string(), Some(remedy))
}
