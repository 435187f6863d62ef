//! The timeline of a scripted world, and what else changed before a rollback.

use super::world::ScriptedWorld;
use crate::domain::also_changed::AlsoChanged;
use crate::domain::event::{DeploymentKind, Event};
use crate::domain::plan::Plan;
use crate::domain::timeline::{TimelineEntry, TimelinePage, TimelineRange, merged};

impl ScriptedWorld {
    pub(super) fn timeline(&self, range: TimelineRange) -> TimelinePage {
        let since = range.since(self.now);
        let older = self.events.iter().rev();
        let older = older.filter(|event| range.before.is_none_or(|before| event.seq < before));
        let entry = |event: &Event| {
            let state = self.services.get(&event.service).map(|service| &service.state);
            TimelineEntry::of(event, state, self.now)
        };
        let mut entries: Vec<_> = older
            .filter(|event| event.at >= since)
            .filter_map(entry)
            .take(range.limit.saturating_add(1))
            .collect();
        let is_cut = entries.len() > range.limit;
        entries.truncate(range.limit);
        let next = entries.last().map(|last| last.seq).filter(|_| is_cut);
        let (version, at) = (self.version(), self.now);
        TimelinePage { version, at, entries: merged(entries), next, unread: self.unread.clone() }
    }

    pub(super) fn with_also(&self, plan: Plan) -> Plan {
        let all = self.services.iter().map(|(name, service)| (name, &service.state));
        let is_rollback = plan.kind == DeploymentKind::Rollback;
        let also = AlsoChanged::beside(&plan.service, all, self.now).filter(|_| is_rollback);
        Plan { also, ..plan }
    }
}
