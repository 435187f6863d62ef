//! What a test does with the GitHub of tests: what others do there, and how mean it is.

use std::sync::Arc;

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};

use super::deployment::{DeploymentOf, FakeDeployment, FakeDeploymentStatus};
use super::environment::FakeEnvironment;
use super::fault::{DispatchFault, FaultKind, Limited, LogFault, PlannedFault};
use super::git::FakeGit;
use super::run::{FakeRun, RunOf};
use super::workflow::FakeWorkflow;
use super::{GitHub, Server};

/// Carries out runs of a GitHub, beside the test.
#[derive(Clone)]
pub struct GitHubRunner(Arc<Server>);

impl GitHubRunner {
    pub fn change(&self, id: u64, change: impl FnOnce(&mut FakeRun)) {
        self.0.state.lock().unwrap().change(id, change).unwrap();
        self.0.changed();
    }
}

/// What people and their workflows do.
impl GitHub {
    /// Changes its branches, tags and releases.
    pub fn git(&self, change: impl FnOnce(&mut FakeGit)) {
        change(&mut self.state().git);
        self.server.changed();
    }

    /// A commit comes to the trunk.
    pub fn commit(&self, sha: &str) {
        self.git(|git| git.commits.push(sha.to_owned()));
    }

    /// Where a branch is, such as `heads/production`, or a tag.
    pub fn reference(&self, name: &str) -> Option<String> {
        self.state().git.refs.get(name).cloned()
    }

    /// The names of the releases.
    pub fn releases(&self) -> Vec<String> {
        self.state().git.releases.clone()
    }

    /// Adds a repository beside `acme/shop`.
    pub fn add_repository(&self, name: &str) {
        self.state().repositories.insert(name.to_owned());
    }

    /// Adds an environment with these rules.
    pub fn environment(&self, name: &str, reviewers: &[&str], minutes: u64) {
        let reviewers = reviewers.iter().map(|&login| login.to_owned()).collect();
        let environment = FakeEnvironment { name: name.to_owned(), reviewers, minutes };
        self.state().environments.push(environment);
    }

    /// Changes a workflow, which is added if there is none.
    pub fn workflow(&self, repository: &str, file: &str, change: impl FnOnce(&mut FakeWorkflow)) {
        change(self.state().workflow_mut(repository, file));
    }

    /// A run that something else than a dispatch of the API starts. Gives its number.
    pub fn push_run(&self, of: RunOf<'_>) -> u64 {
        let mut state = self.state();
        let run = state.run_of(&of);
        let id = state.add(run, false);
        drop(state);
        self.server.changed();
        id
    }

    /// Changes a run.
    pub fn change(&self, id: u64, change: impl FnOnce(&mut FakeRun)) {
        self.runner().change(id, change);
    }

    /// What carries its runs out.
    pub fn runner(&self) -> GitHubRunner {
        GitHubRunner(self.server.clone())
    }

    /// Sets how a run stands, and nothing of its jobs.
    pub fn set<'a>(&self, id: u64, status: &str, conclusion: impl Into<Option<&'a str>>) {
        let conclusion = conclusion.into().map(str::to_owned);
        self.change(id, |run| {
            (run.status, run.conclusion) = (status.to_owned(), conclusion);
        });
    }

    /// One of its jobs succeeds, and so does the run.
    pub fn succeed(&self, id: u64, job: &str) {
        self.change(id, |run| run.succeeds(job, "deployed"));
    }

    /// Somebody starts a run once more.
    pub fn rerun(&self, id: u64, by: &str) {
        self.change(id, |run| {
            run.again();
            by.clone_into(&mut run.triggering_actor);
        });
    }

    /// Somebody makes a deployment. Gives its number.
    pub fn deploy(&self, of: DeploymentOf<'_>) -> u64 {
        let mut state = self.state();
        state.repositories.insert(of.repository.to_owned());
        let id = 5_001 + state.deployments.len() as u64;
        let created_at = state.clock.now();
        state.deployments.push(FakeDeployment {
            id,
            repository: of.repository.to_owned(),
            environment: of.environment.to_owned(),
            sha: of.sha.to_owned(),
            at: of.at.to_owned(),
            creator: of.creator.to_owned(),
            run: of.run,
            is_forgotten: false,
            created_at,
            statuses: Vec::new(),
        });
        drop(state);
        self.server.changed();
        id
    }

    /// Says how a deployment stands.
    pub fn deployment_status(&self, deployment: u64, word: &str, by: &str) {
        let mut state = self.state();
        let at = state.clock.now();
        let id =
            60_001 + state.deployments.iter().map(|one| one.statuses.len() as u64).sum::<u64>();
        let is_it = |one: &&mut FakeDeployment| one.id == deployment;
        let deployment = state.deployments.iter_mut().find(is_it).unwrap();
        let (word, creator) = (word.to_owned(), by.to_owned());
        deployment.statuses.push(FakeDeploymentStatus { id, state: word, creator, at });
        drop(state);
        self.server.changed();
    }

    /// GitHub forgets a deployment.
    pub fn forget_deployment(&self, deployment: u64) {
        let mut state = self.state();
        let named = state.deployments.iter_mut().filter(|one| one.id == deployment);
        named.for_each(|one| one.is_forgotten = true);
        drop(state);
        self.server.changed();
    }

    /// What a run does as soon as it was dispatched and its group is free.
    pub fn on_dispatch(&self, then: impl Fn(&mut FakeRun) + Send + 'static) {
        self.state().on_dispatch = Box::new(then);
    }

    /// What a run does that a reviewer let through.
    pub fn on_review(&self, then: impl Fn(&mut FakeRun) + Send + 'static) {
        self.state().on_review = Box::new(then);
    }
}

/// How it stands in the way.
impl GitHub {
    /// Its time now.
    pub fn now(&self) -> DateTime<Utc> {
        self.state().clock.now()
    }

    /// Moves its clock.
    pub fn move_clock(&self, step: TimeDelta) {
        self.state().clock.move_by(step);
        self.server.changed();
    }

    /// From now on a run appears in the lists this much later than it began, by its own clock.
    pub fn lists_late(&self, lag: TimeDelta) {
        self.state().lag = lag;
    }

    /// Whether the lists of runs stay as they are now, whatever becomes of the runs.
    pub fn freeze_lists(&self, is_frozen: bool) {
        let mut state = self.state();
        state.frozen = is_frozen.then(|| state.runs.clone());
        drop(state);
        self.server.changed();
    }

    /// Once the first page of a list was read, this run is added before all others.
    pub fn push_between_pages(&self, of: RunOf<'_>) {
        let mut state = self.state();
        let run = state.run_of(&of);
        state.between_pages = Some(run);
    }

    pub fn dispatch(&self, fault: DispatchFault) {
        self.state().dispatch = fault;
    }

    pub fn logs(&self, fault: LogFault) {
        self.state().log = fault;
    }

    /// Whether the titles of runs show their keys from now on.
    pub fn show_keys(&self, shows: bool) {
        self.state().shows_keys = shows;
    }

    /// Whether fields that may be empty are.
    pub fn odd(&self, is_odd: bool) {
        self.state().is_odd = is_odd;
        self.server.changed();
    }

    /// The next requests with this method and this part of a path do nothing, and this is answered.
    pub fn refuse_next(&self, times: u32, method: &str, part: &str, status: u16) {
        self.plan(times, method, part, FaultKind::Refused(status));
    }

    /// The next such requests are done, and answered with this instead.
    pub fn lose_next(&self, times: u32, method: &str, part: &str, status: u16) {
        self.plan(times, method, part, FaultKind::Lost(status));
    }

    /// The next such requests are sent on to another host, which notes who brings it a token.
    pub fn send_on_next(&self, times: u32, method: &str, part: &str) {
        self.plan(times, method, part, FaultKind::SentOn);
    }

    /// The next such request waits until it is let go. Then befalls it what else is planned.
    pub fn hold_next(&self, method: &str, part: &str) {
        self.plan(1, method, part, FaultKind::Held);
    }

    /// Whether a request waits.
    pub fn holds(&self) -> bool {
        let state = self.state();
        state.held > state.let_go
    }

    /// All that wait go on.
    pub fn let_go(&self) {
        let mut state = self.state();
        state.let_go = state.held;
        drop(state);
        self.server.changed();
    }

    fn plan(&self, times: u32, method: &str, part: &str, kind: FaultKind) {
        let (method, part) = (method.to_owned(), part.to_owned());
        self.state().planned.push(PlannedFault { method, part, times, kind });
    }

    /// All requests are too many for so long, by its own clock.
    pub fn limit_for(&self, time: TimeDelta) {
        let mut state = self.state();
        let until = state.clock.now() + time;
        state.limited = Some(Limited { until });
    }

    /// So many requests are left to a token until the hour is over, which it is then.
    pub fn leave(&self, token: &str, left: u64, until: TimeDelta) {
        let mut state = self.state();
        // GitHub tells it in whole seconds.
        state.renewed_at = (state.clock.now() + until).trunc_subsecs(0) + TimeDelta::seconds(1);
        state.left.insert(token.to_owned(), left);
    }

    /// A token is somebody's from now on.
    pub fn add_token(&self, token: &str, login: &str) {
        self.state().tokens.insert(token.to_owned(), login.to_owned());
    }

    /// A token is nobody's from now on.
    pub fn revoke(&self, token: &str) {
        self.state().tokens.remove(token);
    }
}
