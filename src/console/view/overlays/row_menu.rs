//! The menu of a row: what can be done with it, each with its key.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::console::actions::action::{KeyAction, MenuAction};
use crate::console::actions::offer::Offer;
use crate::console::actions::offers;
use crate::console::model::Model;
use crate::console::model::palette::RowMenuPage;
use crate::console::theme::Role;
use crate::console::view::parts::frame;
use crate::console::view::parts::lines::draw_lines;
use crate::console::view::parts::row::Row;

/// The most columns that it takes, and the columns of a key.
const WIDTH: u16 = 74;
const KEY: usize = 9;

pub fn draw(model: &Model, page: &RowMenuPage, frame: &mut Frame, body: Rect) {
    let theme = &model.options.theme;
    let height = u16::try_from(page.offers.len() + 2).unwrap_or(u16::MAX);
    let area = frame::centred(body, WIDTH, height);
    let title = format!(" Actions {} ", page.title);
    let title = Line::from(Span::styled(title, theme.style(Role::Accent)));
    let key = |action| model.key(&KeyAction::InMenu(action));
    let (run, close) = (key(MenuAction::Run), key(MenuAction::Close));
    let right = format!("its key or {run} runs it, {close} closes");
    let inner = frame::overlay(model, frame, area, Role::BorderFocus, title, &right);
    let lines = page.offers.iter().map(|offer| line(model, offer, inner.width)).collect();
    let offset = (page.row + 1).saturating_sub(usize::from(inner.height));
    draw_lines(frame, inner, lines, offset);
    if let Ok(down) = u16::try_from(page.row - offset)
        && down < inner.height
    {
        frame::mark(model, frame, Rect { y: inner.y + down, height: 1, ..inner });
    }
}

fn line(model: &Model, offer: &Offer, width: u16) -> Line<'static> {
    let row = Row::new(&model.options.theme, width).gap(1);
    let key = offer.pick.action().map_or_else(String::new, |action| model.key(action));
    match offers::why_off(model, offer) {
        None => row.cell(key, KEY, Role::Key).own(&offer.about, Role::Text).line(),
        Some(why) => {
            let row = row.cell(key, KEY, Role::Inactive).own(&offer.name, Role::Inactive);
            row.own("  off: ", Role::Warn).own(why, Role::Inactive).line()
        }
    }
}
