//! Steps and targets at GitHub that one approval, tag or branch would start together.

use crate::domain::event::StepSpec;
use crate::domain::remote::{GitHubWay, RemoteCall, RemoteJob};
use crate::domain::target::{StepTarget, TargetOrder};

/// Why a step cannot have this call beside the steps before it.
pub(super) fn beside_steps(call: &RemoteCall, before: &[StepSpec]) -> Option<String> {
    let mut others = before.iter().filter_map(|step| Some((&step.name, &step.remote()?.call)));
    others.find_map(|(name, other)| shared(call, other, name))
}

/// Why a target cannot have this call beside the targets before it in the same step.
pub(super) fn beside_targets(
    call: &RemoteCall,
    order: TargetOrder,
    before: &[(StepTarget, RemoteJob)],
) -> Option<String> {
    before.iter().find_map(|(target, job)| {
        let name = target.step_name();
        shared(call, &job.call, &name).or_else(|| {
            let is_one_run = order == TargetOrder::Together && is_of_one_run(call, &job.call);
            is_one_run.then(|| {
                format!(
                    "approves a job in the workflow of {name}, and both go together; use order = \"one-by-one\""
                )
            })
        })
    })
}

/// Why two steps of one pipeline cannot have these calls: what one of them does has both deploy.
fn shared(call: &RemoteCall, other: &RemoteCall, name: &str) -> Option<String> {
    let (own, others) = (call.way()?, other.way()?);
    if !call.allowed_as().eq_ignore_ascii_case(other.allowed_as()) {
        return None;
    }
    match (own, others) {
        (GitHubWay::Approve { environment }, GitHubWay::Approve { environment: same })
            if call.job() == other.job() && environment.eq_ignore_ascii_case(same) =>
        {
            Some(format!(
                "has the same approval as {name}: one approval starts every job of the run that waits for {environment:?}; give each \
                 its own environment, or have one step for all of them"
            ))
        }
        (GitHubWay::Tag { name: tag, .. }, GitHubWay::Tag { name: same, .. }) if tag == same => {
            Some(format!(
                "makes the same tag as {name}: one tag starts every workflow that is for it; give each its own tag, or have one \
                 step for all of them"
            ))
        }
        (GitHubWay::Branch { branch }, GitHubWay::Branch { branch: same }) if branch == same => {
            Some(format!(
                "moves the same branch as {name}: one move starts every workflow that is for it; give each its own branch, or have \
                 one step for all of them"
            ))
        }
        _ => None,
    }
}

/// Whether both approve jobs of the same workflow.
fn is_of_one_run(call: &RemoteCall, other: &RemoteCall) -> bool {
    let is_approval = |call: &RemoteCall| matches!(call.way(), Some(GitHubWay::Approve { .. }));
    let is_same = call.allowed_as().eq_ignore_ascii_case(other.allowed_as());
    is_approval(call) && is_approval(other) && is_same && call.job() == other.job()
}
