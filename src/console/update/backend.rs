//! What the backend says of the world: snapshots come in, the connection comes and goes.

use tokio::time::Instant;

use super::confirm;
use crate::backend::{Answer, BackendError};
use crate::console::backoff;
use crate::console::effect::{Effect, Outside};
use crate::console::link::LinkState;
use crate::console::model::{Model, Screen, Updates};
use crate::console::notes::Tone;
use crate::domain::deployment::DeploymentState;
use crate::domain::ids::{Environment, ServiceName};
use crate::domain::snapshot::{DeploymentRow, Description, FleetSnapshot, ServiceSnapshot};

pub fn described(model: &mut Model, answer: Answer<Description>) -> Vec<Effect> {
    match answer {
        Ok(description) => model.description = Some(description),
        Err(why) => model.say(Tone::Bad, format!("the backend did not describe itself: {why}")),
    }
    Vec::new()
}

/// The question for news of what is on screen, not to be asked before `due`.
pub fn watch(model: &Model, due: Instant) -> Effect {
    match (model.screen, &model.services.selected) {
        (Screen::Service, Some(service)) => Effect::WatchService {
            service: service.clone(),
            after: newest(model).map(|snapshot| snapshot.version.clone()),
            due,
        },
        _ => Effect::WatchFleet {
            after: model.fleet.as_ref().map(|fleet| fleet.version.clone()),
            due,
        },
    }
}

/// The newest snapshot, also while the screen shows an older one.
fn newest(model: &Model) -> Option<&ServiceSnapshot> {
    match &model.updates {
        Updates::Paused(Some(held)) => Some(held),
        _ => model.service.as_deref(),
    }
}

pub fn fleet(model: &mut Model, answer: Answer<Option<Box<FleetSnapshot>>>) -> Vec<Effect> {
    let first = model.fleet.is_none();
    let fleet = match answer {
        Ok(fleet) => fleet,
        Err(why) => return lost(model, &why),
    };
    heard(model);
    if let Some(fleet) = fleet {
        model.clock = Some((fleet.at, model.at));
        model.fleet = Some(fleet);
    }
    match model.fleet.as_ref().map(|fleet| fleet.services.as_slice()) {
        Some([only]) if first && model.screen == Screen::Fleet => {
            let only = only.service.clone();
            open(model, &only)
        }
        _ if model.screen == Screen::Fleet => vec![watch(model, model.at)],
        _ => Vec::new(),
    }
}

/// Shows a service.
pub fn open(model: &mut Model, service: &ServiceName) -> Vec<Effect> {
    if model.service.as_ref().is_none_or(|shown| shown.service != *service) {
        model.forget_service();
    }
    model.services.selected = Some(service.clone());
    model.screen = Screen::Service;
    vec![watch(model, model.at), title(service)]
}

/// The terminal's title while a service is shown.
pub fn title(service: &ServiceName) -> Effect {
    Effect::Outside(Outside::Title(format!("{service} - trunkline")))
}

pub fn service(
    model: &mut Model,
    service: &ServiceName,
    answer: Answer<Option<Box<ServiceSnapshot>>>,
) -> Vec<Effect> {
    if model.screen != Screen::Service || model.services.selected.as_ref() != Some(service) {
        return Vec::new();
    }
    let snapshot = match answer {
        Ok(snapshot) => snapshot,
        Err(why) => return lost(model, &why),
    };
    heard(model);
    let mut effects = match (snapshot, &mut model.updates) {
        (Some(snapshot), Updates::Paused(held)) => {
            *held = Some(snapshot);
            Vec::new()
        }
        (Some(snapshot), Updates::Live) => show(model, snapshot),
        (None, _) => Vec::new(),
    };
    effects.push(watch(model, model.at));
    effects
}

/// Puts a snapshot on screen.
pub fn show(model: &mut Model, snapshot: Box<ServiceSnapshot>) -> Vec<Effect> {
    model.clock = Some((snapshot.at, model.at));
    let before = model.service.replace(snapshot);
    let mut effects = Vec::new();
    if let Some(before) = before {
        effects.extend(announce(model, &before));
        if model.service.as_ref().is_some_and(|now| now.version != before.version) {
            effects.extend(confirm::world_moved(model));
        }
    }
    effects
}

/// Says aloud which deployments have ended since the snapshot before.
fn announce(model: &mut Model, before: &ServiceSnapshot) -> Vec<Effect> {
    let was_open = |row: &&DeploymentRow| {
        let id = row.deployment.id;
        before.deployments.iter().any(|b| b.deployment.id == id && b.deployment.is_open())
    };
    let rows = model.service.iter().flat_map(|service| &service.deployments);
    let ended: Vec<_> =
        rows.filter(|r| !r.deployment.is_open()).filter(was_open).cloned().collect();
    let mut effects = Vec::new();
    for row in &ended {
        let tone = if row.deployment.succeeded() { Tone::Good } else { Tone::Bad };
        let production = row.deployment.request.environment == Environment::Production;
        if production || tone == Tone::Bad {
            effects.push(Effect::Outside(Outside::Bell));
        }
        model.say(tone, end_of(row));
    }
    effects
}

/// `promote of #12 to production succeeded`, with the reason when it did not.
fn end_of(row: &DeploymentRow) -> String {
    let request = &row.deployment.request;
    let ended = match row.state {
        DeploymentState::Succeeded => "succeeded".to_owned(),
        state => match row.deployment.trouble() {
            Some(why) => format!("{}: {why}", state.as_str()),
            None => state.as_str().to_owned(),
        },
    };
    format!("{} of {} to {} {ended}", request.kind, request.build, request.environment)
}

fn heard(model: &mut Model) {
    model.link.heard = model.at;
    if let LinkState::Down { .. } = model.link.state {
        model.say(Tone::Good, "connected again");
    }
    model.link.state = LinkState::Up;
}

/// Keeps what is on screen, says so once, and asks again later.
fn lost(model: &mut Model, why: &BackendError) -> Vec<Effect> {
    let tries = match model.link.state {
        LinkState::Down { tries, .. } => tries + 1,
        LinkState::Connecting | LinkState::Up => {
            model.say(Tone::Bad, why.to_string());
            0
        }
    };
    let retry = model.at + backoff::wait(tries, model.seed());
    model.link.state = LinkState::Down { why: why.to_string(), tries, retry };
    vec![watch(model, retry)]
}
