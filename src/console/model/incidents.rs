//! Incidents as the console knows them: which are open, what a rollback asks, and what was said of it already.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::console::age::age;
use crate::console::model::Model;
use crate::console::model::requests::minutes_change_in;
use crate::domain::ids::{BuildNumber, DeploymentId, IncidentId};
use crate::domain::incident::{Incident, IncidentStanding, UsersQuestion};
use crate::domain::time::between;

const MINUTE: Duration = Duration::from_mins(1);
/// The most reminders that are remembered as said.
const REMEMBERED: usize = 200;
/// How long nobody may have typed before a dialog opens by itself.
const MOMENT: Duration = Duration::from_secs(1);
/// How long after the end of a rollback its question may still open by itself.
const WHILE_NEW: Duration = Duration::from_secs(10);

/// What was said of incidents, and what is to be asked.
#[derive(Debug, Clone, Default)]
pub struct IncidentNotices {
    /// The last deployment that this console asked for.
    pub own: Option<DeploymentId>,
    /// The rollback whose question is to open by itself, and since when.
    asks: Option<(DeploymentId, Instant)>,
    told: BTreeSet<(IncidentId, DateTime<Utc>)>,
}

impl IncidentNotices {
    /// True the first time that it is called with this reminder.
    pub fn is_new(&mut self, incident: IncidentId, due: DateTime<Utc>) -> bool {
        let new = self.told.insert((incident, due));
        if self.told.len() > REMEMBERED {
            self.told.pop_first();
        }
        new
    }

    /// The question of this console's own rollback is to be asked, unless it is `None`.
    pub fn ask(&mut self, rollback: Option<DeploymentId>, at: Instant) {
        self.asks = rollback.map(|rollback| (rollback, at));
    }

    /// The rollback whose question is to open by itself, as long as it is new.
    #[must_use]
    pub fn asks(&self, at: Instant) -> Option<DeploymentId> {
        let (rollback, since) = self.asks?;
        (at.saturating_duration_since(since) <= WHILE_NEW).then_some(rollback)
    }

    /// Whether nobody typed for a moment.
    #[must_use]
    pub fn is_quiet(last_input: Option<Instant>, at: Instant) -> bool {
        last_input.is_none_or(|last| at >= last + MOMENT)
    }
}

/// How the incidents of the service on screen stand.
impl Model {
    #[must_use]
    pub fn users_question(&self) -> Option<&UsersQuestion> {
        self.service.as_ref()?.users_question.as_deref()
    }

    /// Those that are listed, newest first.
    pub fn incidents(&self) -> impl Iterator<Item = &IncidentStanding> {
        self.service.iter().flat_map(|service| &service.incidents)
    }

    pub fn open_incidents(&self) -> impl Iterator<Item = &IncidentStanding> {
        self.incidents().filter(|standing| standing.incident.is_open())
    }

    /// The open one of the worst severity, and of these the newest.
    #[must_use]
    pub fn worst_incident(&self) -> Option<&IncidentStanding> {
        self.open_incidents().min_by_key(|standing| self.rank(&standing.incident.severity))
    }

    /// 0 is the worst; a severity that the service does not know comes last.
    fn rank(&self, severity: &str) -> usize {
        let levels = self.service.iter().flat_map(|service| &service.policy.incidents.severities);
        levels.take_while(|level| level.name != severity).count()
    }

    /// The newest incident that is about a deployment of production.
    #[must_use]
    pub fn incident_of(&self, deployment: DeploymentId) -> Option<&IncidentStanding> {
        self.incidents().find(|standing| standing.incident.is_about(deployment))
    }

    /// The newest incident whose rollback took this build away.
    #[must_use]
    pub fn incident_of_build(&self, build: BuildNumber) -> Option<&IncidentStanding> {
        let took = |incident: &Incident| {
            incident.rollbacks.iter().any(|linked| {
                let below = linked.to.is_none_or(|to| build > to);
                linked.took_back.is_some_and(|taken| below && build <= taken.build)
            })
        };
        self.incidents().find(|standing| took(&standing.incident))
    }

    /// `update due in 4m`, `UPDATE DUE 3m ago`; nothing once it is resolved.
    #[must_use]
    pub fn update_in_words(&self, standing: &IncidentStanding) -> Option<String> {
        let (due, now) = (standing.update_due?, self.now());
        if due <= now {
            return Some(format!("UPDATE DUE {} ago", age(between(due, now))));
        }
        let minutes = between(now, due).as_nanos().div_ceil(MINUTE.as_nanos());
        Some(format!("update due in {minutes}m"))
    }

    /// Whether an update of an open incident is due.
    #[must_use]
    pub fn is_update_due(&self) -> bool {
        let now = self.now();
        self.open_incidents().any(|standing| standing.is_update_due(now))
    }

    /// Since when things are of which the screen says how long ago they were.
    #[must_use]
    pub fn incident_moments(&self) -> Vec<DateTime<Utc>> {
        let now = self.now();
        let of = |standing: &IncidentStanding| {
            let incident = &standing.incident;
            let ended = incident.resolved.as_ref().map(|end| end.written_at);
            let due = standing.update_due.filter(|due| *due <= now);
            [Some(incident.opened_at), Some(incident.last_told()), ended, due]
        };
        let unfinished = self.incidents().filter(|standing| standing.is_unfinished());
        unfinished
            .flat_map(of)
            .flatten()
            .chain(self.users_question().map(|asked| asked.at))
            .collect()
    }

    /// In how long an update is due, or due in one minute less.
    #[must_use]
    pub fn reminders_in(&self) -> Vec<Duration> {
        let now = self.now();
        let due = self.open_incidents().filter_map(|standing| standing.update_due);
        let left = due.filter_map(|due| (due - now).to_std().ok()).filter(|left| !left.is_zero());
        left.map(minutes_change_in).collect()
    }

    /// When a dialog opens by itself, if nobody types until then.
    #[must_use]
    pub fn asks_at(&self) -> Option<Instant> {
        self.incidents.asks(self.at)?;
        self.last_input.map(|last| last + MOMENT)
    }
}
