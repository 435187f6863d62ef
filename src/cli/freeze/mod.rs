//! `trunkline freeze`: freezes by calendar, and setting and lifting freezes by hand.

mod add;
mod calendar;
mod check;
mod list;

use clap::Subcommand;
use clap_complete::engine::ArgValueCandidates;

use super::context::Context;
use super::error::CliError;
use super::{Global, Reading, completions, lift, recall};

#[derive(Debug, Subcommand)]
pub enum FreezeCommand {
    /// List the freezes in force and the planned ones, by hand and by calendar
    List {
        #[command(flatten)]
        reading: Reading,
    },
    /// Show one freeze with its windows of the next year
    Show {
        /// Its name in the list, as in shop/weekend or weekend; of one set by hand its number
        #[arg(add = ArgValueCandidates::new(completions::freezes))]
        id: String,
        #[command(flatten)]
        reading: Reading,
    },
    /// Require a reason for every promote in a time window
    Add(add::FreezeAddArgs),
    /// End a freeze that was set by hand
    Lift(lift::LiftArgs),
    /// Check whether promotes are frozen at one moment
    Check(check::FreezeCheckArgs),
    /// Show a month with the frozen days marked
    Calendar(calendar::FreezeCalendarArgs),
}

pub async fn run(global: Global, command: FreezeCommand) -> Result<(), CliError> {
    match command {
        FreezeCommand::List { reading } => {
            list::all(&Context::connect(global).await?, reading).await
        }
        FreezeCommand::Show { id, reading } => {
            list::one(&Context::connect(global).await?, &id, reading).await
        }
        FreezeCommand::Add(arguments) => add::run(&recall::connect(global).await?, arguments).await,
        FreezeCommand::Lift(arguments) => {
            lift::run(&recall::connect(global).await?, arguments).await
        }
        FreezeCommand::Check(arguments) => check::run(global, arguments).await,
        FreezeCommand::Calendar(arguments) => {
            calendar::run(&Context::connect(global).await?, arguments).await
        }
    }
}
