//! Finds the lines of a block that may match a search. It finds every line that matches, and few that do not.
//!
//! The search is for text as shown on screen, which the gate makes. Most lines skip the gate: a line without bytes that
//! the gate changes is searched directly.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memrchr};
use regex::bytes::{Regex, RegexBuilder};

use super::level::Level;
use super::search::{Unsearchable, Wanted};
use super::{Piece, Stream};
use crate::gate::{LogGate, LogRow, quick_text};

/// The console shows this many bytes of a line. A match after them is reported at the piece in which it starts.
pub(super) const SHOWN: usize = 64 * 1024;

/// A word of which every error line on standard output has one.
const SHOUTED: &str = concat!(
    r"ERROR|FATAL|PANIC|FAIL|(?i-u:error|fatal|panic)[:\[]|(?i-u:panicked at )",
    r#"|(?i-u:level)["']*\s*[=:]\s*["']*(?i-u:error|fatal|panic)"#
);

/// The most bytes that a pattern may take once it is compiled.
const LARGEST_PATTERN: usize = 1024 * 1024;

/// How many bytes go through the gate before its rows are searched. This bounds the rows in memory.
const CHUNK: usize = 4 * 1024;

/// Bytes of a log and the range of the lines to search. The bytes after the range are for lines that continue there.
pub(super) struct LogBlock<'a> {
    pub bytes: &'a [u8],
    pub lines: Range<usize>,
    /// The first line continues the line before it.
    pub is_continued: bool,
}

/// What is looked for. Nothing but the gate tells whether a line has a pattern on screen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SoughtInLog {
    Text,
    Pattern,
    Errors,
}

/// Finds the lines that may match a search.
pub(super) struct LogFilter {
    sought: SoughtInLog,
    /// Each line of the step is offered once, at its start.
    is_for_lines: bool,
    /// Finds what is wanted in a row on screen.
    on_screen: Regex,
    /// Finds the text, or a word of which every error line has one.
    finder: Regex,
    /// Finds the text with any number of spaces for each run of them: the width of a tab depends on where the reader
    /// starts.
    loose: Regex,
    /// Finds a word of which every error line on standard output has one.
    shouted: Regex,
    /// The most bytes of a match with one space in each run. The other case of a character may have more bytes.
    longest: usize,
    /// Whether a tab, or a byte beyond ASCII, can become text on screen that `finder` finds.
    tab_matters: bool,
    beyond_ascii_matters: bool,
}

impl LogFilter {
    pub fn new(wanted: &Wanted) -> Result<Self, Unsearchable> {
        let text = match wanted {
            Wanted::Text(text) => text,
            Wanted::Pattern(pattern) => return Self::of_pattern(pattern, wanted),
            Wanted::Error => return Ok(Self::of_errors()),
        };
        let pattern = regex::escape(text);
        let spaces = Regex::new(" +").expect("the pattern is valid");
        let loose = spaces.replace_all(pattern.as_bytes(), &b" +"[..]);
        let finder_of_text = finder(&pattern, wanted)?;
        Ok(Self {
            sought: SoughtInLog::Text,
            is_for_lines: false,
            on_screen: finder_of_text.clone(),
            shouted: finder_of_text.clone(),
            finder: finder_of_text,
            loose: finder(&String::from_utf8_lossy(&loose), wanted)?,
            longest: 4 * text.len(),
            tab_matters: text.contains(' '),
            beyond_ascii_matters: may_overlap_escape(text),
        })
    }

    fn of_errors() -> Self {
        let finder = Regex::new("(?i-u:error|fatal|panic|fail)").expect("the pattern is valid");
        Self {
            sought: SoughtInLog::Errors,
            is_for_lines: false,
            on_screen: finder.clone(),
            loose: finder.clone(),
            shouted: Regex::new(SHOUTED).expect("the pattern is valid"),
            finder,
            longest: 0,
            tab_matters: false,
            beyond_ascii_matters: false,
        }
    }

    fn of_pattern(pattern: &str, wanted: &Wanted) -> Result<Self, Unsearchable> {
        let on_screen = finder(pattern, wanted)?;
        // The bytes of a block have no place where the text of a line begins or ends.
        let ends = ["^", "$", r"\A", r"\z"];
        let is_anchored = ends.into_iter().any(|end| pattern.contains(end));
        let anything = || Regex::new("").expect("the pattern is valid");
        Ok(Self {
            sought: SoughtInLog::Pattern,
            is_for_lines: false,
            finder: if is_anchored { anything() } else { on_screen.clone() },
            loose: on_screen.clone(),
            shouted: on_screen.clone(),
            on_screen,
            longest: 0,
            tab_matters: true,
            beyond_ascii_matters: true,
        })
    }

    fn is_for_errors(&self) -> bool {
        self.sought == SoughtInLog::Errors
    }

    fn is_pattern(&self) -> bool {
        self.sought == SoughtInLog::Pattern
    }

    /// Offers each line of the step that matches once, at its start, however long it is.
    pub fn for_lines(self) -> Self {
        Self { is_for_lines: true, ..self }
    }

    /// The starts of the lines that may match, oldest first.
    pub fn offers<'a>(&'a self, block: &'a LogBlock<'a>) -> LineOffers<'a> {
        LineOffers {
            filter: self,
            block,
            at: block.lines.start,
            found: None,
            odd: None,
            group: None,
            of_group: Vec::new().into_iter(),
        }
    }

    fn is_shown(&self, stream: Stream, text: &[u8]) -> bool {
        if !self.is_pattern() && self.is_surely_absent(stream, text, &[], false) {
            return false;
        }
        if text.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            return self.is_in(stream, &String::from_utf8_lossy(text));
        }
        let mut rows = rows(text.chunks(CHUNK));
        if self.is_for_errors() {
            return rows.next().is_some_and(|row| self.is_in(stream, &row.text));
        }
        rows.any(|row| self.is_in(stream, &row.text))
    }

    /// A quick check without the gate: true only if no match on screen starts in `text`. `next` is the text after it in
    /// the same line, which continues after `next` if `is_cut`.
    fn is_surely_absent(&self, stream: Stream, text: &[u8], next: &[u8], is_cut: bool) -> bool {
        let bytes = [text, next].concat();
        let mut quick = Vec::with_capacity(bytes.len());
        let (mut at, mut beyond) = (0, 0);
        while at < bytes.len() {
            let before = quick.len();
            let Some(len) = quick_text(&bytes[at..], &mut quick) else { break };
            at += len;
            beyond += (quick.len() - before).min(at.saturating_sub(text.len()));
        }
        let is_enough = beyond >= self.longest && at > text.len() || at == bytes.len() && !is_cut;
        let finder = match stream {
            Stream::Out if self.is_for_errors() => &self.shouted,
            _ => &self.loose,
        };
        is_enough && !self.beyond_ascii(&quick) && !finder.is_match(&quick)
    }

    fn beyond_ascii(&self, text: &[u8]) -> bool {
        self.beyond_ascii_matters && !text.is_ascii()
    }

    fn is_in(&self, stream: Stream, row: &str) -> bool {
        if self.is_for_errors() {
            Level::of(stream, row) == Level::Error
        } else {
            self.on_screen.is_match(row.as_bytes())
        }
    }

    /// The next byte that the gate changes, if the change matters to this search.
    fn find_odd(&self, bytes: &[u8]) -> Option<usize> {
        const SPAN: usize = 256;
        let (tab, beyond) = (self.tab_matters, self.beyond_ascii_matters);
        let is_odd = |byte: u8| {
            let is_control = byte < 0x20 && byte != b'\n' && (tab || byte != b'\t');
            is_control || byte == 0x7F || beyond && byte >= 0x80
        };
        // No early exit, so that the compiler can vectorise the loop.
        let has_odd =
            |some: &[u8]| some.iter().fold(0, |odd, byte| odd | u8::from(is_odd(*byte))) != 0;
        let (nth, some) = bytes.chunks(SPAN).enumerate().find(|(_, some)| has_odd(some))?;
        Some(nth * SPAN + some.iter().position(|byte| is_odd(*byte))?)
    }

    fn offers_of(&self, group: &LineGroup<'_>) -> Vec<usize> {
        if self.is_for_errors() {
            let texts = group.pieces.iter().map(|piece| piece.text);
            let first = rows(texts).next().filter(|_| group.begins_here);
            let is_error = first.is_some_and(|row| self.is_in(group.stream, &row.text));
            return if is_error { vec![group.pieces[0].start] } else { Vec::new() };
        }
        if self.is_for_lines {
            let is_in = |row: LogRow| self.is_in(group.stream, &row.text);
            let passes = group.begins_here && rows(view(&group.pieces)).any(is_in);
            return if passes { vec![group.pieces[0].start] } else { Vec::new() };
        }
        let seen = view(&group.pieces).collect::<Vec<_>>().concat();
        let is_absent =
            !self.is_pattern() && self.is_surely_absent(group.stream, &seen, &[], false);
        let starts_with_it =
            !is_absent && rows(view(&group.pieces)).any(|row| self.is_in(group.stream, &row.text));
        let mut offers: Vec<_> =
            starts_with_it.then_some(group.pieces[0].start).into_iter().collect();
        let mut shown = group.pieces[0].text.len();
        for (nth, piece) in group.pieces.iter().enumerate().skip(1) {
            shown += piece.text.len();
            let next = group.pieces.get(nth + 1).map_or(&[][..], |next| next.text);
            let is_cut = nth + 2 < group.pieces.len();
            if shown + next.len() > SHOWN
                && !self.is_pattern()
                && !self.is_surely_absent(group.stream, piece.text, next, is_cut)
                && self.begins_in_first(&group.pieces[nth..])
            {
                offers.push(piece.start);
            }
        }
        offers
    }

    /// Whether a reader that starts at the first of these pieces may see a match that starts in it.
    fn begins_in_first(&self, pieces: &[GroupPiece<'_>]) -> bool {
        let mut gate = LogGate::default();
        let mut number = 0;
        // The row and byte at which the first piece ends on screen, once that is known.
        let mut end = None;
        let has_it = |number, rows: Vec<LogRow>, end: Option<(usize, usize)>| {
            rows.iter().zip(number..).any(|(row, number)| {
                let found = self.loose.find(row.text.as_bytes());
                found.is_some_and(|found| end.is_none_or(|end| (number, found.start()) < end))
            })
        };
        for text in view(pieces) {
            gate.push(text);
            let rows = gate.take_rows();
            let before = number;
            number += rows.len();
            if has_it(before, rows, end) {
                return true;
            }
            match end {
                None if gate.is_settled() => end = Some((number, gate.drawn())),
                Some((row, byte)) if number > row || gate.drawn() > byte + self.longest => break,
                _ => {}
            }
        }
        has_it(number, gate.finish(), end)
    }
}

/// The lines of a block that may match.
pub(super) struct LineOffers<'a> {
    filter: &'a LogFilter,
    block: &'a LogBlock<'a>,
    at: usize,
    /// The next match of `finder` and the next odd byte, once they were searched for.
    found: Option<usize>,
    odd: Option<usize>,
    /// The start of the next line that may continue in others.
    group: Option<usize>,
    of_group: std::vec::IntoIter<usize>,
}

impl LineOffers<'_> {
    fn next_group(&mut self, from: usize) -> usize {
        let lines = &self.block.lines;
        if from >= lines.end {
            return lines.end;
        }
        if self.group.is_none_or(|group| group < from) {
            let bytes = &self.block.bytes[..lines.end];
            let starts = memchr_iter(b'\n', &bytes[from..]).map(|end| from + end + 1);
            let mut starts = std::iter::once(from).chain(starts);
            let is_rest = |start| self.block.is_continued && start == lines.start;
            let group =
                starts.find(|start| is_rest(*start) || Piece::may_continue(&bytes[*start..]));
            self.group = Some(group.unwrap_or(lines.end));
        }
        self.group.unwrap_or(lines.end)
    }

    /// The next byte from `from` on that can make a line match.
    fn suspect(&mut self, from: usize) -> usize {
        if from >= self.block.lines.end {
            return self.block.lines.end;
        }
        let bytes = &self.block.bytes[..self.block.lines.end];
        if self.found.is_none_or(|found| found < from) {
            let found = self.filter.finder.find_at(bytes, from);
            self.found = Some(found.map_or(bytes.len(), |found| found.start()));
        }
        if self.odd.is_none_or(|odd| odd < from) {
            let odd = self.filter.find_odd(&bytes[from..]);
            self.odd = Some(odd.map_or(bytes.len(), |odd| from + odd));
        }
        self.found.min(self.odd).unwrap_or(from)
    }
}

impl Iterator for LineOffers<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let lines = &self.block.lines;
        loop {
            if let Some(offer) = self.of_group.next() {
                return Some(offer);
            }
            let from = self.at;
            let (group, suspect) = (self.next_group(from), self.suspect(from));
            if group.min(suspect) >= lines.end {
                return None;
            }
            if group <= suspect {
                let group = LineGroup::read(self.block, group);
                let mut offers = self.filter.offers_of(&group);
                offers.retain(|start| *start < lines.end);
                self.of_group = offers.into_iter();
                self.at = group.end;
                continue;
            }
            let bytes = &self.block.bytes[..lines.end];
            let start = memrchr(b'\n', &bytes[from..suspect]).map_or(from, |end| from + end + 1);
            let line = line_at(bytes, suspect);
            self.at = line.end + 1;
            let Piece { stream, text, .. } = Piece::of(&bytes[start..line.end]);
            if self.filter.is_shown(stream, text) {
                return Some(start);
            }
        }
    }
}

/// A line of the step that is stored as several lines of the log.
struct LineGroup<'a> {
    stream: Stream,
    pieces: Vec<GroupPiece<'a>>,
    /// Whether the first piece is the start of the step's line.
    begins_here: bool,
    end: usize,
}

struct GroupPiece<'a> {
    /// Its start in the block.
    start: usize,
    text: &'a [u8],
}

impl<'a> LineGroup<'a> {
    /// Reads all pieces of the line at `start`, also those after the block's lines.
    fn read(block: &LogBlock<'a>, start: usize) -> Self {
        let begins_here = !block.is_continued || start != block.lines.start;
        let mut group = Self { stream: Stream::Out, pieces: Vec::new(), begins_here, end: start };
        while group.end < block.bytes.len() {
            let line = line_at(block.bytes, group.end);
            let piece = Piece::of(&block.bytes[line.clone()]);
            if group.pieces.is_empty() {
                group.stream = piece.stream;
            }
            group.pieces.push(GroupPiece { start: line.start, text: piece.text });
            group.end = line.end + 1;
            if !piece.continues {
                break;
            }
        }
        group
    }
}

/// The part of these pieces that the console shows of a line that starts with the first.
fn view<'a>(pieces: &[GroupPiece<'a>]) -> impl Iterator<Item = &'a [u8]> {
    let mut room = SHOWN;
    pieces.iter().map_while(move |piece| {
        let some = &piece.text[..piece.text.len().min(room)];
        room -= some.len();
        (!some.is_empty() || piece.text.is_empty()).then_some(some)
    })
}

/// The rows that the console draws for a line in these pieces, made lazily.
fn rows<'a>(mut pieces: impl Iterator<Item = &'a [u8]>) -> impl Iterator<Item = LogRow> {
    let mut gate = Some(LogGate::default());
    let some = std::iter::from_fn(move || match pieces.next() {
        Some(piece) => gate.as_mut().map(|gate| {
            gate.push(piece);
            gate.take_rows()
        }),
        None => gate.take().map(LogGate::finish),
    });
    some.flatten()
}

fn finder(pattern: &str, wanted: &Wanted) -> Result<Regex, Unsearchable> {
    let mut regex = RegexBuilder::new(pattern);
    let regex = regex.case_insensitive(!wanted.is_exact()).size_limit(LARGEST_PATTERN).build();
    regex.map_err(|_| Unsearchable)
}

/// The rest of the line from `at` on, without its end.
fn line_at(bytes: &[u8], at: usize) -> Range<usize> {
    at..memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |end| at + end)
}

/// Whether a match can overlap with `<U+202E>`, `<FF>` or `<+3 marks>`, which the gate shows for bytes beyond ASCII.
fn may_overlap_escape(text: &str) -> bool {
    // The upper case of the long s is S.
    let is_inside = |c: char| c.is_ascii_hexdigit() || "uU+ mrksMRKSſ".contains(c);
    text.contains(['<', '>']) || text.chars().all(is_inside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::{Ink, log_rows};

    #[test]
    fn what_stands_for_a_character_beyond_ascii_is_known_here() {
        let all = (0x80..0x3_0000).chain(0xE_0000..0xE_1000).chain([0x4_FFFE, 0x10_FFFF]);
        for c in all.filter_map(char::from_u32) {
            let raw = format!("a{c}{c}{c}{c}{c}{c}{c}{c}{c}b");
            for row in log_rows(raw.as_bytes()) {
                for (run, ink) in row.runs() {
                    let is_known = match ink {
                        Ink::Escape => {
                            run.chars().all(|c| may_overlap_escape(c.to_string().as_str()))
                        }
                        Ink::Plain(_) => raw.contains(run),
                    };
                    assert!(is_known, "U+{:04X} is shown as {run:?}", u32::from(c));
                }
            }
        }
    }
}
