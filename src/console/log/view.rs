//! Draws the rows of the log that are on screen, and looks at no others.

use std::ops::Range;

use chrono::{DateTime, Utc};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::console::log::columns::Columns;
use crate::console::log::line::{Line, LineSource};
use crate::console::log::pane::{LogPane, is_first_row};
use crate::console::log::scroll::Place;
use crate::console::theme::{Role, Theme};
use crate::domain::log::{Level, Stream};
use crate::gate::{Ink, LogRow, columns};

/// How much of a row beside what is drawn is looked at for matches, at least.
const AROUND: usize = 256;

/// Draws the pane into `area`, which its border has been taken off.
pub fn view(pane: &LogPane, area: Rect, buf: &mut Buffer, theme: &Theme, now: DateTime<Utc>) {
    let area = area.intersection(buf.area);
    if area.is_empty() {
        return;
    }
    let columns = pane.columns(usize::from(area.width));
    let Some(top) = pane.top(columns, usize::from(area.height)) else { return };
    let painter = LinePainter { pane, columns, theme, now };
    for (y, (line, place, part)) in area.rows().zip(visible(pane, columns, top)) {
        painter.row(line, place, part, y, buf);
    }
}

/// The parts of the log from `top` on, one for each row of the screen.
fn visible(
    pane: &LogPane,
    columns: Columns,
    top: Place,
) -> impl Iterator<Item = (&Line, Place, Range<usize>)> {
    let first = pane.window.index(top.key);
    (first..pane.window.len())
        .filter_map(|index| pane.window.get(index))
        .flat_map(move |line| {
            line.rows.iter().enumerate().flat_map(move |(row, text)| {
                columns
                    .parts(text)
                    .map(move |part| (line, Place { key: line.key, row, byte: part.start }, part))
            })
        })
        .skip_while(move |(_, place, _)| *place < top)
}

struct LinePainter<'a> {
    pane: &'a LogPane,
    columns: Columns,
    theme: &'a Theme,
    now: DateTime<Utc>,
}

impl LinePainter<'_> {
    fn row(&self, line: &Line, place: Place, part: Range<usize>, area: Rect, buf: &mut Buffer) {
        let mut x = area.x;
        if self.columns.gutter > 0 {
            self.gutter(line, place, x, area.y, buf);
            x += 1;
        }
        if self.columns.time > 0 {
            self.time(line, place, x, area.y, buf);
            x += u16::try_from(self.columns.time).unwrap_or(area.width);
        }
        let is_last =
            place.row + 1 == line.rows.len() && part.end == line.rows[place.row].text.len();
        let row = &line.rows[place.row];
        let (lead, part) = self.shifted(row, part);
        let text = Text {
            row,
            lead,
            part,
            hidden: if is_last { line.hidden } else { 0 },
            base: self.base(line),
        };
        let rest = Rect { x, width: area.right().saturating_sub(x), ..area };
        self.text(&text, rest, buf);
        if self.pane.is_selected(place.key) {
            buf.set_style(rest, self.theme.style(Role::Selection));
        }
    }

    /// What is seen of a cut line that was moved sideways, behind what says that something is left of it.
    fn shifted(&self, row: &LogRow, part: Range<usize>) -> (&'static str, Range<usize>) {
        let text = &row.text[part.clone()];
        if self.columns.wrap || columns::fit(text, self.pane.shift) == 0 {
            return ("", part);
        }
        let lead = self.theme.symbols.ellipsis;
        let gone = columns::fit(text, self.pane.shift + columns::width(lead));
        (lead, part.start + gone..part.end)
    }

    fn gutter(&self, line: &Line, place: Place, x: u16, y: u16, buf: &mut Buffer) {
        let symbols = &self.theme.symbols;
        let is_hit = self.pane.hit == Some((place.key, place.row)) && place.byte == 0;
        let is_pointed = is_first_row(place) && self.pane.pointed() == Some(place.key);
        let (symbol, role) = if is_hit || is_pointed {
            (symbols.cursor, Role::Accent)
        } else if is_first_row(place) && self.pane.is_marked(place.key) {
            (symbols.frozen, Role::Accent)
        } else if place.byte > 0 {
            (symbols.wrapped, Role::Muted)
        } else if line.source == LineSource::Step(Stream::Err) {
            (symbols.stderr, Role::LogError)
        } else {
            return;
        };
        buf.set_stringn(x, y, symbol, 1, self.theme.style(role));
    }

    fn time(&self, line: &Line, place: Place, x: u16, y: u16, buf: &mut Buffer) {
        if let (Some(at), 0, 0) = (line.at, place.row, place.byte) {
            let text = self.pane.time.say(at, self.now, self.pane.zone);
            let width = self.columns.time - 1;
            buf.set_stringn(x, y, text, width, self.theme.style(Role::LogTime));
        }
    }

    fn text(&self, text: &Text, area: Rect, buf: &mut Buffer) {
        let muted = self.theme.style(Role::Muted);
        let (mut x, _) = buf.set_stringn(area.x, area.y, text.lead, usize::from(area.width), muted);
        let room = usize::from(area.right() - x);
        let (part, marker) = text.clip(room, self.theme.symbols.ellipsis);
        let matches = self.matches(text.row, &part);
        let mut from = 0;
        for (run, ink) in text.row.runs() {
            let start = from;
            from += run.len();
            let run = start.max(part.start)..from.min(part.end);
            for (piece, found) in split(run, &matches) {
                let style = self.style(text.base, ink, found);
                for part in columns::apart(&text.row.text[piece]) {
                    let room = usize::from(area.right() - x);
                    (x, _) = buf.set_stringn(x, area.y, part, room, style);
                }
            }
            if from >= part.end {
                break;
            }
        }
        let room = usize::from(area.right() - x);
        buf.set_stringn(x, area.y, marker, room, muted);
    }

    /// What is found in what is drawn. Not more of the row is looked at, which may be very long.
    fn matches(&self, row: &LogRow, part: &Range<usize>) -> Vec<Range<usize>> {
        let of_filter = self.pane.filter.as_ref().and_then(|filter| filter.query.as_ref());
        let Some(query) = self.pane.query.as_ref().or(of_filter) else { return Vec::new() };
        let around = (4 * query.text().len()).max(AROUND);
        let start = row.text.floor_char_boundary(part.start.saturating_sub(around));
        let end = row.text.ceil_char_boundary((part.end + around).min(row.text.len()));
        let found = query.matches(&row.text[start..end]);
        found.map(|found| start + found.start..start + found.end).collect()
    }

    fn style(&self, base: Style, ink: Ink, found: bool) -> Style {
        let style = match ink {
            Ink::Plain(style) => self.theme.readable(base.patch(self.theme.adapt(style))),
            Ink::Escape => self.theme.style(Role::Escape),
        };
        if found { style.patch(self.theme.style(Role::Search)) } else { style }
    }

    fn base(&self, line: &Line) -> Style {
        self.theme.style(match (line.source, line.level) {
            (LineSource::Pane, _) => Role::Muted,
            _ if line.is_near => Role::Muted,
            (LineSource::Step(Stream::Note), _) => Role::LogNote,
            (_, Level::Error) => Role::LogError,
            (_, Level::Warn) => Role::LogWarn,
            _ => Role::LogInfo,
        })
    }
}

/// A row's text as far as one row of the screen is concerned.
struct Text<'a> {
    row: &'a LogRow,
    /// In front of the part, where something is left of it.
    lead: &'static str,
    part: Range<usize>,
    /// Bytes after it that are not in memory.
    hidden: usize,
    base: Style,
}

impl Text<'_> {
    /// What of it fits, and what says how much does not.
    fn clip(&self, width: usize, ellipsis: &str) -> (Range<usize>, String) {
        let text = &self.row.text[self.part.clone()];
        let fits = columns::fit(text, width);
        if fits == text.len() && self.hidden == 0 {
            return (self.part.clone(), String::new());
        }
        // The marker is as wide as its number, which depends on the room that the marker leaves: count with the most.
        let most = marker(text.len() + self.hidden, ellipsis);
        let kept = columns::fit(text, width.saturating_sub(columns::width(&most)));
        let marker = marker(text.len() - kept + self.hidden, ellipsis);
        (self.part.start..self.part.start + kept, marker)
    }
}

fn marker(bytes: usize, ellipsis: &str) -> String {
    match bytes {
        0..1_000 => format!("{ellipsis}+{bytes}"),
        1_000..1_000_000 => format!("{ellipsis}+{}k", bytes / 1_000),
        _ => format!("{ellipsis}+{}M", bytes / 1_000_000),
    }
}

/// Cuts a run where matches begin and end; each piece with whether it is one.
fn split(run: Range<usize>, matches: &[Range<usize>]) -> Vec<(Range<usize>, bool)> {
    let mut pieces = Vec::new();
    let mut from = run.start;
    for found in matches {
        let (start, end) = (found.start.max(from), found.end.min(run.end));
        if start < end {
            pieces.extend([(from..start, false), (start..end, true)]);
            from = end;
        }
    }
    pieces.push((from..run.end, false));
    pieces.retain(|(piece, _)| !piece.is_empty());
    pieces
}
