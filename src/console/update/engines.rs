//! The list of engines that one can switch to.

use crate::console::actions::action::{ChoiceAction, KeyAction};
use crate::console::actions::available;
use crate::console::effect::Effect;
use crate::console::model::Model;
use crate::console::model::notes::Tone;
use crate::console::model::overlay::{EnginesPage, Overlay};
use crate::console::update::burst;

/// How many rows a page is.
const PAGE: usize = 10;

/// The list, with the cursor at the engine that is open.
pub fn page(model: &Model) -> EnginesPage {
    let open = |choice: &&crate::console::options::EngineChoice| {
        choice.place.profile == model.options.profile
    };
    let all = model.engines("");
    EnginesPage { row: all.iter().position(open).unwrap_or(0), ..EnginesPage::default() }
}

/// A key in the list: letters search.
pub fn key(model: &mut Model, action: Option<&KeyAction>, letter: Option<char>) -> Vec<Effect> {
    let Some(Overlay::Engines(page)) = model.overlays.last() else { return Vec::new() };
    let (mut page, count) = (page.clone(), model.engines(page.search.as_str()).len());
    match action {
        Some(KeyAction::Choice(ChoiceAction::Switch)) => return switch(model, &page),
        Some(KeyAction::Choice(ChoiceAction::Close)) => {
            model.overlays.pop();
            return Vec::new();
        }
        Some(KeyAction::Move(by)) => {
            page.row = by.lead(page.row, PAGE, count.saturating_sub(1));
        }
        Some(KeyAction::Edit(edit)) => {
            page.search.edit(*edit);
            page.row = 0;
        }
        _ if letter.is_some() => {
            page.search.type_letter(letter);
            page.row = 0;
        }
        _ => {}
    }
    if let Some(Overlay::Engines(shown)) = model.overlays.last_mut() {
        *shown = page;
    }
    Vec::new()
}

/// Leaves this engine for the one under the cursor. Nothing of this one goes with it.
fn switch(model: &mut Model, page: &EnginesPage) -> Vec<Effect> {
    if burst::refuses(model, &KeyAction::Engines) {
        return Vec::new();
    }
    let chosen = model
        .engines(page.search.as_str())
        .get(page.row)
        .map(|choice| (choice.name().to_owned(), choice.place.profile.clone()));
    let Some((name, profile)) = chosen else { return Vec::new() };
    model.overlays.pop();
    if profile == model.options.profile {
        model.say(Tone::Plain, format!("{name} is open already"));
        return Vec::new();
    }
    match available::check(model, &KeyAction::Engines) {
        Ok(()) => vec![Effect::Switch(profile)],
        Err(why) => {
            model.say(Tone::Plain, why);
            Vec::new()
        }
    }
}
