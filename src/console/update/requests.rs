//! Requests for a promoter: announcing, taking and withdrawing them.

use crate::console::effect::{Effect, Outside};
use crate::console::model::dialog::kinds::Dialog;
use crate::console::model::notes::Tone;
use crate::console::model::{Model, Screen};
use crate::console::update::{confirm, plan};
use crate::domain::command::Action;
use crate::domain::request::{Closed, Request};

/// Plans the promote of the requested build for this user.
pub fn take(model: &mut Model) -> Vec<Effect> {
    let Some(build) = model.open_request().map(|request| request.build) else { return Vec::new() };
    if model.build(build).is_some() {
        model.staging.select(build);
    }
    confirm::open(model, Dialog::plan_of(Action::Promote { build }))
}

pub fn withdraw(model: &mut Model) -> Vec<Effect> {
    match model.open_request().map(|request| request.id) {
        Some(id) => confirm::open(model, Dialog::withdraw(id)),
        None => Vec::new(),
    }
}

/// Announces a new request, and the end of the one that was open, also when it expires.
pub fn tell(model: &mut Model) -> Vec<Effect> {
    // What was open when an earlier console looked is no news.
    if model.service_from_disk.is_some() {
        return Vec::new();
    }
    let open = model.open_request().cloned();
    if open.as_ref().map(|r| r.id) == model.requests.open.as_ref().map(|r| r.id) {
        return Vec::new();
    }
    // Also when the answer was that nothing is new.
    model.dirty = true;
    let before = std::mem::replace(&mut model.requests.open, open.clone());
    let mut effects = before.map_or_else(Vec::new, |before| ended(model, &before));
    effects.extend(open.map_or_else(Vec::new, |open| began(model, &open)));
    effects
}

fn began(model: &mut Model, request: &Request) -> Vec<Effect> {
    if !model.requests.is_new(request.id) || model.is_me(&request.by) {
        return Vec::new();
    }
    let note = if request.note.is_empty() { String::new() } else { format!(": {}", request.note) };
    let on_call = if is_on_call(model) { "; you are on call" } else { "" };
    let text = format!("{} asks for a promoter of {}{note}{on_call}", request.by, request.build);
    say(model, Tone::Plain, text);
    ring(model)
}

/// Whether the user is on call for the service on screen.
fn is_on_call(model: &Model) -> bool {
    let Some(service) = &model.service else { return false };
    let mut members = service.on_call.iter().flat_map(|on_call| on_call.members(model.now()));
    members.any(|name| service.me.actor.is_person(name))
}

/// Rings for whoever could press.
fn ring(model: &Model) -> Vec<Effect> {
    if model.may_act() { vec![Effect::Outside(Outside::Bell)] } else { Vec::new() }
}

/// A note about the service whose snapshot came, also while the list of services is on screen.
fn say(model: &mut Model, tone: Tone, text: String) {
    if let Some(service) = model.service.as_ref().map(|service| service.service.clone()) {
        model.say_of(&service, tone, text);
    }
}

/// Rings the bell for the user who asked, unless they closed it themselves.
fn ended(model: &mut Model, before: &Request) -> Vec<Effect> {
    let requests = model.service.as_ref().map(|service| &service.requests);
    let now = requests.and_then(|all| all.iter().find(|request| request.id == before.id));
    let Some(request) = now.cloned() else { return Vec::new() };
    let mine = model.is_me(&request.by);
    let whose = if mine { "your request".into() } else { format!("the request of {}", request.by) };
    let text = format!("{whose} for {}: {}", request.build, request.became(model.now()));
    let taken = matches!(request.closed, Some(Closed::Taken { .. }));
    say(model, if mine && taken { Tone::Good } else { Tone::Plain }, text.clone());
    disarm(model, &request, text);
    let by_me = match &request.closed {
        Some(Closed::Taken { by, .. } | Closed::Withdrawn { by, .. }) => model.is_me(by),
        Some(Closed::Superseded { .. }) | None => false,
    };
    if mine && !by_me { vec![Effect::Outside(Outside::Bell)] } else { Vec::new() }
}

/// Disarms a dialog of a request that was closed: it may have been withdrawn because of a fault.
fn disarm(model: &mut Model, request: &Request, text: String) {
    let Some(confirm) = model.confirm_mut() else { return };
    let withdrawn = matches!(request.closed, Some(Closed::Withdrawn { .. }));
    let about = match &confirm.dialog {
        Dialog::Withdraw { request: id, .. } => *id == request.id,
        Dialog::Plan { planning, .. } => {
            withdrawn && planning.action == Action::Promote { build: request.build }
        }
        _ => false,
    };
    if about && confirm.progress.is_open() {
        if let Some(planning) = confirm.dialog.planning_mut() {
            // A plan that is still being made must not arm it again.
            planning.question = None;
        }
        plan::disarm(model, vec![text], None);
    }
}

/// Announces requests of the services that are not on screen.
pub fn tell_of_fleet(model: &mut Model) -> Vec<Effect> {
    let shown = model.services.selected.clone().filter(|_| model.screen == Screen::Service);
    let rows = model.fleet.iter().flat_map(|fleet| &fleet.services);
    let rows = rows.filter(|row| Some(&row.service) != shown.as_ref());
    let asked: Vec<_> =
        rows.filter_map(|row| Some((row.service.clone(), row.request.clone()?))).collect();
    let mut effects = Vec::new();
    for (service, Request { id, build, by, .. }) in asked {
        if model.requests.is_new(id) && !model.is_me(&by) {
            let text = format!("{by} asks for a promoter of {build}");
            model.say_of(&service, Tone::Plain, text);
            effects.extend(ring(model));
        }
    }
    effects
}
