//! `trunkline release`: ends a hold, so that promotes can go on, and names the commits that were bad.

use clap::Args;

use super::context::Context;
use super::failure::Failure;
use super::history::Where;
use super::{Acting, act};
use crate::domain::command::Command;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Of which environment
    #[arg(value_enum, default_value_t = Where::Production)]
    environment: Where,
    /// A commit that was bad, by its id or the beginning of it; once for each: it goes into quarantine
    #[arg(long, value_name = "SHA")]
    bad: Vec<String>,
    /// No commit was bad; after a rollback this or --bad has to be said
    #[arg(long, conflicts_with = "bad")]
    none_bad: bool,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    acting: Acting,
}

pub async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    let Arguments { environment, bad, none_bad, reason, acting } = arguments;
    let service = context.service().await?;
    let bad = (none_bad || !bad.is_empty()).then_some(bad);
    let command = Command::Release { environment: environment.into(), reason, bad };
    act::run(context, &service, command, acting.key).await.map(drop)
}
