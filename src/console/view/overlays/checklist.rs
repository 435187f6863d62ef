//! What a rollback left behind, each with a box to tick.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::console::actions::action::{ChecklistAction, KeyAction, PageAction};
use crate::console::age::age;
use crate::console::model::Model;
use crate::console::model::checklist::ChecklistPage;
use crate::console::theme::Role;
use crate::console::view::parts::frame;
use crate::console::view::parts::lines::draw_lines;
use crate::console::view::parts::row::Row;
use crate::domain::leftovers::{Leftover, Leftovers, STAYS_BEHIND};
use crate::gate;

/// How far what is said of an item stands to the right.
const INDENT: usize = 10;

pub fn draw(model: &Model, page: &ChecklistPage, frame: &mut Frame, body: Rect) {
    let (key, accent) = (model.key(&KeyAction::Checklist), model.options.theme.style(Role::Accent));
    let left = page.left(model.service.as_deref());
    let count = left.and_then(Leftovers::count);
    let count = count.map_or_else(String::new, |count| format!(", {count}"));
    let title = Line::from(Span::styled(format!(" {key} What {STAYS_BEHIND}{count} "), accent));
    let inner = frame::overlay(model, frame, body, Role::BorderFocus, title, &keys(model));
    let Some(left) = left else {
        let text = "its hold was released, or another took its place";
        return draw_lines(frame, inner, sentence(model, text, 1, inner.width), 0);
    };
    let (lines, last) = lines(model, page, left, inner.width);
    let scroll = (last + 1).saturating_sub(usize::from(inner.height));
    draw_lines(frame, inner, lines, scroll);
}

fn keys(model: &Model) -> String {
    let tick = model.key(&KeyAction::InChecklist(ChecklistAction::Tick));
    let copy = model.key(&KeyAction::Page(PageAction::Copy));
    format!("{tick} ticks  {copy} copies the undo  {}", frame::closes(model))
}

/// All of it, and the last line of the item at the cursor.
fn lines(
    model: &Model,
    page: &ChecklistPage,
    left: &Leftovers,
    width: u16,
) -> (Vec<Line<'static>>, usize) {
    let mut lines = Vec::new();
    for text in left.sentences() {
        lines.extend(sentence(model, &text, 1, width));
    }
    lines.push(Line::default());
    let mut last = 0;
    for (at, (number, item)) in left.numbered().enumerate() {
        lines.extend(of_item(model, (number, item), at == page.row, width));
        if at == page.row {
            last = lines.len() - 1;
        }
    }
    if let Some(text) = left.doubt() {
        lines.push(Line::default());
        lines.extend(sentence(model, &text, 1, width));
    }
    (lines, last)
}

fn of_item(
    model: &Model,
    (number, item): (u32, &Leftover),
    cursor: bool,
    width: u16,
) -> Vec<Line<'static>> {
    let theme = &model.options.theme;
    let (sign, role) =
        if item.ticked.is_some() { ("[x] ", Role::Ok) } else { ("[ ] ", Role::Warn) };
    let row = Row::new(theme, width)
        .gap(1)
        .cell(if cursor { theme.symbols.cursor } else { " " }, 2, Role::Key)
        .right(number.to_string(), 2, Role::Muted)
        .gap(1)
        .own(sign, role)
        .name(&item.what, Role::Text);
    let mut lines = vec![row.line()];
    if let Some(mark) = &item.ticked {
        let text = format!("ticked by {} {} ago", mark.by, age(model.since(mark.at)));
        lines.extend(sentence(model, &text, INDENT, width));
    }
    if let Some(advice) = item.advice() {
        lines.extend(sentence(model, &advice, INDENT, width));
    }
    lines
}

fn sentence(model: &Model, text: &str, indent: usize, width: u16) -> Vec<Line<'static>> {
    let room = usize::from(width).saturating_sub(indent + 1);
    let parts = gate::sentence(text).wrap(room);
    let row = || Row::new(&model.options.theme, width).gap(indent);
    parts.iter().map(|part| row().safe(part, Role::Muted).line()).collect()
}
