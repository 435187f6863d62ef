//! The incidents of a service, and the report of one.

use std::time::Duration;

use super::Handle;
use crate::domain::caller::Caller;
use crate::domain::command::Refusal;
use crate::domain::event::Event;
use crate::domain::ids::{IncidentId, ServiceName};
use crate::domain::incident::{
    FailedStep, INCIDENT_FACTS, IncidentCut, IncidentInput, IncidentReport, IncidentStanding,
    IncidentWindow,
};
use crate::domain::log::LogFrom;
use crate::engine::commands::CommandError;
use crate::gate;
use crate::store::NewestOf;

/// The most events of the service, of all others and of what people say after the end that a report is made from.
const MOST_OWN: usize = 5_000;
const MOST_OF_OTHERS: usize = 1_000;
const MOST_SAID: usize = 1_000;
/// How many events are read at once.
const PAGE: usize = 500;
/// What people write of an incident that is over.
const SAID_LATER: [&str; 5] = [
    "incident_updated",
    "incident_resolved",
    "incident_reopened",
    "postmortem_written",
    "postmortem_dismissed",
];
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
        let (events, cut) = self.events_of_incident(caller, name, window).await?;
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

    /// The events that a report may have lines of, oldest first. What others did never takes the place of the service's own.
    async fn events_of_incident(
        &self,
        caller: &Caller,
        name: &ServiceName,
        window: IncidentWindow,
    ) -> Result<(Vec<Event>, IncidentCut), CommandError> {
        let (service, before) = (name.clone(), None);
        let (since, until) = (window.from, window.until);
        let own = NewestOf { since, until, before, service, is_other: false };
        let others = NewestOf { since: window.others_from, is_other: true, ..own.clone() };
        // What people write after the end is a part of it too.
        let after = NewestOf { since: until.unwrap_or(since), until: None, ..own.clone() };
        let (mut events, own) = self.newest_of(caller, &INCIDENT_FACTS, own, MOST_OWN).await?;
        let (more, others) =
            self.newest_of(caller, &INCIDENT_FACTS, others, MOST_OF_OTHERS).await?;
        events.extend(more);
        let mut cut = IncidentCut { own, others };
        if until.is_some() {
            let (said, is_cut) = self.newest_of(caller, &SAID_LATER, after, MOST_SAID).await?;
            cut.own |= is_cut;
            events.extend(said);
        }
        events.sort_by_key(|event| event.seq);
        events.dedup_by_key(|event| event.seq);
        Ok((events, cut))
    }

    /// The newest of these that the caller may know, at most about `most`, and whether there are more.
    async fn newest_of(
        &self,
        caller: &Caller,
        kinds: &'static [&'static str],
        mut of: NewestOf,
        most: usize,
    ) -> Result<(Vec<Event>, bool), CommandError> {
        let mut events: Vec<Event> = Vec::new();
        loop {
            let asked = of.clone();
            let page = self.read(move |reader| reader.newest_of(kinds, &asked, PAGE)).await?;
            let (is_last, oldest) = (page.len() < PAGE, page.last().map(|event| event.seq));
            events.extend(page.into_iter().filter(|event| caller.rights.reach(&event.service)));
            of.before = oldest.or(of.before);
            if is_last || events.len() >= most {
                return Ok((events, !is_last));
            }
        }
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
