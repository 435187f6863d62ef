//! What is known of incidents.

use super::act::only_open;
use super::{IncidentListArgs, IncidentShowArgs};
use crate::backend::Backend as _;
use crate::cli::builds::LARGEST_PAGE;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::{output, wording};
use crate::domain::ids::{IncidentId, ServiceName};
use crate::domain::incident::{
    IncidentLine, IncidentReport, IncidentSpan, IncidentStanding, IncidentTime, LinkedRollback,
};

pub async fn list(context: &Context, arguments: IncidentListArgs) -> Result<(), CliError> {
    let service = context.service().await?;
    let snapshot = context.snapshot(&service).await?;
    let all = all(context, &service, arguments.limit).await?;
    if arguments.reading.json {
        return output::json(&all);
    }
    let asked = snapshot.users_question.iter().map(|asked| asked.sentence());
    let lines = all.iter().map(|incident| {
        let issue = incident.incident.issue.as_ref().map(|place| format!("; draft: {place}"));
        incident.sentence(snapshot.at) + &issue.unwrap_or_default()
    });
    let none = all.is_empty().then(|| format!("{service} has no incident"));
    context.out.lines(asked.chain(lines).chain(none))?;
    let shown = u32::try_from(all.len()).unwrap_or(u32::MAX);
    if snapshot.incidents_total > shown {
        let more = snapshot.incidents_total - shown;
        output::note(&format!("{more} older ones not shown; a larger -n shows them"));
    }
    Ok(())
}

/// The newest ones.
async fn all(
    context: &Context,
    service: &ServiceName,
    limit: usize,
) -> Result<Vec<IncidentStanding>, CliError> {
    let mut all: Vec<IncidentStanding> = Vec::new();
    while all.len() < limit {
        let more = (limit - all.len()).min(LARGEST_PAGE);
        let before = all.last().map(|standing| standing.incident.id);
        let page = context.backend.incidents(service, before, more).await?;
        let is_last = page.len() < more;
        all.extend(page);
        if is_last {
            break;
        }
    }
    Ok(all)
}

pub async fn show(context: &Context, arguments: IncidentShowArgs) -> Result<(), CliError> {
    let service = context.service().await?;
    let id = named(context, &service, arguments.id).await?;
    let report = context.backend.incident(&service, id).await?;
    if arguments.reading.json {
        return output::json(&report);
    }
    context.out.lines(lines(&report))
}

/// The named incident, or the only open one, or the newest.
pub async fn named(
    context: &Context,
    service: &ServiceName,
    named: Option<IncidentId>,
) -> Result<IncidentId, CliError> {
    if let Some(id) = named {
        return Ok(id);
    }
    let snapshot = context.snapshot(service).await?;
    if let Ok(only) = only_open(&snapshot) {
        return Ok(only.incident.id);
    }
    let is_any_open = snapshot.incidents.iter().any(|of| of.incident.is_open());
    let newest = snapshot.incidents.first().filter(|_| !is_any_open);
    newest.map(|newest| newest.incident.id).ok_or_else(|| {
        only_open(&snapshot)
            .err()
            .unwrap_or_else(|| CliError::usage("name an incident, as in i123"))
    })
}

fn lines(report: &IncidentReport) -> Vec<String> {
    let standing = &report.incident;
    let mut lines = vec![standing.sentence(report.at)];
    let about = standing.incident.rollbacks.iter().map(LinkedRollback::in_words);
    lines.extend(about.map(|rollback| format!("  about       {rollback}")));
    lines.extend(standing.incident.issue.iter().map(|place| format!("  draft       {place}")));
    let times = &report.times;
    for (name, time) in
        [("began", &times.began), ("detected", &times.detected), ("restored", &times.restored)]
    {
        lines.push(format!("  {name:<11} {}", of_time(time)));
    }
    for (name, span) in [
        ("to detect", &times.to_detect),
        ("to restore", &times.to_restore),
        ("at least", &times.affected_at_least),
        ("at most", &times.affected_at_most),
    ] {
        let IncidentSpan { words, .. } = span;
        lines.push(format!("  {name:<11} {words}"));
    }
    let not_known = report.not_known.iter();
    lines.extend(not_known.map(|what| format!("  not known   {what}")));
    lines.push("timeline".to_owned());
    lines.extend(report.cut.then(|| "  the first part is missing: too many events".to_owned()));
    lines.extend(report.timeline.iter().map(of_line));
    lines
}

fn of_time(time: &IncidentTime) -> String {
    let at = time.at.map(wording::to_the_second).unwrap_or_default();
    let event = time.seq.map(|seq| format!(" (event {seq})")).unwrap_or_default();
    format!("{}{at}: {}{event}", time.bound_in_words(), time.evidence)
}

fn of_line(line: &IncidentLine) -> String {
    let other = line.other_service.as_ref().map(|name| format!("{name}: "));
    let written = line.written_at.map(|at| match &line.said_by {
        Some(by) => format!(", written {} by {by}", wording::to_the_second(at)),
        None => format!(", recorded {}", wording::to_the_second(at)),
    });
    let page = line.link.as_ref().map(|page| format!(", {page}"));
    format!(
        "  {}  {}{} ({}{}{})",
        wording::to_the_second(line.at),
        other.unwrap_or_default(),
        line.what,
        line.events_in_words(),
        written.unwrap_or_default(),
        page.unwrap_or_default()
    )
}
