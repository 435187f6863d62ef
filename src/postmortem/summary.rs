//! The summary of an incident, from the record, in the order of time.

use chrono::{DateTime, Utc};

use crate::domain::event::Outcome;
use crate::domain::incident::{Incident, IncidentDeployment, IncidentReport, UsersAffected};

pub(super) fn lines(report: &IncidentReport) -> Vec<String> {
    let incident = &report.incident.incident;
    let mut all: Vec<(DateTime<Utc>, String)> = report
        .deployments
        .iter()
        .map(|made| (made.at, if made.is_rollback { back(report, made) } else { to(report, made) }))
        .collect();
    all.push((incident.opened_at, opened(incident)));
    let mut answers = incident.updates.iter().filter(|of| of.users_affected.is_some());
    let answered_at = answers.next_back().map_or(incident.opened_at, |of| of.written_at);
    let is_known = incident.users_affected != UsersAffected::NotKnown;
    if is_known {
        all.push((answered_at, format!("users affected: {}", incident.users_in_words())));
    }
    if let Some(end) = &incident.resolved {
        let (at, by, seq) = (incident.clock(end.written_at), &end.by, end.seq);
        all.push((end.written_at, format!("{by} resolved it at {at}: {} (event {seq})", end.text)));
    }
    // What has the same time stays in this order.
    all.sort_by_key(|(at, _)| *at);
    let users = (!is_known).then(|| format!("users affected: {}", incident.users_in_words()));
    let open = incident.is_open().then(|| "it is open".to_owned());
    all.into_iter().map(|(_, line)| line).chain(users).chain(open).collect()
}

fn opened(incident: &Incident) -> String {
    let Incident { id, by, title, .. } = incident;
    let at = incident.clock(incident.opened_at);
    format!("{by} opened {id} as \"{title}\" at {at} (event {})", id.0)
}

/// `#3 to production by sam at 02:58:00 UTC (d11), failed in step migrate`.
fn to(report: &IncidentReport, made: &IncidentDeployment) -> String {
    let IncidentDeployment { deployment, deployed, by, .. } = made;
    let at = report.incident.incident.clock(made.at);
    let end = match made.ended.as_ref().map(|end| &end.outcome) {
        Some(Outcome::Succeeded) => String::new(),
        Some(Outcome::Failed(_)) => format!(", {}", failed(report, made)),
        Some(outcome) => format!(", {outcome}"),
        None => ", which has not ended".to_owned(),
    };
    format!("{deployed} to production by {by} at {at} ({deployment}){end}")
}

fn failed(report: &IncidentReport, made: &IncidentDeployment) -> String {
    let step = report.failed.iter().find(|step| step.deployment == made.deployment);
    match (step, &made.ended) {
        (Some(step), _) => format!("failed in step {}", step.name),
        (None, Some(end)) => end.outcome.to_string(),
        (None, None) => "failed".to_owned(),
    }
}

/// `rolled back to #2 by raj, 03:04:30 UTC to 03:06:00 UTC (d22); linked when it was opened (event 26)`.
fn back(report: &IncidentReport, made: &IncidentDeployment) -> String {
    let incident = &report.incident.incident;
    let IncidentDeployment { deployment, deployed, by, .. } = made;
    let from = incident.clock(made.at);
    let until = made.ended.as_ref().map(|end| incident.clock(end.at)).unwrap_or_default();
    let told = match made.ended.as_ref().map(|end| &end.outcome) {
        Some(Outcome::Succeeded) => {
            format!("rolled back to {deployed} by {by}, {from} to {until} ({deployment})")
        }
        Some(Outcome::Failed(_)) => format!(
            "rollback to {deployed} by {by} from {from}, {} at {until} ({deployment})",
            failed(report, made)
        ),
        Some(outcome) => {
            format!(
                "rollback to {deployed} by {by} from {from}, {outcome} at {until} ({deployment})"
            )
        }
        None => format!(
            "rollback to {deployed} by {by} from {from}, which has not ended ({deployment})"
        ),
    };
    let linked = if deployment.0 < incident.id.0 {
        format!("linked when it was opened (event {})", incident.id.0)
    } else {
        format!("requested while {} was open", incident.id)
    };
    format!("{told}; {linked}")
}
