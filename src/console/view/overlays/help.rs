//! The action table as a list that can be searched and run.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::console::actions::action::{HelpAction, KeyAction};
use crate::console::actions::groups::KeyGroup;
use crate::console::actions::key_sequence::KeySequence;
use crate::console::actions::{Entry, available, matching};
use crate::console::model::Model;
use crate::console::model::overlay::Help;
use crate::console::theme::Role;
use crate::console::view::parts::frame;
use crate::console::view::parts::lines::draw_lines;
use crate::console::view::parts::row::Row;
use crate::console::view::parts::text_input::typed;

pub fn draw(model: &Model, help: &Help, frame: &mut Frame, body: Rect) {
    let theme = &model.options.theme;
    let area = frame::centred(body, 100, body.height);
    let title = Line::from(Span::styled(" Help ", theme.style(Role::Accent)));
    let key = |action| model.key(&KeyAction::InHelp(action));
    let (run, close) = (key(HelpAction::Run), key(HelpAction::Close));
    let right = format!("letters search, {run} runs, {close} closes");
    let inner = frame::overlay(model, frame, area, Role::BorderFocus, title, &right);
    let found = matching(&model.options.keymap, help.search.as_str());
    let search = Row::new(theme, inner.width).gap(1).own("search ", Role::Key);
    let search = typed(search, &help.search);
    draw_lines(frame, Rect { height: inner.height.min(1), ..inner }, vec![search.line()], 0);
    let list = Rect { y: inner.y + 1, height: inner.height.saturating_sub(2), ..inner };
    let foot = Rect { y: list.bottom(), height: inner.height.min(1), ..inner };
    let count = Row::new(theme, inner.width);
    let place = format!("{} of {} ", (help.row + 1).min(found.len()), found.len());
    let why = why_off(model, found.get(help.row), inner.width);
    let why = why.then_right(count.own(place, Role::Muted), inner.width);
    draw_lines(frame, foot, vec![why.line()], 0);
    let (lines, picked) = lines(model, &found, help.row, list.width);
    let height = usize::from(list.height);
    let offset = (picked + 1).saturating_sub(height);
    draw_lines(frame, list, lines, offset);
    if let Ok(down) = u16::try_from(picked - offset)
        && down < list.height
        && !found.is_empty()
    {
        let row = Rect { y: list.y + down, height: 1, ..list };
        frame::mark(model, frame, row);
    }
}

/// The rows below what they are about, and the line of the pick.
fn lines(
    model: &Model,
    found: &[&'static Entry],
    row: usize,
    width: u16,
) -> (Vec<Line<'static>>, usize) {
    let (mut lines, mut picked, mut group) = (Vec::new(), 0, None);
    for (at, entry) in found.iter().enumerate() {
        let its = KeyGroup::of(entry);
        if group.replace(its) != Some(its) {
            let head = Row::new(&model.options.theme, width).gap(1);
            lines.push(head.own(its.title(), Role::Accent).line());
        }
        if at == row {
            picked = lines.len();
        }
        lines.push(line(model, entry, width));
    }
    (lines, picked)
}

/// Keys and what they do; what is off right now is not bright.
fn line(model: &Model, entry: &Entry, width: u16) -> Line<'static> {
    let keys: Vec<_> = model.options.keymap.keys(entry).map(KeySequence::shown).collect();
    let (key, text) = match available::check(model, &entry.action) {
        Ok(()) => (Role::Key, Role::Text),
        Err(_) => (Role::Inactive, Role::Inactive),
    };
    let row = Row::new(&model.options.theme, width).gap(1);
    row.cell(keys.join(" "), 14, key).own(entry.help, text).line()
}

/// Why the pick is off, when it is.
fn why_off<'t>(model: &'t Model, entry: Option<&&Entry>, width: u16) -> Row<'t> {
    let row = Row::new(&model.options.theme, width).gap(1);
    match entry.map(|entry| available::check(model, &entry.action)) {
        Some(Err(why)) => row.own("off: ", Role::Warn).own(why, Role::Text),
        _ => row,
    }
}
