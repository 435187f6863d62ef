//! `trunkline audit`: lists, exports and verifies the recorded events.

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

pub use self::verify::read as read_head;

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
    /// List the events of one service or of all, oldest first; this is the default
    List(list::AuditListArgs),
    /// Export the events as JSON lines or CSV
    ///
    /// An apostrophe is put before a CSV cell that a spreadsheet would read as a formula. The columns "build",
    /// "environment" and "deployment" are empty if the event names none. The column "hash" is the event's hash in the
    /// chain; it is empty where the chain is broken.
    Export(export::AuditExportArgs),
    /// Check the record's hash chain and name the first broken row
    ///
    /// Exits with code 1 if the chain is broken. Asks the engine; with FILE, reads that database without an engine.
    Verify(verify::AuditVerifyArgs),
    /// Print the last row of the chain; keep it elsewhere for "audit verify --head"
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
