//! The ways to production: jobs that deploy it together, by what starts them.

use serde::Serialize;

use crate::class::EnvironmentClass;
use crate::deploys::{ClassSource, DeployTarget, DeployingJob, Proof, lane_words};
use crate::occasion::TriggerKind;

/// How builds come to production.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum ProductionPattern {
    /// One run deploys staging and then production.
    #[serde(rename = "B")]
    AfterStaging,
    /// Each merge, straight.
    #[serde(rename = "A")]
    EveryMerge,
    #[serde(rename = "C")]
    TagOrRelease,
    #[serde(rename = "D")]
    Branch,
    #[serde(rename = "E")]
    Dispatch,
    #[serde(rename = "F")]
    HandedOver,
    #[serde(rename = "G")]
    NoneHere,
}

/// The jobs of one workflow that deploy together when one thing happens.
#[derive(Debug, Clone)]
pub(crate) struct ProductionWay<'a> {
    pub pattern: ProductionPattern,
    pub jobs: Vec<&'a DeployingJob>,
    /// The staging jobs that have to end before, the nearest.
    pub staging: Vec<&'a DeployingJob>,
}

impl ProductionWay<'_> {
    pub fn first(&self) -> &DeployingJob {
        self.jobs.first().expect("a way has a job")
    }
}

/// All ways on which jobs of `wanted` run, the normal one first.
pub(crate) fn ways<'a>(
    all: &'a [DeployingJob],
    wanted: impl Fn(&DeployingJob) -> bool,
) -> Vec<ProductionWay<'a>> {
    let mut ways: Vec<ProductionWay<'a>> = Vec::new();
    let mut rest: Vec<&DeployingJob> = all.iter().filter(|job| wanted(job)).collect();
    while let Some(first) = rest.first().copied() {
        let (mut together, others) = rest.into_iter().partition(|job| are_together(first, job));
        rest = others;
        keep_targets(&mut together);
        ways.push(way(all, together));
    }
    // Work on an environment that no command shows comes after what a command shows.
    let proof = |way: &ProductionWay<'_>| way.jobs.iter().map(|job| job.proof).max();
    let best = ways.iter().filter_map(proof).max();
    if best >= Some(Proof::Named) {
        ways.retain(|way| proof(way) >= Some(Proof::Named));
    }
    ways.sort_by_key(|way| way.pattern);
    ways
}

/// Whether two jobs run when the same thing happens.
pub(crate) fn are_together(one: &DeployingJob, other: &DeployingJob) -> bool {
    one.file == other.file
        && one.occasion.trigger == other.occasion.trigger
        && one.occasion.origin == other.occasion.origin
        && one.occasion.inputs == other.occasion.inputs
}

fn is_before(one: &DeployingJob, other: &DeployingJob) -> bool {
    other.job.before.iter().any(|id| {
        one.job.id == *id
            || one.job.id.strip_prefix(id.as_str()).is_some_and(|rest| rest.starts_with('/'))
    })
}

/// Leaves out what only follows the deploy: jobs without a deploying command beside some with one, and jobs that come after
/// another one and do something else.
pub(crate) fn keep_targets(jobs: &mut Vec<&DeployingJob>) {
    let best = jobs.iter().map(|job| job.proof).max();
    jobs.retain(|job| Some(job.proof) == best);
    let by_environment = |job: &&DeployingJob| {
        matches!(job.target, DeployTarget::Sure { by: ClassSource::Environment, .. })
    };
    if jobs.iter().any(by_environment) {
        jobs.retain(by_environment);
    }
    let all = jobs.clone();
    if best == Some(Proof::Verb) {
        jobs.retain(|job| {
            !all.iter().any(|other| other.means != job.means && is_before(other, job))
        });
    }
}

fn way<'a>(all: &'a [DeployingJob], jobs: Vec<&'a DeployingJob>) -> ProductionWay<'a> {
    let staging = staging_before(all, &jobs);
    let first = jobs[0];
    let after_staging = match first.trigger() {
        TriggerKind::AfterWorkflow(name) => deploys_staging(all, name),
        _ => false,
    };
    let pattern = match first.occasion.root() {
        _ if !staging.is_empty() || after_staging => ProductionPattern::AfterStaging,
        TriggerKind::Dispatch => ProductionPattern::Dispatch,
        TriggerKind::Tag(_) | TriggerKind::Release => ProductionPattern::TagOrRelease,
        TriggerKind::PushBranch(_) => ProductionPattern::Branch,
        TriggerKind::PushTrunk
        | TriggerKind::MergeGroup
        | TriggerKind::PullRequestMerged
        | TriggerKind::AfterWorkflow(_)
        | TriggerKind::Schedule
        | TriggerKind::RepositoryDispatch => ProductionPattern::EveryMerge,
    };
    ProductionWay { pattern, jobs, staging }
}

/// The staging jobs of the same run that have to end before, without those that another of them waits for.
fn staging_before<'a>(all: &'a [DeployingJob], jobs: &[&'a DeployingJob]) -> Vec<&'a DeployingJob> {
    let is_staging = |job: &&DeployingJob| job.class() == Some(EnvironmentClass::Staging);
    let before: Vec<&DeployingJob> = all
        .iter()
        .filter(is_staging)
        .filter(|job| jobs.iter().any(|other| are_together(job, other) && is_before(job, other)))
        .collect();
    let mut nearest = nearest(&before);
    keep_targets(&mut nearest);
    nearest
}

/// Those that no other of them waits for, with all of their lane.
pub(crate) fn nearest<'a>(jobs: &[&'a DeployingJob]) -> Vec<&'a DeployingJob> {
    let is_last = |job: &&DeployingJob| !jobs.iter().any(|other| is_before(job, other));
    let last: Vec<_> = jobs.iter().copied().filter(is_last).map(lane_words).collect();
    jobs.iter().copied().filter(|job| last.contains(&lane_words(job))).collect()
}

/// Whether a workflow deploys staging. It is named by its `name:`.
fn deploys_staging(all: &[DeployingJob], name: &str) -> bool {
    all.iter().any(|job| job.workflow == name && job.class() == Some(EnvironmentClass::Staging))
}
