//! Answers of the backend: snapshots, and a connection that ends and comes back.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::backend::{Answer, BackendError};
use crate::console::effect::{Effect, Outside};
use crate::console::exit::Error;
use crate::console::model::filter::ListFilter;
use crate::console::model::link::LinkState;
use crate::console::model::notes::{Note, Shown, Tone};
use crate::console::model::problems::what_happened;
use crate::console::model::{Model, Screen, Updates};
use crate::console::update::{engine, history, incidents, last, plan, requests, watch, watched};
use crate::domain::command::Refusal;
use crate::domain::deployment::DeploymentState;
use crate::domain::event::DeploymentKind;
use crate::domain::ids::{DeploymentId, Environment, ServiceName};
use crate::domain::snapshot::{DeploymentRow, Description, FleetSnapshot, ServiceSnapshot};

/// How long an engine that has just started is given to find the service that was asked for by name.
const FIND_WITHIN: Duration = Duration::from_secs(3);

pub fn described(model: &mut Model, answer: Answer<Description>) -> Vec<Effect> {
    match answer {
        Ok(description) => {
            let before = model.description.replace(description);
            let now = model.description.as_ref().map(|now| &now.instance);
            if before.is_some_and(|before| Some(&before.instance) != now) {
                model.say(Tone::Good, "connected again: the engine was started anew");
            }
        }
        Err(why) => model.say(Tone::Bad, format!("the backend cannot be described: {why}")),
    }
    Vec::new()
}

pub fn fleet(model: &mut Model, answer: Answer<Option<Box<FleetSnapshot>>>) -> Vec<Effect> {
    match (answer, model.screen) {
        (Ok(fleet), Screen::Fleet) => {
            let mut effects = connected(model);
            effects.extend(main_fleet(model, fleet));
            effects
        }
        (Ok(fleet), Screen::Service) => {
            if fleet.is_some() {
                last::fleet_is_new(model);
            }
            model.fleet = fleet.or(model.fleet.take());
            let mut effects = vec![watch::watch_fleet(model, model.at)];
            effects.extend(requests::tell_of_fleet(model));
            effects
        }
        (Err(why), Screen::Fleet) => disconnected(model, &why),
        (Err(why), Screen::Service) => {
            let tries = match model.link.state {
                LinkState::Down { tries, .. } => tries,
                LinkState::Connecting | LinkState::Up => 1,
            };
            let wait = engine::again_in(model, &why, tries);
            vec![watch::watch_fleet(model, model.at + wait)]
        }
    }
}

/// The fleet as the screen. The first service to appear is opened at once, unless more are configured.
fn main_fleet(model: &mut Model, fleet: Option<Box<FleetSnapshot>>) -> Vec<Effect> {
    let empty = model.fleet.as_ref().is_none_or(|fleet| fleet.services.is_empty());
    if let Some(fleet) = fleet {
        last::fleet_is_new(model);
        model.clock = Some((fleet.at, model.at));
        model.fleet = Some(fleet);
    }
    let mut effects = vec![watch::watch_fleet(model, model.at)];
    effects.extend(requests::tell_of_fleet(model));
    if let Some([only]) = model.fleet.as_ref().map(|fleet| fleet.services.as_slice())
        && empty
        && !model.options.several
    {
        let only = only.service.clone();
        effects.extend(open(model, &only));
    }
    effects
}

/// Shows a service.
pub fn open(model: &mut Model, service: &ServiceName) -> Vec<Effect> {
    if model.service.as_ref().is_none_or(|shown| shown.service != *service) {
        model.forget_service();
    }
    model.services.select(service.clone());
    // What narrowed the list of services narrows no list of this one.
    model.filter = ListFilter::default();
    model.screen = Screen::Service;
    model.titled = None;
    let mut effects = vec![watch::watch(model, model.at), title(service)];
    effects.extend(last::read_service(model));
    effects
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
        Err(BackendError::Refused(Refusal::NotFound { sentence, .. })) => {
            return not_found(model, sentence);
        }
        Err(why) => return disconnected(model, &why),
    };
    let mut effects = connected(model);
    match (snapshot, &mut model.updates) {
        (Some(snapshot), Updates::Paused(held)) => *held = Some(snapshot),
        (Some(snapshot), Updates::Live) => effects.extend(show(model, snapshot)),
        (None, _) => {}
    }
    effects.push(watch::watch(model, model.at));
    effects
}

/// There is no such service: one that was never seen was named wrongly, unless the engine has yet to find it.
fn not_found(model: &mut Model, sentence: String) -> Vec<Effect> {
    let others = model.fleet.as_ref().is_some_and(|fleet| !fleet.services.is_empty());
    let waited = model.at.saturating_duration_since(model.link.last_answer) >= FIND_WITHIN;
    match (&model.service, others && waited) {
        (Some(_), _) => {
            model.say(Tone::Bad, sentence);
            // Its dialog would be sent to whichever service is selected next.
            model.overlays.clear();
            model.forget_service();
            model.screen = Screen::Fleet;
            vec![watch::watch_fleet(model, model.at)]
        }
        (None, true) => vec![Effect::Fail(Error::NoService(sentence))],
        (None, false) => disconnected(model, &BackendError::Failed(sentence)),
    }
}

/// Puts a snapshot on screen.
pub fn show(model: &mut Model, snapshot: Box<ServiceSnapshot>) -> Vec<Effect> {
    model.clock = Some((snapshot.at, model.at));
    let from_disk = model.service_from_disk.take();
    let before = model.service.replace(snapshot);
    let mut effects = Vec::new();
    if from_disk.is_some() {
        // What ended since then is no news by now.
        effects.extend(watched::tell(model, None));
        effects.extend(incidents::tell(model, None));
        effects.extend(plan::snapshot_changed(model));
    } else if let Some(before) = before {
        history::keep(model, &before);
        effects.extend(announce(model, &before));
        effects.extend(watched::tell(model, Some(&before)));
        effects.extend(incidents::tell(model, Some(&before)));
        if model.service.as_ref().is_some_and(|now| now.version != before.version) {
            effects.extend(plan::snapshot_changed(model));
        }
    } else {
        effects.extend(watched::tell(model, None));
        effects.extend(incidents::tell(model, None));
    }
    if let Some(service) = &model.service {
        model.failures.take_in(service);
    }
    settle_failures(model);
    effects
}

/// Says aloud which deployments have ended since the snapshot before, in the order in which they did.
fn announce(model: &mut Model, before: &ServiceSnapshot) -> Vec<Effect> {
    let known = |id| before.deployments.iter().find(move |row| row.deployment.id == id);
    let newest = before.deployments.iter().map(|row| row.deployment.id).max();
    let is_news = |row: &&DeploymentRow| match known(row.deployment.id) {
        Some(before) => before.deployment.is_open(),
        // It began and ended in between.
        None => Some(row.deployment.id) > newest,
    };
    let rows = model.service.iter().flat_map(|service| &service.deployments);
    let ended = |row: &&DeploymentRow| !row.deployment.is_open();
    let mut ended: Vec<_> = rows.filter(ended).filter(is_news).cloned().collect();
    ended.sort_by_key(ended_at);
    let mut effects = Vec::new();
    for row in &ended {
        let tone = if row.deployment.succeeded() { Tone::Good } else { Tone::Bad };
        let environment = row.deployment.request.environment;
        if environment == Environment::Production || tone == Tone::Bad {
            effects = vec![Effect::Outside(Outside::Bell)];
        }
        let service = Some(before.service.clone());
        let note = Note { service, ..Note::new(tone, end_of(row), model.at) };
        model.add_note(match row.state {
            DeploymentState::Failed | DeploymentState::Interrupted => Note {
                shown: Shown::UntilHidden,
                failed: Some((environment, row.deployment.id)),
                ..note
            },
            _ => note,
        });
    }
    effects
}

/// When a deployment ended, and which it is.
fn ended_at(row: &DeploymentRow) -> (Option<DateTime<Utc>>, DeploymentId) {
    (row.deployment.ended.as_ref().map(|ended| ended.at), row.deployment.id)
}

/// Hides the notes of failures where the last deployment that was carried through succeeded.
fn settle_failures(model: &mut Model) {
    let Some(service) = &model.service else { return };
    for environment in [Environment::Staging, Environment::Production] {
        // The clock may have been set back: then the order of ends tells nothing.
        if environment == Environment::Production && service.unsettled.is_some() {
            continue;
        }
        let told =
            [DeploymentState::Succeeded, DeploymentState::Failed, DeploymentState::Interrupted];
        let rows = service.deployments.iter().filter(|row| told.contains(&row.state));
        let there = rows.filter(|row| row.deployment.request.environment == environment);
        if there.max_by_key(|row| ended_at(row)).is_some_and(|row| row.deployment.succeeded()) {
            model.notes.is_well(&service.service, environment);
        }
    }
}

/// `#12 is live`, `production is back on #11`, or what went wrong.
fn end_of(row: &DeploymentRow) -> String {
    let request = &row.deployment.request;
    let build = request.build;
    match (row.state, request.environment, request.kind) {
        (DeploymentState::Succeeded, Environment::Staging, _) => format!("{build} is in staging"),
        (DeploymentState::Succeeded, _, DeploymentKind::Rollback) => {
            format!("production is back on {build}")
        }
        (DeploymentState::Succeeded, _, _) => format!("{build} is live"),
        (DeploymentState::Cancelled, environment, kind) => {
            format!("{kind} of {build} to {environment} was cancelled")
        }
        _ => what_happened(row),
    }
}

/// Says so after a break, and asks whether it is the same engine.
fn connected(model: &mut Model) -> Vec<Effect> {
    model.link.last_answer = model.at;
    let was_down = matches!(model.link.state, LinkState::Down { .. });
    model.link.state = LinkState::Up;
    engine::answers(model);
    if !was_down {
        return Vec::new();
    }
    model.say(Tone::Good, "connected again");
    // The log asks at once too.
    model.log.failures = 0;
    model.log.asked = None;
    vec![Effect::Describe]
}

/// Keeps what is on screen, says why once, and asks again soon.
fn disconnected(model: &mut Model, why: &BackendError) -> Vec<Effect> {
    let (tries, said) = match &model.link.state {
        LinkState::Down { tries, why: said, .. } => (tries + 1, *said == why.to_string()),
        LinkState::Connecting | LinkState::Up => (0, false),
    };
    if !said {
        model.say(Tone::Bad, why.to_string());
    }
    let may_not_see = matches!(
        why,
        BackendError::Unauthorized(_) | BackendError::NoSession(_) | BackendError::NotAllowed(_)
    );
    if may_not_see {
        last::forget(model);
    }
    let retry = model.at + engine::again_in(model, why, tries);
    model.link.state = LinkState::Down { why: why.to_string(), tries, retry };
    vec![watch::watch(model, retry)]
}
