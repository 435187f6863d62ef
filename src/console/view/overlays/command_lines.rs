//! What this console did, each with the command line that does the same, the newest first.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::console::actions::action::{KeyAction, PageAction};
use crate::console::model::Model;
use crate::console::model::command_lines::{CommandLinesPage, CommandOutcome, DoneCommand};
use crate::console::theme::Role;
use crate::console::view::parts::clock::clock;
use crate::console::view::parts::frame;
use crate::console::view::parts::lines::draw_lines;
use crate::console::view::parts::row::Row;
use crate::gate;

/// How many lines each takes.
const LINES: usize = 2;

pub fn draw(model: &Model, page: CommandLinesPage, frame: &mut Frame, body: Rect) {
    let theme = &model.options.theme;
    let title = Line::from(Span::styled(" Command lines ", theme.style(Role::Accent)));
    let copy = model.key(&KeyAction::Page(PageAction::Copy));
    let right = format!("{copy} copies it  {}", frame::closes(model));
    let inner = frame::overlay(model, frame, body, Role::BorderFocus, title, &right);
    if model.done.is_empty() {
        let text = "this console did nothing yet; what you do here is listed with its command line";
        let row = Row::new(theme, inner.width).gap(1).own(text, Role::Muted);
        return draw_lines(frame, inner, vec![row.line()], 0);
    }
    let lines = model.done.iter().rev().flat_map(|done| lines_of(model, done, inner.width));
    let height = usize::from(inner.height);
    let offset = ((page.row + 1) * LINES).saturating_sub(height);
    draw_lines(frame, inner, lines.collect(), offset);
    let line = page.row * LINES + 1;
    if let Some(down) = line.checked_sub(offset).and_then(|down| u16::try_from(down).ok())
        && down < inner.height
    {
        frame::mark(model, frame, Rect { y: inner.y + down, height: 1, ..inner });
    }
}

/// When, of what service, what and how it went; below it the command line.
fn lines_of(model: &Model, done: &DoneCommand, width: u16) -> [Line<'static>; LINES] {
    let row = || Row::new(&model.options.theme, width);
    let (how, role) = match done.outcome {
        CommandOutcome::OnItsWay => ("on its way", Role::Running),
        CommandOutcome::Recorded => ("recorded", Role::Ok),
        CommandOutcome::NotDone => ("did not happen", Role::Danger),
        CommandOutcome::Unknown => ("unknown", Role::Unknown),
    };
    let first = row().gap(1).own(format!("{} ", clock(model, done.at)), Role::Muted);
    let first = first.own(format!("{}: ", done.service), Role::Text).own(&done.what, Role::Text);
    let first = first.own("  ", Role::Text).own(how, role);
    [first.line(), row().gap(3).safe(&gate::sentence(&done.line), Role::Accent).line()]
}
