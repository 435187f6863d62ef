//! What GitHub says now of the steps of a plan that deploy without a dispatch.

use std::time::Duration;

use tokio::time::timeout;

use super::GatherContext;
use crate::domain::event::StepSpec;
use crate::domain::ids::{ServiceName, Sha};
use crate::domain::plan::{Endpoints, Finding, Guard, Severity};
use crate::domain::remote::{GitHubWay, RemoteJob, filled};
use crate::engine::runner::remote::{WayHindrance, WayQuestion};

/// How long a plan waits for GitHub.
const PATIENCE: Duration = Duration::from_secs(8);

/// What is planned.
#[derive(Clone, Copy)]
pub(super) struct PlannedSteps<'a> {
    pub service: &'a ServiceName,
    pub target: &'a Sha,
    pub ends: &'a Endpoints,
    /// The identity of whoever would confirm it.
    pub presser: Option<&'a str>,
}

/// What the step does there.
fn does(job: &RemoteJob, target: &Sha, value: &dyn Fn(&str) -> String) -> String {
    let workflow = job.call.job();
    match job.call.way() {
        Some(GitHubWay::Approve { environment }) => format!(
            "approves {environment} of the run of {workflow} for {} in your own name",
            target.short()
        ),
        Some(GitHubWay::Tag { name, release }) => {
            let what = if *release { "release" } else { "tag" };
            format!(
                "makes the {what} {} at {}, which starts {workflow}",
                filled(name, value),
                target.short()
            )
        }
        Some(GitHubWay::Branch { branch }) => {
            format!(
                "moves the branch {branch} forwards to {}, which starts {workflow}",
                target.short()
            )
        }
        None => format!("starts {workflow}"),
    }
}

/// One finding for each step: what it does, why it could not deploy, or that this is not known.
pub(super) async fn findings(
    context: &GatherContext,
    steps: &[StepSpec],
    planned: PlannedSteps<'_>,
) -> Vec<Finding> {
    let (mut findings, mut is_after_approval) = (Vec::new(), false);
    for step in steps {
        let Some(job) = step.remote().filter(|job| job.call.way().is_some()) else { continue };
        let PlannedSteps { service, target, ends, presser } = planned;
        let value = |name: &str| match name {
            "sha" => target.to_string(),
            "short_sha" => target.short().to_owned(),
            "build" => ends.target.0.to_string(),
            "environment" => ends.environment.to_string(),
            "service" => service.to_string(),
            "kind" => ends.kind.to_string(),
            later => format!("{{{later}}}"),
        };
        let build = ends.target.0;
        let question =
            WayQuestion { job, build, sha: target, presser, is_after_approval, value: &value };
        is_after_approval |= job.call.needs_presser();
        let looked = timeout(PATIENCE, context.engines.hindrance(&question)).await;
        let late = || Err(WayHindrance::NotKnown("it does not answer in time".into()));
        let (severity, sentence) = match looked.unwrap_or_else(|_| late()) {
            Ok(()) => (Severity::Info, does(job, target, &value)),
            Err(WayHindrance::Sure(why)) => (Severity::Refuse, why),
            Err(WayHindrance::NotKnown(why)) => {
                let engine = &job.engine;
                (Severity::Warn, format!("whether it can deploy is not known: {engine}: {why}"))
            }
        };
        let sentence = match severity {
            Severity::Info => format!("Step {} {sentence}", step.name),
            _ => format!("Step {}: {sentence}", step.name),
        };
        findings.push(Finding {
            guard: Guard::Engine,
            severity,
            sentence,
            remedy: None,
            unknown: false,
        });
    }
    findings
}
