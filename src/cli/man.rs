//! `trunkline man`: prints the manual page, to be read with `trunkline man | man -l -`.

use std::io::{self, Write};

use clap::CommandFactory;

use super::error::CliError;

pub fn run() -> Result<(), CliError> {
    let mut page = Vec::new();
    clap_mangen::Man::new(super::CliArgs::command()).render(&mut page)?;
    Ok(io::stdout().lock().write_all(&page)?)
}
