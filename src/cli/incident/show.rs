//! What is known of incidents.

use chrono::{DateTime, Utc};

use super::act::only_open;
use super::{IncidentListArgs, IncidentShowArgs};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::{output, zone};
use crate::domain::incident::{IncidentStanding, IncidentUpdate};
use crate::domain::instant::local;

pub async fn list(context: &Context, arguments: IncidentListArgs) -> Result<(), CliError> {
    let service = context.service().await?;
    let snapshot = context.snapshot(&service).await?;
    if arguments.reading.json {
        return output::json(&snapshot.incidents);
    }
    let asked = snapshot.users_question.iter().map(|asked| asked.sentence());
    let lines = snapshot.incidents.iter().map(|incident| incident.sentence(snapshot.at));
    let shown = u32::try_from(snapshot.incidents.len()).unwrap_or(u32::MAX);
    let more = snapshot.incidents_total.saturating_sub(shown);
    let more = (more > 0).then(|| format!("{more} older ones not shown"));
    context.out.lines(asked.chain(lines).chain(more))
}

pub async fn show(context: &Context, arguments: IncidentShowArgs) -> Result<(), CliError> {
    let service = context.service().await?;
    let snapshot = context.snapshot(&service).await?;
    let incident = match arguments.id {
        None => only_open(&snapshot)?,
        Some(id) => {
            let found = snapshot.incidents.iter().find(|of| of.incident.id == id);
            found.ok_or_else(|| CliError::usage(format!("there is no incident {id}")))?
        }
    };
    if arguments.reading.json {
        return output::json(incident);
    }
    context.out.lines(lines(incident, snapshot.at))
}

fn lines(standing: &IncidentStanding, now: DateTime<Utc>) -> Vec<String> {
    let incident = &standing.incident;
    let mut lines = vec![standing.sentence(now)];
    if !incident.rollbacks.is_empty() {
        lines.push(format!("  about     {}", incident.rollbacks_in_words()));
    }
    lines.extend(incident.updates.iter().map(update));
    lines
}

fn update(update: &IncidentUpdate) -> String {
    let at = local(update.at.unwrap_or(update.written_at), zone::local());
    let written =
        update.at.map(|_| format!(", written {}", local(update.written_at, zone::local())));
    format!("  {at}  {} ({}{})", update.text, update.by, written.unwrap_or_default())
}
