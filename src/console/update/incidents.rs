//! Incidents: the dialog about them, what others said, the reminder, and the question after a rollback of one's own.

use crate::console::actions::action::KeyAction;
use crate::console::actions::available;
use crate::console::effect::{Effect, Outside};
use crate::console::model::areas::is_tiny;
use crate::console::model::dialog::incident::IncidentForm;
use crate::console::model::dialog::kinds::Dialog;
use crate::console::model::incidents::IncidentNotices;
use crate::console::model::notes::Tone;
use crate::console::model::{Model, Screen};
use crate::console::update::{confirm, watched};
use crate::domain::incident::{IncidentStanding, UsersQuestion};
use crate::domain::snapshot::ServiceSnapshot;

/// Opens the dialog on what can be said now; `by_itself` where nobody pressed a key for it.
pub fn open(model: &mut Model, by_itself: bool) -> Vec<Effect> {
    let Some(service) = &model.service else { return Vec::new() };
    let mut form = IncidentForm::of(service);
    form.by_itself = by_itself;
    model.incidents.ask(None, model.at);
    confirm::open(model, Dialog::Incident(Box::new(form)))
}

/// A snapshot came: what others opened and resolved since the one before, and whether a rollback of this console asks.
pub fn tell(model: &mut Model, before: Option<&ServiceSnapshot>) -> Vec<Effect> {
    let effects = before.map_or_else(Vec::new, |before| announce(model, before));
    let asked = model.users_question().and_then(UsersQuestion::rollback);
    let is_own = asked.is_some() && asked == model.incidents.own;
    if is_own {
        model.incidents.own = None;
    }
    // After one that failed there is something else to do.
    let is_well = |id| model.deployment(id).is_some_and(|row| row.deployment.succeeded());
    if let Some(rollback) = asked.filter(|id| is_own && is_well(*id)) {
        model.incidents.ask(Some(rollback), model.at);
    }
    effects
}

fn announce(model: &mut Model, before: &ServiceSnapshot) -> Vec<Effect> {
    let was = |standing: &IncidentStanding| {
        let id = standing.incident.id;
        before.incidents.iter().find(|of| of.incident.id == id).map(|of| of.incident.is_open())
    };
    let (mut opened, mut resolved) = (Vec::new(), Vec::new());
    for standing in model.incidents() {
        let incident = &standing.incident;
        let (id, severity) = (incident.id, &incident.severity);
        match (was(standing), &incident.resolved) {
            (None, None) if !model.is_me(&incident.by) => {
                opened.push(format!("{} opened {id}, {severity}: {}", incident.by, incident.title));
            }
            (Some(true), Some(end)) if !model.is_me(&end.by) => {
                resolved.push(format!("{} resolved {id}, {severity}: {}", end.by, end.text));
            }
            _ => {}
        }
    }
    let rings = !opened.is_empty() && model.may_act();
    for text in resolved {
        model.say_of(&before.service, Tone::Plain, text);
    }
    for text in opened {
        model.say_of(&before.service, Tone::Bad, text);
    }
    if rings { vec![Effect::Outside(Outside::Bell)] } else { Vec::new() }
}

/// What time brings: an update that is due is said once, and a question of one's own opens once nobody types.
pub fn tick(model: &mut Model) -> Vec<Effect> {
    if model.service_from_disk.is_some() || model.screen != Screen::Service {
        return Vec::new();
    }
    let mut effects = remind(model);
    let asks = model.incidents.asks(model.at);
    let is_asked =
        asks.is_some() && model.users_question().and_then(UsersQuestion::rollback) == asks;
    if is_asked && may_open(model) {
        effects.extend(open(model, true));
    }
    effects
}

fn remind(model: &mut Model) -> Vec<Effect> {
    let now = model.now();
    let due = model.open_incidents().filter(|standing| standing.is_update_due(now));
    let due: Vec<_> = due
        .filter_map(|of| Some((of.incident.id, of.update_due?, of.incident.severity.clone())))
        .collect();
    let mut effects = Vec::new();
    for (id, at, severity) in due {
        if model.incidents.is_new(id, at) {
            model.dirty = true;
            let key = model.key(&KeyAction::Incident);
            model.say(Tone::Bad, format!("{id} {severity}: an update is due; {key} writes it"));
            if model.may_act() {
                effects.push(Effect::Outside(Outside::Bell));
            }
        }
    }
    if !effects.is_empty() {
        effects.extend(watched::retitle(model));
    }
    effects
}

/// Whether a dialog would take the keyboard from nobody.
fn may_open(model: &Model) -> bool {
    !model.is_elsewhere()
        && !model.is_plain()
        && !is_tiny(model.area())
        && IncidentNotices::is_quiet(model.last_input, model.at)
        && available::check(model, &KeyAction::Incident).is_ok()
}
