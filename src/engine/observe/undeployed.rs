//! Finds out why CI did not bring a build to staging, as far as the repository tells it.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};

use super::ServiceLane;
use super::judge;
use crate::domain::build::Build;
use crate::domain::event::DeploymentKind;
use crate::domain::ids::{BuildNumber, Environment, ServiceName, Sha};
use crate::domain::lane::{CommitFrom, LaneKind};
use crate::domain::service::ServiceState;
use crate::domain::undeployed::Undeployed;
use crate::engine::runner::remote::{ListedRuns, PartState, RepositoryRun};
use crate::engine::world::World;
use crate::git::{GitError, Mirror};
use crate::workflows::NoPushRun;

/// The most builds that are looked at: older ones are history.
const MOST_BUILDS: usize = 20;
/// The most commits of a build that are looked at.
const MOST_COMMITS: usize = 200;
/// The most files of one commit that are listed with it.
const MOST_FILES: usize = 200;
/// How far the clock of the engine may be from ours.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(2);
/// What in a message keeps GitHub from starting a workflow.
const SKIPS: [&str; 5] = ["[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]"];
/// Whose pushes start no workflow: those with the token of a run.
const TOKEN_OF_RUN: &str = "github-actions[bot]";

/// Why nothing of a build ran, by its commit.
pub(super) type KnownReasons = HashMap<(ServiceName, Sha), Option<(String, bool)>>;

/// What is needed to find out why a build was not deployed.
pub(super) struct UndeployedQuestion {
    mirror: Mirror,
    trunk: String,
    /// Each with the commit of the one before it.
    builds: Vec<(Build, Option<Sha>)>,
    /// Whether the runs of the lane are of this repository.
    is_same: bool,
    /// When those ended that were seen and whose commit is no build; `None` for one that goes on.
    nameless: Vec<Option<DateTime<Utc>>>,
    /// What is said now.
    pub said: BTreeMap<BuildNumber, Undeployed>,
}

/// What a lane of staging has to answer for. `None` if it is no such lane.
pub(super) fn question(
    world: &World,
    lane: &ServiceLane,
    since: DateTime<Utc>,
) -> Option<UndeployedQuestion> {
    if lane.environment != Environment::Staging || lane.lane.hands_over {
        return None;
    }
    let service = world.services.get(&lane.service)?;
    let is_same = service.state.deployments.values().rev().any(|deployment| {
        let request = &deployment.request;
        request.environment == Environment::Staging
            && request.kind == DeploymentKind::External
            && deployment.unknown_commit().is_none()
    });
    let before = |build: &Build| {
        let mut older = service.state.builds.range(..build.number).rev();
        older.find(|(_, older)| !older.off_trunk).map(|(_, older)| older.sha.clone())
    };
    let waiting = service.state.waiting_since(since);
    let waiting = waiting.map(|build| (build.clone(), before(build)));
    Some(UndeployedQuestion {
        mirror: service.mirror.clone(),
        trunk: service.trunk.clone().unwrap_or_default(),
        builds: waiting.take(MOST_BUILDS).collect(),
        is_same,
        nameless: nameless(&service.state),
        said: service.state.undeployed.clone(),
    })
}

/// What the engine tells of a lane.
#[derive(Default)]
pub(super) struct LaneRuns<'a> {
    runs: Vec<&'a RepositoryRun>,
    /// No run that was made after it is missing; `None` if none is missing at all.
    since: Option<DateTime<Utc>>,
    /// When those ended whose commit is not known; `None` for one that goes on.
    nameless: Vec<Option<DateTime<Utc>>>,
}

impl<'a> LaneRuns<'a> {
    pub fn of(lane: &ServiceLane, listed: &'a ListedRuns) -> Self {
        let runs = listed.runs.iter().filter(|run| judge::is_of(&lane.lane, run));
        let (nameless, runs): (Vec<_>, Vec<_>) =
            runs.partition(|run| judge::commit(&lane.lane, run).is_err());
        let end = |run: &RepositoryRun| match &run.state {
            PartState::Ended { at, .. } => *at,
            PartState::Waiting | PartState::Running => None,
        };
        let nameless = nameless.into_iter().map(end).collect();
        Self { runs, since: listed.since, nameless }
    }

    /// Of a lane of deployments, where these have no known commit.
    pub fn of_deployments(nameless: Vec<Option<DateTime<Utc>>>) -> Self {
        Self { nameless, ..Self::default() }
    }
}

/// When the deployments to staging ended that were seen and whose commit is no build.
fn nameless(state: &ServiceState) -> Vec<Option<DateTime<Utc>>> {
    let of_staging = state.deployments.values().filter(|deployment| {
        let environment = deployment.request.environment;
        environment == Environment::Staging && deployment.unknown_commit().is_some()
    });
    of_staging.map(|deployment| deployment.ended.as_ref().map(|ended| ended.at)).collect()
}

/// Before this time there can have been no run of a build. The clock of who committed it counts only where it makes it earlier.
fn made(build: &Build) -> DateTime<Utc> {
    let committed = build.commits.first().map_or(build.found_at, |commit| commit.at);
    committed.min(build.found_at) - CLOCKS_DIFFER
}

/// The builds that CI did not deploy, with the reasons. One whose run waits or runs is not among them, nor one that a run of an
/// unknown commit may have deployed, nor one whose run may stand behind the end of the list.
pub(super) async fn answer(
    question: &UndeployedQuestion,
    lane: &ServiceLane,
    of_lane: &LaneRuns<'_>,
    known: &mut KnownReasons,
) -> BTreeMap<BuildNumber, Undeployed> {
    let mut all = BTreeMap::new();
    for (build, before) in &question.builds {
        let made = made(build);
        let mut nameless = question.nameless.iter().chain(&of_lane.nameless);
        if nameless.any(|ended| ended.is_none_or(|ended| ended >= made)) {
            continue;
        }
        let is_it = |run: &&&RepositoryRun| {
            let commit = judge::commit(&lane.lane, run);
            commit.is_ok_and(|commit| build.sha.as_str().starts_with(commit.as_str()))
        };
        let runs = of_lane.runs.iter().filter(is_it);
        let undeployed = match runs.max_by_key(|run| (run.id, run.attempt)) {
            Some(run) => match &run.state {
                PartState::Waiting | PartState::Running => continue,
                PartState::Ended { word, .. } => {
                    Undeployed { why: Some(of_run(run, word)), is_meant: false }
                }
            },
            // What was said while the list went back far enough stays true.
            None if of_lane.since.is_some_and(|since| since > made) => {
                let said = question.said.get(&build.number).cloned();
                let Some(said) = said else { continue };
                said
            }
            None => of_none(question, lane, (build, before.as_ref()), known).await,
        };
        all.insert(build.number, undeployed);
    }
    all
}

fn of_run(run: &RepositoryRun, word: &str) -> String {
    match word {
        "success" => format!("its run {} did not reach the job that deploys", run.id),
        "cancelled" => format!("its run {} was cancelled before it deployed", run.id),
        word => format!("its run {} ended as {word}", run.id),
    }
}

/// Why there is no run of a build, as far as its commit tells.
async fn of_none(
    question: &UndeployedQuestion,
    lane: &ServiceLane,
    (build, before): (&Build, Option<&Sha>),
    known: &mut KnownReasons,
) -> Undeployed {
    let is_by_push = lane.lane.event.as_deref().is_none_or(|event| event == "push");
    let is_by_commit =
        lane.lane.commit == CommitFrom::Event || lane.lane.commit == CommitFrom::Head;
    let LaneKind::Workflow(file) = &lane.lane.kind else {
        return Undeployed { why: None, is_meant: false };
    };
    if !question.is_same || !is_by_push || !is_by_commit {
        return Undeployed { why: None, is_meant: false };
    }
    let key = (lane.service.clone(), build.sha.clone());
    let reason = if let Some(known) = known.get(&key) {
        known.clone()
    } else {
        let found = Box::pin(reason(question, file, build, before)).await;
        let found = found.unwrap_or_else(|error| {
            tracing::warn!(build = %build.number, %error, "why CI did not deploy it cannot be looked up");
            None
        });
        if known.len() >= MOST_BUILDS * 10 {
            known.clear();
        }
        known.insert(key, found.clone());
        found
    };
    let (why, is_meant) = reason.map_or((None, false), |(why, is_meant)| (Some(why), is_meant));
    Undeployed { why, is_meant }
}

/// The reason, and whether somebody wanted it so.
async fn reason(
    question: &UndeployedQuestion,
    file: &str,
    build: &Build,
    before: Option<&Sha>,
) -> Result<Option<(String, bool)>, GitError> {
    let message = question.mirror.message(&build.sha).await?.to_ascii_lowercase();
    if let Some(skip) = SKIPS.iter().find(|skip| message.contains(**skip)) {
        return Ok(Some((format!("{skip} is in its message"), true)));
    }
    let files = question.mirror.workflows(&build.sha).await?;
    let changed = changed(&question.mirror, before, &build.sha).await?;
    let why = match files.no_push_run(file, &question.trunk, changed.as_deref()) {
        Some(NoPushRun::NoFile) => Some((format!("this commit has no {file}"), false)),
        Some(NoPushRun::NotOnPush) => {
            Some((format!("no push starts {file} at this commit"), false))
        }
        Some(NoPushRun::OtherBranches) => {
            Some((format!("{file} at this commit is not for {}", question.trunk), false))
        }
        Some(NoPushRun::OtherPaths) => {
            let why = format!("{file} is for some paths only, and nothing of them changed");
            Some((why, true))
        }
        None => None,
    };
    let by_token = build.commits.first().filter(|commit| commit.author.name == TOKEN_OF_RUN);
    let hint = by_token.map(|_| {
        let why = format!(
            "perhaps because {TOKEN_OF_RUN} merged it: what a run pushes with its own token starts no workflow"
        );
        (why, false)
    });
    Ok(why.or(hint))
}

/// The paths that a build changes; `None` where not all of them are known.
async fn changed(
    mirror: &Mirror,
    before: Option<&Sha>,
    sha: &Sha,
) -> Result<Option<Vec<String>>, GitError> {
    let Some(before) = before else { return Ok(None) };
    let range = mirror.range(Some(before), sha, None, MOST_COMMITS).await?;
    let is_whole = range.more == 0 && range.lost.is_empty();
    let is_whole = is_whole && range.commits.iter().all(|commit| commit.files.len() < MOST_FILES);
    let files = range.commits.into_iter().flat_map(|commit| commit.files);
    Ok(is_whole.then(|| files.collect()))
}
