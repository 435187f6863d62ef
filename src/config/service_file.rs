//! `trunkline.toml`: what a repository says about its service, resolved into what the engine works with.

mod migrations;
mod people;
mod steps;

use crate::config::branch;
use crate::config::error::{Complaints, ConfigError};
use crate::config::reader::{Placed, Section, tree};
use crate::domain::event::{DeploymentKind, StepSpec};
use crate::domain::ids::{Environment, ServiceName};
use crate::domain::people::People;
use crate::domain::policy::{FreezeMode, Policy, VerifyBy};

pub use self::migrations::{DEFAULT_MIN_BAKE, MigrationSettings};
pub use self::steps::DEFAULT_TIMEOUT;

/// The name of the service file, in the repository or in the service's folder of it.
pub const SERVICE_FILE: &str = "trunkline.toml";

/// The keys that stand above all tables.
const TOP: [&str; 4] = ["service", "trunk", "database", "bots"];

/// Everything that a service file says, with the defaults where it is silent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceFile {
    pub name: ServiceName,
    /// The branch that is watched; `None` is the repository's default branch.
    pub trunk: Option<String>,
    /// What the services that share a database call it; `None` for one of its own.
    pub database: Option<String>,
    pub migrations: MigrationSettings,
    pub policy: Policy,
    pub people: People,
    /// The environment variables that steps are handed and whose values no log may show.
    pub secrets: Vec<String>,
    /// At least one.
    pub staging: Vec<StepSpec>,
    /// Empty for a service that does not go to production yet.
    pub production: Vec<StepSpec>,
    /// Empty only when `production` is.
    pub rollback: Vec<StepSpec>,
}

impl ServiceFile {
    /// Reads the text of a service file; `file` is what errors call it.
    ///
    /// # Errors
    /// With everything that is wrong in it, each at its line and column.
    pub fn parse(text: &str, file: &str) -> Result<Self, ConfigError> {
        let tree = tree(text, file)?;
        let mut complaints = Complaints::new(file, text);
        let file = read(Section::of_file(&tree), &mut complaints);
        complaints.finish(file)
    }

    /// The steps that a deployment of this kind runs in this environment.
    #[must_use]
    pub fn steps(&self, environment: Environment, kind: DeploymentKind) -> &[StepSpec] {
        match (kind, environment) {
            (DeploymentKind::Rollback, _) => &self.rollback,
            (_, Environment::Staging) => &self.staging,
            (_, Environment::Production) => &self.production,
        }
    }
}

fn read(mut top: Section<'_>, complaints: &mut Complaints<'_>) -> Option<ServiceFile> {
    let name = service_name(&mut top, complaints);
    let trunk = top.take("trunk").and_then(|entry| branch::trunk(&entry, complaints));
    let database = top.take("database").and_then(|entry| entry.text(complaints).map(str::to_owned));
    let pipelines = steps::read(&mut top, complaints);
    let staging: Vec<_> = pipelines.staging.iter().map(|step| step.name.as_str()).collect();
    let policy = policy(&mut top, &staging, complaints);
    let migrations = migrations::read(&mut top, complaints);
    let secrets = secrets(&mut top, complaints);
    let people = people::read(&mut top, complaints);
    top.finish(complaints);
    Some(ServiceFile {
        name: name?,
        trunk,
        database,
        migrations,
        policy,
        people,
        secrets,
        staging: pipelines.staging,
        production: pipelines.production,
        rollback: pipelines.rollback,
    })
}

fn service_name(top: &mut Section<'_>, complaints: &mut Complaints<'_>) -> Option<ServiceName> {
    let Some(entry) = top.take("service") else {
        complaints.add(0, "service", "is missing; add service = \"NAME\" as the first line");
        return None;
    };
    let name = entry.text(complaints)?.parse::<ServiceName>();
    name.map_err(|invalid| entry.complain(complaints, invalid.to_string())).ok()
}

fn policy(top: &mut Section<'_>, staging: &[&str], complaints: &mut Complaints<'_>) -> Policy {
    let mut policy = Policy::default();
    let section = top.take("policy").and_then(|entry| entry.section(complaints));
    let Some(mut section) = section else { return policy };
    if let Some(soak) = section.take("soak").and_then(|entry| entry.duration(complaints)) {
        policy.soak = soak;
    }
    if let Some(count) = section.take("big_batch").and_then(|entry| entry.count(complaints)) {
        policy.big_batch = count;
    }
    if let Some(verify) = verify(&mut section, staging, complaints) {
        policy.verify = verify;
    }
    let modes = [("override", FreezeMode::Override), ("warn", FreezeMode::Warn)];
    if let Some(mode) = section.take("freeze").and_then(|entry| entry.choice(&modes, complaints)) {
        policy.freeze = mode;
    }
    section.finish_below(&TOP, complaints);
    policy
}

/// `"person"`, or `"step:NAME"` with the name of a staging step.
fn verify(
    section: &mut Section<'_>,
    staging: &[&str],
    complaints: &mut Complaints<'_>,
) -> Option<VerifyBy> {
    let entry = section.take("verify")?;
    let text = entry.text(complaints)?;
    let Some(step) = text.strip_prefix("step:") else {
        let person = entry.choice(&[("person", ()), ("step:NAME", ())], complaints);
        return person.map(|()| VerifyBy::Person);
    };
    if staging.contains(&step) {
        return Some(VerifyBy::Step(step.to_owned()));
    }
    let advice = crate::config::error::did_you_mean(step, staging)
        .unwrap_or_else(|| "; name one of [[staging.steps]]".to_owned());
    entry.complain(complaints, format!("there is no staging step {step:?}{advice}"));
    None
}

fn secrets(top: &mut Section<'_>, complaints: &mut Complaints<'_>) -> Vec<String> {
    let section = top.take("secrets").and_then(|entry| entry.section(complaints));
    let Some(mut section) = section else { return Vec::new() };
    let mut names = Vec::new();
    if let Some(entry) = section.take("env") {
        for name in entry.texts(complaints) {
            if let Some(fault) = variable_fault(&name, &names) {
                complaints.add(name.at, &entry.path, format!("{:?} {fault}", shown(name.value)));
            } else {
                names.push(name.value.to_owned());
            }
        }
    }
    section.finish_below(&TOP, complaints);
    names
}

/// Why a text cannot be the name of a secret variable.
fn variable_fault(name: &Placed<&str>, before: &[String]) -> Option<&'static str> {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name = name.value;
    if name.contains('=') {
        Some("carries a value; write the name alone, the value comes from the engine's environment")
    } else if !name.contains(|c: char| !inside(c))
        && !name.starts_with(|c: char| c.is_ascii_digit())
    {
        if name.starts_with("TRUNKLINE_") {
            Some("is set by trunkline itself; choose a name without TRUNKLINE_")
        } else if before.iter().any(|known| known == name) {
            Some("stands here twice; keep one")
        } else {
            None
        }
    } else {
        Some("is not the name of an environment variable; use A-Z, 0-9 and \"_\"")
    }
}

/// The name of a variable without the value that somebody wrote behind it.
fn shown(name: &str) -> &str {
    name.split_once('=').map_or(name, |(name, _)| name)
}
