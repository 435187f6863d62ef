//! `trunkline withdraw`: withdraws a request for a promoter.

use clap::Args;
use clap_complete::engine::ArgValueCandidates;

use super::context::Context;
use super::error::CliError;
use super::{Acting, act, completions, same_key};
use crate::domain::command::Command;
use crate::domain::event::Fact;
use crate::domain::ids::Seq;

#[derive(Debug, Args)]
pub struct WithdrawArgs {
    /// The request's number in "trunkline requests"; without it, the open one
    #[arg(add = ArgValueCandidates::new(completions::requests))]
    request: Option<u64>,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    #[command(flatten)]
    acting: Acting,
}

pub async fn run(context: &Context, arguments: WithdrawArgs) -> Result<(), CliError> {
    let WithdrawArgs { request, reason, acting } = arguments;
    let service = context.service().await?;
    let is_same = |fact: &Fact| {
        matches!(fact, Fact::RequestWithdrawn { request: of, reason: why }
            if request.is_none_or(|request| request == of.0) && same_key::is_same_text(why, &reason))
    };
    let key = acting.key;
    if same_key::first_answer(context, &service, key.as_ref(), |e| is_same(&e.fact))
        .await?
        .is_some()
    {
        return Ok(());
    }
    let request = if let Some(request) = request {
        Seq(request)
    } else {
        let snapshot = context.snapshot(&service).await?;
        let open = snapshot.requests.iter().find(|request| request.is_open(snapshot.at));
        open.ok_or_else(|| CliError::failed("no request is open"))?.id
    };
    act::run(context, &service, Command::Withdraw { request, reason }, key).await.map(drop)
}
