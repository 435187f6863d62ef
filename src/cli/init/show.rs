//! Says what the workflows propose, and asks before anything is written.

use super::proposed::InitProposal;
use crate::cli::error::CliError;
use crate::cli::output::{self, Output};
use crate::config::service_file::SERVICE_FILE;
use crate::workflows::Answerability;

/// The proposal with its diff, and at its end how certain each lane is.
pub(super) fn show(out: Output, found: &InitProposal) -> Result<(), CliError> {
    let proposal = &found.proposal;
    out.line(&proposal.sentence)?;
    out.lines(proposal.notes.iter().map(|note| format!("  - {note}")))?;
    out.lines(proposal.unreadable.iter().map(|error| format!("  - not read: {error}")))?;
    if let Some(text) = &found.text {
        out.line("")?;
        out.line(format!("{SERVICE_FILE}:"))?;
        out.lines(text.lines().map(|line| format!("    {line}")))?;
    }
    if let (Some(change), Some(diff)) = (&proposal.change, &found.diff) {
        out.line("")?;
        out.line(format!("A change that trunkline does not make itself. {}", change.why))?;
        out.lines(diff.lines().map(|line| format!("    {line}")))?;
    }
    out.line("")?;
    let rows: Vec<_> = proposal
        .answers
        .iter()
        .map(|answer| {
            vec![
                answer.is.as_str().to_owned(),
                answer.lane.as_str().to_owned(),
                answer.sentence.clone(),
            ]
        })
        .collect();
    out.table(&rows)?;
    if !found.checked.is_empty() {
        out.line("GitHub says:")?;
        out.lines(found.checked.iter().map(|said| format!("  - {said}")))?;
    }
    found.not_checked.iter().try_for_each(|said| out.line(said))
}

/// True if the service file is to be written.
pub(super) fn is_confirmed(out: Output, found: &InitProposal, yes: bool) -> Result<bool, CliError> {
    if found.text.is_none() {
        out.line(
            "Nothing was written. For steps of your own that run here: trunkline init --steps",
        )?;
        return Ok(false);
    }
    if yes {
        return Ok(true);
    }
    if !out.is_interactive() {
        return Err(CliError::usage(format!(
            "nothing was written: there is no terminal to ask at; to write {SERVICE_FILE} as shown, add --yes"
        )));
    }
    let answer = output::ask(&format!("Write {SERVICE_FILE} as shown? [y/N]"))?;
    let is_yes = matches!(answer.to_lowercase().as_str(), "y" | "yes");
    if !is_yes {
        out.line("Nothing was written.")?;
    }
    Ok(is_yes)
}

/// What is still to do in the file that was written.
pub(super) fn to_do(found: &InitProposal, file: &str) -> Option<String> {
    let is_asked = |answer: &crate::workflows::LaneAnswer| answer.is == Answerability::Asked;
    let is_open = found.incomplete.is_some() || found.repository.is_none();
    if found.proposal.answers.iter().any(is_asked) || is_open {
        let needed = if is_open { "; trunkline reads it once that is done" } else { "" };
        return Some(format!("edit {file}: answer the questions in it{needed}"));
    }
    None
}
