//! `trunkline ask`: asks another promoter to promote a build.

use clap::Args;
use clap_complete::engine::ArgValueCandidates;

use super::arrival::{self, Arrival};
use super::context::Context;
use super::error::CliError;
use super::{Acting, act, completions, plan, same_key};
use crate::backend::Backend as _;
use crate::domain::command::{Action, Command};
use crate::domain::event::Fact;
use crate::domain::ids::BuildNumber;

#[derive(Debug, Args)]
pub struct AskArgs {
    /// The build number, as in 1290
    #[arg(add = ArgValueCandidates::new(completions::builds))]
    build: BuildNumber,
    /// What the promoter should know
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    #[command(flatten)]
    acting: Acting,
}

/// Shows the plan and records a request for exactly this plan.
pub async fn run(context: &Context, arguments: AskArgs) -> Result<(), CliError> {
    let AskArgs { build, note, acting } = arguments;
    let service = context.service().await?;
    let is_same = |fact: &Fact| {
        matches!(fact, Fact::PromoterRequested { build: of, note: recorded, .. }
            if *of == build && same_key::is_same_text(recorded, &note))
    };
    let key = acting.key;
    if same_key::first_answer(context, &service, key.as_ref(), |e| is_same(&e.fact))
        .await?
        .is_some()
    {
        return Ok(());
    }
    arrival::of(context, &service, build, Arrival::InStaging).await?;
    let plan = context.backend.plan(&service, Action::Promote { build }).await?;
    plan::print(context.out.regardless(), &plan)?;
    let command = Command::Ask { build, fingerprint: plan.fingerprint, note };
    act::run(context, &service, command, key).await.map(drop)
}
