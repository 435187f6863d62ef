//! The timeline of all services, and what else changed before a rollback.

use super::Handle;
use crate::domain::also_changed::AlsoChanged;
use crate::domain::caller::{Caller, Rights};
use crate::domain::command::Refusal;
use crate::domain::event::{DeploymentKind, Event};
use crate::domain::plan::Plan;
use crate::domain::snapshot::Version;
use crate::domain::timeline::{
    TIMELINE_FACTS, TimelineEntry, TimelinePage, TimelineRange, UnreadSource, merged,
};
use crate::engine::commands::CommandError;
use crate::engine::outputs::OBSERVE_PROBLEM;

impl Handle {
    /// A page of what changed in the services that exist for somebody with these rights.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub async fn timeline(
        &self,
        rights: &Rights,
        range: TimelineRange,
    ) -> Result<TimelinePage, CommandError> {
        let (now, version) = (self.0.clock.now(), self.timeline_version());
        let (since, limit) = (range.since(now), range.limit.max(1));
        let mut events: Vec<Event> = Vec::new();
        let mut at = range.before;
        let next = loop {
            let more = limit - events.len();
            let page =
                self.read(move |reader| reader.newest(&TIMELINE_FACTS, since, at, more)).await?;
            let (is_last, oldest) = (page.len() < more, page.last().map(|event| event.seq));
            events.extend(page.into_iter().filter(|event| rights.reach(&event.service)));
            at = oldest.or(at);
            if is_last || events.len() >= limit {
                break oldest.filter(|_| !is_last);
            }
        };
        let (entries, unread) = self.0.gather.world.read(|world| {
            let entry = |event: &Event| {
                let service = world.services.get(&event.service);
                TimelineEntry::of(event, service.map(|service| &service.state), now)
            };
            let unread = world.reachable(rights).filter_map(|service| {
                let problem = service.problems.get(OBSERVE_PROBLEM)?;
                let (since, why) = (problem.since, problem.what.clone());
                Some(UnreadSource { service: service.name.clone(), since, why })
            });
            (events.iter().filter_map(entry).collect(), unread.collect())
        });
        Ok(TimelinePage { version, at: now, entries: merged(entries), next, unread })
    }

    /// Changes when the timeline may have changed.
    #[must_use]
    pub fn timeline_version(&self) -> Version {
        self.version("timeline", self.0.gather.world.read(|world| world.revision))
    }

    /// The same for the plan of a refusal, which a dialog shows next.
    pub(super) fn refused_with_also(&self, error: CommandError, caller: &Caller) -> CommandError {
        match error {
            CommandError::Refused(Refusal::Changed { changes, plan }) => {
                let plan = Box::new(self.with_also(*plan, caller));
                CommandError::Refused(Refusal::Changed { changes, plan })
            }
            error => error,
        }
    }

    /// Adds to the plan of a rollback what else changed, in the services that exist for the caller.
    pub(super) fn with_also(&self, plan: Plan, caller: &Caller) -> Plan {
        if plan.kind != DeploymentKind::Rollback {
            return plan;
        }
        let also = self.0.gather.world.read(|world| {
            let all = world.reachable(&caller.rights);
            let all = all.map(|service| (&service.name, &service.state));
            AlsoChanged::beside(&plan.service, all, plan.at)
        });
        Plan { also, ..plan }
    }
}
