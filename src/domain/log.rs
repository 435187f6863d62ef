//! The format of a step's log on disk: lines of `TIME STREAM TEXT`, read by byte cursor.

mod filter;
mod level;
mod search;
mod sieve;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::level::Level;
pub use self::search::{Direction, Extent, LogFind, LogSearch, Unsearchable, Wanted};
pub use self::sieve::{FilteredLine, FilteredPage, FilteredRead, LineFilter};

/// The source of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    Out,
    Err,
    /// trunkline's own note about the step.
    Note,
}

/// One line of a log. Its text is untrusted: the step wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The cursor of its first byte.
    pub cursor: u64,
    /// `None` if the line does not have the format that a supervisor writes.
    pub at: Option<DateTime<Utc>>,
    pub stream: Stream,
    /// Bytes, since a step may write anything. Secrets are already masked.
    pub text: Vec<u8>,
    /// The step's line was too long and continues in the next line of the log.
    pub continues: bool,
}

/// Which part of a log to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFrom {
    /// Lines that start at or after this cursor.
    After(u64),
    /// The last lines that end at or before this cursor.
    Before(u64),
    /// The last lines of the log.
    End,
}

/// Consecutive whole lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogPage {
    /// The cursor of the first byte of `bytes`.
    pub start: u64,
    /// The cursor after the last byte of `bytes`, for the next page.
    pub next: u64,
    /// The size of the log now, in bytes.
    pub size: u64,
    /// No more lines will come: the step has ended and this page reaches its end.
    pub ended: bool,
    pub bytes: Vec<u8>,
}

impl LogPage {
    /// What is read where a log is not there: trunkline's own note of that, as the whole log.
    #[must_use]
    pub fn note(at: DateTime<Utc>, text: &str, from: LogFrom) -> Self {
        let bytes = format(at, Stream::Note, text.as_bytes(), false);
        let size = bytes.len() as u64;
        let (start, bytes) = match from {
            LogFrom::After(0) | LogFrom::Before(1..) | LogFrom::End => (0, bytes),
            LogFrom::After(_) => (size, Vec::new()),
            LogFrom::Before(0) => (0, Vec::new()),
        };
        Self { start, next: start + bytes.len() as u64, size, ended: true, bytes }
    }

    pub fn lines(&self) -> impl Iterator<Item = LogLine> + '_ {
        let mut cursor = self.start;
        self.bytes.split_inclusive(|b| *b == b'\n').map(move |line| {
            let at = cursor;
            cursor += line.len() as u64;
            parse(at, line.strip_suffix(b"\n").unwrap_or(line))
        })
    }
}

/// The bytes of one line, line end included.
#[must_use]
pub fn format(at: DateTime<Utc>, stream: Stream, text: &[u8], continues: bool) -> Vec<u8> {
    let mut line = at.to_rfc3339_opts(SecondsFormat::Millis, true).into_bytes();
    let letter = match stream {
        Stream::Out => b'o',
        Stream::Err => b'e',
        Stream::Note => b't',
    };
    line.extend([b' ', if continues { letter.to_ascii_uppercase() } else { letter }, b' ']);
    line.extend_from_slice(text);
    line.push(b'\n');
    line
}

fn parse(cursor: u64, line: &[u8]) -> LogLine {
    let Piece { at, stream, text, continues } = Piece::of(line);
    LogLine { cursor, at, stream, text: text.to_vec(), continues }
}

/// The parts of one line, without its end.
struct Piece<'a> {
    at: Option<DateTime<Utc>>,
    stream: Stream,
    text: &'a [u8],
    continues: bool,
}

/// The length of `2026-11-23T03:14:02.123Z`.
const TIME: usize = 24;

impl<'a> Piece<'a> {
    fn of(line: &'a [u8]) -> Self {
        let Some((at, letter, text)) = parse_prefix(line) else {
            return Self { at: None, stream: Stream::Out, text: line, continues: false };
        };
        let stream = match letter.to_ascii_lowercase() {
            b'e' => Stream::Err,
            b't' => Stream::Note,
            _ => Stream::Out,
        };
        Self { at: Some(at), stream, text, continues: letter.is_ascii_uppercase() }
    }

    /// A quick check: false if the line at the start of `bytes` does not continue in the next one.
    fn may_continue(bytes: &[u8]) -> bool {
        bytes.get(TIME + 1).is_some_and(u8::is_ascii_uppercase) && bytes[TIME] == b' '
    }
}

/// Splits `2026-11-23T03:14:02.123Z o text` into its three parts.
fn parse_prefix(line: &[u8]) -> Option<(DateTime<Utc>, u8, &[u8])> {
    let (time, rest) = line.split_at_checked(TIME)?;
    let [b' ', letter @ (b'o' | b'e' | b't' | b'O' | b'E' | b'T'), b' ', text @ ..] = rest else {
        return None;
    };
    let time = DateTime::parse_from_rfc3339(std::str::from_utf8(time).ok()?).ok()?;
    Some((time.with_timezone(&Utc), *letter, text))
}
