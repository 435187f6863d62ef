//! The engine's current knowledge: every service with its state, its rules and its problems.

mod published;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};

pub use self::published::{WorldOwner, WorldReader};
use super::commands::ServiceView;
use super::migrations::{Learned, Uses};
use crate::calendar::FreezeRules;
use crate::config::service_file::ServiceFile;
use crate::config::user_file::Watched;
use crate::domain::build::Build;
use crate::domain::caller::{AccessRole, Rights};
use crate::domain::command::Refusal;
use crate::domain::event::{DeploymentKind, StepSpec, are_remote};
use crate::domain::ids::{BuildNumber, Environment, ServiceName, Sha};
use crate::domain::needs::NeedStanding;
use crate::domain::on_call::{OnCallFeed, OnCallInput};
use crate::domain::people::People;
use crate::domain::policy::Policy;
use crate::domain::presence::PresentPerson;
use crate::domain::service::{ServiceState, UndeployableBuild};
use crate::domain::snapshot::Problem;
use crate::domain::variables::RollbackLack;
use crate::domain::way_back::NO_STEPS;
use crate::git::{Mirror, Paths};

/// The most pipelines that a service remembers.
const PIPELINES: usize = 500;

/// The sources of problems that are about the engine as a whole.
const ABOUT_ALL: &[&str] = &["certificate", "chain head", "clock", "data folder", "disk", "record"];

/// All services, and the problems that belong to none.
#[derive(Debug, Clone, Default)]
pub struct World {
    pub services: BTreeMap<ServiceName, Arc<Service>>,
    /// Problems that belong to no service, by their source.
    pub problems: BTreeMap<String, Problem>,
    /// Grows with every change that a snapshot shows.
    pub revision: u64,
}

/// A problem and its remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    pub what: String,
    pub remedy: String,
}

impl Trouble {
    pub fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }
}

/// One service. A clone is cheap except for its state; see [`WorldOwner`].
#[derive(Debug, Clone)]
pub struct Service {
    pub name: ServiceName,
    pub watched: Watched,
    pub mirror: Mirror,
    /// The branch that is the trunk, as far as it is known: at a start the declared or recorded one, then the one looked at.
    pub trunk: Option<String>,
    pub state: ServiceState,
    /// The service file at the tip of the trunk, or the last good one.
    pub file: Option<Arc<ServiceFile>>,
    /// `[people]` of the service file, and the machine's owner according to their git configuration.
    pub people: People,
    /// Freezes by calendar: the engine's and the service's own.
    pub freezes: FreezeRules,
    /// The commit whose `freezes.toml` and calendar of who is on call were read.
    pub freezes_at: Option<Sha>,
    /// The calendar of who is on call as last read, if the service file names one.
    pub on_call: Option<Arc<OnCallFeed>>,
    /// Cached answers: does the code of a commit use a word?
    pub uses: Uses,
    /// Cached definitions: what do the migrations before a promote define?
    pub learned: Learned,
    /// The service files of commits that may be deployed, or why one cannot be used.
    pub pipelines: HashMap<Sha, Result<Arc<ServiceFile>, String>>,
    /// What the rollback to one build was last found to lack.
    pub rollback_lack: Option<RollbackLack>,
    /// What was seen of what the rollback steps need, by name.
    pub needs: BTreeMap<String, NeedStanding>,
    /// The builds whose commits a mirror that was made again does not have.
    pub lost_builds: BTreeSet<BuildNumber>,
    /// The current problems, by their source.
    pub problems: BTreeMap<&'static str, Problem>,
    /// Who has the service open.
    pub present: Vec<PresentPerson>,
    /// The world's revision at the last change that a snapshot of this service shows.
    pub revision: u64,
}

impl World {
    /// The service of this name.
    ///
    /// # Errors
    /// When there is none.
    pub fn named(&self, name: &ServiceName) -> Result<&Service, Refusal> {
        self.reached(name, &Rights::everywhere(AccessRole::Viewer))
    }

    /// The service, if it exists for somebody with these rights.
    ///
    /// # Errors
    /// The same whether it does not exist or is outside of the limit.
    pub fn reached(&self, name: &ServiceName, rights: &Rights) -> Result<&Service, Refusal> {
        let found = self.services.get(name).filter(|_| rights.reach(name));
        found.map(Arc::as_ref).ok_or_else(|| {
            let known = self.reachable(rights).map(|service| service.name.as_str());
            let (name, known) = (name.as_str(), known.collect::<Vec<_>>().join(", "));
            Refusal::not_found(format!("there is no service {name:?}; there are: {known}"))
        })
    }

    /// The services that exist for somebody with these rights.
    pub fn reachable(&self, rights: &Rights) -> impl Iterator<Item = &Arc<Service>> {
        self.services.values().filter(|service| rights.reach(&service.name))
    }

    /// The problems of no service. Whoever is limited to services does not get those of a repository or a file, which
    /// may be about another service.
    pub fn problems_for(&self, rights: &Rights) -> Vec<Problem> {
        let is_shown = |source: &str| rights.services.is_none() || ABOUT_ALL.contains(&source);
        let shown = self.problems.iter().filter(|(source, _)| is_shown(source));
        shown.map(|(_, problem)| problem.clone()).collect()
    }

    /// The service at this place.
    pub fn service_at(&self, watched: &Watched) -> Option<&Service> {
        self.services.values().map(Arc::as_ref).find(|service| service.watched.is_same(watched))
    }
}

impl Service {
    pub fn new(name: ServiceName, watched: Watched, mirror: Mirror) -> Self {
        Self {
            name,
            watched,
            mirror,
            trunk: None,
            state: ServiceState::default(),
            file: None,
            people: People::default(),
            freezes: FreezeRules::default(),
            freezes_at: None,
            on_call: None,
            uses: Uses::default(),
            learned: Learned::default(),
            pipelines: HashMap::new(),
            rollback_lack: None,
            needs: BTreeMap::new(),
            lost_builds: BTreeSet::new(),
            problems: BTreeMap::new(),
            present: Vec::new(),
            revision: 0,
        }
    }

    #[must_use]
    pub fn policy(&self) -> Policy {
        self.file.as_ref().map(|file| file.policy.clone()).unwrap_or_default()
    }

    /// The paths that make builds; `None` is the whole repository.
    #[must_use]
    pub fn paths(&self) -> Option<Paths> {
        let patterns = self.file.as_ref().map_or(&[][..], |file| &file.paths);
        paths_of(&self.watched, patterns)
    }

    /// The trunk as far as it is known without a look at the repository: the one that the user file or the service file
    /// names, else the one that had the newest build.
    #[must_use]
    pub fn declared_trunk(&self) -> Option<String> {
        let in_file = self.file.as_ref().and_then(|file| file.trunk.as_deref());
        let recorded = self.state.branch.as_deref();
        self.watched.trunk.as_deref().or(in_file).or(recorded).map(str::to_owned)
    }

    /// The view that commands are decided with.
    #[must_use]
    pub fn view(&self) -> ServiceView<'_> {
        let Self { name, state, people, freezes, .. } = self;
        let on_call = self.on_call();
        ServiceView { name, state, policy: self.policy(), people, freezes, on_call }
    }

    /// What is known of who is on call; `None` if the service file does not say where to read it.
    #[must_use]
    pub fn on_call(&self) -> Option<OnCallInput<'_>> {
        let source = self.file.as_ref()?.on_call.as_ref()?;
        Some(OnCallInput { source, feed: self.on_call.as_deref() })
    }

    /// The steps that a commit declares for this kind of deployment, if its file was read and is good.
    #[must_use]
    pub fn steps(
        &self,
        sha: &Sha,
        environment: Environment,
        kind: DeploymentKind,
    ) -> Option<&[StepSpec]> {
        if let Some(steps) = self.steps_of_trunk(environment, kind) {
            return Some(steps);
        }
        let file = self.pipelines.get(sha)?.as_ref().ok()?;
        Some(file.steps(environment, kind))
    }

    /// The steps that the tip of the trunk declares, if all of them run at other engines: they need nothing of a commit, so
    /// every build is deployed by them.
    #[must_use]
    pub fn steps_of_trunk(
        &self,
        environment: Environment,
        kind: DeploymentKind,
    ) -> Option<&[StepSpec]> {
        let steps = self.file.as_ref()?.steps(environment, kind);
        are_remote(steps).then_some(steps)
    }

    /// The steps of a build: those that its file declares, else those that were recorded with it.
    #[must_use]
    pub fn steps_of(
        &self,
        build: &Build,
        environment: Environment,
        kind: DeploymentKind,
    ) -> Option<&[StepSpec]> {
        let recorded = || self.state.recipe(build.number)?.steps(environment, kind);
        self.steps(&build.sha, environment, kind).or_else(recorded)
    }

    /// The place of the service at a build: a folder may have moved since.
    #[must_use]
    pub fn watched_at(&self, build: BuildNumber) -> Watched {
        let folder = match self.state.recipe(build) {
            Some(recipe) => recipe.folder.clone(),
            None => self.watched.folder.clone(),
        };
        Watched { folder, ..self.watched.clone() }
    }

    /// The build of a commit.
    #[must_use]
    pub fn build_of(&self, sha: &Sha) -> Option<BuildNumber> {
        let mut builds = self.state.builds.values().rev();
        builds.find(|build| build.sha == *sha).map(|build| build.number)
    }

    /// Caches the service file of a commit. At the limit the cache is cleared, and files are read again. Returns whether it
    /// changes what can be deployed.
    pub fn remember_pipeline(&mut self, sha: Sha, file: Result<Arc<ServiceFile>, String>) -> bool {
        if self.pipelines.len() >= PIPELINES {
            self.pipelines.clear();
        }
        let build = self.build_of(&sha);
        // Most commits have the file of the one before: they share it.
        let same = |file: Arc<ServiceFile>| {
            let mut known = self.pipelines.values().filter_map(|known| known.as_ref().ok());
            known.find(|known| **known == file).cloned().unwrap_or(file)
        };
        let file = file.map(same);
        self.pipelines.insert(sha, file);
        build.is_some_and(|build| self.note_unusable(build))
    }

    /// Forgets what was read of a build whose recipe is known only now: its file may be in another folder.
    pub fn read_again(&mut self, number: BuildNumber) {
        if let Some(build) = self.state.builds.get(&number) {
            self.pipelines.remove(&build.sha);
        }
        self.note_unusable(number);
    }

    /// Notes what was read of a build without a recipe. Returns whether it changes what can be deployed.
    pub fn note_unusable(&mut self, number: BuildNumber) -> bool {
        let recorded = self.state.recipe(number).and_then(|recipe| recipe.pipeline.as_ref());
        let read = self.state.builds.get(&number).and_then(|build| self.pipelines.get(&build.sha));
        let unusable = match read.filter(|_| recorded.is_none()) {
            Some(Err(why)) => Some(UndeployableBuild { why: why.clone(), in_staging: true }),
            Some(Ok(file)) if file.production.is_empty() => {
                Some(UndeployableBuild { why: NO_STEPS.to_owned(), in_staging: false })
            }
            _ => None,
        };
        let before = match unusable.clone() {
            Some(unusable) => self.state.unusable.insert(number, unusable),
            None => self.state.unusable.remove(&number),
        };
        before != unusable
    }

    /// What the next rollback lacks, as far as it is known. What was found for another target does not count.
    #[must_use]
    pub fn lack_of_rollback(&self) -> Option<&RollbackLack> {
        let target = self.state.builds.get(&self.state.rollback_target()?)?;
        self.rollback_lack.as_ref().filter(|lack| lack.target == target.sha)
    }

    /// The target of a rollback, if nothing tells yet whether it can be deployed.
    #[must_use]
    pub fn unchecked_target(&self) -> Option<&Build> {
        let build = self.state.builds.get(&self.state.rollback_target()?)?;
        let steps = self.steps_of(build, Environment::Production, DeploymentKind::Rollback);
        steps.is_none().then_some(build)
    }

    /// Sets or clears the problem of a source. An unchanged problem keeps its time.
    pub fn set_trouble(
        &mut self,
        source: &'static str,
        now: DateTime<Utc>,
        trouble: Option<Trouble>,
    ) {
        set_trouble(&mut self.problems, source, now, trouble);
    }

    #[must_use]
    pub fn all_problems(&self) -> Vec<Problem> {
        self.problems.values().cloned().collect()
    }
}

/// The paths that make builds of a service; `None` is the whole repository.
pub fn paths_of(watched: &Watched, patterns: &[String]) -> Option<Paths> {
    Paths::of_service(watched.folder.as_deref(), patterns, &watched.service_file())
}

/// Sets or clears the problem of a source. An unchanged problem keeps its time.
fn set_trouble<K: Ord>(
    problems: &mut BTreeMap<K, Problem>,
    source: K,
    now: DateTime<Utc>,
    trouble: Option<Trouble>,
) {
    let known = problems.remove(&source);
    if let Some(Trouble { what, remedy }) = trouble {
        let since = known.filter(|known| known.what == what).map_or(now, |known| known.since);
        problems.insert(source, Problem { since, what, remedy });
    }
}
