//! What the palette offers: every action of the panes by its name, what a verb can be done with, and the commands that only
//! a shell runs.

use crate::console::actions::action::KeyAction;
use crate::console::actions::context::InputContext;
use crate::console::actions::fuzzy::ranked;
use crate::console::actions::offer::{FoundOffer, Offer, Pick};
use crate::console::actions::tables::{ACTIONS, Entry};
use crate::console::actions::{available, entry, verbs};
use crate::console::model::Model;

/// How many of what was run before are listed first.
const RECENT: usize = 5;

/// What a text finds, the best first. Without a text: what was run before, what is possible now, and the rest.
#[must_use]
pub fn found(model: &Model, text: &str) -> Vec<FoundOffer> {
    let text = text.trim_start();
    if let Some(arguments) = verbs::arguments(model, text) {
        return ranked(arguments, text);
    }
    let all = every(model);
    if !text.is_empty() {
        return ranked(all, text);
    }
    let recent = model.recent.iter().take(RECENT).filter_map(|name| named(model, name));
    let recent: Vec<_> = recent.filter(|offer| !is_sudden(offer)).collect();
    let (mut on, off): (Vec<_>, Vec<_>) = all
        .into_iter()
        .filter(|offer| !recent.contains(offer))
        .partition(|offer| why_off(model, offer).is_none());
    on.extend(off);
    let mark = |recent| {
        move |offer| FoundOffer { offer, in_name: Vec::new(), in_about: Vec::new(), recent }
    };
    recent.into_iter().map(mark(true)).chain(on.into_iter().map(mark(false))).collect()
}

/// The offer of this name.
#[must_use]
pub fn named(model: &Model, name: &str) -> Option<Offer> {
    let arguments = verbs::arguments(model, name).unwrap_or_default();
    arguments.into_iter().chain(every(model)).find(|offer| offer.name == name)
}

/// Why an offer is off right now, where that is known before it is picked.
#[must_use]
pub fn why_off(model: &Model, offer: &Offer) -> Option<String> {
    match &offer.pick {
        Pick::Act(action) => available::check(model, action).err(),
        _ => None,
    }
}

/// Whether it starts something without a button.
fn is_sudden(offer: &Offer) -> bool {
    offer.pick == Pick::Act(KeyAction::Emergency)
}

fn every(model: &Model) -> Vec<Offer> {
    let actions = ACTIONS.iter().filter(|entry| is_offered(entry)).map(of_action);
    actions.chain(verbs::offers()).chain(verbs::lines(model)).collect()
}

/// Whether the palette has this row of the tables: what is pressed in the panes, but the palette's own key.
#[must_use]
pub fn is_offered(entry: &Entry) -> bool {
    let in_panes = [InputContext::Lists, InputContext::Log, InputContext::Everywhere];
    in_panes.contains(&entry.context) && entry.action != KeyAction::Palette
}

fn of_action(entry: &Entry) -> Offer {
    Offer {
        name: entry.name.to_owned(),
        about: entry.help.to_owned(),
        words: verbs::words(&entry.action),
        pick: Pick::Act(entry.action.clone()),
    }
}

/// The offer of an action, with what it is about.
#[must_use]
pub fn with_target(action: &KeyAction, about: Option<String>) -> Offer {
    let mut offer = of_action(entry(action));
    offer.about = about.unwrap_or(offer.about);
    offer
}
