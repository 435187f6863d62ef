//! `trunkline audit`: who did what, and whether the record is whole.

mod csv;
mod export;
mod filter;
mod list;
mod verify;

use clap::Subcommand;

use super::Global;
use super::context::Context;
use super::failure::Failure;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// The events of one service or of all, oldest first
    List(list::Arguments),
    /// All of them as JSON lines or CSV, for a file or another program
    ///
    /// A CSV cell that a spreadsheet would take for a formula begins with an apostrophe.
    Export(export::Arguments),
    /// Walk the hash chain of the database here and name the first broken row
    ///
    /// Ends with exit code 1 when the chain is broken. Only reads, whether an engine runs or not.
    Verify(verify::Arguments),
    /// Print the last row of the chain, to be kept elsewhere for "audit verify --head"
    Head(verify::HeadArguments),
}

pub async fn run(global: Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::List(arguments) => list::run(&Context::connect(global).await?, arguments).await,
        Command::Export(arguments) => {
            export::run(&Context::connect(global).await?, arguments).await
        }
        Command::Verify(arguments) => verify::run(&global, arguments),
        Command::Head(arguments) => verify::head(&global, arguments),
    }
}
