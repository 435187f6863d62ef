//! The incidents of a service, and the report of one.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Handle;
use crate::domain::caller::Caller;
use crate::domain::command::Refusal;
use crate::domain::event::Event;
use crate::domain::ids::{IncidentId, Seq, ServiceName};
use crate::domain::incident::{
    FailedStep, INCIDENT_FACTS, IncidentInput, IncidentReport, IncidentStanding,
};
use crate::domain::log::LogFrom;
use crate::engine::commands::CommandError;
use crate::gate;

/// The most events that a report is made from.
const MOST_EVENTS: usize = 5_000;
/// How many events are read at once.
const PAGE: usize = 500;
/// The end of a failed step's log, in bytes and in lines.
const TAIL_BYTES: usize = 8 * 1024;
const TAIL_LINES: usize = 20;

impl Handle {
    /// The incidents older than `before`, newest first, at most `limit`.
    ///
    /// # Errors
    /// When there is no such service.
    pub fn incidents(
        &self,
        name: &ServiceName,
        before: Option<IncidentId>,
        limit: usize,
    ) -> Result<Vec<IncidentStanding>, Refusal> {
        self.read_service(name, |service| {
            let all = service.state.incidents.iter().rev();
            let older = all.filter(|incident| before.is_none_or(|before| incident.id < before));
            let policy = service.policy().incidents;
            older.take(limit).map(|incident| incident.standing(&policy, &service.state)).collect()
        })
    }

    /// Everything that is recorded of an incident. Of other services it has those that exist for the caller.
    ///
    /// # Errors
    /// When there is no such incident, or the record cannot be read.
    pub async fn incident(
        &self,
        name: &ServiceName,
        id: IncidentId,
        caller: &Caller,
    ) -> Result<IncidentReport, CommandError> {
        let missing = || Refusal::not_found(format!("there is no incident {id}"));
        let window = self.read_service(name, |service| {
            let incident = service.state.incidents.get(id)?;
            Some(incident.window(&service.state))
        })?;
        let window = window.ok_or_else(missing)?;
        let (events, cut) = self.events_of_incident(caller, window.from).await?;
        let now = self.0.clock.now();
        let report = self.read_service(name, |service| {
            let incident = service.state.incidents.get(id)?;
            let input = IncidentInput {
                service: name,
                state: &service.state,
                people: &service.people,
                policy: &service.policy().incidents,
                incident,
                events: &events,
            };
            Some(IncidentReport::of(input, now, cut))
        })?;
        let mut report = report.ok_or_else(missing)?;
        for failed in &mut report.failed {
            self.read_tail(name, failed).await;
        }
        Ok(report)
    }

    /// The events since then that a report may have lines of, oldest first, and whether there are more before them.
    async fn events_of_incident(
        &self,
        caller: &Caller,
        since: DateTime<Utc>,
    ) -> Result<(Vec<Event>, bool), CommandError> {
        let mut events: Vec<Event> = Vec::new();
        let mut before: Option<Seq> = None;
        let cut = loop {
            let page = self
                .read(move |reader| reader.newest(&INCIDENT_FACTS, since, before, PAGE))
                .await?;
            let (is_last, oldest) = (page.len() < PAGE, page.last().map(|event| event.seq));
            events.extend(page.into_iter().filter(|event| caller.rights.reach(&event.service)));
            before = oldest.or(before);
            if is_last || events.len() >= MOST_EVENTS {
                break !is_last;
            }
        };
        events.reverse();
        Ok((events, cut))
    }

    /// Reads the end of a failed step's log. A report without it is better than none.
    async fn read_tail(&self, name: &ServiceName, failed: &mut FailedStep) {
        let (deployment, step) = (failed.deployment, failed.step);
        let reading = self.log(name, deployment, step, LogFrom::End, TAIL_BYTES, Duration::ZERO);
        match Box::pin(reading).await {
            Ok(page) => {
                let rows = page.lines().flat_map(|line| gate::log_rows(&line.text));
                let rows: Vec<_> = rows.map(|row| row.text).collect();
                let skipped = rows.len().saturating_sub(TAIL_LINES);
                failed.tail = rows.into_iter().skip(skipped).collect();
                if failed.tail.is_empty() {
                    failed.no_tail = Some("the step wrote nothing".to_owned());
                }
            }
            Err(why) => failed.no_tail = Some(why.to_string()),
        }
    }
}
