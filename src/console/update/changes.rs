//! The page of changes: opening it, and the plan that fills it.

use crate::backend::Answer;
use crate::console::actions::available;
use crate::console::effect::Effect;
use crate::console::model::Model;
use crate::console::model::overlay::{ChangesPage, Loading, Overlay};
use crate::console::model::pane::Pane;
use crate::console::model::ticket::Ticket;
use crate::domain::command::Action;
use crate::domain::ids::{BuildNumber, Environment};
use crate::domain::plan::Plan;

/// What a promote of the selected build would ship; on an older history row, what a rollback to it would take away.
pub fn open(model: &mut Model) -> Vec<Effect> {
    let Some(service) = model.services.selected.clone() else { return Vec::new() };
    let action = match (model.list, available::history_target(model), model.staging.selected) {
        (Pane::Production, Some(build), _) => Action::Rollback { to: Some(build) },
        (Pane::Production, None, _) => match live_or_selected(model) {
            Some(build) => Action::Promote { build },
            None => return Vec::new(),
        },
        (_, _, Some(build)) => Action::Promote { build },
        _ => return Vec::new(),
    };
    let ticket = model.next_ticket();
    let page = ChangesPage { ticket, plan: Loading::Waiting, scroll: 0 };
    model.overlays.push(Overlay::Changes(page));
    vec![Effect::Plan { ticket, service, action }]
}

fn live_or_selected(model: &Model) -> Option<BuildNumber> {
    let selected = model.selected_history().map(|row| row.deployment.request.build);
    let live = || Some(model.service.as_ref()?.live.get(&Environment::Production)?.build);
    selected.or_else(live)
}

/// The changes of the plan that the dialog shows.
pub fn open_for_plan(model: &mut Model) -> Vec<Effect> {
    let Some(plan) = model.confirm().and_then(|confirm| confirm.dialog.plan().cloned()) else {
        return Vec::new();
    };
    let ticket = model.next_ticket();
    model.overlays.push(Overlay::Changes(ChangesPage {
        ticket,
        plan: Loading::There(Box::new(plan)),
        scroll: 0,
    }));
    Vec::new()
}

pub fn planned(model: &mut Model, ticket: Ticket, answer: &Answer<Box<Plan>>) {
    for overlay in &mut model.overlays {
        if let Overlay::Changes(page) = overlay
            && page.ticket == ticket
        {
            page.plan = match answer {
                Ok(plan) => Loading::There(plan.clone()),
                Err(why) => Loading::Failed(why.to_string()),
            };
        }
    }
}
