//! One event as the cells of a table.

use std::path::Path;

use chrono::SecondsFormat;

use crate::cli::error::CliError;
use crate::domain::event::{Event, Fact, Subject};
use crate::store::Reader;

pub const COLUMNS: [&str; 11] = [
    "seq",
    "at",
    "service",
    "actor",
    "kind",
    "sentence",
    "reason",
    "build",
    "environment",
    "deployment",
    "hash",
];

/// Makes the cells; the chain's hashes are read from the database, where it is on this machine.
pub struct Rows {
    chain: Option<Reader>,
}

impl Rows {
    pub fn of(database: &Path) -> Result<Self, CliError> {
        let chain = database.exists().then(|| Reader::open(database)).transpose();
        let chain = chain.map_err(|error| CliError::failed(error.to_string()))?;
        Ok(Self { chain })
    }

    pub fn cells(&self, event: &Event) -> Result<[String; COLUMNS.len()], CliError> {
        let reasons = match &event.fact {
            Fact::DeploymentRequested(request) => request.overrides.values().cloned().collect(),
            _ => Vec::new(),
        };
        let hash = self.chain.as_ref().map(|chain| chain.hash_of(event)).transpose();
        let hash = hash.map_err(|error| CliError::failed(error.to_string()))?.flatten();
        let Subject { build, environment, deployment } = event.subject();
        Ok([
            event.seq.to_string(),
            event.at.to_rfc3339_opts(SecondsFormat::Micros, true),
            event.service.to_string(),
            event.actor.to_string(),
            event.fact.kind().to_owned(),
            event.sentence(),
            reasons.join("; "),
            build.map_or_else(String::new, |build| build.0.to_string()),
            environment.map_or_else(String::new, |environment| environment.to_string()),
            deployment.map_or_else(String::new, |deployment| deployment.0.to_string()),
            hash.map_or_else(String::new, |hash| hash.to_string()),
        ])
    }
}
