//! What a rollback left behind, on the hold that it placed: the list, the ticks, and what was open at the release.

use super::ServiceState;
use crate::domain::event::{Event, Fact};
use crate::domain::ids::Environment;
use crate::domain::leftovers::{LeftoverMark, LeftoverTick};

impl ServiceState {
    pub(super) fn checklist(&mut self, event: &Event) {
        match &event.fact {
            Fact::LeftoversListed(listed) => {
                let hold = self.holds.get_mut(&listed.environment);
                if let Some(hold) = hold.filter(|hold| hold.id == listed.hold) {
                    hold.left = Some(Box::new(listed.left.clone()));
                }
            }
            Fact::LeftoverTicked(tick) => {
                let mark = LeftoverMark { by: event.actor.clone(), at: event.at };
                self.mark(tick, Some(mark));
            }
            Fact::LeftoverUnticked(tick) => self.mark(tick, None),
            _ => {}
        }
    }

    fn mark(&mut self, tick: &LeftoverTick, mark: Option<LeftoverMark>) {
        let hold = self.holds.get_mut(&tick.environment).filter(|hold| hold.id == tick.hold);
        let left = hold.and_then(|hold| hold.left.as_mut());
        if let Some(item) = left.and_then(|left| left.item_mut(tick.item)) {
            item.ticked = mark;
        }
    }

    /// The hold is over. The history of its rollback tells what was open then.
    pub(super) fn released(&mut self, environment: Environment, open: &[String]) {
        let hold = self.holds.remove(&environment);
        if let Some(rollback) = hold.and_then(|hold| hold.rollback) {
            self.change(rollback, |deployment| deployment.left_open = open.to_vec());
        }
    }
}
