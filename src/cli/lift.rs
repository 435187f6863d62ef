//! `trunkline lift`: ends a freeze.

use clap::Args;
use clap_complete::engine::ArgValueCandidates;

use super::context::Context;
use super::error::CliError;
use super::{Acting, act, completions, same_key};
use crate::domain::command::Command;
use crate::domain::event::Fact;
use crate::domain::ids::{Seq, ServiceName};

#[derive(Debug, Args)]
pub struct LiftArgs {
    /// The freeze's number in "trunkline status"; not needed if there is only one
    #[arg(add = ArgValueCandidates::new(completions::freezes_by_hand))]
    freeze: Option<u64>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    acting: Acting,
}

pub async fn run(context: &Context, arguments: LiftArgs) -> Result<(), CliError> {
    let LiftArgs { freeze, reason, acting } = arguments;
    let service = context.service().await?;
    let is_same = |fact: &Fact| {
        matches!(fact, Fact::FreezeLifted { freeze: of, reason: why }
            if freeze.is_none_or(|freeze| freeze == of.0) && same_key::is_same_text(why, &reason))
    };
    let key = acting.key;
    if same_key::first_answer(context, &service, key.as_ref(), |e| is_same(&e.fact))
        .await?
        .is_some()
    {
        return Ok(());
    }
    let freeze = match freeze {
        Some(freeze) => Seq(freeze),
        None => the_only_one(context, &service).await?,
    };
    act::run(context, &service, Command::Lift { freeze, reason }, key).await.map(drop)
}

async fn the_only_one(context: &Context, service: &ServiceName) -> Result<Seq, CliError> {
    let freezes = context.snapshot(service).await?.freezes;
    match freezes.as_slice() {
        [] => Err(CliError::failed("there is no freeze to lift")),
        [only] => Ok(only.id),
        several => {
            let all: Vec<_> = several.iter().map(|f| format!("{} ({})", f.id, f.reason)).collect();
            Err(CliError::usage(format!(
                "there are several freezes; name one of {}",
                all.join(", ")
            )))
        }
    }
}
