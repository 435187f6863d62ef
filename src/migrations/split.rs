//! Splits a file into statements with their line numbers. Handles strings, comments, dollar quotes, routine bodies and
//! delimiters.

use super::Dialect;

/// One statement without its comments and its terminator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RawStatement {
    /// The line on which it begins, counted from 1.
    pub(super) line: u32,
    pub(super) sql: String,
    /// True if a string, comment or body in it does not end, so that it may contain other statements.
    pub(super) open: bool,
    /// True if a part of it runs on some versions of the server only.
    pub(super) hinted: bool,
}

/// What Drizzle writes between two statements.
const BREAKPOINT: &str = "--> statement-breakpoint";
/// The longest statement delimiter, in bytes.
const LONGEST_DELIMITER: usize = 32;
/// How many bytes of a statement are searched for whether it creates a routine.
const HEAD: usize = 400;

/// Splits the text of a file.
pub(super) fn split(text: &str, dialect: Dialect) -> Vec<RawStatement> {
    let mut splitter = Splitter::new(text.trim_start_matches('\u{feff}'), dialect);
    while splitter.step() {}
    splitter.finish()
}

#[expect(clippy::struct_excessive_bools, reason = "the flags are independent")]
struct Splitter<'t> {
    rest: &'t str,
    dialect: Dialect,
    line: u32,
    /// What ends a statement: `;`, or the delimiter of the last `DELIMITER` line.
    delimiter: &'t str,
    sql: String,
    began: u32,
    open: bool,
    /// True inside a block that goose markers declare to be one statement.
    block: bool,
    /// True inside a comment that the server runs as code.
    hinted: bool,
    /// True if the statement had such a comment.
    had_hint: bool,
    /// Where in the statement the last string with escapes ended. A string after white space continues it.
    escaped: Option<usize>,
    /// True if a search for the end of copied rows found none.
    no_rows_end: bool,
    /// How many `BEGIN` and `CASE` of a routine's body have no `END` yet.
    depth: u32,
    pieces: Vec<RawStatement>,
}

impl<'t> Splitter<'t> {
    fn new(text: &'t str, dialect: Dialect) -> Self {
        Self {
            rest: text,
            dialect,
            line: 1,
            delimiter: ";",
            sql: String::new(),
            began: 1,
            open: false,
            block: false,
            hinted: false,
            had_hint: false,
            escaped: None,
            no_rows_end: false,
            depth: 0,
            pieces: Vec::new(),
        }
    }

    fn finish(mut self) -> Vec<RawStatement> {
        self.open |= self.block || self.hinted || self.depth > 0;
        self.emit();
        self.pieces
    }

    /// Reads the next token; false at the end.
    fn step(&mut self) -> bool {
        let Some(next) = self.rest.chars().next() else { return false };
        let rest = self.rest;
        if self.sql.is_empty() && next.is_whitespace() {
            self.skip(rest.len() - rest.trim_start().len());
            return true;
        }
        if self.sql.is_empty() && self.whole_line() {
            return true;
        }
        if rest.starts_with("/*") {
            self.comment();
        } else if self.is_line_comment() {
            self.line_comment();
        } else if self.hinted && rest.starts_with("*/") {
            self.hinted = false;
            self.blank(2);
        } else if !self.block && self.depth == 0 && rest.starts_with(self.delimiter) {
            self.skip(self.delimiter.len());
            self.skip_copied_rows();
            self.emit();
        } else if let Some(length) = self.quoted() {
            self.keep(length);
        } else if next.is_alphanumeric() || next == '_' {
            self.word();
        } else {
            self.keep(next.len_utf8());
        }
        true
    }

    /// Reads a line for the client, not the server, at the start of a statement.
    fn whole_line(&mut self) -> bool {
        match self.dialect {
            Dialect::Mysql => self.delimiter_line(),
            Dialect::Postgres if self.rest.starts_with('\\') => {
                let line = self.rest.lines().next().unwrap_or_default();
                self.keep(line.len());
                self.emit();
                true
            }
            Dialect::Postgres | Dialect::Sqlite => false,
        }
    }

    /// Reads `DELIMITER //` on its own line.
    fn delimiter_line(&mut self) -> bool {
        const ORDER: usize = "delimiter".len();
        let head = &self.rest[..self.rest.floor_char_boundary(HEAD)];
        let is_order = head
            .as_bytes()
            .get(..ORDER)
            .is_some_and(|word| word.eq_ignore_ascii_case(b"delimiter"));
        if !is_order || !head[ORDER..].starts_with(char::is_whitespace) {
            return false;
        }
        let line = head.lines().next().unwrap_or_default();
        let delimiter = line[ORDER..].trim();
        let is_whole = line.len() < head.len() || head.len() == self.rest.len();
        if is_whole && (1..=LONGEST_DELIMITER).contains(&delimiter.len()) {
            self.delimiter = delimiter;
            self.skip(line.len());
            return true;
        }
        false
    }

    fn is_line_comment(&self) -> bool {
        let rest = self.rest;
        match self.dialect {
            // MySQL needs a space after `--`: `1--1` subtracts a negative number.
            Dialect::Mysql => {
                rest.starts_with('#')
                    || rest.starts_with(BREAKPOINT)
                    || rest.strip_prefix("--").is_some_and(|after| {
                        after
                            .bytes()
                            .next()
                            .is_none_or(|b| b.is_ascii_whitespace() || b.is_ascii_control())
                    })
            }
            _ => rest.starts_with("--"),
        }
    }

    fn line_comment(&mut self) {
        let line = self.rest.split('\n').next().unwrap_or_default();
        if line.starts_with(BREAKPOINT) && !self.block && self.depth == 0 {
            self.emit();
        }
        let marker =
            line.strip_prefix("-- +goose").map(|marker| marker.trim().to_ascii_lowercase());
        match marker.as_deref() {
            Some("statementbegin") => {
                self.emit();
                self.block = true;
            }
            Some("statementend") => {
                self.block = false;
                self.emit();
            }
            _ => {}
        }
        self.blank(line.len());
    }

    /// Reads a comment between `/*` and `*/`. `PostgreSQL` nests them; `MySQL` runs those that begin with `/*!`.
    fn comment(&mut self) {
        let hint = ["/*!", "/*M!"].iter().find_map(|mark| self.rest.strip_prefix(mark));
        if let Some(code) = hint.filter(|_| self.dialect == Dialect::Mysql && !self.hinted) {
            let code = code.trim_start_matches(|c: char| c.is_ascii_digit());
            (self.hinted, self.had_hint) = (true, true);
            self.blank(self.rest.len() - code.len());
            return;
        }
        // A hint within a hint is code or not, depending on the version.
        self.open |= hint.is_some() && self.hinted;
        let (mut at, mut depth) = (2, 1);
        while depth > 0 {
            let Some(found) = self.rest[at..].find(['*', '/']) else {
                self.open = true;
                at = self.rest.len();
                break;
            };
            at += found;
            let rest = &self.rest[at..];
            if rest.starts_with("*/") {
                (at, depth) = (at + 2, depth - 1);
            } else if rest.starts_with("/*") && self.dialect == Dialect::Postgres {
                (at, depth) = (at + 2, depth + 1);
            } else {
                at += 1;
            }
        }
        self.blank(at);
    }

    /// The length of the string, quoted name or dollar quote that begins here.
    fn quoted(&mut self) -> Option<usize> {
        let rest = self.rest;
        let quote = rest.chars().next()?;
        let end = match (quote, self.dialect) {
            ('\'', Dialect::Postgres) => {
                let goes_on = |at: usize| self.sql[at..].trim().is_empty();
                let escapes = self.sql.ends_with(['e', 'E']) && self.is_prefix()
                    || self.escaped.is_some_and(goes_on);
                let end = closing(rest, '\'', escapes);
                self.escaped = end.filter(|_| escapes).map(|end| self.sql.len() + end);
                end
            }
            ('\'' | '"', Dialect::Mysql) => closing(rest, quote, true),
            ('`', Dialect::Mysql | Dialect::Sqlite) | ('\'' | '"', _) => {
                closing(rest, quote, false)
            }
            ('[', Dialect::Sqlite) => rest.find(']').map(|at| at + 1),
            ('$', Dialect::Postgres) if !self.continues_word() => {
                let tag = dollar_tag(rest)?;
                rest[tag.len()..].find(tag).map(|at| at + 2 * tag.len())
            }
            _ => return None,
        };
        // A version of the server that skips the hint ends it at a `*/` inside the string.
        self.open |= self.hinted && end.is_some_and(|end| rest[..end].contains("*/"));
        self.open |= end.is_none();
        Some(end.unwrap_or(rest.len()))
    }

    /// True if the `E` before a string is a separate word.
    fn is_prefix(&self) -> bool {
        let before = self.sql.chars().rev().nth(1);
        before.is_none_or(|c| !is_word(c))
    }

    fn continues_word(&self) -> bool {
        self.sql.ends_with(is_word)
    }

    fn word(&mut self) {
        // A delimiter may consist of word characters.
        let ends = |(at, c): &(usize, char)| {
            !is_word(*c) || *at > 0 && self.rest[*at..].starts_with(self.delimiter)
        };
        let end = self.rest.char_indices().find(ends).map_or(self.rest.len(), |(at, _)| at);
        let word = &self.rest[..end];
        if ["begin", "case", "end"].iter().any(|body| word.eq_ignore_ascii_case(body))
            && self.is_routine()
        {
            self.body(word, &self.rest[end..]);
        }
        self.keep(end);
    }

    fn body(&mut self, word: &str, after: &str) {
        let after = &after[..after.floor_char_boundary(HEAD)];
        let next = after.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
        let next = next.trim_end_matches(';');
        let ends_a_case = word.eq_ignore_ascii_case("case") && ends_with_end(&self.sql);
        if word.eq_ignore_ascii_case("begin") {
            let is_block = self.dialect != Dialect::Postgres || next == "atomic";
            self.depth += u32::from(is_block);
        } else if word.eq_ignore_ascii_case("end") {
            let ends_a_loop = ["if", "loop", "while", "repeat"].contains(&next);
            self.depth = self.depth.saturating_sub(u32::from(!ends_a_loop));
        } else if !ends_a_case && self.depth > 0 {
            self.depth += 1;
        }
    }

    /// True if the first words show that the statement creates a routine with a body.
    fn is_routine(&self) -> bool {
        let head = &self.sql[..self.sql.floor_char_boundary(HEAD)];
        let mut words = head.split_whitespace().take(8);
        words.next().is_some_and(|word| word.eq_ignore_ascii_case("create"))
            && words.any(|word| {
                ["trigger", "function", "procedure", "event"]
                    .iter()
                    .any(|kind| word.eq_ignore_ascii_case(kind))
            })
    }

    fn keep(&mut self, length: usize) {
        if self.sql.is_empty() {
            self.began = self.line;
        }
        self.sql.push_str(&self.rest[..length]);
        self.skip(length);
    }

    /// Replaces a part that is not code by a space.
    fn blank(&mut self, length: usize) {
        if !self.sql.is_empty() {
            self.sql.push(' ');
        }
        self.skip(length);
    }

    fn skip(&mut self, length: usize) {
        let (passed, rest) = self.rest.split_at(length);
        let lines = passed.bytes().filter(|byte| *byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.rest = rest;
    }

    /// Skips the rows after `COPY … FROM STDIN`, up to a line `\.`.
    fn skip_copied_rows(&mut self) {
        if self.dialect != Dialect::Postgres || self.no_rows_end || !reads_rows(&self.sql) {
            return;
        }
        let ends = |(at, mark): &(usize, &str)| {
            let after = &self.rest[at + mark.len()..];
            after.is_empty() || after.starts_with(['\n', '\r'])
        };
        match self.rest.match_indices("\n\\.").find(ends).map(|(at, mark)| at + mark.len()) {
            Some(end) => self.skip(end),
            None => self.no_rows_end = true,
        }
    }

    fn emit(&mut self) {
        let mut sql = std::mem::take(&mut self.sql);
        let trimmed = sql.trim_end().trim_end_matches(';').trim_end().len();
        sql.truncate(trimmed);
        if !sql.is_empty() || self.open {
            let hinted = self.had_hint;
            self.pieces.push(RawStatement { line: self.began, sql, open: self.open, hinted });
        }
        self.began = self.line;
        (self.open, self.had_hint, self.escaped) = (false, self.hinted, None);
    }
}

/// True if the last word is `END`.
fn ends_with_end(sql: &str) -> bool {
    let bytes = sql.trim_end().as_bytes();
    let Some((before, word)) = bytes.split_last_chunk::<3>() else { return false };
    word.eq_ignore_ascii_case(b"end") && before.last().is_none_or(u8::is_ascii_whitespace)
}

/// True if a statement reads rows that follow it. Words in quotes or parentheses do not count.
fn reads_rows(sql: &str) -> bool {
    if !sql.as_bytes().get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"copy")) {
        return false;
    }
    let (mut quote, mut depth) = (None, 0_usize);
    let outside: String = sql
        .chars()
        .map(|c| {
            match (quote, c) {
                (Some(open), _) if open == c => quote = None,
                (None, '\'' | '"') => quote = Some(c),
                (None, '(') => depth += 1,
                (None, ')') => depth = depth.saturating_sub(1),
                (None, _) if depth == 0 => return c.to_ascii_lowercase(),
                _ => {}
            }
            ' '
        })
        .collect();
    let words: Vec<_> = outside.split(|c| !is_word(c)).filter(|word| !word.is_empty()).collect();
    words.windows(2).any(|pair| pair == ["from", "stdin"])
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

/// The length of a string with its closing quote. A doubled quote does not close it.
fn closing(text: &str, quote: char, escapes: bool) -> Option<usize> {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && escapes {
            chars.next();
        } else if c == quote {
            match chars.peek() {
                Some((_, next)) if *next == quote => chars.next(),
                _ => return Some(at + quote.len_utf8()),
            };
        }
    }
    None
}

/// `$$` or `$name$` at the start of a text.
fn dollar_tag(text: &str) -> Option<&str> {
    let end = text[1..].find('$')? + 2;
    let name = &text[1..end - 1];
    let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    is_name.then(|| &text[..end])
}
