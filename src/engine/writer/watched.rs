//! Takes in what watches tell.

use super::Writer;
use super::auto_rollback::decided;
use crate::domain::people::Actor;
use crate::engine::input::Input;
use crate::engine::watch::WatchReport;

impl Writer {
    /// Records what a watch tells. A turn that cannot be recorded now is told again later: a check turns only once. All else
    /// the watch tells again itself, except what was seen meanwhile.
    pub(super) fn watched(&mut self, report: &WatchReport) {
        let facts = {
            let (world, now) = (self.world.world(), self.clock.now());
            let service = world.services.get(&report.service);
            service.map_or_else(Vec::new, |service| {
                let facts = report.facts(&service.state, now);
                let decided = decided(service, &facts, now);
                facts.into_iter().chain(decided).collect()
            })
        };
        if facts.is_empty() {
            return;
        }
        match self.record(&report.service, &Actor::System, facts, None) {
            Ok(()) => self.settle(&report.service),
            Err(error) => {
                if report.has_turns() {
                    self.later(Input::Watch(Box::new(report.clone())));
                }
                self.trouble(&error);
            }
        }
    }
}
