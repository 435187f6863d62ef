//! The palette: what is typed, and what it finds with the letters that match.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::console::actions::action::{KeyAction, PaletteAction};
use crate::console::actions::offer::{FoundOffer, Offer, Pick};
use crate::console::actions::{offers, verbs};
use crate::console::model::Model;
use crate::console::model::palette::CommandPalette;
use crate::console::theme::Role;
use crate::console::view::parts::frame;
use crate::console::view::parts::lines::draw_lines;
use crate::console::view::parts::row::Row;
use crate::console::view::parts::text_input::typed_within;
use crate::gate;

/// The most columns and lines that it takes.
const WIDTH: u16 = 110;
const HEIGHT: u16 = 30;
/// The columns of a name, and of a key.
const NAME: usize = 18;
const KEY: usize = 10;

pub fn draw(model: &Model, page: &CommandPalette, frame: &mut Frame, body: Rect) {
    let theme = &model.options.theme;
    let area = frame::centred(body, WIDTH, body.height.min(HEIGHT));
    let title = Line::from(Span::styled(" Commands ", theme.style(Role::Accent)));
    let key = |action| model.key(&KeyAction::InPalette(action));
    let (run, close) = (key(PaletteAction::Run), key(PaletteAction::Close));
    let right = format!("letters search, {run} runs, {close} closes");
    let inner = frame::overlay(model, frame, area, Role::BorderFocus, title, &right);
    let prompt = Row::new(theme, inner.width).gap(1).own(": ", Role::Key);
    let room = prompt.left().saturating_sub(1);
    let prompt = typed_within(prompt, &page.text, room);
    draw_lines(frame, Rect { height: inner.height.min(1), ..inner }, vec![prompt.line()], 0);
    let list = Rect { y: inner.y + 1, height: inner.height.saturating_sub(2), ..inner };
    let foot = Rect { y: list.bottom(), height: inner.height.min(1), ..inner };
    draw_lines(frame, foot, vec![footing(model, page, inner.width)], 0);
    let height = usize::from(list.height);
    let offset = (page.row + 1).saturating_sub(height);
    let shown = page.found.iter().skip(offset).take(height);
    let lines = shown.map(|found| line(model, found, list.width)).collect();
    draw_lines(frame, list, lines, 0);
    if let Ok(down) = u16::try_from(page.row - offset)
        && down < list.height
        && !page.found.is_empty()
    {
        frame::mark(model, frame, Rect { y: list.y + down, height: 1, ..list });
    }
}

/// Name, key, and what it does; what is off right now is not bright and says why.
fn line(model: &Model, found: &FoundOffer, width: u16) -> Line<'static> {
    let offer = &found.offer;
    let row = Row::new(&model.options.theme, width).gap(1);
    let why = offers::why_off(model, offer);
    let (role, key) = match why {
        None => (Role::Text, Role::Key),
        Some(_) => (Role::Inactive, Role::Inactive),
    };
    let row = row.marked(&gate::field(&offer.name), &found.in_name, NAME, role).gap(1);
    let row = row.cell(shown_key(model, offer), KEY, key).gap(1);
    let room = row.left();
    match why {
        Some(why) => row.own("off: ", Role::Warn).own(why, Role::Inactive).line(),
        None if found.recent => {
            row.own("again: ", Role::Accent).own(&offer.about, Role::Text).line()
        }
        None => row.marked(&gate::sentence(&offer.about), &found.in_about, room, Role::Text).line(),
    }
}

/// The key that does the same, where one does it to what is selected.
fn shown_key(model: &Model, offer: &Offer) -> String {
    match &offer.pick {
        Pick::Act(action) => model.key(action),
        _ => String::new(),
    }
}

/// What can be typed further, and how many there are.
fn footing(model: &Model, page: &CommandPalette, width: u16) -> Line<'static> {
    let theme = &model.options.theme;
    let row = Row::new(theme, width).gap(1);
    let Some(found) = page.found.get(page.row) else {
        return row.own("nothing is called so", Role::Muted).line();
    };
    let complete = model.key(&KeyAction::InPalette(PaletteAction::Complete));
    let row = match verbs::completes(&found.offer) {
        Some(verb) => row
            .own(format!("{complete} "), Role::Key)
            .own(format!("{verb} {}", theme.symbols.ellipsis), Role::Muted),
        None => row,
    };
    let place = format!("{} of {} ", page.row + 1, page.found.len());
    row.then_right(Row::new(theme, width).own(place, Role::Muted), width).line()
}
