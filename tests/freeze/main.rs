//! Freezes by calendar: what the rules say, from the text of the file to the judgement.

mod cases;
mod config;
mod feeds;
mod properties;
mod zones;

use chrono::{DateTime, Utc};
use trunkline::config::FreezesFile;
use trunkline::domain::freeze::{Ask, Evaluation, FreezeAction, Rules};
use trunkline::domain::ids::Environment;

fn rules(text: &str) -> Rules {
    let file = FreezesFile::parse(text, "freezes.toml");
    file.unwrap_or_else(|error| panic!("{error}\n{text}")).rules
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no time"))
}

/// What holds for a promote of the service `shop` to production.
fn promote(rules: &Rules, at: DateTime<Utc>) -> Evaluation {
    ask(rules, at, FreezeAction::Promote)
}

fn ask(rules: &Rules, at: DateTime<Utc>, action: FreezeAction) -> Evaluation {
    let service = "shop".parse().unwrap();
    rules.evaluate(&Ask { at, environment: Environment::Production, service: &service, action })
}
