//! Which lines of a block may have what is looked for: all that have it, and few that do not.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memrchr};
use regex::bytes::{Regex, RegexBuilder};

use super::level::Level;
use super::search::{Unsearchable, Wanted};
use super::shown::Shown;
use super::{Piece, Stream};

/// A line that goes on in others is read from its beginning as far as this, in bytes of the log. What is found further
/// on is read from the piece that it begins in.
const WHOLE: usize = 64 * 1024;

/// Bytes of a log, of which some are the lines to look at. What follows them is there for lines that go on.
pub(super) struct Block<'a> {
    pub bytes: &'a [u8],
    pub lines: Range<usize>,
    /// The first of the lines goes on from one before them.
    pub goes_on: bool,
}

/// Lets lines through that may have what is looked for.
pub(super) struct Sieve {
    target: Target,
    /// Finds it in bytes that are shown as they are, and the line of every error.
    plain: Regex,
}

enum Target {
    Error {
        /// Finds the words that are loud wherever they come from.
        loud: Regex,
    },
    Text {
        /// Finds it where blanks are one space.
        loose: Regex,
        /// It has blanks, so that a tab matters.
        has_blanks: bool,
        /// It may be a part of how a character is spelled out that is not shown as it is.
        may_be_spelled: bool,
    },
}

impl Sieve {
    pub fn new(wanted: &Wanted) -> Result<Self, Unsearchable> {
        match wanted {
            Wanted::Error => {
                let plain = Regex::new("(?i-u:error|fatal|panic|fail)").expect("it is one");
                let loud = Regex::new("ERROR|FATAL|PANIC|FAIL").expect("it is one");
                Ok(Self { target: Target::Error { loud }, plain })
            }
            Wanted::Text(text) => {
                let loose = finder(&single_spaced(text), wanted)?;
                let target = Target::Text {
                    loose,
                    has_blanks: text.contains([' ', '\t']),
                    may_be_spelled: may_be_spelled(text),
                };
                Ok(Self { target, plain: finder(text, wanted)? })
            }
        }
    }

    /// Where the first line begins that is let through.
    pub fn first(&self, block: &Block<'_>) -> Option<usize> {
        if has_pieces(block) {
            return self.groups(block).first().copied();
        }
        self.lines(block).next()
    }

    pub fn last(&self, block: &Block<'_>) -> Option<usize> {
        if has_pieces(block) {
            return self.groups(block).last().copied();
        }
        self.lines(block).last()
    }

    fn lines<'a>(&'a self, block: &'a Block<'a>) -> Lines<'a> {
        Lines {
            sieve: self,
            bytes: &block.bytes[..block.lines.end],
            at: block.lines.start,
            raw: None,
            odd: None,
        }
    }

    fn lets_through(&self, line: &[u8]) -> bool {
        let piece = Piece::of(line);
        let odd = self.find_odd(piece.text).is_some();
        match &self.target {
            Target::Error { loud } => {
                let quiet = piece.stream == Stream::Out && !odd && !loud.is_match(piece.text);
                !quiet && is_error(piece.stream, piece.text, odd)
            }
            Target::Text { .. } if !odd => self.plain.is_match(piece.text),
            Target::Text { loose, .. } => {
                let shown = Shown::of(piece.text);
                self.is_unsure(&shown) || loose.is_match(&shown.text)
            }
        }
    }

    /// What is looked for may be on screen where it is not in the text.
    fn is_unsure(&self, shown: &Shown) -> bool {
        let spelled = matches!(self.target, Target::Text { may_be_spelled: true, .. });
        shown.is_doubtful || spelled && shown.may_spell
    }

    /// A byte that makes a line look other than its bytes, as far as that matters here.
    fn is_odd(&self, byte: u8) -> bool {
        match (byte, &self.target) {
            (b'\n', _) | (b'\t', Target::Error { .. }) => false,
            (b'\t', Target::Text { has_blanks, .. }) => *has_blanks,
            (..0x20 | 0x7F, _) => true,
            (0x80.., Target::Text { may_be_spelled, .. }) => *may_be_spelled,
            _ => false,
        }
    }

    fn find_odd(&self, bytes: &[u8]) -> Option<usize> {
        const AT_ONCE: usize = 256;
        let (tab, beyond) = (self.is_odd(b'\t'), self.is_odd(0x80));
        // Without a way out in between, so that many bytes are looked at in one go.
        let has_odd = |some: &[u8]| {
            let odd = some.iter().fold(0, |odd, byte| {
                let control = *byte < 0x20 && *byte != b'\n' && (tab || *byte != b'\t');
                odd | u8::from(control || *byte == 0x7F || beyond && *byte >= 0x80)
            });
            odd != 0
        };
        let (nth, some) = bytes.chunks(AT_ONCE).enumerate().find(|(_, some)| has_odd(some))?;
        let within = some.iter().position(|byte| self.is_odd(*byte))?;
        Some(nth * AT_ONCE + within)
    }

    /// The lines that are let through where some go on in others.
    fn groups(&self, block: &Block<'_>) -> Vec<usize> {
        let mut through = Vec::new();
        let mut at = block.lines.start;
        while at < block.lines.end {
            let group = Group::read(block, at);
            at = group.end;
            if let [only] = group.pieces.as_slice() {
                let is_new = !block.goes_on || *only != block.lines.start;
                let line = line_at(block.bytes, *only);
                if (is_new || !matches!(self.target, Target::Error { .. }))
                    && self.lets_through(&block.bytes[line])
                {
                    through.push(*only);
                }
            } else {
                self.in_group(block, &group, &mut through);
            }
        }
        through.retain(|start| *start < block.lines.end);
        through.dedup();
        through
    }

    fn in_group(&self, block: &Block<'_>, group: &Group, through: &mut Vec<usize>) {
        let start = group.pieces[0];
        let (shown, begun) = Shown::of_pieces(&group.raw, &group.starts);
        let Target::Text { loose, .. } = &self.target else {
            let begins_here = !block.goes_on || start != block.lines.start;
            if begins_here && Level::of_words(group.stream, &shown.first_row()) == Level::Error {
                through.push(start);
            }
            return;
        };
        if self.is_unsure(&shown) {
            return through.extend(&group.pieces);
        }
        let piece = |text: usize| begun.partition_point(|begun| *begun <= text).saturating_sub(1);
        for found in loose.find_iter(&shown.text) {
            let (first, last) = (piece(found.start()), piece(found.end()));
            let end = group.pieces.get(last + 1).copied().unwrap_or(group.end);
            through.push(if end - start <= WHOLE { start } else { group.pieces[first] });
        }
    }
}

/// The lines of a block that are let through, when none goes on in the next.
struct Lines<'a> {
    sieve: &'a Sieve,
    bytes: &'a [u8],
    at: usize,
    /// Where next is what is looked for, and where the next odd byte, once that was looked for.
    raw: Option<usize>,
    odd: Option<usize>,
}

impl Lines<'_> {
    /// The next byte whose line must be looked at.
    fn next_suspect(&mut self) -> Option<usize> {
        let (bytes, at) = (self.bytes, self.at);
        if self.raw.is_none_or(|raw| raw < at) {
            self.raw = Some(
                self.sieve.plain.find_at(bytes, at).map_or(bytes.len(), |found| found.start()),
            );
        }
        if self.odd.is_none_or(|odd| odd < at) {
            self.odd = Some(self.sieve.find_odd(&bytes[at..]).map_or(bytes.len(), |odd| at + odd));
        }
        let next = self.raw?.min(self.odd?);
        (next < bytes.len()).then_some(next)
    }
}

impl Iterator for Lines<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while self.at < self.bytes.len() {
            let suspect = self.next_suspect()?;
            let start = memrchr(b'\n', &self.bytes[self.at..suspect])
                .map_or(self.at, |end| self.at + end + 1);
            let line = line_at(self.bytes, suspect);
            self.at = line.end + 1;
            if self.sieve.lets_through(&self.bytes[start..line.end]) {
                return Some(start);
            }
        }
        None
    }
}

/// A line of the step that goes on in several of ours.
struct Group {
    stream: Stream,
    /// Where each of them begins in the block.
    pieces: Vec<usize>,
    /// The text of all of them, and where in it each one's begins.
    raw: Vec<u8>,
    starts: Vec<usize>,
    end: usize,
}

impl Group {
    /// All of the block that belongs together with the line at `at`, also beyond the block's lines.
    fn read(block: &Block<'_>, at: usize) -> Self {
        let mut group = Self {
            stream: Stream::Out,
            pieces: Vec::new(),
            raw: Vec::new(),
            starts: Vec::new(),
            end: at,
        };
        while group.end < block.bytes.len() {
            let line = line_at(block.bytes, group.end);
            let piece = Piece::of(&block.bytes[line.clone()]);
            if group.pieces.is_empty() {
                group.stream = piece.stream;
            }
            group.pieces.push(line.start);
            group.starts.push(group.raw.len());
            group.raw.extend(piece.text);
            group.end = line.end + 1;
            if !piece.continues {
                break;
            }
        }
        group
    }
}

/// The rest of the line from `at` on, without its end.
fn line_at(bytes: &[u8], at: usize) -> Range<usize> {
    at..memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |end| at + end)
}

fn has_pieces(block: &Block<'_>) -> bool {
    let lines = &block.bytes[block.lines.clone()];
    let starts = std::iter::once(0).chain(memchr_iter(b'\n', lines).map(|end| end + 1));
    block.goes_on || starts.into_iter().any(|start| Piece::may_continue(&lines[start..]))
}

fn is_error(stream: Stream, text: &[u8], odd: bool) -> bool {
    let level = if odd {
        Level::of_words(stream, &Shown::of(text).first_row())
    } else if text.is_ascii() {
        Level::of(stream, &String::from_utf8_lossy(text))
    } else {
        Level::of_words(stream, &String::from_utf8_lossy(text))
    };
    level == Level::Error
}

fn finder(text: &str, wanted: &Wanted) -> Result<Regex, Unsearchable> {
    let regex =
        RegexBuilder::new(&regex::escape(text)).case_insensitive(!wanted.is_exact()).build();
    regex.map_err(|_| Unsearchable)
}

fn single_spaced(text: &str) -> String {
    let mut spaced = String::new();
    for c in text.chars().map(|c| if c == '\t' { ' ' } else { c }) {
        if c != ' ' || !spaced.ends_with(' ') {
            spaced.push(c);
        }
    }
    spaced
}

/// Whether it can overlap with `<U+202E>`, `<FF>` or `<+3 marks>`.
fn may_be_spelled(text: &str) -> bool {
    let is_inside = |c: char| c.is_ascii_hexdigit() || "uU+ mrksMRKS".contains(c);
    text.contains(['<', '>']) || text.chars().all(is_inside)
}
