//! The postmortem of an incident: its document, where it is in the end, or that there will be none.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

use super::IncidentPostmortemArgs;
use super::show::named;
use crate::backend::Backend as _;
use crate::cli::act;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::domain::command::Command;
use crate::domain::ids::{IncidentId, ServiceName};
use crate::postmortem;

/// The largest template that is read, in bytes.
const LARGEST_TEMPLATE: u64 = 256 * 1024;

pub async fn run(context: &Context, arguments: IncidentPostmortemArgs) -> Result<(), CliError> {
    let IncidentPostmortemArgs { id, file, template, written, issue, dismiss, acting } = arguments;
    let service = context.service().await?;
    let id = named(context, &service, id).await?;
    let command = match (written, dismiss) {
        (Some(place), _) => Some(Command::WritePostmortem { incident: id, place }),
        (None, Some(reason)) => Some(Command::DismissPostmortem { incident: id, reason }),
        (None, None) if issue => Some(Command::OpenPostmortemIssue { incident: id, place: None }),
        (None, None) => None,
    };
    if let Some(command) = command {
        act::run(context, &service, command, acting.key).await?;
        let is_draft = issue.then(|| format!("Once it is: {}", written_by(&service, id)));
        return is_draft.map_or(Ok(()), |line| context.out.regardless().line(line));
    }
    let template = template.as_deref().map(read).transpose()?;
    let report = context.backend.incident(&service, id).await?;
    let template = template.as_deref().unwrap_or(postmortem::SHIPPED);
    let text = postmortem::markdown(&report, template).map_err(CliError::failed)?;
    let Some(path) = file else { return context.out.lines(text.lines().map(str::to_owned)) };
    create(&path, &text)?;
    let shown = path.display();
    let then = written_by(&service, id);
    context.out.line(format!("wrote {shown}; fill in what is marked, then say where it is: {then}"))
}

/// The command that says where the postmortem is in the end.
fn written_by(service: &ServiceName, id: IncidentId) -> String {
    format!("trunkline incident postmortem {id} --service {service} --written PLACE")
}

fn read(path: &Path) -> Result<String, CliError> {
    let failed = |why: io::Error| CliError::failed(format!("{}: {why}", path.display()));
    if fs::metadata(path).map_err(failed)?.len() > LARGEST_TEMPLATE {
        return Err(CliError::failed(format!("{} is larger than 256 KiB", path.display())));
    }
    fs::read_to_string(path).map_err(failed)
}

/// Writes a file that is not there yet.
fn create(path: &Path, text: &str) -> Result<(), CliError> {
    let shown = path.display();
    let failed = |why: &io::Error| match why.kind() {
        ErrorKind::AlreadyExists => CliError::failed(format!(
            "{shown} is there already and stays as it is; name another file"
        )),
        _ => CliError::failed(format!("{shown} could not be written: {why}")),
    };
    let mut file =
        OpenOptions::new().write(true).create_new(true).open(path).map_err(|why| failed(&why))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|why| failed(&why))
}
