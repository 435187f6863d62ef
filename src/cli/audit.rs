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
pub struct AuditArgs {
    #[command(subcommand)]
    command: Option<AuditCommand>,
    #[command(flatten)]
    list: list::AuditListArgs,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// The events of one service or of all, oldest first; this is the default
    List(list::AuditListArgs),
    /// All of them as JSON lines or CSV, for a file or another program
    ///
    /// A CSV cell that a spreadsheet would take for a formula begins with an apostrophe. The columns "build",
    /// "environment" and "deployment" have what the event itself names. The column "hash" has the event's hash in the
    /// chain, as far as the chain holds.
    Export(export::AuditExportArgs),
    /// Walk the record's hash chain and name the first broken row
    ///
    /// Ends with exit code 1 when the chain is broken. Asks the engine; with FILE it reads that database and needs no
    /// engine.
    Verify(verify::AuditVerifyArgs),
    /// Print the last row of the chain, to be kept elsewhere for "audit verify --head"
    Head(verify::AuditHeadArgs),
}

pub async fn run(global: Global, arguments: AuditArgs) -> Result<(), CliError> {
    match arguments.command.unwrap_or(AuditCommand::List(arguments.list)) {
        AuditCommand::List(arguments) => {
            list::run(&Context::connect(global).await?, arguments).await
        }
        AuditCommand::Export(arguments) => export::run(global, arguments).await,
        AuditCommand::Verify(arguments) => verify::run(global, arguments).await,
        AuditCommand::Head(arguments) => verify::head(global, arguments).await,
    }
}
