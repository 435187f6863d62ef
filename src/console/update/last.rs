//! The last state from the disk: it is shown while the backend does not answer, and nothing is done on it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::backend::last_state::LastState;
use crate::console::effect::Effect;
use crate::console::model::link::{FromDisk, LinkState};
use crate::console::model::notes::Tone;
use crate::console::model::{Model, Screen};
use crate::domain::ids::ServiceName;
use crate::domain::snapshot::{FleetSnapshot, ServiceSnapshot};

/// How long the backend is given to answer before what was seen last is shown instead.
const PATIENCE: Duration = Duration::from_millis(700);

/// What the console reads when it opens.
pub fn start(model: &Model) -> Vec<Effect> {
    let Some(states) = model.options.last.clone() else { return Vec::new() };
    let due = model.at + PATIENCE;
    let keep = Effect::Keep(states.clone());
    let fleet = Effect::ReadLast { states: states.clone(), service: None, due };
    let shown = model.shown_service().cloned();
    let service = shown.map(|name| Effect::ReadLast { states, service: Some(name), due });
    [keep, fleet].into_iter().chain(service).collect()
}

/// Reads the service on screen, unless the backend answers.
pub fn read_service(model: &Model) -> Option<Effect> {
    let (states, service) = (model.options.last.clone()?, model.shown_service().cloned());
    let wanted = model.service.is_none() && model.link.state != LinkState::Up;
    let read = Effect::ReadLast { states, service, due: model.at };
    wanted.then_some(read)
}

/// The list of services comes from the backend.
pub fn fleet_is_new(model: &mut Model) {
    model.fleet_from_disk = None;
}

/// The backend answers that this caller may not see it: what an earlier one saw is not shown either.
pub fn forget(model: &mut Model) {
    model.options.last = None;
    if model.service_from_disk.is_some() {
        model.forget_service();
    }
    if model.fleet_from_disk.take().is_some() {
        model.fleet = None;
    }
}

/// Shows the list of services that was seen last. The result is the service to open, if it is the only one.
pub fn fleet(
    model: &mut Model,
    found: Result<Option<LastState<Box<FleetSnapshot>>>, String>,
) -> Option<ServiceName> {
    let is_wanted = model.options.last.is_some() && model.link.state != LinkState::Up;
    if model.fleet.is_some() || !is_wanted {
        return None;
    }
    let LastState { what, seen, ago, age } = usable(model, found)?;
    model.fleet_from_disk = Some(FromDisk { seen, ago, read: model.at });
    if model.screen == Screen::Service {
        model.fleet = Some(what);
        return None;
    }
    model.clock = clock(model, what.at, age);
    let only = match what.services.as_slice() {
        [only] if !model.options.several => Some(only.service.clone()),
        _ => None,
    };
    model.fleet = Some(what);
    only
}

/// Shows the service that was seen last.
pub fn service(
    model: &mut Model,
    service: &ServiceName,
    found: Result<Option<LastState<Box<ServiceSnapshot>>>, String>,
) {
    let is_shown = model.shown_service() == Some(service);
    let is_wanted = model.options.last.is_some() && model.link.state != LinkState::Up;
    if !is_shown || model.service.is_some() || !is_wanted {
        return;
    }
    if let Some(LastState { what, seen, ago, age }) = usable(model, found) {
        model.clock = clock(model, what.at, age);
        model.service_from_disk = Some(FromDisk { seen, ago, read: model.at });
        model.service = Some(what);
    }
}

/// What was found; what cannot be used is said.
fn usable<T>(
    model: &mut Model,
    found: Result<Option<LastState<T>>, String>,
) -> Option<LastState<T>> {
    found.unwrap_or_else(|why| {
        model.say(Tone::Bad, why);
        None
    })
}

/// The backend's time now, if something that it made at a time is so old.
fn clock(
    model: &Model,
    made: DateTime<Utc>,
    age: Duration,
) -> Option<(DateTime<Utc>, tokio::time::Instant)> {
    let age = TimeDelta::from_std(age).ok()?;
    Some((made.checked_add_signed(age)?, model.at))
}
