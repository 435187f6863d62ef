//! `trunkline.toml`: the settings of a service, in its repository.

mod github_way;
mod incidents;
mod leaves;
mod live;
mod migrations;
mod names;
mod needs;
mod observe;
mod observed;
mod on_call;
mod paths;
pub(super) mod people;
mod pipeline_name;
mod remote;
mod shared_way;
mod steps;
mod targets;
mod variables;
mod watch;
mod waves;

use std::collections::BTreeMap;

use crate::config::branch;
use crate::config::error::ConfigError;
use crate::config::notify::{self, ServiceDestination};
use crate::domain::event::{DeploymentKind, StepSpec};
use crate::domain::ids::{Environment, ServiceName};
use crate::domain::lane::Lanes;
use crate::domain::live_source::LiveSources;
use crate::domain::needs::RollbackNeed;
use crate::domain::notice::DestinationName;
use crate::domain::observed_command::ObservedCommand;
use crate::domain::on_call::OnCallSource;
use crate::domain::people::People;
use crate::domain::policy::{FreezeMode, Policy, Staging, VerifyBy};
use crate::domain::recipe::{Recipe, RecordedPipeline};
use crate::domain::watch::ServiceWatches;
use crate::settings::{Located, Mistakes, Section, did_you_mean, list, text, tree};

pub use self::migrations::{DEFAULT_MIN_BAKE, MigrationSettings};
pub use self::steps::DEFAULT_TIMEOUT;
pub use self::variables::DeclaredVariables;

/// The name of the service file, at the top of the repository or in the folder of the service.
pub const SERVICE_FILE: &str = "trunkline.toml";

/// The keys above all tables.
const TOP: [&str; 5] = ["service", "trunk", "paths", "database", "bots"];

/// The settings of a service file, with defaults for missing keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceFile {
    pub name: ServiceName,
    /// The branch that is watched; `None` is the repository's default branch.
    pub trunk: Option<String>,
    /// What makes a build beside the service's own folder: paths and patterns from the top of the repository.
    pub paths: Vec<String>,
    /// The common name of a database that services share; `None` for an unshared one.
    pub database: Option<String>,
    pub migrations: MigrationSettings,
    pub policy: Policy,
    pub people: People,
    /// Who is on call, if the file says where to read that.
    pub on_call: Option<OnCallSource>,
    /// The environment variables that steps get.
    pub variables: DeclaredVariables,
    /// Empty only where CI deploys staging.
    pub staging: Vec<StepSpec>,
    /// Empty for a service without production.
    pub production: Vec<StepSpec>,
    /// Empty only when `production` is.
    pub rollback: Vec<StepSpec>,
    /// What the rollback steps need, and is looked at before they run.
    pub needs: Vec<RollbackNeed>,
    /// What else deploys to its environments.
    pub lanes: Lanes,
    /// Where the service itself tells what its environments run.
    pub live: LiveSources,
    /// What is looked at after deployments.
    pub watches: ServiceWatches,
    /// The commands whose output is watched for changes.
    pub observed: Vec<ObservedCommand>,
    /// Where it is told what happens.
    pub notify: BTreeMap<DestinationName, ServiceDestination>,
}

impl ServiceFile {
    /// Reads the text of a service file; `file` is what errors call it.
    ///
    /// # Errors
    /// With every mistake, at its line and column.
    pub fn parse(text: &str, file: &str) -> Result<Self, ConfigError> {
        let tree = tree(text, file)?;
        let mut mistakes = Mistakes::new(file, text);
        let file = read(Section::of_file(&tree), &mut mistakes);
        Ok(mistakes.finish(file)?)
    }

    /// The same, of the file as it is stored.
    ///
    /// # Errors
    /// As [`ServiceFile::parse`], and if it is not UTF-8.
    pub fn of_bytes(bytes: Vec<u8>, file: &str) -> Result<Self, ConfigError> {
        Self::parse(&text(bytes, file)?, file)
    }

    /// The steps that a deployment of this kind runs in this environment.
    #[must_use]
    pub fn steps(&self, environment: Environment, kind: DeploymentKind) -> &[StepSpec] {
        match (kind, environment) {
            (DeploymentKind::Rollback | DeploymentKind::Rehearsal, _) => &self.rollback,
            (_, Environment::Staging) => &self.staging,
            (_, Environment::Production) => &self.production,
        }
    }
}

impl ServiceFile {
    /// What is recorded of it with a build of a service in this folder.
    #[must_use]
    pub fn recipe(&self, folder: Option<String>) -> Recipe {
        let pipeline = RecordedPipeline {
            staging: self.staging.clone(),
            production: self.production.clone(),
            rollback: self.rollback.clone(),
            pass: self.variables.pass.clone(),
            set: self.variables.set.keys().cloned().collect(),
            secrets: self.variables.secrets.clone(),
        };
        Recipe::new(folder, pipeline)
    }
}

fn read(mut top: Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<ServiceFile> {
    let name = service_name(&mut top, mistakes);
    let trunk = top.take("trunk").and_then(|entry| branch::trunk(&entry, mistakes));
    let paths = paths::read(&mut top, mistakes);
    let database = top.take("database").and_then(|entry| entry.text(mistakes).map(str::to_owned));
    let pipelines = steps::read(&mut top, mistakes);
    let staging: Vec<_> = pipelines.staging.iter().map(StepSpec::declared).collect();
    let has_watch = !pipelines.watches.staging.checks.is_empty();
    let mut policy = policy(&mut top, (&staging, has_watch), mistakes);
    let watched = pipelines.watches.production.checks.iter();
    policy.auto_rollback = pipelines.watches.production.auto_rollback;
    policy.watch = watched.map(|check| check.name.clone()).collect();
    if pipelines.lanes.staging.is_some() {
        policy.staging = Staging::Observe;
    }
    policy.rehearse = pipelines.rehearse;
    policy.leaves = Some(pipelines.leaves);
    policy.incidents = incidents::read(&mut top, mistakes);
    let migrations = migrations::read(&mut top, mistakes);
    let variables = variables::read(&mut top, mistakes);
    let people = people::read(&mut top, mistakes);
    let on_call = on_call::read(&mut top, mistakes);
    let observed = observed::read(&mut top, mistakes);
    let notify = notify::read_of_service(top.take("notify"), mistakes);
    top.finish(mistakes);
    Some(ServiceFile {
        name: name?,
        trunk,
        paths,
        database,
        migrations,
        policy,
        people,
        on_call,
        variables,
        staging: pipelines.staging,
        production: pipelines.production,
        rollback: pipelines.rollback,
        needs: pipelines.needs,
        lanes: pipelines.lanes,
        live: pipelines.live,
        watches: pipelines.watches,
        observed,
        notify,
    })
}

fn service_name(top: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<ServiceName> {
    let Some(entry) = top.take("service") else {
        mistakes.add(0, "service", "is missing; add service = \"NAME\" as the first line");
        return None;
    };
    let name = entry.text(mistakes)?.parse::<ServiceName>();
    name.map_err(|invalid| entry.reject(mistakes, invalid.to_string())).ok()
}

/// What in staging can verify a build: the names of its steps, and whether it has a watch.
type Verifiers<'a> = (&'a [&'a str], bool);

fn policy(top: &mut Section<'_>, staging: Verifiers<'_>, mistakes: &mut Mistakes<'_>) -> Policy {
    let mut policy = Policy::default();
    let section = top.take("policy").and_then(|entry| entry.section(mistakes));
    let Some(mut section) = section else { return policy };
    if let Some(soak) = section.take("soak").and_then(|entry| entry.duration(mistakes)) {
        policy.soak = soak;
    }
    if let Some(count) = section.take("big_batch").and_then(|entry| entry.count(mistakes)) {
        policy.big_batch = count;
    }
    if let Some(verify) = verify(&mut section, staging, mistakes) {
        policy.verify = verify;
    }
    let modes = [("override", FreezeMode::Override), ("warn", FreezeMode::Warn)];
    if let Some(mode) = section.take("freeze").and_then(|entry| entry.choice(&modes, mistakes)) {
        policy.freeze = mode;
    }
    let expires = section.take("request_expires");
    if let Some(time) = expires.and_then(|entry| entry.positive_duration(mistakes)) {
        policy.request_expires = time;
    }
    section.finish_below(&TOP, mistakes);
    policy
}

/// `"person"`, `"staging"`, `"watch"`, `"step:NAME"` with the name of a staging step, or a list of these that are all needed.
fn verify(
    section: &mut Section<'_>,
    staging: Verifiers<'_>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Vec<VerifyBy>> {
    let entry = section.take("verify")?;
    let names = if entry.is_list() {
        entry.texts(mistakes)
    } else {
        vec![Located { value: entry.text(mistakes)?, at: entry.at }]
    };
    let mut kinds: Vec<VerifyBy> = Vec::new();
    for name in names {
        match kind(name.value, staging) {
            Ok(kind) if kinds.contains(&kind) => {
                let sentence = format!("{:?} is listed twice; keep one", name.value);
                mistakes.add(name.at, &entry.path, sentence);
            }
            Ok(kind) => kinds.push(kind),
            Err(sentence) => mistakes.add(name.at, &entry.path, sentence),
        }
    }
    if entry.is_empty_list() {
        entry.reject(mistakes, "is empty; write \"person\", \"staging\" or \"step:NAME\"");
    }
    (!kinds.is_empty()).then_some(kinds)
}

fn kind(name: &str, (staging, has_watch): Verifiers<'_>) -> Result<VerifyBy, String> {
    match name.strip_prefix("step:") {
        Some(step) if staging.contains(&step) => Ok(VerifyBy::Step(step.to_owned())),
        Some(step) => {
            let advice = did_you_mean(step, staging)
                .unwrap_or_else(|| "; name one of [[staging.steps]]".to_owned());
            Err(format!("there is no staging step {step:?}{advice}"))
        }
        None if name == "person" => Ok(VerifyBy::Person),
        None if name == "staging" => Ok(VerifyBy::Staging),
        None if name == "watch" && has_watch => Ok(VerifyBy::Watch),
        None if name == "watch" => {
            Err("\"watch\" needs a [[staging.watch]]; add one or remove this".to_owned())
        }
        None => {
            let known = ["person", "staging", "watch", "step:NAME"];
            let advice =
                did_you_mean(name, &known).unwrap_or_else(|| format!("; known: {}", list(&known)));
            Err(format!("unknown value {name:?}{advice}"))
        }
    }
}
