//! One event as the cells of a CSV row.

use chrono::SecondsFormat;

use crate::domain::chain::Hash;
use crate::domain::event::{Event, Fact, Subject};

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

/// The cells of an event. Without a hash that cell is empty.
pub fn cells(event: &Event, hash: Option<Hash>) -> [String; COLUMNS.len()] {
    let reasons = match &event.fact {
        Fact::DeploymentRequested(request) => request.overrides.values().cloned().collect(),
        _ => Vec::new(),
    };
    let Subject { build, environment, deployment } = event.subject();
    [
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
    ]
}
