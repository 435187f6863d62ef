//! `trunkline man`: prints the manual page of a command, to be read with `trunkline man | man -l -`, or writes them all.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Command};
use color_eyre::eyre::Context as _;

use super::error::CliError;
use super::help;
use super::output::Output;

#[derive(Debug, Args)]
pub struct ManArgs {
    /// The command whose page to print, as in: freeze add; without it, the page of trunkline itself
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
    /// Write all pages into this folder instead, as trunkline.1, trunkline-promote.1 and so on
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    write: Option<PathBuf>,
}

pub fn run(arguments: &ManArgs) -> Result<(), CliError> {
    let mut command = help::command().disable_help_subcommand(true);
    // Gives every subcommand its full name.
    command.build();
    if let Some(folder) = &arguments.write {
        let cannot = || format!("cannot write the manual pages into {:?}", folder.display());
        fs::create_dir_all(folder).wrap_err_with(cannot)?;
        clap_mangen::generate_to(command, folder).wrap_err_with(cannot)?;
        return Output::new().line(format!(
            "wrote the manual pages into {}; put that folder's parent into MANPATH",
            folder.display()
        ));
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(named(&command, &arguments.command)?).render(&mut page)?;
    Ok(io::stdout().lock().write_all(&page)?)
}

fn named(command: &Command, words: &[String]) -> Result<Command, CliError> {
    let mut found = command;
    for word in words {
        found = found.find_subcommand(word).filter(|sub| !sub.is_hide_set()).ok_or_else(|| {
            let text = words.join(" ");
            CliError::usage(format!("there is no command {text:?}; run: trunkline --help"))
        })?;
    }
    Ok(found.clone())
}
