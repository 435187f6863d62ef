//! The engines that one can switch to: the server of each profile, and the engine of this machine.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::console::actions::action::{ChoiceAction, KeyAction};
use crate::console::model::Model;
use crate::console::model::overlay::EnginesPage;
use crate::console::options::EngineChoice;
use crate::console::theme::Role;
use crate::console::view::parts::frame;
use crate::console::view::parts::lines::draw_lines;
use crate::console::view::parts::row::Row;
use crate::console::view::parts::text_input::typed;

/// The columns of a name, and of who one is.
const NAME: usize = 20;
const PERSON: usize = 16;

pub fn draw(model: &Model, page: &EnginesPage, frame: &mut Frame, body: Rect) {
    let theme = &model.options.theme;
    let found = model.engines(page.search.as_str());
    let height = u16::try_from(model.options.engines.len() + 3).unwrap_or(u16::MAX);
    let area = frame::centred(body, 100, height);
    let title = Line::from(Span::styled(" Servers ", theme.style(Role::Accent)));
    let key = |action| model.key(&KeyAction::Choice(action));
    let (go, close) = (key(ChoiceAction::Switch), key(ChoiceAction::Close));
    let right = format!("letters search, {go} switches, {close} closes");
    let inner = frame::overlay(model, frame, area, Role::BorderFocus, title, &right);
    let search = Row::new(theme, inner.width).gap(1).own("search ", Role::Key);
    let first = Rect { height: inner.height.min(1), ..inner };
    draw_lines(frame, first, vec![typed(search, &page.search).line()], 0);
    let list = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
    let lines = found.iter().map(|choice| line(model, choice, list.width)).collect();
    let offset = (page.row + 1).saturating_sub(usize::from(list.height));
    draw_lines(frame, list, lines, offset);
    if let Ok(down) = u16::try_from(page.row - offset)
        && down < list.height
        && !found.is_empty()
    {
        frame::mark(model, frame, Rect { y: list.y + down, height: 1, ..list });
    }
}

fn line(model: &Model, choice: &EngineChoice, width: u16) -> Line<'static> {
    let row = Row::new(&model.options.theme, width).gap(1);
    let row = row.cell(choice.name(), NAME, Role::Text);
    let row = row.cell(choice.person.as_deref().unwrap_or_default(), PERSON, Role::AuthorMe);
    let open = if choice.place.profile == model.options.profile { "open  " } else { "" };
    let row = row.cell(open, 6, Role::Ok);
    let left = row.left();
    row.outside(&choice.place.address, left, Role::Muted).line()
}
