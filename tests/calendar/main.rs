//! Freezes by calendar: what the rules say, from the text of the file to the judgement, in the engine and on the command
//! line.

mod cases;
mod cli;
mod config;
mod engine;
mod feeds;
mod on_call;
mod properties;
mod zones;

use chrono::{DateTime, Utc};
use trunkline::calendar::{Evaluation, FreezeAction, FreezeQuery, FreezeRules, FreezesFile};

fn rules(text: &str) -> FreezeRules {
    let file = FreezesFile::parse(text, "freezes.toml");
    file.unwrap_or_else(|error| panic!("{error}\n{text}")).rules
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no time"))
}

/// What holds for a promote of the service `shop` to production.
fn promote(rules: &FreezeRules, at: DateTime<Utc>) -> Evaluation {
    ask(rules, at, FreezeAction::Promote)
}

fn ask(rules: &FreezeRules, at: DateTime<Utc>, action: FreezeAction) -> Evaluation {
    rules.evaluate(&FreezeQuery { at, environment: "production", service: "shop", action })
}
