//! The list of themes, at the right: the rest of the screen shows the one under the cursor.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::console::actions::action::{ChoiceAction, KeyAction};
use crate::console::model::Model;
use crate::console::model::overlay::ThemesPage;
use crate::console::theme::Role;
use crate::console::theme::library::ThemeOffer;
use crate::console::view::parts::frame;
use crate::console::view::parts::lines::draw_lines;
use crate::console::view::parts::row::Row;
use crate::console::view::parts::text_input::typed;

/// How wide the list is, and its column of names.
const WIDTH: u16 = 46;
const NAME: usize = 22;
/// How many lines show samples.
const SAMPLES: u16 = 4;

pub fn draw(model: &Model, page: &ThemesPage, frame: &mut Frame, body: Rect) {
    let theme = &model.options.theme;
    let count = page.themes.as_ref().map_or(0, Vec::len);
    let wanted = u16::try_from(count).unwrap_or(u16::MAX).saturating_add(4 + SAMPLES);
    let (width, height) = (WIDTH.min(body.width), wanted.min(body.height));
    let area = Rect { x: body.right() - width, y: body.y, width, height };
    let title = Line::from(Span::styled(" Themes ", frame::on_border(theme.style(Role::Accent))));
    let key = |action| model.key(&KeyAction::Choice(action));
    let right = format!("{} keeps, {} back", key(ChoiceAction::Switch), key(ChoiceAction::Close));
    let inner = frame::overlay(model, frame, area, Role::BorderFocus, title, &right);
    let samples = if inner.height > 2 * SAMPLES { SAMPLES + 1 } else { 0 };
    let search = Row::new(theme, inner.width).gap(1).own("search ", Role::Key);
    draw_lines(frame, part(inner, 0, 1), vec![typed(search, &page.search).line()], 0);
    let list = part(inner, 1, inner.height.saturating_sub(1 + samples));
    let found = page.found();
    if page.themes.is_none() {
        let waiting = Row::new(theme, list.width).gap(1).own("reading the themes", Role::Muted);
        draw_lines(frame, list, vec![waiting.line()], 0);
    }
    let lines = found.iter().map(|offer| line(model, offer, list.width)).collect();
    let offset = (page.row + 1).saturating_sub(usize::from(list.height));
    draw_lines(frame, list, lines, offset);
    if let Ok(down) = u16::try_from(page.row - offset)
        && down < list.height
        && !found.is_empty()
    {
        frame::mark(model, frame, Rect { y: list.y + down, height: 1, ..list });
    }
    if samples > 0 {
        let lines = sample_lines(model, inner.width);
        draw_lines(frame, part(inner, inner.height - SAMPLES, SAMPLES), lines, 0);
    }
}

/// Some rows of an area, as far as it has them.
fn part(area: Rect, from: u16, height: u16) -> Rect {
    Rect { y: area.y + from, height, ..area }.intersection(area)
}

fn line(model: &Model, offer: &ThemeOffer, width: u16) -> Line<'static> {
    let row = Row::new(&model.options.theme, width).gap(1);
    let row = row.cell(offer.name.as_str(), NAME, Role::Text);
    let row = match &offer.loaded {
        Ok(loaded) => row.cell(loaded.looks.mode.as_str(), 6, Role::Muted),
        Err(_) => row.cell("wrong", 6, Role::Danger),
    };
    let row = row.cell(if offer.path.is_some() { "yours" } else { "" }, 7, Role::Muted);
    let in_use = offer.name == model.options.themes.name;
    row.own(if in_use { "in use" } else { "" }, Role::Ok).line()
}

/// The looks that matter most, on one glance.
fn sample_lines(model: &Model, width: u16) -> Vec<Line<'static>> {
    let rows = [
        [Role::Ok, Role::Running, Role::Warn, Role::Danger, Role::Unknown].as_slice(),
        &[Role::Live, Role::Frozen, Role::Hold, Role::Stale, Role::Search],
        &[Role::DiffAdd, Role::DiffDel, Role::LogError, Role::LogWarn],
        &[Role::Accent, Role::Muted, Role::Button, Role::ButtonFocus],
    ];
    let line = |roles: &[Role]| {
        let row = Row::new(&model.options.theme, width).gap(1);
        roles.iter().fold(row, |row, role| row.own(role.name(), *role).gap(1)).line()
    };
    rows.into_iter().map(line).collect()
}
