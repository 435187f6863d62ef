//! The page of what a rollback left behind: its keys, and the tick that is sent.

use crate::backend::intents::Intent;
use crate::console::actions::action::{KeyAction, Move, PageAction};
use crate::console::effect::{Effect, Outside};
use crate::console::model::checklist::ChecklistPage;
use crate::console::model::notes::Tone;
use crate::console::model::overlay::Overlay;
use crate::console::model::{Model, Sent};
use crate::domain::command::{Command, ItemOfHold};
use crate::domain::ids::Environment;

/// How many items a page is.
const PAGE: usize = 10;

pub fn open(model: &mut Model) -> Vec<Effect> {
    let holds = model.service.as_ref().map(|service| &service.holds);
    let hold = holds.and_then(|holds| holds.get(&Environment::Production)).map(|hold| hold.id);
    let page = hold.map(|hold| ChecklistPage { hold, row: 0 });
    model.overlays.extend(page.map(Overlay::Checklist));
    Vec::new()
}

fn page(model: &Model) -> Option<&ChecklistPage> {
    match model.overlays.last() {
        Some(Overlay::Checklist(page)) => Some(page),
        _ => None,
    }
}

/// A key on the page that changes nothing.
pub fn key(model: &mut Model, action: Option<&KeyAction>) -> Vec<Effect> {
    match action {
        Some(KeyAction::Page(PageAction::Close)) => drop(model.overlays.pop()),
        Some(KeyAction::Page(PageAction::Copy)) => return copy(model),
        Some(KeyAction::Move(by)) => travel(model, *by),
        _ => {}
    }
    Vec::new()
}

fn travel(model: &mut Model, by: Move) {
    let left = page(model).and_then(|page| page.left(model.service.as_deref()));
    let most = left.map_or(0, |left| left.items.len().saturating_sub(1));
    if let Some(Overlay::Checklist(page)) = model.overlays.last_mut() {
        page.row = by.lead(page.row, PAGE, most);
    }
}

fn copy(model: &mut Model) -> Vec<Effect> {
    let item = page(model).and_then(|page| page.item(model.service.as_deref()));
    let Some(undo) = item.and_then(|(_, item)| item.undo.clone()) else {
        model.say(Tone::Plain, "nobody wrote how to undo this; nothing is copied");
        return Vec::new();
    };
    model.say(Tone::Plain, format!("sent to the terminal's clipboard: {undo}"));
    vec![Effect::Outside(Outside::Copy(undo))]
}

/// Ticks the item at the cursor, or takes its tick back, on the hold that the page is of.
pub fn tick(model: &mut Model) -> Vec<Effect> {
    let Some(page) = page(model) else { return Vec::new() };
    let hold = Some(page.hold);
    let Some((number, item)) = page.item(model.service.as_deref()) else {
        model.say(Tone::Plain, "there is nothing to tick any more");
        return Vec::new();
    };
    let of = ItemOfHold { environment: Environment::Production, item: number, hold };
    let command = if item.ticked.is_none() { Command::Tick(of) } else { Command::Untick(of) };
    let what = command.what(None);
    let Some(service) = model.services.selected.clone() else { return Vec::new() };
    if model.sent.iter().any(|sent| sent.service == service && sent.what == what) {
        model.say(Tone::Plain, "this is on its way already");
        return Vec::new();
    }
    let (ticket, key, at) = (model.next_ticket(), model.next_key(), model.now());
    let intent = Intent { key: key.clone(), service: service.clone(), what: what.clone(), at };
    model.sent.push(Sent { ticket, key, service, what, lost: None });
    vec![Effect::Send { ticket, command, intent }]
}
