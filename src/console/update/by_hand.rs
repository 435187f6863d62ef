//! The page of commands that do a rollback without trunkline.

use crate::console::effect::{Effect, Outside};
use crate::console::model::Model;
use crate::console::model::notes::Tone;
use crate::console::model::overlay::{HandPage, Overlay};
use crate::domain::by_hand::ByHand;

/// Opens it for the way back that the header names.
pub fn open(model: &mut Model) -> Vec<Effect> {
    let known = model.by_hand().cloned().zip(model.service.as_ref().map(|service| service.at));
    if let Some((by_hand, at)) = known {
        show(model, &by_hand, at);
    }
    Vec::new()
}

/// Opens it for the plan of the dialog; while there is none, for the way back that the header names.
pub fn open_for_plan(model: &mut Model) -> Vec<Effect> {
    let plan = model.confirm().and_then(|confirm| confirm.dialog.plan());
    match plan.map(|plan| (plan.by_hand.clone(), plan.at)) {
        Some((Some(by_hand), at)) => show(model, &by_hand, at),
        Some((None, _)) => model.say(Tone::Plain, "this plan has no commands to show"),
        None if model.confirm().is_some_and(|confirm| confirm.dialog.is_emergency()) => {
            return open(model);
        }
        None => model.say(Tone::Plain, "there is no plan of a rollback here"),
    }
    Vec::new()
}

fn show(model: &mut Model, by_hand: &ByHand, at: chrono::DateTime<chrono::Utc>) {
    let place = model.options.place.clone();
    let known = model.by_hand().is_some_and(|known| known.to == by_hand.to);
    let file = model.options.last.as_ref().filter(|_| known);
    let page = HandPage {
        script: place.by_hand(by_hand, at),
        file: file.map(|states| states.text(&by_hand.service)),
        scroll: 0,
    };
    model.overlays.push(Overlay::ByHand(page));
}

/// Copies all of it.
pub fn copy(model: &mut Model) -> Vec<Effect> {
    let Some(Overlay::ByHand(page)) = model.overlays.last() else { return Vec::new() };
    let (lines, mut text) = (page.script.len(), page.script.join("\n"));
    text.push('\n');
    model.say(Tone::Plain, format!("sent {lines} lines to the terminal's clipboard"));
    vec![Effect::Outside(Outside::Copy(text))]
}
