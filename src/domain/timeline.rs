//! The timeline: every change of every service and environment, newest first.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::event::{ChangeNote, Event, Fact, NoteKind};
use super::ids::{DeploymentId, Environment, Seq, ServiceName};
use super::instant::in_utc;
use super::service::ServiceState;
use super::snapshot::Version;
use super::words::{how_it_goes, seen_elsewhere};

/// The names of the facts that have an entry.
pub const TIMELINE_FACTS: [&str; 20] = [
    "deployment_requested",
    "deployment_observed",
    "unknown_observed",
    "live_said",
    "targets_said",
    "hold_placed",
    "hold_released",
    "freeze_placed",
    "freeze_lifted",
    "commits_quarantined",
    "commit_cleared",
    "production_adopted",
    "record_restored",
    "noted",
    "leftover_ticked",
    "leftover_unticked",
    "incident_opened",
    "incident_updated",
    "incident_resolved",
    "incident_reopened",
];

/// Entries of several services with the same words are one, if they are no further apart.
const TOGETHER: TimeDelta = TimeDelta::minutes(1);

/// Which part of the timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimelineRange {
    /// How far back from now.
    pub within: Duration,
    /// Only what was recorded before this event.
    pub before: Option<Seq>,
    /// The most events of a page; at least 1.
    pub limit: usize,
}

impl TimelineRange {
    /// The farthest that it goes back: two weeks and a bit, whatever the clocks say.
    pub const LONGEST: Duration = Duration::from_hours(15 * 24);

    /// Since when.
    #[must_use]
    pub fn since(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let within = TimeDelta::from_std(self.within.min(Self::LONGEST));
        within.ok().and_then(|within| now.checked_sub_signed(within)).unwrap_or(now)
    }
}

/// A part of the timeline, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TimelinePage {
    /// Changes when the timeline may have changed.
    pub version: Version,
    /// The backend's own time when this was made.
    pub at: DateTime<Utc>,
    pub entries: Vec<TimelineEntry>,
    /// Where the next page begins: `before` this event; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Seq>,
    /// What is observed and could not be read, so that changes of it may be missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<UnreadSource>,
}

/// Something that is observed and could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnreadSource {
    pub service: ServiceName,
    pub since: DateTime<Utc>,
    pub why: String,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TimelineEntry {
    /// The event that recorded it; of several services the newest.
    pub seq: Seq,
    /// When it was recorded.
    pub at: DateTime<Utc>,
    /// Several, if the same was done to them together.
    pub services: Vec<ServiceName>,
    pub kind: EntryKind,
    /// What happened, as a sentence.
    pub what: String,
    /// How it went, of a deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    /// When it was changed, if it was noted afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<DateTime<Utc>>,
    /// How to undo it, if somebody wrote that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// What of an observed output is gone (`-`) and new (`+`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
}

/// What kind of change it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    Deploy,
    Hold,
    Freeze,
    Record,
    Incident,
    Flag,
    Config,
    Infra,
    Data,
    External,
}

impl EntryKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Hold => "hold",
            Self::Freeze => "freeze",
            Self::Record => "record",
            Self::Incident => "incident",
            Self::Flag => "flag",
            Self::Config => "config",
            Self::Infra => "infra",
            Self::Data => "data",
            Self::External => "external",
        }
    }
}

impl From<NoteKind> for EntryKind {
    fn from(kind: NoteKind) -> Self {
        match kind {
            NoteKind::Flag => Self::Flag,
            NoteKind::Config => Self::Config,
            NoteKind::Infra => Self::Infra,
            NoteKind::Data => Self::Data,
            NoteKind::External => Self::External,
        }
    }
}

impl TimelineEntry {
    /// The entry of an event, if it changed anything. `state` is that of its service now, for how a deployment went.
    #[must_use]
    pub fn of(event: &Event, state: Option<&ServiceState>, now: DateTime<Utc>) -> Option<Self> {
        let deployment = state.and_then(|s| s.deployments.get(&DeploymentId::from(event.seq)));
        let kind = match &event.fact {
            Fact::DeploymentRequested(_)
            | Fact::DeploymentObserved(_)
            | Fact::UnknownObserved(_)
            | Fact::LiveSaid(_) => EntryKind::Deploy,
            // That all have the same is the end of a deployment, which has an entry; unless it counts as one itself.
            Fact::TargetsSaid(said) if said.whole().is_none() || deployment.is_some() => {
                EntryKind::Deploy
            }
            Fact::HoldPlaced { .. }
            | Fact::HoldReleased { .. }
            | Fact::LeftoverTicked(_)
            | Fact::LeftoverUnticked(_) => EntryKind::Hold,
            Fact::FreezePlaced { .. } | Fact::FreezeLifted { .. } => EntryKind::Freeze,
            Fact::CommitsQuarantined { .. }
            | Fact::CommitCleared { .. }
            | Fact::ProductionAdopted(_)
            | Fact::RecordRestored { .. } => EntryKind::Record,
            Fact::Noted(note) => note.kind.into(),
            Fact::IncidentOpened(_)
            | Fact::IncidentUpdated(_)
            | Fact::IncidentResolved(_)
            | Fact::IncidentReopened(_) => EntryKind::Incident,
            _ => return None,
        };
        let deployment = deployment.filter(|_| kind == EntryKind::Deploy);
        let note = match &event.fact {
            Fact::Noted(note) => Some(note),
            _ => None,
        };
        Some(Self {
            seq: event.seq,
            at: event.at,
            services: vec![event.service.clone()],
            kind,
            what: event.sentence(),
            outcome: deployment.map(|of| {
                let elsewhere = seen_elsewhere(of).map(|of| format!("; {of}"));
                format!("{}{}", how_it_goes(of, now), elsewhere.unwrap_or_default())
            }),
            environment: event.subject().environment,
            changed_at: note.and_then(|note| note.changed_at),
            undo: note.and_then(|note| note.undo.clone()),
            link: note.and_then(|note| note.link.clone()),
            diff: note.and_then(|note: &ChangeNote| note.observed.as_ref()).map(|o| o.diff.clone()),
        })
    }

    /// Whether the two are of one action on several services.
    fn is_one_with(&self, older: &Self) -> bool {
        let is_alone = older.services.iter().all(|service| !self.services.contains(service));
        let is_near = (self.at - older.at).abs() < TOGETHER;
        let may_be =
            !matches!(self.kind, EntryKind::Deploy | EntryKind::Record | EntryKind::Incident);
        let same = (&self.what, &self.undo, self.changed_at, &self.diff)
            == (&older.what, &older.undo, older.changed_at, &older.diff);
        may_be && is_alone && is_near && same
    }

    /// All of it, as lines to read: what, how it went, its undo, its link and the diff.
    #[must_use]
    pub fn whole(&self) -> Vec<String> {
        let mut lines = vec![self.what.clone()];
        let services: Vec<_> = self.services.iter().map(ServiceName::as_str).collect();
        lines.push(format!("service   {}", services.join(", ")));
        lines.push(format!("recorded  {} (event {})", in_utc(self.at), self.seq));
        lines.extend(self.changed_at.map(|at| format!("changed   {}", in_utc(at))));
        lines.extend(self.outcome.as_ref().map(|how| format!("outcome   {how}")));
        lines.extend(self.undo.as_ref().map(|undo| format!("undo      {undo}")));
        lines.extend(self.link.as_ref().map(|link| format!("link      {link}")));
        lines.extend(self.diff.iter().flat_map(|diff| diff.lines().map(str::to_owned)));
        lines
    }
}

/// One entry for what was done to several services together; both lists are newest first.
#[must_use]
pub fn merged(entries: Vec<TimelineEntry>) -> Vec<TimelineEntry> {
    let mut all: Vec<TimelineEntry> = Vec::new();
    for entry in entries {
        // What others did in between does not part them.
        let near = all.iter_mut().rev().take_while(|known| known.at - entry.at < TOGETHER);
        match near.into_iter().find(|known| known.is_one_with(&entry)) {
            Some(known) => known.services.extend(entry.services),
            None => all.push(entry),
        }
    }
    for entry in &mut all {
        entry.services.sort();
    }
    all
}
