//! What the template of a postmortem reads: the report in words, with all times in UTC.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::summary;
use crate::domain::incident::{
    FailedStep, IncidentLine, IncidentReport, IncidentTime, PostmortemRecord, PostmortemStanding,
    RangeCommit, TakenBackRange, UsersAffected,
};

/// The report in words.
#[derive(Debug, Serialize)]
pub(super) struct DocumentView {
    title: String,
    id: String,
    service: String,
    severity: String,
    opened: String,
    day: String,
    state: String,
    production: Vec<String>,
    users_affected: String,
    is_affected: bool,
    owner: String,
    postmortem: String,
    made: String,
    summary: Vec<String>,
    cut: bool,
    timeline: Vec<LineView>,
    times: Vec<TimeRowView>,
    at_least: String,
    at_most: String,
    overrides: Vec<String>,
    taken_back: Vec<RangeView>,
    flags: Vec<LineView>,
    failed: Vec<FailedLogView>,
    not_known: Vec<String>,
}

#[derive(Debug, Serialize)]
struct LineView {
    /// Where the line before is of another day.
    day: Option<String>,
    at: String,
    what: String,
    source: String,
    /// Where more about it is, by a person.
    page: Option<String>,
    /// The page of the run, at an engine of the operator's.
    run: Option<String>,
}

#[derive(Debug, Serialize)]
struct TimeRowView {
    name: &'static str,
    value: String,
}

#[derive(Debug, Serialize)]
struct RangeView {
    title: String,
    commits: Vec<String>,
    migrations: Vec<String>,
}

#[derive(Debug, Serialize)]
struct FailedLogView {
    title: String,
    tail: Vec<String>,
    no_tail: String,
}

impl DocumentView {
    pub fn of(report: &IncidentReport) -> Self {
        let (standing, times) = (&report.incident, &report.times);
        let incident = &standing.incident;
        Self {
            title: incident.title.clone(),
            id: incident.id.to_string(),
            service: report.service.to_string(),
            severity: match report.severity_about.as_str() {
                "" => incident.severity.clone(),
                about => format!("{}: {about}", incident.severity),
            },
            opened: utc(incident.opened_at),
            day: day(incident.opened_at),
            state: state(report),
            production: report.production.clone(),
            users_affected: incident.users_in_words(),
            is_affected: incident.users_affected == UsersAffected::Yes,
            owner: format!("{}, who opened it", incident.by),
            postmortem: postmortem(report),
            made: utc(report.at),
            summary: summary::lines(report),
            cut: report.cut,
            timeline: lines(&report.timeline),
            times: vec![
                row("Users began to be affected", time(report, &times.began)),
                row("Noticed", time(report, &times.detected)),
                row("Users well again", time(report, &times.restored)),
                row("From beginning to noticed", times.to_detect.words.clone()),
                row("From noticed to well again", times.to_restore.words.clone()),
            ],
            at_least: times.affected_at_least.words.clone(),
            at_most: times.affected_at_most.words.clone(),
            overrides: report
                .overrides
                .iter()
                .map(|of| {
                    format!("{} {} ({}, event {})", of.by, of.sentence, of.deployment, of.seq)
                })
                .collect(),
            taken_back: report.taken_back.iter().map(range).collect(),
            flags: lines(&report.flags),
            failed: report.failed.iter().map(log).collect(),
            not_known: report.not_known.clone(),
        }
    }
}

fn row(name: &'static str, value: String) -> TimeRowView {
    TimeRowView { name, value }
}

fn day(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d").to_string()
}

/// `open; an update was due 03:23:00 UTC`.
fn state(report: &IncidentReport) -> String {
    let incident = &report.incident.incident;
    match (&incident.resolved, report.incident.update_due) {
        (Some(end), _) => format!("resolved {}", incident.clock(end.written_at)),
        (None, None) => "open".to_owned(),
        (None, Some(due)) => {
            let is = if due <= report.at { "was" } else { "is" };
            format!("open; an update {is} due {}", incident.clock(due))
        }
    }
}

/// `2026-11-30 02:51:07 UTC`.
fn utc(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn postmortem(report: &IncidentReport) -> String {
    match (&report.incident.postmortem, &report.incident.incident.document) {
        (PostmortemStanding::Written, Some(PostmortemRecord::Written { by, place, .. })) => {
            format!("{by} says that it is written: {place}")
        }
        (PostmortemStanding::Dismissed, Some(PostmortemRecord::Dismissed { by, reason, .. })) => {
            format!("{by} says that there will be none: {reason}")
        }
        (PostmortemStanding::Needed { why, due: Some(due) }, _) => {
            format!("needed, as {why}; due {}", utc(*due))
        }
        (PostmortemStanding::Needed { why, due: None }, _) => {
            format!("needed, as {why}; its time runs from the end of the incident")
        }
        (PostmortemStanding::Optional { why }, _) => format!("optional: {why}"),
        _ => {
            let incident = &report.incident.incident;
            let severity = &incident.severity;
            match incident.users_affected {
                UsersAffected::NotKnown => format!(
                    "not asked for yet: {severity} asks for none; whether users were affected is not known"
                ),
                _ => {
                    format!("not asked for: {severity} asks for none, and users were not affected")
                }
            }
        }
    }
}

fn lines(all: &[IncidentLine]) -> Vec<LineView> {
    let mut last = None;
    let mut views = Vec::with_capacity(all.len());
    for of in all {
        let is_new = last.replace(of.at.date_naive()) != Some(of.at.date_naive());
        views.push(LineView { day: is_new.then(|| day(of.at)), ..line(of) });
    }
    views
}

fn line(line: &IncidentLine) -> LineView {
    let other = line.other_service.as_ref().map(|name| format!("another service, {name}: "));
    // The time of another day has its day.
    let clock = |at: DateTime<Utc>| {
        let is_same_day = at.date_naive() == line.at.date_naive();
        at.format(if is_same_day { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" }).to_string()
    };
    let written = line.written_at.map(|at| match &line.said_by {
        Some(by) if line.what.starts_with(&format!("{by} ")) => format!(", written {}", clock(at)),
        Some(by) => format!(", written {} by {by}", clock(at)),
        None => format!(", recorded {}", clock(at)),
    });
    let page = || line.link.clone();
    LineView {
        day: None,
        at: line.at.format("%H:%M:%S").to_string(),
        what: format!("{}{}", other.unwrap_or_default(), line.what),
        source: format!("{}{}", line.events_in_words(), written.unwrap_or_default()),
        page: if line.link_of_run { None } else { page() },
        run: if line.link_of_run { page() } else { None },
    }
}

fn time(report: &IncidentReport, time: &IncidentTime) -> String {
    let at = time.at.map(|at| report.incident.incident.clock(at)).unwrap_or_default();
    let event = time.seq.map(|seq| format!(" (event {seq})")).unwrap_or_default();
    format!("{}{at}: {}{event}", time.bound_in_words(), time.evidence)
}

fn range(range: &TakenBackRange) -> RangeView {
    let after = match (range.before, range.back_to) {
        (Some(before), _) => format!("after {before}"),
        (None, Some(to)) => format!("what ran before is not recorded; it went back to {to}"),
        (None, None) => "what ran before is not recorded".to_owned(),
    };
    let more = (range.more > 0).then(|| format!("and {} more, which are not listed", range.more));
    let migrations = match &range.migrations {
        None => vec!["not known: they were not looked for".to_owned()],
        Some(none) if none.is_empty() => vec!["none".to_owned()],
        Some(all) => all.clone(),
    };
    let trouble = range.migrations_trouble.as_ref().map(|why| format!("not known of all: {why}"));
    RangeView {
        title: format!("{} ({} by {}, {after})", range.build, range.deployment, range.by),
        commits: range.commits.iter().map(commit).chain(more).collect(),
        migrations: migrations.into_iter().chain(trouble).collect(),
    }
}

fn commit(commit: &RangeCommit) -> String {
    let beside = if commit.beside { "; outside of the service's paths" } else { "" };
    let (build, sha, writers) = (commit.build, commit.sha.short(), commit.writers.join(", "));
    format!("{build} {sha} {} ({writers}{beside})", commit.subject)
}

fn log(step: &FailedStep) -> FailedLogView {
    let FailedStep { deployment, name, outcome, seq, .. } = step;
    FailedLogView {
        title: format!("step {name} of {deployment}, {outcome} (event {seq})"),
        tail: step.tail.clone(),
        no_tail: step.no_tail.clone().unwrap_or_else(|| "it was not read".to_owned()),
    }
}
