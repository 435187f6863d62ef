//! What was seen of other engines: deployments that trunkline did not start.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::build::Build;
use super::deployment::{Deployment, SeenRun};
use super::event::{
    DeploymentKind, DeploymentRequest, Event, ObservedDeployment, OlderBuild, UnknownDeployment,
};
use super::ids::{BuildNumber, DeploymentId, Environment, Sha};
use super::remote::EngineName;
use super::service::ServiceState;

/// What the record knows of the runs at other engines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sightings {
    /// The deployment that each run is.
    runs: BTreeMap<(Environment, EngineName, String), DeploymentId>,
    /// By the clock of its engine, when the last of those ended that had ended before the first look.
    taken_over: BTreeMap<Environment, DateTime<Utc>>,
    /// When the earliest one that was seen began, by the clock of its engine.
    first: BTreeMap<Environment, DateTime<Utc>>,
    /// When what is live had ended, by the clock of the engine that deployed it.
    live_ended: BTreeMap<Environment, (EngineName, DateTime<Utc>)>,
}

impl ServiceState {
    /// A deployment at another engine counts as a started deployment without steps. Its success makes its build live.
    pub(super) fn observed(&mut self, event: &Event, seen: &ObservedDeployment) {
        let ObservedDeployment { environment, build, sha, engine, run, page, at, .. } = seen;
        if let Some(older) = &seen.older {
            self.became_a_build(event, (*build, sha), older);
        }
        self.external(event, *environment, (*build, sha), *at);
        self.external_changed_schema(event);
        let (run, page, unknown) = (run.clone(), page.clone(), None);
        let (engine, taken_over) = (engine.clone(), seen.taken_over);
        let run = SeenRun { engine, run, page, unknown, taken_over, said: false };
        self.sighted(event.seq.into(), *environment, run, *at);
    }

    /// A commit from before the first build is one from now on.
    pub(super) fn became_a_build(
        &mut self,
        event: &Event,
        (number, sha): (BuildNumber, &Sha),
        older: &OlderBuild,
    ) {
        if self.builds.contains_key(&number) {
            return;
        }
        let commits = vec![older.commit.clone()];
        let build = Build { commits, ..Build::new(number, sha.clone(), event.at) };
        self.builds.insert(number, Build { no_way_back: older.no_way_back, ..build });
        self.join_the_line(number, &older.bad);
        if let Some(recipe) = &older.recipe {
            self.record_recipe(number, recipe);
        }
    }

    /// It counts as one of the build that was live before, and its success makes nothing live.
    pub(super) fn unknown_observed(&mut self, event: &Event, seen: &UnknownDeployment) {
        let UnknownDeployment { environment, engine, run, page, at, commit, taken_over } = seen;
        let before = self.live_build(*environment).or_else(|| self.newest_build());
        let Some((build, sha)) = before.map(|build| (build.number, build.sha.clone())) else {
            return;
        };
        let (run, page) = (run.clone(), page.clone());
        let unknown = Some(commit.clone());
        let engine = Some(engine.clone());
        let run = SeenRun { engine, run, page, unknown, taken_over: *taken_over, said: false };
        let request = self.external_request(*environment, (build, &sha));
        let id = DeploymentId::from(event.seq);
        self.entered(event, &request);
        self.change(id, |deployment| deployment.started_at = Some(*at));
        self.sighted(id, *environment, run, *at);
        self.external_changed_schema(event);
    }

    fn sighted(
        &mut self,
        id: DeploymentId,
        environment: Environment,
        run: SeenRun,
        at: DateTime<Utc>,
    ) {
        if let Some(engine) = run.engine.clone() {
            self.sightings.runs.insert((environment, engine, run.run.clone()), id);
        }
        let first = self.sightings.first.entry(environment).or_insert(at);
        *first = (*first).min(at);
        self.change(id, |deployment| deployment.seen = Some(Box::new(run)));
    }

    /// A deployment ended that had begun before the first look.
    pub(super) fn sighting_ended(&mut self, id: DeploymentId, at: DateTime<Utc>) {
        let Some(deployment) = self.deployments.get(&id) else { return };
        if deployment.seen.as_ref().is_some_and(|seen| seen.taken_over) {
            let environment = deployment.request.environment;
            let last = self.sightings.taken_over.entry(environment).or_insert(at);
            *last = (*last).max(at);
        }
    }

    /// Nobody judged what a deployment at another engine brought.
    pub(super) fn external_changed_schema(&mut self, event: &Event) {
        let deployment = self.deployments.get(&event.seq.into());
        if let Some(request) = deployment.map(|deployment| deployment.request.clone()) {
            self.record_schema_changes(&request, event.seq);
        }
    }

    pub(super) fn external(
        &mut self,
        event: &Event,
        environment: Environment,
        build: (BuildNumber, &Sha),
        at: DateTime<Utc>,
    ) {
        let request = self.external_request(environment, build);
        self.requested(event, &request);
        self.change(event.seq.into(), |deployment| deployment.started_at = Some(at));
    }

    pub(super) fn external_request(
        &self,
        environment: Environment,
        (build, sha): (BuildNumber, &Sha),
    ) -> DeploymentRequest {
        let live = self.live_build(environment);
        DeploymentRequest {
            build,
            sha: sha.clone(),
            environment,
            kind: DeploymentKind::External,
            previous: live.map(|live| live.number),
            previous_sha: live.map(|live| live.sha.clone()),
            steps: Vec::new(),
            schema: None,
            schema_trouble: None,
            migrations: None,
            cancels: None,
            retries: None,
            findings: Vec::new(),
            overrides: BTreeMap::new(),
            presser: None,
            by_trunk: false,
        }
    }

    /// The end of a deployment at another engine that was over before what is live now: it is told late, and says nothing of
    /// what runs. Ends at one engine are in the order of its clock. Ours are in order, whatever a clock says.
    pub(super) fn is_told_late(&self, id: DeploymentId, at: DateTime<Utc>) -> bool {
        let Some(deployment) = self.deployments.get(&id) else { return false };
        if deployment.request.kind != DeploymentKind::External {
            return false;
        }
        let engine = deployment.seen.as_ref().and_then(|seen| seen.engine.as_ref());
        self.is_before_live(deployment.request.environment, engine, at)
    }

    /// Whether what ended then by the clock of an engine was over before what is live now.
    #[must_use]
    pub fn is_before_live(
        &self,
        environment: Environment,
        engine: Option<&EngineName>,
        at: DateTime<Utc>,
    ) -> bool {
        match self.sightings.live_ended.get(&environment) {
            Some((of, ended)) if Some(of) == engine => at < *ended,
            _ => self.recorded_live(environment).is_some_and(|live| at < live.since),
        }
    }

    /// What is live there since now ended at that time by the clock of its engine, if it has one.
    pub(super) fn went_live(
        &mut self,
        environment: Environment,
        ended: Option<(EngineName, DateTime<Utc>)>,
    ) {
        match ended {
            Some(ended) => drop(self.sightings.live_ended.insert(environment, ended)),
            None => drop(self.sightings.live_ended.remove(&environment)),
        }
    }

    /// The deployment that a run at another engine is, if it was recorded as one.
    #[must_use]
    pub fn sighting(
        &self,
        environment: Environment,
        engine: &EngineName,
        run: &str,
    ) -> Option<&Deployment> {
        let id = self.sightings.runs.get(&(environment, engine.clone(), run.to_owned()))?;
        self.deployments.get(id)
    }

    /// What ended there until then, by the clock of its engine, is of no interest any more. `None` before the first look
    /// that saw something.
    #[must_use]
    pub fn sighted_since(&self, environment: Environment) -> Option<DateTime<Utc>> {
        let Sightings { taken_over, first, .. } = &self.sightings;
        taken_over.get(&environment).or_else(|| first.get(&environment)).copied()
    }

    /// The runs at other engines that were recorded as begun and not as ended.
    pub fn open_sightings(&self) -> impl Iterator<Item = &Deployment> {
        let all = [Environment::Production, Environment::Staging];
        let open = all.into_iter().flat_map(|environment| self.open(environment));
        // Whoever sent a run that turned up late follows it.
        let others = open.filter(|deployment| !deployment.is_late());
        others
            .filter(|deployment| deployment.seen.as_ref().is_some_and(|seen| seen.engine.is_some()))
    }
}
