//! What happens in a scripted world without a command: merges, and progress of deployments.

use std::collections::BTreeMap;
use std::time::Duration;

use super::world::{ScriptedWorld, sha};
use crate::domain::commit::Commit;
use crate::domain::deployment::{Deployment, StepState};
use crate::domain::event::{
    DeploymentKind, DeploymentRequest, Fact, Outcome, Run, StepOutcome, StepSpec,
};
use crate::domain::ids::{BuildNumber, DeploymentId, Environment, ServiceName};
use crate::domain::log::{Stream, format};
use crate::domain::people::{Actor, Identity};
use crate::domain::policy::VerifyBy;
use crate::domain::pull_request::{Forge, PullRequest};

/// The address of its repository, for links to pull requests.
const FORGE: &str = "git@github.com:shop/checkout.git";

impl ScriptedWorld {
    /// A merge to the trunk: a new build with one commit by `author`.
    pub fn merge(&mut self, name: &ServiceName, author: &str, subject: &str) -> BuildNumber {
        let newest = self.services[name].state.newest_build();
        let number = newest.map_or(1, |build| build.number.0 + 1);
        let author = Identity { name: author.to_owned(), email: format!("{author}@example.com") };
        let commit = Commit {
            sha: sha(number),
            parents: 1,
            author,
            co_authors: Vec::new(),
            has_unread_people: false,
            pull_request: PullRequest::of_subject(subject, Forge::of(FORGE).as_ref()),
            reverts: Vec::new(),
            at: self.now,
            subject: subject.to_owned(),
            files: vec![format!("src/file{number}.rs")],
            beside: false,
        };
        let (build, commits) = (BuildNumber(number), vec![commit]);
        self.record(
            name,
            Actor::System,
            Fact::BuildFound {
                build,
                sha: sha(number),
                commits,
                more: 0,
                reverts: Vec::new(),
                recipe: None,
                trunk: None,
            },
        );
        build
    }

    /// Queues a deployment without any check.
    pub fn request(
        &mut self,
        name: &ServiceName,
        build: BuildNumber,
        environment: Environment,
        kind: DeploymentKind,
        by: Actor,
    ) -> DeploymentId {
        let live = self.services[name].state.live(environment).map(|live| live.build);
        let request = DeploymentRequest {
            build,
            sha: sha(build.0),
            environment,
            kind,
            previous: live,
            previous_sha: live.map(|live| sha(live.0)),
            steps: steps(environment),
            schema: Some(Vec::new()),
            schema_trouble: None,
            migrations: Some(Vec::new()),
            cancels: None,
            retries: None,
            findings: Vec::new(),
            overrides: BTreeMap::new(),
            presser: None,
            by_trunk: false,
        };
        self.record(name, by, Fact::DeploymentRequested(request)).into()
    }

    /// Takes a build through staging.
    pub fn stage(&mut self, name: &ServiceName, build: BuildNumber) -> DeploymentId {
        let (environment, kind) = (Environment::Staging, DeploymentKind::Auto);
        let id = self.request(name, build, environment, kind, Actor::System);
        self.finish(name);
        id
    }

    /// A new build by `author`, staged and verified by `kim`.
    pub fn verified_build(&mut self, name: &ServiceName, author: &str) -> BuildNumber {
        let build = self.merge(name, author, &format!("Change by {author}"));
        self.stage(name, build);
        let fact =
            Fact::BuildVerified { build, note: "looks good".to_owned(), kind: VerifyBy::Person };
        self.record(name, Actor::Person("kim".to_owned()), fact);
        build
    }

    /// Records the next fact of the oldest open deployment; steps succeed. `None` if none is open.
    pub fn advance(&mut self, name: &ServiceName) -> Option<DeploymentId> {
        self.advance_with(name, StepOutcome::Succeeded)
    }

    /// [`Self::advance`], with this outcome if a step ends.
    pub fn advance_with(
        &mut self,
        name: &ServiceName,
        outcome: StepOutcome,
    ) -> Option<DeploymentId> {
        let open = self.services[name].state.deployments.values().find(|d| d.is_open())?;
        let (id, fact) = (open.id, next(open, outcome));
        self.record(name, Actor::System, fact);
        Some(id)
    }

    /// Finishes all open deployments with success.
    pub fn finish(&mut self, name: &ServiceName) {
        while self.advance(name).is_some() {}
    }

    /// Adds a line to the log of a step.
    pub fn write(&mut self, name: &ServiceName, id: DeploymentId, step: usize, text: &str) {
        let line = format(self.now, Stream::Out, text.as_bytes(), false);
        self.edit(name, |service| service.logs.entry((id, step)).or_default().extend(line));
    }
}

/// The next fact about an open deployment.
fn next(open: &Deployment, outcome: StepOutcome) -> Fact {
    let deployment = open.id;
    let running = open.running_step();
    if open.cancel.is_some() && running.is_none() {
        return Fact::DeploymentEnded { deployment, outcome: Outcome::Cancelled };
    }
    if open.started_at.is_none() {
        return Fact::DeploymentStarted { deployment, variables: None };
    }
    if let Some(step) = running {
        let outcome = if open.cancel.is_some() { StepOutcome::Cancelled } else { outcome };
        let took = Duration::from_secs(10);
        return Fact::StepEnded { deployment, step, target: None, outcome, took, ended_at: None };
    }
    if let Some(step) = open.failed_step() {
        let outcome = Outcome::Failed(format!("step {step:?} failed"));
        return Fact::DeploymentEnded { deployment, outcome };
    }
    match open.steps.iter().position(|step| *step == StepState::Waiting) {
        Some(step) => Fact::StepStarted { deployment, step, target: None },
        None => Fact::DeploymentEnded { deployment, outcome: Outcome::Succeeded },
    }
}

/// The pipeline that every build declares.
pub(super) fn steps(environment: Environment) -> Vec<StepSpec> {
    let step = |name: &str, seconds| StepSpec {
        name: name.to_owned(),
        run: Run::Argv(vec![format!("./{name}")]),
        timeout: Duration::from_mins(10),
        expected: Some(Duration::from_secs(seconds)),
        target: None,
    };
    match environment {
        Environment::Staging => vec![step("release", 20), step("smoke", 10)],
        Environment::Production => {
            vec![step("migrate", 10), step("release", 30), step("smoke", 20)]
        }
    }
}
