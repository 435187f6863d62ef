//! What the engine knows now: every service with its state, its rules and what is wrong with it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::commands::ServiceView;
use super::migrations::Uses;
use crate::calendar::FreezeRules;
use crate::config::service_file::ServiceFile;
use crate::config::user_file::Watched;
use crate::domain::event::{DeploymentKind, StepSpec};
use crate::domain::ids::{Environment, ServiceName, Sha};
use crate::domain::people::People;
use crate::domain::policy::Policy;
use crate::domain::service::ServiceState;
use crate::domain::snapshot::Problem;
use crate::git::Mirror;

/// The most pipelines that a service remembers.
const PIPELINES: usize = 500;

/// All services, and what is wrong beside them.
#[derive(Debug, Default)]
pub struct World {
    pub services: BTreeMap<ServiceName, Service>,
    /// Trouble that belongs to no service, by its source.
    pub problems: BTreeMap<String, Problem>,
    /// Grows with every change that a reader could see.
    pub revision: u64,
}

/// One service.
#[derive(Debug)]
pub struct Service {
    pub name: ServiceName,
    pub watched: Watched,
    pub mirror: Mirror,
    pub trunk: String,
    pub state: ServiceState,
    /// The file at the tip of the trunk, or the last good one.
    pub file: Option<Arc<ServiceFile>>,
    /// `[people]` and what the machine itself tells of its owner.
    pub people: People,
    /// The freezes by calendar: those of the engine, and its own.
    pub freezes: FreezeRules,
    /// The commit whose freezes of its own were read.
    pub freezes_at: Option<Sha>,
    /// Whether a word is used in the code of a commit, as far as it was looked up.
    pub uses: Uses,
    /// What the commits that may be deployed declare.
    pub pipelines: HashMap<Sha, Result<Arc<ServiceFile>, String>>,
    /// What is wrong now, by its source.
    pub problems: BTreeMap<&'static str, Problem>,
    /// Grows with every change that a reader could see.
    pub revision: u64,
}

impl Service {
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.file.as_ref().map(|file| file.policy.clone()).unwrap_or_default()
    }

    /// What a command is decided on.
    #[must_use]
    pub fn view(&self) -> ServiceView<'_> {
        let Self { name, state, people, freezes, .. } = self;
        ServiceView { name, state, policy: self.policy(), people, freezes }
    }

    /// The steps that a commit declares for this kind of deployment, if its file was read and is good.
    #[must_use]
    pub fn steps(
        &self,
        sha: &Sha,
        environment: Environment,
        kind: DeploymentKind,
    ) -> Option<&[StepSpec]> {
        let file = self.pipelines.get(sha)?.as_ref().ok()?;
        Some(file.steps(environment, kind))
    }

    /// Remembers what a commit declares; beyond so many all are forgotten and read anew.
    pub fn remember_pipeline(&mut self, sha: Sha, file: Result<Arc<ServiceFile>, String>) {
        if self.pipelines.len() >= PIPELINES {
            self.pipelines.clear();
        }
        self.pipelines.insert(sha, file);
    }

    /// Notes what is wrong, keeping the time since when it is the same, or that it is right again.
    pub fn trouble(
        &mut self,
        source: &'static str,
        now: DateTime<Utc>,
        problem: Option<(String, String)>,
    ) {
        note(&mut self.problems, source, now, problem);
    }

    #[must_use]
    pub fn all_problems(&self) -> Vec<Problem> {
        self.problems.values().cloned().collect()
    }
}

/// Notes what is wrong under a source; `None` takes it away. True when anything changed.
pub fn note<K: Ord>(
    problems: &mut BTreeMap<K, Problem>,
    source: K,
    now: DateTime<Utc>,
    problem: Option<(String, String)>,
) -> bool {
    match problem {
        None => problems.remove(&source).is_some(),
        Some((what, _)) if problems.get(&source).is_some_and(|known| known.what == what) => false,
        Some((what, remedy)) => {
            problems.insert(source, Problem { since: now, what, remedy });
            true
        }
    }
}
