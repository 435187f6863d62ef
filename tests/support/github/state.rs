//! What the GitHub of tests knows, and what follows by itself: concurrency groups and late lists.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::GitHubRequest;
use super::clock::GitHubClock;
use super::deployment::FakeDeployment;
use super::environment::FakeEnvironment;
use super::fault::{DispatchFault, Limited, LogFault, PlannedFault};
use super::git::FakeGit;
use super::run::{FakeRun, RunOf};
use super::workflow::FakeWorkflow;

/// The number of the first run.
const FIRST_RUN: u64 = 881;
/// The number of the first workflow.
const FIRST_WORKFLOW: u64 = 7_001;

pub(super) type OnRun = Box<dyn Fn(&mut FakeRun) + Send>;

pub(super) struct State {
    pub clock: GitHubClock,
    pub repositories: BTreeSet<String>,
    /// Who has which token.
    pub tokens: BTreeMap<String, String>,
    /// The runs by their numbers.
    pub runs: BTreeMap<u64, FakeRun>,
    /// The runs as the lists show them, while these do not follow.
    pub frozen: Option<BTreeMap<u64, FakeRun>>,
    /// How late a run appears in the lists.
    pub lag: TimeDelta,
    pub workflows: Vec<FakeWorkflow>,
    pub git: FakeGit,
    pub deployments: Vec<FakeDeployment>,
    pub environments: Vec<FakeEnvironment>,
    pub on_dispatch: OnRun,
    pub on_review: OnRun,
    pub dispatch: DispatchFault,
    pub log: LogFault,
    pub planned: Vec<PlannedFault>,
    /// How many requests were held, and how many of these were let go.
    pub held: u32,
    pub let_go: u32,
    pub limited: Option<Limited>,
    /// What is left of the requests of the hour, by token, and when that is renewed.
    pub left: BTreeMap<String, u64>,
    pub renewed_at: DateTime<Utc>,
    /// Added once a first page of a list was read.
    pub between_pages: Option<FakeRun>,
    pub seen: Vec<GitHubRequest>,
    /// What asked for the text of a job, or was sent on: whether it brought a token.
    pub downloads: Vec<bool>,
    pub strays: Vec<bool>,
    pub shows_keys: bool,
    pub is_odd: bool,
}

impl State {
    /// How many requests a token has in an hour.
    pub const HOURLY: u64 = 5_000;

    pub fn workflow(&self, repository: &str, file_or_id: &str) -> Option<&FakeWorkflow> {
        let is_it = |workflow: &&FakeWorkflow| {
            workflow.repository == repository
                && (workflow.file == file_or_id || workflow.id.to_string() == file_or_id)
        };
        self.workflows.iter().find(is_it)
    }

    /// The workflow, which is added if there is none.
    pub fn workflow_mut(&mut self, repository: &str, file: &str) -> &mut FakeWorkflow {
        let is_it = |one: &FakeWorkflow| one.repository == repository && one.file == file;
        let at = self.workflows.iter().position(is_it).unwrap_or_else(|| {
            self.workflows.push(FakeWorkflow {
                id: FIRST_WORKFLOW + self.workflows.len() as u64,
                repository: repository.to_owned(),
                file: file.to_owned(),
                state: "active".into(),
                ..FakeWorkflow::default()
            });
            self.workflows.len() - 1
        });
        &mut self.workflows[at]
    }

    /// A run that was not added yet.
    pub fn run_of(&mut self, of: &RunOf<'_>) -> FakeRun {
        self.repositories.insert(of.repository.to_owned());
        let group = self.workflow_mut(of.repository, of.workflow).group.clone();
        let now = self.clock.now();
        FakeRun {
            id: FIRST_RUN + self.runs.len() as u64,
            repository: of.repository.to_owned(),
            workflow: of.workflow.to_owned(),
            title: of.title.to_owned(),
            event: of.event.to_owned(),
            branch: of.branch.to_owned(),
            sha: of.sha.to_owned(),
            actor: of.actor.to_owned(),
            triggering_actor: of.actor.to_owned(),
            status: of.status.to_owned(),
            conclusion: of.conclusion.map(str::to_owned),
            attempt: 1,
            group,
            is_listed: true,
            listed_at: now + self.lag,
            hears: true,
            created_at: now,
            started_at: now,
            updated_at: now,
            clock: self.clock.clone(),
            ..FakeRun::default()
        }
    }

    /// Adds a run. One whose group is taken waits, and the one that waited before it ends; or those that run end.
    pub fn add(&mut self, mut run: FakeRun, is_dispatched: bool) -> u64 {
        let id = run.id;
        let cancels = self
            .workflow(&run.repository, &run.workflow)
            .is_some_and(|workflow| workflow.cancels_in_progress);
        let mut waits = false;
        for other in self.runs.values_mut().filter(|other| shares_group(other, &run)) {
            if cancels || other.status == "pending" {
                other.ends("cancelled");
                other.updated_at = run.created_at;
            } else {
                waits = true;
            }
        }
        if waits {
            run.status = "pending".into();
        } else if is_dispatched {
            (self.on_dispatch)(&mut run);
        }
        self.runs.insert(id, run);
        id
    }

    /// Starts the workflows that a push of a branch or a tag starts, or a release.
    pub fn pushed(&mut self, repository: &str, (event, name, sha): (&str, &str, &str), by: &str) {
        let (kind, short) = name.split_once('/').unwrap_or_default();
        let is_started = |workflow: &&FakeWorkflow| {
            let is_push = match kind {
                "tags" => workflow.tags.iter().any(|start| short.starts_with(start)),
                _ => workflow.branches.contains(short),
            };
            workflow.repository == repository
                && (event == "push" && is_push || event == "release" && workflow.on_release)
        };
        let started: Vec<_> =
            self.workflows.iter().filter(is_started).map(|one| one.file.clone()).collect();
        for workflow in started {
            let run = self.run_of(&RunOf {
                repository,
                workflow: &workflow,
                event,
                branch: short,
                sha,
                actor: by,
                ..RunOf::default()
            });
            self.add(run, true);
        }
    }

    /// Changes a run, and lets the next one of its group begin if it is over.
    pub fn change<T>(&mut self, id: u64, change: impl FnOnce(&mut FakeRun) -> T) -> Option<T> {
        let run = self.runs.get_mut(&id)?;
        let changed = change(run);
        run.updated_at = self.clock.now();
        let run = run.clone();
        let is_taken =
            self.runs.values().any(|other| shares_group(other, &run) && other.status != "pending");
        let next = self
            .runs
            .values_mut()
            .find(|other| shares_group(other, &run) && other.status == "pending");
        if run.is_over()
            && !is_taken
            && let Some(next) = next
        {
            next.status = "queued".into();
            next.updated_at = self.clock.now();
            if next.event == "workflow_dispatch" {
                (self.on_dispatch)(next);
            }
        }
        Some(changed)
    }

    /// The runs as the lists show them now, the newest first.
    pub fn listed(&self) -> impl Iterator<Item = &FakeRun> {
        let now = self.clock.now();
        let runs = self.frozen.as_ref().unwrap_or(&self.runs);
        let is_shown = move |run: &&FakeRun| run.is_listed && run.listed_at <= now;
        let mut all: Vec<_> = runs.values().filter(is_shown).collect();
        all.sort_by_key(|run| std::cmp::Reverse((run.created_at, run.id)));
        all.into_iter()
    }

    /// Counts a request of a token. `None` if none is left.
    pub fn spend(&mut self, token: &str) -> Option<u64> {
        let now = self.clock.now();
        if now >= self.renewed_at {
            self.left.clear();
            self.renewed_at = now + TimeDelta::hours(1);
        }
        let left = self.left.entry(token.to_owned()).or_insert(Self::HOURLY);
        *left = left.checked_sub(1)?;
        Some(*left)
    }

    /// What befalls a request, if something does.
    pub fn planned(&mut self, method: &str, path: &str) -> Option<PlannedFault> {
        let is_it = |fault: &PlannedFault| {
            fault.times > 0 && fault.method == method && path.contains(&fault.part)
        };
        let fault = self.planned.iter_mut().find(|fault| is_it(fault))?;
        fault.times -= 1;
        Some(fault.clone())
    }
}

/// Whether a run has not ended that is in the concurrency group of another.
fn shares_group(run: &FakeRun, other: &FakeRun) -> bool {
    let group = |run: &FakeRun| run.group.as_ref().map(|group| group.to_lowercase());
    !run.is_over()
        && run.id != other.id
        && run.repository == other.repository
        && run.group.is_some()
        && group(run) == group(other)
}
