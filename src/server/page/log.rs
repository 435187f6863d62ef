//! A log on a page: its lines with their colours, a part at a time, and the lines that come while it is read.

use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::response::sse::Event as Sent;
use futures_util::stream::{self, StreamExt as _};
use ratatui::style::{Color, Modifier, Style};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::text::PageText;
use crate::api::path;
use crate::backend::{Backend, LONGEST_WAIT};
use crate::domain::ids::{DeploymentId, ServiceName};
use crate::domain::log::{LogFrom, LogLine, LogPage, Stream};
use crate::gate::palette::nearest;
use crate::gate::{Ink, LogRow, log_rows};
use crate::server::extract::{InPath, InQuery};
use crate::server::response::ProblemResponse;
use crate::server::routes::Session;
use crate::server::sse::{self, LastEvent};

/// About how many bytes of a log a page has.
pub(super) const PAGE: usize = 128 * 1024;
/// About how many bytes one message of the stream has.
const PIECE: usize = 32 * 1024;

/// The log of a step on a page.
pub(super) struct StepLog {
    pub name: PageText,
    /// Why it cannot be shown.
    pub trouble: Option<PageText>,
    pub extent: String,
    pub rows: Vec<RowView>,
    pub first: Option<String>,
    pub older: Option<String>,
    pub newer: Option<String>,
    pub end: Option<String>,
    /// Where the next lines come from, while there may be some.
    pub follow: Option<String>,
    pub state: &'static str,
    pub reload: String,
}

/// A row of a log. Its texts passed the gate; a template or the script escapes them.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct RowView {
    pub time: String,
    pub kind: &'static str,
    pub runs: Vec<RunView>,
}

/// A part of a row with one look.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct RunView {
    pub class: String,
    pub text: String,
}

/// The view of a part of a log, or of the reason why there is none.
pub(super) fn of_page(
    name: &str,
    log: path::StepOfLog<'_>,
    from: LogFrom,
    page: Result<LogPage, ProblemResponse>,
) -> StepLog {
    let href = |part| path::log_page(log, part);
    let (page, trouble) = match page {
        Ok(page) => (page, None),
        Err(why) => (LogPage::default(), Some(PageText::sentence(why.detail()))),
    };
    // A line that is being written comes with the stream.
    let is_end = from == LogFrom::End || page.next >= page.size;
    let follow =
        (is_end && !page.ended && trouble.is_none()).then(|| path::log_stream(log, page.next));
    let (is_begun, shown) = (page.start > 0, page.next - page.start);
    StepLog {
        name: PageText::name(name),
        trouble,
        extent: if is_begun || !is_end {
            let kib = |bytes: u64| bytes.div_ceil(1024);
            format!("{} of {} KiB.", kib(shown), kib(page.size))
        } else {
            String::new()
        },
        rows: rows(&page),
        first: is_begun.then(|| href(Some(("after", 0)))),
        older: is_begun.then(|| href(Some(("before", page.start)))),
        newer: (!is_end).then(|| href(Some(("after", page.next)))),
        end: (!is_end).then(|| href(None)),
        state: match (&follow, is_end) {
            (Some(_), _) => "The step goes on; with scripts new lines appear here by themselves.",
            (None, true) => "This is the end of the log.",
            (None, false) => "The log goes on.",
        },
        follow,
        reload: href(None),
    }
}

/// The rows of a page. A line that the log has in pieces is put together.
fn rows(page: &LogPage) -> Vec<RowView> {
    let mut rows = Vec::new();
    let mut begun: Option<LogLine> = None;
    for piece in page.lines() {
        let line = match begun.take() {
            Some(mut line) => {
                line.text.extend(piece.text);
                LogLine { continues: piece.continues, ..line }
            }
            None => piece,
        };
        if line.continues {
            begun = Some(line);
        } else {
            rows.extend(rows_of(&line));
        }
    }
    rows.extend(begun.iter().flat_map(rows_of));
    rows
}

fn rows_of(line: &LogLine) -> Vec<RowView> {
    let kind = match line.stream {
        Stream::Out => "out",
        Stream::Err => "err",
        Stream::Note => "note",
    };
    let time = line.at.map_or_else(String::new, |at| at.format("%H:%M:%S").to_string());
    let row = |row: &LogRow| RowView { time: time.clone(), kind, runs: runs(row) };
    log_rows(&line.text).iter().map(row).collect()
}

fn runs(row: &LogRow) -> Vec<RunView> {
    let run = |(text, ink): (&str, Ink)| RunView {
        class: match ink {
            Ink::Escape => "escape".to_owned(),
            Ink::Plain(style) => class(style),
        },
        text: text.to_owned(),
    };
    row.runs().map(run).collect()
}

/// The classes of a style. A colour is the nearest of sixteen, of which the style sheet has readable ones for light and
/// dark; on a coloured ground the text is dark or light by itself.
fn class(style: Style) -> String {
    let Style { fg, bg, add_modifier, .. } = style;
    let has = |modifier| add_modifier.contains(modifier);
    let (fg, bg) = if has(Modifier::REVERSED) { (bg, fg.or(Some(Color::Gray))) } else { (fg, bg) };
    let number = |letter: char, colour: Option<Color>| {
        colour.and_then(nearest).map(|index| format!("{letter}{index}"))
    };
    let mut classes: Vec<_> = match number('b', bg) {
        Some(ground) => vec![ground],
        None => number('f', fg).into_iter().collect(),
    };
    for (modifier, name) in [
        (Modifier::BOLD, "bold"),
        (Modifier::DIM, "dim"),
        (Modifier::ITALIC, "italic"),
        (Modifier::UNDERLINED, "under"),
        (Modifier::CROSSED_OUT, "struck"),
    ] {
        classes.extend(has(modifier).then(|| name.to_owned()));
    }
    classes.join(" ")
}

/// Where the stream of a log begins.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::server) struct RunLogQuery {
    /// The index of the step, from 0.
    step: usize,
    /// Lines that start at or after this cursor.
    #[serde(default)]
    after: u64,
    /// A link to the page.
    #[allow(dead_code, reason = "whoever admits the request has read it")]
    link: Option<String>,
}

/// Streams the lines of a log for its page, until the step ends.
///
/// Each message `rows` has the cursor after it as its `id` and rows as its `data`; `end` is the last message.
#[utoipa::path(
    get,
    path = path::RUN_LOG,
    params(
        ("service" = ServiceName, Path),
        ("deployment" = DeploymentId, Path),
        RunLogQuery,
        LastEvent,
    ),
    responses(
        (status = 200, description = "The lines.", body = serde_json::Value, content_type = "text/event-stream"),
        crate::server::document::BadRequestResponse,
        crate::server::document::NotFoundResponses,
    )
)]
pub(in crate::server) async fn log<B: Backend>(
    State(session): State<Session<B>>,
    InPath((name, id)): InPath<(ServiceName, DeploymentId)>,
    InQuery(RunLogQuery { step, after, .. }): InQuery<RunLogQuery>,
    headers: HeaderMap,
) -> Result<Response, ProblemResponse> {
    let after = LastEvent::of(&headers).map_or(after, |LastEvent(seq)| seq.0);
    // A step that is not there is told by a status, not in the stream.
    let backend = session.backend.clone();
    session.ask(backend.log(&name, id, step, LogFrom::End, 1, Duration::ZERO)).await?;
    let stopping = session.stopping;
    let pages = stream::unfold(Some(after), move |cursor| {
        let (backend, name) = (backend.clone(), name.clone());
        async move {
            let from = LogFrom::After(cursor?);
            match backend.log(&name, id, step, from, PIECE, LONGEST_WAIT).await {
                Ok(page) => {
                    let next = (!page.ended).then_some(page.next);
                    Some((message(&page), next))
                }
                // The browser connects again by itself.
                Err(_) => None,
            }
        }
    });
    Ok(sse::answer(pages.flat_map(stream::iter), &stopping))
}

/// The messages of a page: its rows, and the end.
fn message(page: &LogPage) -> Vec<Sent> {
    let mut messages = Vec::new();
    if !page.bytes.is_empty() {
        let sent = Sent::default().event("rows").id(page.next.to_string()).json_data(rows(page));
        messages.extend(sent.ok());
    }
    if page.ended {
        messages.push(Sent::default().event("end").data("ended"));
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &[u8]) -> Vec<(String, String)> {
        let rows = log_rows(text);
        rows.iter().flat_map(runs).map(|run| (run.class, run.text)).collect()
    }

    #[test]
    fn colours_become_one_of_sixteen_and_never_text_on_its_own_colour() {
        let one = |class: &str, text: &str| vec![(class.to_owned(), text.to_owned())];
        assert_eq!(shown(b"plain"), one("", "plain"));
        assert_eq!(shown(b"\x1b[1;31mred"), one("f1 bold", "red"));
        assert_eq!(shown(b"\x1b[38;5;208morange"), one("f3", "orange"));
        assert_eq!(shown(b"\x1b[38;2;250;250;250mwhite"), one("f15", "white"));
        assert_eq!(shown(b"\x1b[33;44mon blue"), one("b4", "on blue"));
        assert_eq!(shown(b"\x1b[7;32mreversed"), one("b2", "reversed"));
        assert_eq!(shown(b"\x1b[7mreversed"), one("b7", "reversed"));
        assert_eq!(shown("\u{202e}x".as_bytes())[0], ("escape".into(), "<U+202E>".into()));
    }
}
