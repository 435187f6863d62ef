//! `trunkline themes show`: the file of a theme.

use crate::cli::appearance;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::config::appearance::ThemeName;

pub fn run(name: &ThemeName) -> Result<(), CliError> {
    let text = appearance::library()?.text(name).map_err(CliError::usage)?;
    Output::new().lines(text.lines().map(str::to_owned))
}
