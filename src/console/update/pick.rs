//! The keys of the palette and of the menu of a row, and what a pick does: what its key does, and no more.

use crate::console::actions::action::{Edit, KeyAction, MenuAction, PaletteAction};
use crate::console::actions::chord::Chord;
use crate::console::actions::context::InputContext;
use crate::console::actions::offer::{Offer, Pick};
use crate::console::actions::{offers, verbs};
use crate::console::effect::{Effect, Outside};
use crate::console::layout;
use crate::console::model::filter::ListFilter;
use crate::console::model::log::LogChoice;
use crate::console::model::notes::Tone;
use crate::console::model::overlay::Overlay;
use crate::console::model::palette::{CommandPalette, RowMenuPage};
use crate::console::model::pane::Pane;
use crate::console::model::text_input::TextInput;
use crate::console::model::{Model, Screen};
use crate::console::update::{act, backend, browse, burst};
use crate::domain::ids::Environment;

/// How many rows a page is.
const PAGE: usize = 10;
/// How many runs are kept to be recalled.
const KEPT: usize = 50;

/// A key in the palette: letters search.
pub fn key(model: &mut Model, action: Option<&KeyAction>, letter: Option<char>) -> Vec<Effect> {
    let Some(Overlay::Palette(palette)) = model.overlays.last_mut() else { return Vec::new() };
    match action {
        Some(KeyAction::InPalette(PaletteAction::Run)) => return run_found(model),
        Some(KeyAction::InPalette(PaletteAction::Close)) => {
            model.overlays.pop();
        }
        Some(KeyAction::InPalette(PaletteAction::Complete)) => complete(model),
        Some(KeyAction::InPalette(PaletteAction::Earlier)) => recall(model, true),
        Some(KeyAction::InPalette(PaletteAction::Later)) => recall(model, false),
        Some(KeyAction::Move(by)) => {
            palette.row = by.lead(palette.row, PAGE, palette.found.len().saturating_sub(1));
        }
        Some(KeyAction::Edit(edit)) => {
            let edit = *edit;
            change(model, |text| text.edit(edit));
        }
        _ if letter.is_some() => change(model, |text| text.type_letter(letter)),
        _ => {}
    }
    Vec::new()
}

/// A text that was pasted into the palette.
pub fn typed(model: &mut Model, text: &str) {
    change(model, |input| input.insert(text));
}

/// Changes the text, and lists what it finds.
fn change(model: &mut Model, change: impl FnOnce(&mut TextInput)) {
    let Some(Overlay::Palette(palette)) = model.overlays.last_mut() else { return };
    change(&mut palette.text);
    let text = palette.text.as_str().to_owned();
    let found = offers::found(model, &text);
    if let Some(Overlay::Palette(palette)) = model.overlays.last_mut() {
        let text = std::mem::take(&mut palette.text);
        **palette = CommandPalette { text, found, ..CommandPalette::default() };
    }
}

fn picked(model: &Model) -> Option<Offer> {
    let Some(Overlay::Palette(palette)) = model.overlays.last() else { return None };
    palette.found.get(palette.row).map(|found| found.offer.clone())
}

/// Types what the cursor is on; after a verb that can be done with something, what that is can be chosen.
fn complete(model: &mut Model) {
    let Some(offer) = picked(model) else { return };
    let verb = verbs::completes(&offer).map(|verb| format!("{verb} "));
    type_whole(model, &verb.unwrap_or(offer.name));
}

fn type_whole(model: &mut Model, whole: &str) {
    change(model, |text| {
        text.edit(Edit::Clear);
        text.insert(whole);
    });
}

/// Types what was run before, or after that.
fn recall(model: &mut Model, is_earlier: bool) {
    let Some(Overlay::Palette(palette)) = model.overlays.last() else { return };
    let at = match (palette.recalled, is_earlier) {
        (None, true) => 0,
        (None, false) => return,
        (Some(at), true) => at + 1,
        (Some(at), false) => at.saturating_sub(1),
    };
    let Some(name) = model.recent.get(at).cloned() else { return };
    type_whole(model, &name);
    if let Some(Overlay::Palette(palette)) = model.overlays.last_mut() {
        palette.recalled = Some(at);
    }
}

fn run_found(model: &mut Model) -> Vec<Effect> {
    let Some(offer) = picked(model) else { return Vec::new() };
    if let Pick::Begin(_) = offer.pick {
        complete(model);
        return Vec::new();
    }
    model.overlays.pop();
    remember(model, &offer);
    run(model, offer)
}

fn remember(model: &mut Model, offer: &Offer) {
    model.recent.retain(|name| *name != offer.name);
    model.recent.insert(0, offer.name.clone());
    model.recent.truncate(KEPT);
}

/// Does what the key of the pick does.
fn run(model: &mut Model, offer: Offer) -> Vec<Effect> {
    if offer.pick.action().is_some_and(|action| burst::refuses(model, action)) {
        return Vec::new();
    }
    match offer.pick {
        Pick::Act(action) => act::run(model, &action),
        Pick::OnBuild(build, action) => {
            show_all(model);
            model.staging.select(build);
            browse::focus(model, Pane::Staging);
            run_on_selection(model, &action)
        }
        Pick::OnDeployment(id, action) => {
            let row = model.deployment(id).map(|row| row.deployment.request.clone());
            let Some(request) = row else {
                model.say(Tone::Plain, format!("{id} is not listed any more"));
                return Vec::new();
            };
            show_all(model);
            if request.environment == Environment::Production {
                model.production.select(id);
                browse::focus(model, Pane::Production);
            } else {
                model.staging.select(request.build);
                browse::focus(model, Pane::Staging);
            }
            run_on_selection(model, &action)
        }
        Pick::Open(service) => backend::open(model, &service),
        Pick::By(name) => {
            filter_by(model, &name);
            Vec::new()
        }
        Pick::CopyLine(line) => {
            model.say(Tone::Plain, format!("sent to the terminal's clipboard: {line}"));
            vec![Effect::Outside(Outside::Copy(line))]
        }
        Pick::Begin(_) => Vec::new(),
    }
}

/// What acts on a row wants it on screen.
fn run_on_selection(model: &mut Model, action: &KeyAction) -> Vec<Effect> {
    model.log.choose(LogChoice::Selection);
    model.areas = layout::layout(model);
    act::run(model, action)
}

/// The row that was picked must not be hidden by a filter.
fn show_all(model: &mut Model) {
    model.filter = ListFilter::default();
}

fn filter_by(model: &mut Model, name: &str) {
    let list = Some(model.list).filter(|_| model.screen == Screen::Service);
    model.filter = ListFilter { list, ..ListFilter::default() };
    model.filter.text.insert(name);
}

/// A key in the menu of a row: the key of an action does it.
pub fn menu_key(model: &mut Model, action: Option<&KeyAction>, chord: Chord) -> Vec<Effect> {
    let of_panes = model.options.keymap.action(InputContext::Log, chord).cloned();
    let Some(Overlay::Menu(menu)) = model.overlays.last_mut() else { return Vec::new() };
    match action {
        Some(KeyAction::InMenu(MenuAction::Close)) => {
            model.overlays.pop();
        }
        Some(KeyAction::InMenu(MenuAction::Run)) => {
            let offer = menu.offers.get(menu.row).cloned();
            return offer.map_or_else(Vec::new, |offer| run_of_menu(model, offer));
        }
        Some(KeyAction::Move(by)) => {
            menu.row = by.lead(menu.row, PAGE, menu.offers.len().saturating_sub(1));
        }
        _ => {
            let offer = of_panes.and_then(|action| with_action(menu, &action));
            let Some(offer) = offer else {
                let key = chord.shown();
                model.say(Tone::Plain, format!("{key} is not in this menu"));
                return Vec::new();
            };
            return run_of_menu(model, offer);
        }
    }
    Vec::new()
}

fn with_action(menu: &RowMenuPage, action: &KeyAction) -> Option<Offer> {
    menu.offers.iter().find(|offer| offer.pick.action() == Some(action)).cloned()
}

fn run_of_menu(model: &mut Model, offer: Offer) -> Vec<Effect> {
    model.overlays.pop();
    run(model, offer)
}
