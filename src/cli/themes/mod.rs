//! `trunkline themes`: lists, shows and checks what the console can look like.

mod check;
mod list;
mod preview;
mod show;

use std::path::PathBuf;

use clap::Subcommand;
use clap_complete::engine::ArgValueCandidates;

use super::error::CliError;
use super::{Global, completions};
use crate::config::appearance::ThemeName;

#[derive(Debug, Subcommand)]
pub enum ThemesCommand {
    /// List the themes; the one in use is marked
    List,
    /// Print what each role of a theme looks like in this terminal
    Preview {
        /// The theme; without it the one in use
        #[arg(add = ArgValueCandidates::new(completions::themes))]
        name: Option<ThemeName>,
    },
    /// Look for mistakes in a theme file, for weak contrast and for roles that look alike
    ///
    /// It fails by a mistake, and by a text with less contrast than 4.5:1 or a frame with less than 3:1. Pairs that mean
    /// opposite things are compared for usual, protan, deutan and tritan eyes.
    Check {
        /// A theme file
        file: PathBuf,
    },
    /// Print the file of a theme, as a start for one of your own
    Show {
        #[arg(add = ArgValueCandidates::new(completions::themes))]
        name: ThemeName,
    },
}

pub fn run(global: &Global, command: ThemesCommand) -> Result<(), CliError> {
    match command {
        ThemesCommand::List => list::run(global),
        ThemesCommand::Preview { name } => preview::run(global, name),
        ThemesCommand::Check { file } => check::run(&file),
        ThemesCommand::Show { name } => show::run(&name),
    }
}
