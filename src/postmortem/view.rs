//! What the template of a postmortem reads: the report in words, with all times in UTC.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::domain::incident::{
    FailedStep, IncidentLine, IncidentReport, IncidentTime, PostmortemRecord, PostmortemStanding,
    RangeCommit, TakenBackRange,
};

/// The report in words.
#[derive(Debug, Serialize)]
pub(super) struct DocumentView {
    title: String,
    id: String,
    service: String,
    severity: String,
    state: String,
    users_affected: String,
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
    at: String,
    what: String,
    source: String,
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
            state: match &incident.resolved {
                None => "open".to_owned(),
                Some(end) => format!("resolved {}", utc(end.written_at)),
            },
            users_affected: incident.users_affected.to_string(),
            owner: format!("{}, who opened it", incident.by),
            postmortem: postmortem(report),
            made: utc(report.at),
            summary: summary(report),
            cut: report.cut,
            timeline: report.timeline.iter().map(line).collect(),
            times: vec![
                TimeRowView { name: "Began", value: time(&times.began) },
                TimeRowView { name: "Detected", value: time(&times.detected) },
                TimeRowView { name: "Restored", value: time(&times.restored) },
                TimeRowView { name: "Time to detect", value: times.to_detect.words.clone() },
                TimeRowView { name: "Time to restore", value: times.to_restore.words.clone() },
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
            flags: report.flags.iter().map(line).collect(),
            failed: report.failed.iter().map(log).collect(),
            not_known: report.not_known.clone(),
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
        _ => "not needed by severity or users".to_owned(),
    }
}

fn summary(report: &IncidentReport) -> Vec<String> {
    let incident = &report.incident.incident;
    let opened = format!(
        "{} opened {} as \"{}\" at {} (event {})",
        incident.by,
        incident.id,
        incident.title,
        utc(incident.opened_at),
        incident.id.0
    );
    let rollbacks = incident.rollbacks.iter();
    let rollbacks = rollbacks.map(|of| format!("linked: {}", of.in_words()));
    let end = incident.resolved.as_ref().map(|end| {
        let (at, by, seq) = (utc(end.written_at), &end.by, end.seq);
        format!("{by} resolved it at {at}: {} (event {seq})", end.text)
    });
    let end = end.unwrap_or_else(|| "it is not resolved".to_owned());
    std::iter::once(opened).chain(rollbacks).chain([end]).collect()
}

fn line(line: &IncidentLine) -> LineView {
    let other = line.other_service.as_ref().map(|name| format!("another service, {name}: "));
    let written = line.written_at.map(|at| match &line.said_by {
        Some(by) => format!(", written {} by {by}", utc(at)),
        None => format!(", recorded {}", utc(at)),
    });
    let page = line.link.as_ref().map(|page| format!(", {page}"));
    LineView {
        at: utc(line.at),
        what: format!("{}{}", other.unwrap_or_default(), line.what),
        source: format!(
            "event {}{}{}",
            line.seq,
            written.unwrap_or_default(),
            page.unwrap_or_default()
        ),
    }
}

fn time(time: &IncidentTime) -> String {
    let at = time.at.map(utc).unwrap_or_default();
    let event = time.seq.map(|seq| format!(" (event {seq})")).unwrap_or_default();
    format!("{}{at}: {}{event}", time.bound.in_words(), time.evidence)
}

fn range(range: &TakenBackRange) -> RangeView {
    let after = match range.before {
        Some(before) => format!("after {before}"),
        None => "what ran before is not known".to_owned(),
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
