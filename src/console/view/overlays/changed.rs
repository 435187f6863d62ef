//! What changed in all services and environments, newest first; or one entry as a whole.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::console::actions::action::{ChangedAction, KeyAction, PageAction};
use crate::console::model::Model;
use crate::console::model::changed::{ChangedPage, ChangedSpan};
use crate::console::theme::Role;
use crate::console::view::parts::clock::clock;
use crate::console::view::parts::lines::draw_lines;
use crate::console::view::parts::{frame, row::Row};
use crate::domain::ids::ServiceName;
use crate::domain::instant::localized;
use crate::domain::timeline::{EntryKind, TimelineEntry};
use crate::gate;

/// The most columns of the services, and those of the kind.
const SERVICE: usize = 16;
const KIND: usize = 9;

pub fn draw(model: &Model, page: &ChangedPage, frame: &mut Frame, body: Rect) {
    let accent = model.options.theme.style(Role::Accent);
    let key = model.key(&KeyAction::Changed);
    let title = match &page.open {
        None => format!(" {key} Changed in all services, {} ", page.span.as_str()),
        Some((entry, _)) => format!(" {key} Changed: event {} ", entry.seq),
    };
    let title = Line::from(Span::styled(title, accent));
    let inner = frame::overlay(model, frame, body, Role::BorderFocus, title, &keys(model, page));
    if let Some((_, scroll)) = &page.open {
        return draw_lines(frame, inner, whole(model, page, inner.width), *scroll);
    }
    let mut lines = head(model, page, inner.width);
    let first = lines.len();
    let entries = page.entries();
    let shown = entries.iter().skip(page.list.offset);
    let names = entries.iter().map(|entry| services(&entry.services, model));
    let names = frame::column(names, SERVICE) + 1;
    lines.extend(shown.map(|entry| line(model, page, entry, (names, inner.width))));
    draw_lines(frame, inner, lines, 0);
    let at = page.list.row(&page.ids()).and_then(|at| at.checked_sub(page.list.offset));
    let down = at.and_then(|at| u16::try_from(at + first).ok());
    if let Some(down) = down.filter(|down| *down < inner.height) {
        frame::mark(model, frame, Rect { y: inner.y + down, height: 1, ..inner });
    }
}

fn keys(model: &Model, page: &ChangedPage) -> String {
    let key = |action| model.key(&action);
    let copy = key(KeyAction::Page(PageAction::Copy));
    if page.open.is_some() {
        return format!("{copy} copies the undo  {}", frame::closes(model));
    }
    let wider = key(KeyAction::InChanged(ChangedAction::Wider));
    let narrower = key(KeyAction::InChanged(ChangedAction::Narrower));
    let open = key(KeyAction::InChanged(ChangedAction::Open));
    format!("{wider} {narrower} span  {open} all of it  {copy} undo  {}", frame::closes(model))
}

/// What is said before the entries: what is not known, and that there are none.
pub fn head(model: &Model, page: &ChangedPage, width: u16) -> Vec<Line<'static>> {
    let row = || Row::new(&model.options.theme, width).gap(1);
    let mut lines = Vec::new();
    if let Some(why) = &page.failed {
        let as_of = page.read_at().map(|at| format!("as of {}: ", clock(model, at)));
        let text = format!("{}cannot be read now: {why}", as_of.unwrap_or_default());
        lines.push(row().own(text, Role::Danger).line());
    }
    for unread in page.page.iter().flat_map(|page| &page.unread) {
        let since = clock(model, unread.since);
        let text = format!("{} since {since}: {}", unread.service, unread.why);
        lines.push(row().own(text, Role::Warn).line());
    }
    if page.page.is_none() && page.failed.is_none() {
        lines.push(row().own("reading", Role::Muted).line());
    } else if page.page.is_some() && page.entries().is_empty() {
        let wider = model.key(&KeyAction::InChanged(ChangedAction::Wider));
        let text = format!("nothing is recorded of the {}; {wider} widens", page.span.as_str());
        lines.push(row().own(text, Role::Muted).line());
    }
    lines
}

fn line(
    model: &Model,
    page: &ChangedPage,
    entry: &TimelineEntry,
    (names, width): (usize, u16),
) -> Line<'static> {
    let theme = &model.options.theme;
    let cursor = page.list.selected == Some(entry.seq);
    let mark = if cursor { theme.symbols.cursor } else { " " };
    let outcome = entry.outcome.as_ref().map(|how| format!("; {how}")).unwrap_or_default();
    let what = localized(&format!("{}{outcome}", entry.what), model.zone());
    Row::new(theme, width)
        .cell(mark, 2, Role::Text)
        .cell(clock(model, entry.at), time_width(page.span), Role::Muted)
        .cell(services(&entry.services, model), names, Role::Text)
        .cell(entry.kind.as_str(), KIND, role(entry.kind))
        .own(what, Role::Text)
        .line()
}

/// A time of today is short.
fn time_width(span: ChangedSpan) -> usize {
    match span {
        ChangedSpan::Hour | ChangedSpan::Day => 10,
        ChangedSpan::TwoWeeks => 13,
    }
}

/// `search`, `all 4 services`, `3 services`.
fn services(services: &[ServiceName], model: &Model) -> String {
    let all = model.fleet.as_ref().map(|fleet| fleet.services.len());
    match services {
        [one] => one.to_string(),
        several if Some(several.len()) == all => format!("all {} services", several.len()),
        several => format!("{} services", several.len()),
    }
}

fn role(kind: EntryKind) -> Role {
    match kind {
        EntryKind::Deploy => Role::Running,
        EntryKind::Hold => Role::Hold,
        EntryKind::Freeze => Role::Frozen,
        EntryKind::Record => Role::Muted,
        EntryKind::Incident => Role::Danger,
        EntryKind::Flag
        | EntryKind::Config
        | EntryKind::Infra
        | EntryKind::Data
        | EntryKind::External => Role::Warn,
    }
}

/// The whole entry, in lines as wide as the page.
pub fn whole(model: &Model, page: &ChangedPage, width: u16) -> Vec<Line<'static>> {
    let Some((entry, _)) = &page.open else { return Vec::new() };
    let room = usize::from(width).saturating_sub(2);
    let mut lines = Vec::new();
    for text in entry.whole() {
        let role = match text.as_bytes().first() {
            Some(b'+') => Role::DiffAdd,
            Some(b'-') => Role::DiffDel,
            _ => Role::Text,
        };
        let text = localized(&text, model.zone());
        let parts = gate::sentence(&text).wrap(room);
        let row = || Row::new(&model.options.theme, width).gap(1);
        lines.extend(parts.iter().map(|part| row().safe(part, role).line()));
    }
    lines
}
