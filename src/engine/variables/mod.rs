//! The values of the variables that steps get: a small base, what the service declares, and the facts. No step gets the whole
//! environment of the engine, and no secret of another service.

mod key;
mod source_reader;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use self::key::DigestKey;
pub use self::source_reader::Ask;
use self::sources::Sources;
pub use self::sources::printed;
use super::world::{Service, WorldReader};
use crate::config::engines::EngineSettings;
use crate::config::operator_files::OperatorFiles;
use crate::config::secret_sources::advice;
use crate::config::service_file::DeclaredVariables;
use crate::config::user_file::Watched;
use crate::domain::build::Build;
use crate::domain::by_hand::{HandEngine, HandVariable};
use crate::domain::event::{DeploymentKind, StepSpec};
use crate::domain::ids::{BuildNumber, Sha};
use crate::domain::remote::EngineName;
use crate::domain::variables::{
    KnownVariables, LostValues, MissingVariables, VariableDigests, and,
};

/// The variables that every step gets from the engine's own environment, if they are set there.
const BASE: [&str; 5] = ["PATH", "HOME", "USER", "LANG", "TMPDIR"];
/// And those with a fixed value: no terminal, and nobody who answers.
const FIXED: [(&str, &str); 2] = [("TERM", "dumb"), ("CI", "true")];

/// What the supervisor gets through its standard input, so that it is on no disk and in no argument.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct StepVariables {
    /// The whole environment of the step, except the facts.
    pub environment: BTreeMap<String, String>,
    /// The secrets that the log hides: those of the service with their names, then those of all others.
    pub secrets: Vec<Secret>,
}

/// A value that no log may show.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Secret {
    pub name: String,
    pub value: String,
    /// Whether the step itself gets it.
    pub own: bool,
}

impl fmt::Debug for StepVariables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.environment.keys()).finish()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// What the service files of a service declare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepNeeds {
    pub watched: Watched,
    /// By the build that is deployed. Each of these needs a value.
    pub build: DeclaredVariables,
    /// By the tip of the trunk. These are given too if they have a value: an older build may not declare what its steps use.
    pub trunk: DeclaredVariables,
    /// What the file of the build sets, if that file cannot be read. These are given too if they have a value, and nothing
    /// waits for one.
    pub lost: BTreeSet<String>,
    pub ask: Ask,
}

/// What the next rollback of a service needs.
pub enum RollbackNeeds {
    /// There is none, or its service file cannot be used.
    Nothing,
    /// The service file of this commit has to be read first. If it cannot be, this is needed by the record.
    File(Sha, Option<Box<StepNeeds>>),
    /// To this commit these are needed.
    Variables(Sha, Box<StepNeeds>),
}

/// The values for the steps of one service.
struct StepValues {
    environment: BTreeMap<String, String>,
    inherited: BTreeSet<String>,
    missing: Option<MissingVariables>,
    lost: LostValues,
}

/// The operator's sources and the environment in which the engine was started.
pub struct Variables {
    own: BTreeMap<String, String>,
    sources: Sources,
    key: Option<DigestKey>,
}

impl Variables {
    /// `own` is the environment of this process.
    #[must_use]
    pub fn open(own: BTreeMap<String, String>, files: Option<OperatorFiles>, data: &Path) -> Self {
        let key = DigestKey::open(&data.join("environment.key"));
        let key = key.inspect_err(|error| tracing::warn!(%error, "no key for digests")).ok();
        Self { own, sources: Sources::new(files), key }
    }

    /// The environment for a program of trunkline itself.
    pub fn base(&self) -> BTreeMap<String, String> {
        let base = BASE.iter().filter_map(|name| self.own.get_key_value(*name));
        base.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// What somebody who runs the steps by hand has to know about the variables, as they were declared: no value of the
    /// operator, and no secret.
    pub fn by_hand(&self, declared: &StepNeeds) -> Vec<HandVariable> {
        let StepNeeds { build, trunk, lost, .. } = declared;
        let secrets = || build.secrets.iter().chain(&trunk.secrets);
        let is_secret = |name: &String| secrets().any(|secret| secret == name);
        let set = trunk.set.iter().filter(|(name, _)| !build.set.contains_key(*name));
        let set = set.chain(&build.set).filter(|(name, _)| !is_secret(name));
        let fixed = FIXED.map(|(name, value)| HandVariable::known(name, value));
        let known = self.base().into_iter().map(|(name, value)| HandVariable::known(name, value));
        let known = known.chain(fixed).chain(set.map(|(n, v)| HandVariable::known(n, v)));
        let wanted: BTreeSet<_> =
            build.wanted().chain(trunk.wanted()).chain(lost).chain(secrets()).collect();
        let given = wanted.into_iter().map(|name| HandVariable {
            name: name.clone(),
            value: None,
            secret: is_secret(name),
            optional: !build.wanted().any(|wanted| wanted == name),
        });
        known.chain(given).collect()
    }

    /// The engines that steps may run at, as last read: the address of each, and whether it wants a token.
    pub fn engines(&self) -> BTreeMap<EngineName, HandEngine> {
        let file = self.sources.settings_as_read();
        let engines = file.iter().flat_map(|file| &file.engines);
        let engine = |(name, settings): (&EngineName, &EngineSettings)| {
            let EngineSettings { url, ca, token, preset, .. } = settings;
            let (url, wants_token) = (url.clone(), token.is_some());
            let ca = ca.as_ref().map(|ca| ca.display().to_string());
            let has_preset = preset.is_some();
            (name.clone(), HandEngine { url, ca, wants_token, has_preset })
        };
        engines.map(engine).collect()
    }

    /// Why one of these steps cannot run at the engine that it names, as far as the settings were read.
    pub fn unusable_engine(&self, steps: &[StepSpec]) -> Option<String> {
        let (path, file) = (self.sources.user_file()?, self.sources.settings_as_read()?);
        steps.iter().find_map(|step| {
            let why = file.unusable(step.remote()?, &path.display().to_string())?;
            Some(format!("Step {} cannot run: {why}", step.name))
        })
    }

    /// Where the values come from that the service's files do not have.
    pub fn values_from(&self) -> String {
        let own = "the environment in which it was started";
        self.sources.user_file().map_or_else(
            || own.to_owned(),
            |file| format!("[secrets] of {}, else from {own}", file.display()),
        )
    }

    /// What a plan and the record may know about the variables.
    pub async fn known(&self, declared: &StepNeeds) -> KnownVariables {
        let resolved = self.resolve(declared).await;
        let digest = |(name, value): (&String, &String)| {
            self.key.as_ref().map(|key| (name.clone(), key.digest(name, value)))
        };
        let digests = resolved.environment.iter().filter_map(digest).collect();
        let key = self.key.as_ref().map(DigestKey::id).unwrap_or_default();
        KnownVariables {
            missing: resolved.missing,
            lost: resolved.lost,
            now: VariableDigests { key, digests },
            inherited: resolved.inherited,
        }
    }

    /// Why a service's steps could not run now, by what was read last, and which values they would lack.
    pub async fn missing(&self, declared: &StepNeeds) -> (Option<MissingVariables>, LostValues) {
        let resolved = self.resolve(declared).await;
        (resolved.missing, resolved.lost)
    }

    /// The values for a step.
    ///
    /// # Errors
    /// When a declared variable has no value, with a sentence.
    pub async fn of_step(
        &self,
        declared: &StepNeeds,
        world: &WorldReader,
    ) -> Result<StepVariables, String> {
        let resolved = self.resolve(declared).await;
        if let Some(missing) = resolved.missing {
            return Err(missing.to_string());
        }
        let secrets = self.hidden(declared, &resolved, world).await;
        Ok(StepVariables { environment: resolved.environment, secrets })
    }

    /// What is masked in the log of a step that gets no variables: every secret whose value can be read.
    pub async fn secrets(&self, declared: &StepNeeds, world: &WorldReader) -> Vec<Secret> {
        let resolved = self.resolve(declared).await;
        self.hidden(declared, &resolved, world).await
    }

    async fn hidden(
        &self,
        declared: &StepNeeds,
        resolved: &StepValues,
        world: &WorldReader,
    ) -> Vec<Secret> {
        let own = declared.build.secrets.iter().chain(&declared.trunk.secrets);
        let own = own.filter_map(|name| resolved.environment.get_key_value(name));
        let own = own.map(|(name, value)| secret(name, value, true));
        let mut secrets: BTreeSet<Secret> = own.collect();
        let ask = if declared.ask == Ask::WATCH { Ask::MASKED } else { Ask::ROLLBACK };
        secrets.extend(self.of_all(world, ask).await);
        secrets.into_iter().collect()
    }

    /// The secrets of all services: a step may come upon those of another in a file or from a server.
    async fn of_all(&self, world: &WorldReader, ask: Ask) -> Vec<Secret> {
        let services: Vec<_> = world.read(|world| {
            let of_service = |service: &std::sync::Arc<Service>| {
                let files = service.pipelines.values().filter_map(|file| file.as_ref().ok());
                let files = files.chain(&service.file);
                let names: BTreeSet<_> =
                    files.flat_map(|file| file.variables.secrets.iter().cloned()).collect();
                (service.watched.clone(), names)
            };
            world.services.values().map(of_service).collect()
        });
        let mut secrets = Vec::new();
        let has_names = |(_, names): &(Watched, BTreeSet<_>)| !names.is_empty();
        let (all, names): (Vec<_>, Vec<_>) = services.into_iter().filter(has_names).unzip();
        // No step waits for long for the sources of another service: all together have the time of one.
        let sourced = self.sources.values_of_all(&all, ask, Instant::now()).await;
        for (sourced, names) in sourced.into_iter().zip(names) {
            let values = names.iter().filter_map(|name| sourced.get(name).or(self.own.get(name)));
            secrets.extend(values.map(|value| secret("", value, false)));
        }
        secrets
    }

    async fn resolve(&self, declared: &StepNeeds) -> StepValues {
        let StepNeeds { build, trunk, lost, watched, ask } = declared;
        let sourced = self.sources.values(watched, *ask, Instant::now()).await;
        let mut environment = self.base();
        let mut inherited: BTreeSet<_> = environment.keys().cloned().collect();
        let fixed = FIXED.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let set = trunk.set.iter().chain(&build.set).map(|(n, v)| (n.clone(), v.clone()));
        for (name, value) in fixed.into_iter().chain(set) {
            inherited.remove(&name);
            environment.insert(name, value);
        }
        let unrecorded = lost.iter().filter(|name| !trunk.set.contains_key(*name));
        let (mut lacking, mut unset) = (BTreeSet::new(), BTreeSet::new());
        for name in trunk.wanted().chain(build.wanted()).chain(unrecorded) {
            let own = self.own.get(name).filter(|_| sourced.is_ok());
            let found = sourced.as_ref().ok().and_then(|values| values.get(name));
            // An empty secret is a secret that somebody forgot.
            let is_secret = build.secrets.contains(name) || trunk.secrets.contains(name);
            let usable = |value: &&String| !is_secret || !value.trim().is_empty();
            if let Some(value) = found.filter(usable) {
                inherited.remove(name);
                environment.insert(name.clone(), value.clone());
            } else if let Some(value) = own.filter(usable) {
                inherited.insert(name.clone());
                environment.insert(name.clone(), value.clone());
            } else if build.wanted().any(|wanted| wanted == name) {
                lacking.insert(name.clone());
            } else if !environment.contains_key(name) && lost.contains(name) {
                unset.insert(name.clone());
            }
        }
        let missing = self::missing(&lacking, sourced.err(), self.sources.user_file());
        let replaced = lost.difference(&unset).cloned().collect();
        let lost = LostValues { unset: self::unset(&unset, self.sources.user_file()), replaced };
        StepValues { environment, inherited, missing, lost }
    }
}

impl StepNeeds {
    /// What the next build needs, and what the next rollback needs.
    #[must_use]
    pub fn of_service(service: &Service) -> (Self, RollbackNeeds) {
        let trunk = service.file.as_ref().map(|file| file.variables.clone()).unwrap_or_default();
        let target = service.state.rollback_target();
        let target = target.and_then(|number| service.state.builds.get(&number));
        let (kind, ask) = (DeploymentKind::Rollback, Ask::WATCH_ROLLBACK);
        let recorded =
            |build: &Build| Self::recorded(service, build.number, kind, ask).map(Box::new);
        let rollback = match target.map(|build| (build, service.pipelines.get(&build.sha))) {
            Some((build, None)) => RollbackNeeds::File(build.sha.clone(), recorded(build)),
            Some((build, Some(Ok(file)))) => {
                let needed = Self::of(service, file.variables.clone(), ask);
                RollbackNeeds::Variables(build.sha.clone(), Box::new(needed))
            }
            Some((build, Some(Err(_)))) => match recorded(build) {
                Some(needed) => RollbackNeeds::Variables(build.sha.clone(), needed),
                None => RollbackNeeds::Nothing,
            },
            None => RollbackNeeds::Nothing,
        };
        (Self::of(service, trunk, Ask::WATCH), rollback)
    }

    /// What the next rollback needs, as far as it is known.
    #[must_use]
    pub fn of_next_rollback(service: &Service) -> Self {
        match Self::of_service(service) {
            (_, RollbackNeeds::Variables(_, needs) | RollbackNeeds::File(_, Some(needs))) => *needs,
            (trunk, RollbackNeeds::File(_, None) | RollbackNeeds::Nothing) => trunk,
        }
    }

    /// What the steps of a build need, whose file declares `build`.
    #[must_use]
    pub fn of(service: &Service, build: DeclaredVariables, ask: Ask) -> Self {
        let trunk = service.file.as_ref().map(|file| file.variables.clone()).unwrap_or_default();
        Self { watched: service.watched.clone(), build, trunk, lost: BTreeSet::new(), ask }
    }

    /// What the steps of a build need by the record. That has no value of a variable that the build's own file sets: it is
    /// that of the trunk, or the operator's. Nothing but a rollback runs without one.
    #[must_use]
    pub fn recorded(
        service: &Service,
        build: BuildNumber,
        kind: DeploymentKind,
        ask: Ask,
    ) -> Option<Self> {
        let recorded = service.state.recipe(build)?.pipeline.clone()?;
        let (mut pass, lost): (_, BTreeSet<_>) =
            (recorded.pass, recorded.set.into_iter().collect());
        let needed = Self::of(service, DeclaredVariables::default(), ask);
        if kind != DeploymentKind::Rollback {
            let set = &needed.trunk.set;
            pass.extend(lost.iter().filter(|name| !set.contains_key(*name)).cloned());
        }
        let lost = if kind == DeploymentKind::Rollback { lost } else { BTreeSet::new() };
        let build = DeclaredVariables { pass, set: BTreeMap::new(), secrets: recorded.secrets };
        Some(Self { build, lost, ..needed })
    }
}

/// What a rollback runs without, and how to give it to the engine.
fn unset(names: &BTreeSet<String>, user_file: Option<&Path>) -> Option<MissingVariables> {
    let (names, them) = named(names)?;
    let what = format!(
        "The build's own service file cannot be read, and the record has no value of {names}: the steps of a rollback \
         run without {them}"
    );
    Some(MissingVariables { what, remedy: advice(them, user_file) })
}

/// The names in a sentence, and the word for them.
fn named(names: &BTreeSet<String>) -> Option<(String, &'static str)> {
    let names: Vec<_> = names.iter().cloned().collect();
    let them = if names.len() == 1 { "it" } else { "them" };
    (!names.is_empty()).then(|| (and(&names), them))
}

fn secret(name: &str, value: &str, own: bool) -> Secret {
    Secret { name: name.to_owned(), value: value.to_owned(), own }
}

/// What is missing and how to give it to the engine.
fn missing(
    names: &BTreeSet<String>,
    trouble: Option<String>,
    user_file: Option<&Path>,
) -> Option<MissingVariables> {
    let (names, them) = named(names)?;
    if let Some(trouble) = trouble {
        let what = format!("The steps need {names}, and {trouble}");
        return Some(MissingVariables {
            what,
            remedy: "correct that; no restart is needed".into(),
        });
    }
    Some(MissingVariables {
        what: format!("The steps need {names}, which the engine does not have"),
        remedy: advice(them, user_file),
    })
}
