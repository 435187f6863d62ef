//! The overlays that only show: changes, help, messages.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{act, confirm};
use crate::backend::Answer;
use crate::console::available;
use crate::console::effect::Effect;
use crate::console::message::Ticket;
use crate::console::model::{Model, Pane};
use crate::console::notes::Tone;
use crate::console::overlay::{Changes, Loading, Overlay};
use crate::console::view;
use crate::domain::command::Action;
use crate::domain::ids::Environment;
use crate::domain::plan::Plan;

/// What a promote of the selected build would ship; on an older history row, what a rollback to it would take away.
pub fn changes(model: &mut Model) -> Vec<Effect> {
    let Some(service) = confirm::service(model) else { return Vec::new() };
    let action = match (model.list, available::rollback_row(model), model.staging.selected) {
        (Pane::Production, Some(build), _) => Action::Rollback { to: Some(build) },
        (Pane::Production, None, _) => match live_or_selected(model) {
            Some(build) => Action::Promote { build },
            None => return Vec::new(),
        },
        (_, _, Some(build)) => Action::Promote { build },
        _ => return Vec::new(),
    };
    let ticket = model.next_ticket();
    let page = Changes { ticket, plan: Loading::Waiting, scroll: 0 };
    model.overlays.push(Overlay::Changes(page));
    vec![Effect::Plan { ticket, service, action }]
}

fn live_or_selected(model: &Model) -> Option<crate::domain::ids::BuildNumber> {
    let selected = model.selected_history().map(|row| row.deployment.request.build);
    let live = || Some(model.service.as_ref()?.live.get(&Environment::Production)?.build);
    selected.or_else(live)
}

/// The changes of the plan that the dialog shows.
pub fn changes_of_plan(model: &mut Model) -> Vec<Effect> {
    let Some(plan) = model.confirm_mut().and_then(|confirm| confirm.plan.clone()) else {
        return Vec::new();
    };
    let ticket = model.next_ticket();
    model.overlays.push(Overlay::Changes(Changes {
        ticket,
        plan: Loading::There(plan),
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

/// Keys of a page that can only be scrolled and closed.
pub fn scroll(model: &mut Model, name: &str) -> Vec<Effect> {
    let page = isize::try_from(model.size.height / 2).unwrap_or(1);
    let by = match name {
        "esc" | "q" | "ctrl-c" | "d" | "M" | "enter" => {
            close(model);
            return Vec::new();
        }
        "j" | "down" => 1,
        "k" | "up" => -1,
        "ctrl-d" | "pgdn" => page,
        "ctrl-u" | "pgup" => -page,
        "g" | "home" => -10_000,
        "G" | "end" => 10_000,
        _ => return Vec::new(),
    };
    let most = view::lines_of_overlay(model).saturating_sub(1);
    match model.overlays.last_mut() {
        Some(Overlay::Changes(page)) => {
            page.scroll = page.scroll.saturating_add_signed(by).min(most);
        }
        Some(Overlay::Messages(lines)) => *lines = lines.saturating_add_signed(by).min(most),
        _ => {}
    }
    Vec::new()
}

/// Closes the top overlay; a dialog that comes to light again has to be looked at first.
fn close(model: &mut Model) {
    model.overlays.pop();
    if let Some(confirm) = model.confirm_mut() {
        confirm.changes();
    }
}

/// Keys of the help: letters search, Enter runs the pick.
pub fn help(model: &mut Model, key: &KeyEvent, name: &str) -> Vec<Effect> {
    let Some(Overlay::Help(help)) = model.overlays.last_mut() else { return Vec::new() };
    let count = help.found().len();
    match (name, key.code) {
        ("esc" | "ctrl-c" | "f1", _) => {
            model.overlays.pop();
        }
        ("down" | "tab", _) => help.row = (help.row + 1).min(count.saturating_sub(1)),
        ("up" | "shift-tab", _) => help.row = help.row.saturating_sub(1),
        ("pgdn", _) => help.row = (help.row + 10).min(count.saturating_sub(1)),
        ("pgup", _) => help.row = help.row.saturating_sub(10),
        ("enter", _) => return run(model),
        ("?", _) if help.search.is_empty() => {
            model.overlays.pop();
        }
        ("backspace", _) => {
            help.search.pop();
            help.row = 0;
        }
        (_, KeyCode::Char(letter)) if !key.modifiers.contains(KeyModifiers::CONTROL) => {
            help.search.push(letter);
            help.row = 0;
        }
        _ => {}
    }
    Vec::new()
}

fn run(model: &mut Model) -> Vec<Effect> {
    let Some(Overlay::Help(help)) = model.overlays.pop() else { return Vec::new() };
    let Some(entry) = help.found().get(help.row).copied() else { return Vec::new() };
    match (entry.available)(model) {
        Ok(()) => act::act(model, &entry.action),
        Err(why) => {
            model.say(Tone::Plain, format!("{}: {why}", entry.name));
            Vec::new()
        }
    }
}
