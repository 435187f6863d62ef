//! Takes in what became known of the runs of our own steps at other engines.

use super::Writer;
use crate::domain::event::Fact;
use crate::domain::ids::ServiceName;
use crate::domain::people::Actor;
use crate::domain::service::ServiceState;
use crate::engine::input::Input;
use crate::engine::report;
use crate::engine::runner::RunId;
use crate::engine::world::Service;

impl Writer {
    /// What became known of the run of a step at another engine.
    pub(super) fn news_of_run(&mut self, news: Input) {
        match news {
            Input::RunFound { service, run, found, how } => {
                let fact = |state: &ServiceState| report::run_found(state, run, &found, how);
                let again =
                    || Input::RunFound { service: service.clone(), run, found: found.clone(), how };
                if self.of_run(&service, fact, again) {
                    self.settle(&service);
                }
            }
            Input::RunWaits { service, run, waits } => {
                let fact = |state: &ServiceState| report::run_waits(state, run, waits.as_ref());
                let again =
                    || Input::RunWaits { service: service.clone(), run, waits: waits.clone() };
                self.of_run(&service, fact, again);
            }
            Input::RunAbsent { service, run } => {
                let now = self.clock.now();
                let fact = |state: &ServiceState| report::run_absent(&service, state, run, now);
                let again = || Input::RunAbsent { service: service.clone(), run };
                if self.of_run(&service, fact, again) {
                    // Only now another may look for it, or send it.
                    self.acts.run_is_absent(run);
                    self.settle(&service);
                }
            }
            Input::RunSays { service, run, says } => {
                let RunId { deployment, step } = run;
                let say = |service: &mut Service| {
                    service.state.run_says(deployment, step, says.as_deref())
                };
                if self.world.change_unseen(&service, say) == Some(true) {
                    self.world.change(&service, |_| ());
                }
            }
            _ => {}
        }
    }

    /// Records the news of a run at another engine. False if that could not be done yet.
    pub(super) fn of_run(
        &mut self,
        name: &ServiceName,
        fact: impl FnOnce(&ServiceState) -> Option<Fact>,
        again: impl FnOnce() -> Input,
    ) -> bool {
        let fact = self.reported(name, fact);
        if let Some(fact) = fact
            && let Err(error) = self.record(name, &Actor::System, vec![fact], None)
        {
            self.trouble(&error);
            self.later(again());
            return false;
        }
        true
    }
}
