//! Takes in what was seen of runs at other engines: those of our steps, and those that others started.

use tokio::sync::oneshot;

use super::Writer;
use crate::domain::event::{ChangeNote, Fact};
use crate::domain::ids::{DeploymentId, Environment, Seq, ServiceName};
use crate::domain::live_source::{AskedOf, LiveSource};
use crate::domain::people::Actor;
use crate::domain::service::ServiceState;
use crate::engine::input::Input;
use crate::engine::live_read::{self, LiveRead};
use crate::engine::outputs::OBSERVE_PROBLEM;
use crate::engine::report;
use crate::engine::sighting::{Observation, due, news};
use crate::engine::world::Service;

impl Writer {
    /// Records what is new. What cannot be recorded is seen again by the next look.
    pub(super) fn observed(&mut self, observation: &Observation) {
        let name = observation.service.clone();
        let now = self.clock.now();
        let trouble = observation.seen.as_ref().err().cloned();
        let is_trouble = trouble.is_some();
        self.world.change(&name, |service| {
            let lane =
                service.file.as_ref().and_then(|file| file.lanes.of(observation.environment));
            // The lane may be gone since the look began.
            let trouble = trouble.filter(|_| lane.is_some());
            service.set_trouble(observation.problem(), now, trouble);
        });
        if is_trouble {
            return;
        }
        let due = {
            let world = self.world.world();
            world.services.get(&name).map(|service| due(&service.state, observation))
        };
        for sighting in due.unwrap_or_default() {
            let next = Seq(self.store.head().0 + 1);
            let news = {
                let world = self.world.world();
                let service = world.services.get(&name);
                service.and_then(|service| news(&service.state, observation, sighting, next))
            };
            let Some(news) = news else { continue };
            if let Err(error) = self.record(&name, &news.actor, news.facts, None) {
                return self.trouble(&error);
            }
        }
        self.settle(&name);
    }

    /// Takes in an answer of a service.
    pub(super) fn live_read(&mut self, read: &LiveRead, taken: oneshot::Sender<()>) {
        self.take_in_answer(read);
        let _nobody_waits = taken.send(());
    }

    /// Notes who is asked what runs.
    pub(super) fn note_asked(&mut self, name: &ServiceName) {
        let asked = |service: &Service, of: Environment| {
            let file = service.file.as_ref()?;
            let source = file.live.of(of);
            let is_deployed_to = of == Environment::Staging || !file.production.is_empty();
            (is_deployed_to || source.is_some())
                .then(|| source.map_or(AskedOf::Nobody, LiveSource::asked_of))
        };
        let both = |service: &Service| {
            (asked(service, Environment::Production), asked(service, Environment::Staging))
        };
        let changed = {
            let world = self.world.world();
            let before = |s: &Service| (s.state.asked_of_production, s.state.asked_of_staging);
            let now = world.services.get(name).map(|service| (both(service), before(service)));
            now.filter(|(now, before)| now != before)
        };
        if let Some(((production, staging), _)) = changed {
            self.world.change(name, |service| {
                service.state.asked_of_production = production;
                service.state.asked_of_staging = staging;
            });
        }
    }

    /// Records what is new of an answer of a service. What cannot be recorded is asked again.
    fn take_in_answer(&mut self, read: &LiveRead) {
        let (name, now) = (read.service.clone(), self.clock.now());
        let (environment, trouble) = (read.environment, read.trouble.clone());
        self.world.change(&name, |service| {
            if trouble.is_some() && read.answer.is_none() {
                service.state.unanswered.insert(environment);
            } else {
                service.state.unanswered.remove(&environment);
            }
            match read.hangs {
                Some(true) => drop(service.state.hanging.insert(environment)),
                Some(false) => drop(service.state.hanging.remove(&environment)),
                None => {}
            }
            match &trouble {
                Some(trouble) => {
                    service.state.unread.insert(environment, trouble.what.clone());
                }
                None => drop(service.state.unread.remove(&environment)),
            }
            service.set_trouble(read.problem(), now, trouble);
        });
        let next = Seq(self.store.head().0 + 1);
        let news = {
            let world = self.world.world();
            let service = world.services.get(&name);
            service.and_then(|service| live_read::news(&service.state, read, now, next))
        };
        let Some(news) = news else { return };
        match self.record(&name, &news.actor, news.facts, None) {
            Ok(()) => self.settle(&name),
            Err(error) => self.trouble(&error),
        }
    }

    /// What became known of the observed commands.
    pub(super) fn news_of_output(&mut self, news: Input) {
        match news {
            Input::OutputChanged { service, note, reply } => {
                let _stopped = reply.send(self.output_changed(&service, *note));
            }
            Input::OutputTrouble { service, trouble } => {
                let now = self.clock.now();
                self.world.change(&service, |service| {
                    service.set_trouble(OBSERVE_PROBLEM, now, trouble);
                });
            }
            _ => {}
        }
    }

    /// An observed command printed something else. What cannot be recorded is seen again by the next look.
    fn output_changed(&mut self, name: &ServiceName, note: ChangeNote) -> bool {
        let recorded = self.record(name, &Actor::System, vec![Fact::Noted(note)], None);
        recorded.inspect_err(|error| self.trouble(error)).is_ok()
    }

    /// A deployment that was seen to begin is not seen any more. Whoever looks finds it lost again.
    pub(super) fn sighting_lost(&mut self, name: &ServiceName, id: DeploymentId, why: &str) {
        let now = self.clock.now();
        let fact = |state: &ServiceState| report::sighting_lost(state, id, why, now);
        if self.of_run(name, fact, || Input::Settle(name.clone())) {
            self.settle(name);
        }
    }
}
