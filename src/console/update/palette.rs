//! Opening the palette of commands and the menu of a row.

use crate::console::actions::{offers, row_offers};
use crate::console::model::overlay::Overlay;
use crate::console::model::palette::{CommandPalette, RowMenuPage};
use crate::console::model::pane::Pane;
use crate::console::model::{Model, Screen};

/// Opens the palette, with nothing typed.
pub fn open(model: &mut Model) {
    let found = offers::found(model, "");
    let palette = CommandPalette { found, ..CommandPalette::default() };
    model.overlays.push(Overlay::Palette(Box::new(palette)));
}

/// Opens the menu of the selected row. From now on it is the row that a person wants: no other takes its place.
pub fn open_menu(model: &mut Model) {
    let list = if model.focus == Pane::Details { model.list } else { model.focus };
    match (model.screen, list) {
        (Screen::Fleet, _) => model.services.hold(),
        (Screen::Service, Pane::Staging) => model.staging.hold(),
        (Screen::Service, Pane::Production) => model.production.hold(),
        (Screen::Service, Pane::Freeze) => model.freezes.hold(),
        (Screen::Service, _) => {}
    }
    let (title, offers) = row_offers::of_row(model);
    model.overlays.push(Overlay::Menu(Box::new(RowMenuPage { title, offers, row: 0 })));
}
