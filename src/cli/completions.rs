//! `trunkline completions`: prints a completion script for a shell.

use std::io::{self, Write};

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::error::CliError;

#[derive(Debug, Clone, Copy, Args)]
pub struct CompletionsArgs {
    shell: Shell,
}

pub fn run(arguments: CompletionsArgs) -> Result<(), CliError> {
    // The generator panics on a closed pipe. Writing the finished script returns an error instead.
    let mut script = Vec::new();
    let mut command = super::CliArgs::command();
    clap_complete::generate(arguments.shell, &mut command, "trunkline", &mut script);
    Ok(io::stdout().lock().write_all(&script)?)
}
