//! `trunkline themes check`: the mistakes of a theme file, and what is hard to read or to tell apart.

use std::path::Path;

use crate::cli::appearance;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::console::theme::check::{ThemeFinding, check};

pub fn run(file: &Path) -> Result<(), CliError> {
    let out = Output::new();
    let looks = match appearance::library()?.load_file(file) {
        Ok(looks) => looks,
        Err(mistakes) => {
            out.lines(mistakes.lines().map(str::to_owned))?;
            return Err(CliError::failed("the theme cannot be used"));
        }
    };
    let findings = check(&looks);
    let line = |finding: &ThemeFinding| {
        let line = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
        let word = if finding.fails { "FAILS" } else { "note" };
        format!("{}{line}: {word}: {}", file.display(), finding.sentence)
    };
    out.lines(findings.iter().map(line))?;
    match findings.iter().filter(|finding| finding.fails).count() {
        0 => out.line("the theme can be used"),
        1 => Err(CliError::failed("1 role cannot be read well enough")),
        count => Err(CliError::failed(format!("{count} roles cannot be read well enough"))),
    }
}
