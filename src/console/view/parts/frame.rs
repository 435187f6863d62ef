//! The frame of a pane or overlay: its border, number, title, and the text at the right.

use ratatui::Frame;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Alignment, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph};

use crate::console::actions::action::{KeyAction, PageAction};
use crate::console::model::Model;
use crate::console::model::pane::Pane;
use crate::console::theme::Role;
use crate::console::view::parts::clock::clock;
use crate::console::view::parts::row::called_width;
use crate::domain::ids::BuildNumber;
use crate::domain::time::say;
use crate::gate::columns;

/// Draws a pane's frame and says what is inside it.
pub fn pane(model: &Model, frame: &mut Frame, pane: Pane, area: Rect, right: &str) -> Rect {
    pane_titled(model, frame, pane, area, Vec::new(), right_title(model, right))
}

/// The same with more to say in its title, at either side.
pub fn pane_titled(
    model: &Model,
    frame: &mut Frame,
    pane: Pane,
    area: Rect,
    more: Vec<Span<'static>>,
    right: Line<'static>,
) -> Rect {
    let theme = &model.options.theme;
    let focused = model.focus == pane && model.overlays.is_empty();
    let (border, title) =
        if focused { (Role::BorderFocus, Role::Accent) } else { (Role::Border, Role::Text) };
    let number = model.key(&KeyAction::Focus(pane));
    let mut left = vec![
        Span::styled(format!(" {number} "), on_border(theme.style(Role::Key))),
        Span::styled(format!("{} ", pane.title()), on_border(theme.style(title))),
    ];
    left.extend(more);
    let set = if focused { theme.symbols.border_focus } else { theme.symbols.border };
    let block = Block::bordered()
        .border_set(set)
        .border_style(theme.style(border))
        .title(Line::from(left))
        .title(right.alignment(Alignment::Right));
    let block = match as_of(model) {
        Some(old) => block.title_bottom(old),
        None => block,
    };
    let inner = block.inner(area);
    frame.render_widget(block, area);
    inner
}

/// That a list is not of now, for its border.
pub fn as_of(model: &Model) -> Option<Span<'static>> {
    let disk = model.from_disk()?;
    let text = format!(" as of {} ({} ago) ", clock(model, disk.seen), say(disk.age(model.at)));
    Some(Span::styled(text, on_border(model.options.theme.style(Role::Stale))))
}

/// Draws the frame of an overlay over what is there and says what is inside it.
pub fn overlay(
    model: &Model,
    frame: &mut Frame,
    area: Rect,
    role: Role,
    title: Line<'static>,
    right: &str,
) -> Rect {
    let theme = &model.options.theme;
    let block = Block::bordered()
        .border_set(theme.symbols.border_focus)
        .border_style(theme.style(role))
        .title(title)
        .title(right_title(model, right).alignment(Alignment::Right));
    let inner = block.inner(area);
    cut_off(frame.buffer_mut(), area);
    frame.render_widget(Clear, area);
    frame.render_widget(block, area);
    inner
}

/// A wide character that reaches from outside under the left border would be drawn over it.
fn cut_off(buffer: &mut Buffer, area: Rect) {
    let Some(x) = area.x.checked_sub(1) else { return };
    for y in area.intersection(buffer.area).rows().map(|row| row.y) {
        let cell = &mut buffer[(x, y)];
        if columns::width(cell.symbol()) > 1 {
            cell.set_char(' ');
        }
    }
}

/// The key that closes a page, for the right of its title.
pub fn closes(model: &Model) -> String {
    format!("{} closes", model.key(&KeyAction::Page(PageAction::Close)))
}

fn right_title(model: &Model, right: &str) -> Line<'static> {
    let text = if right.is_empty() { String::new() } else { format!(" {right} ") };
    let muted = on_border(model.options.theme.style(Role::Muted));
    Line::from(Span::styled(text, muted))
}

/// A box of this size in the middle of an area, never larger than it.
#[must_use]
pub fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    }
}

/// `1-5 of 23`: which rows are on screen.
#[must_use]
pub fn range(offset: usize, height: usize, shown: usize, total: u32) -> String {
    if shown == 0 {
        return String::new();
    }
    let last = (offset + height).min(shown);
    format!("{}-{last} of {}", offset + 1, total.max(u32::try_from(shown).unwrap_or(u32::MAX)))
}

/// How wide a column of build numbers is, with a space after it.
#[must_use]
pub fn number_width(builds: impl Iterator<Item = BuildNumber>) -> usize {
    builds.map(|build| build.to_string().len()).max().unwrap_or(0).max(5) + 1
}

/// What stands on the border of a list.
pub struct ListBorder<'a> {
    /// Which rows are shown.
    pub rows: &'a str,
    /// Where each column begins, and what it is.
    pub heads: &'a [(usize, &'static str)],
    /// How many newer rows are out of sight: `↑2 newer`, where new rows come in.
    pub newer: usize,
}

/// The frame of a list: which rows are shown at its lower right, and on its upper border what the columns are, which
/// takes no row from the list.
pub fn list(
    model: &Model,
    frame: &mut Frame,
    pane: Pane,
    area: Rect,
    ListBorder { rows, heads, newer }: ListBorder<'_>,
) -> Rect {
    let theme = &model.options.theme;
    let inner = pane_titled(model, frame, pane, area, Vec::new(), Line::default());
    let muted = on_border(theme.style(Role::Muted));
    let title = " 1  ".len() + pane.title().len() + 1;
    let ends = heads.iter().skip(1).map(|(column, _)| *column).chain([inner.width.into()]);
    // One that has no room before the next is left out.
    let fits = |((column, head), end): &(&(usize, &str), usize)| {
        *column > title && column + head.len() < *end
    };
    let mut taken = title;
    for ((column, head), _) in heads.iter().zip(ends).filter(fits) {
        if *column < heads.get(2).map_or(0, |(by, _)| *by) {
            taken = column + head.len() + 1;
        }
        let x = inner.x.saturating_add(u16::try_from(column - 1).unwrap_or(u16::MAX));
        frame.buffer_mut().set_stringn(x, area.y, format!(" {head} "), head.len() + 2, muted);
    }
    let newer =
        if newer > 0 { format!("{}{newer} newer", theme.symbols.newer) } else { String::new() };
    let end = heads.get(2).map_or(0, |(by, _)| by.saturating_sub(2));
    let begin = end.saturating_sub(columns::width(&newer) + 2);
    let is_above = begin > taken;
    if is_above && !newer.is_empty() {
        let x = inner.x.saturating_add(u16::try_from(begin).unwrap_or(u16::MAX));
        let style = on_border(theme.style(Role::Accent));
        frame.buffer_mut().set_stringn(x, area.y, format!(" {newer} "), end - begin, style);
    }
    // Where it would cover a head it stands below.
    let rows =
        if is_above || newer.is_empty() { rows.to_owned() } else { format!("{newer}  {rows}") };
    let rows = right_title(model, &rows);
    let width = u16::try_from(rows.width()).unwrap_or(u16::MAX).min(inner.width);
    let place = Rect { x: inner.right() - width, y: inner.bottom(), width, height: 1 };
    if area.height > 1 {
        frame.render_widget(Paragraph::new(rows), place);
    }
    inner
}

/// Whether a list has room for times in full.
#[must_use]
pub fn is_wide_list(area: Rect) -> bool {
    area.width >= 88
}

/// How wide a column is for these texts, at most so much.
#[must_use]
pub fn column(texts: impl Iterator<Item = String>, most: usize) -> usize {
    texts.map(|text| called_width(&text)).max().unwrap_or(0).min(most)
}

/// Marks the selected row: clearly where the focus is, by the cursor alone elsewhere.
pub fn select(model: &Model, frame: &mut Frame, row: Rect, pane: Pane) {
    if model.focus == pane && model.overlays.is_empty() {
        mark(model, frame, row);
    }
}

/// Gives a row the look of the selection, all of it: the colours of its cells would make it a patchwork. What stands for
/// something that was refused keeps its look: nowhere does it matter more than in the row that a key acts on.
pub fn mark(model: &Model, frame: &mut Frame, row: Rect) {
    let theme = &model.options.theme;
    let selection = Style::reset().patch(theme.style(Role::Selection));
    let escape = Style::reset().patch(theme.style(Role::Escape));
    let looks = |cell: &Cell| (cell.fg, cell.bg, cell.modifier);
    let mut escaped = Cell::EMPTY;
    escaped.set_style(escape);
    let buffer = frame.buffer_mut();
    for position in row.intersection(buffer.area).positions() {
        let cell = &mut buffer[position];
        if looks(cell) != looks(&escaped) {
            cell.set_style(selection);
        }
    }
}

/// Dims what is behind an overlay.
pub fn dim(model: &Model, frame: &mut Frame, area: Rect) {
    let muted = Style::reset().patch(model.options.theme.style(Role::Muted));
    frame.buffer_mut().set_style(area, muted);
}

/// The style of a title, which would otherwise take that of the border.
pub fn on_border(style: Style) -> Style {
    Style::reset().patch(style)
}
