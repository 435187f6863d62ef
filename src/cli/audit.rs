//! `trunkline audit`: who did what, and whether the record is whole.

mod csv;
mod export;
mod filter;
mod list;
mod row;
mod verify;

use clap::{Args, Subcommand};

use super::Global;
use super::context::Context;
use super::error::CliError;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[group(skip)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: list::Arguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The events of one service or of all, oldest first; this is the default
    List(list::Arguments),
    /// All of them as JSON lines or CSV, for a file or another program
    ///
    /// A CSV cell that a spreadsheet would take for a formula begins with an apostrophe. The columns "build",
    /// "environment" and "deployment" have what the event itself names. The column "hash" has the event's hash in the
    /// chain, as far as the chain holds.
    Export(export::Arguments),
    /// Walk the record's hash chain and name the first broken row
    ///
    /// Ends with exit code 1 when the chain is broken. Asks the engine; with FILE it reads that database and needs no
    /// engine.
    Verify(verify::Arguments),
    /// Print the last row of the chain, to be kept elsewhere for "audit verify --head"
    Head(verify::HeadArguments),
}

pub async fn run(global: Global, arguments: Arguments) -> Result<(), CliError> {
    match arguments.command.unwrap_or(Command::List(arguments.list)) {
        Command::List(arguments) => list::run(&Context::connect(global).await?, arguments).await,
        Command::Export(arguments) => export::run(global, arguments).await,
        Command::Verify(arguments) => verify::run(global, arguments).await,
        Command::Head(arguments) => verify::head(global, arguments).await,
    }
}
