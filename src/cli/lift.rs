//! `trunkline lift`: ends a freeze.

use clap::Args;

use super::context::Context;
use super::failure::Failure;
use super::{Acting, act};
use crate::domain::command::Command;
use crate::domain::ids::{Seq, ServiceName};

#[derive(Debug, Args)]
pub struct Arguments {
    /// The freeze, as "trunkline status" numbers it; not needed when there is one
    freeze: Option<u64>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    acting: Acting,
}

pub async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    let Arguments { freeze, reason, acting } = arguments;
    let service = context.service().await?;
    let freeze = match freeze {
        Some(freeze) => Seq(freeze),
        None => the_only_one(context, &service).await?,
    };
    act::run(context, &service, Command::Lift { freeze, reason }, acting.key).await.map(drop)
}

async fn the_only_one(context: &Context, service: &ServiceName) -> Result<Seq, Failure> {
    let freezes = context.snapshot(service).await?.freezes;
    match freezes.as_slice() {
        [] => Err(Failure::failed("there is no freeze to lift")),
        [only] => Ok(only.id),
        several => {
            let all: Vec<_> = several.iter().map(|f| format!("{} ({})", f.id, f.reason)).collect();
            Err(Failure::usage(format!("which freeze? name one of {}", all.join(", "))))
        }
    }
}
