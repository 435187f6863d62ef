//! Finds the statements in an anonymous block (`DO $$ … $$`) or in the body of a routine, whatever path through it is taken.

use std::sync::LazyLock;

use regex::Regex;

use super::Dialect;
use super::split::split;

/// A part of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Inner {
    Statement(String),
    /// A value for a variable.
    Assignment {
        to: String,
        value: String,
    },
    /// What a routine gives back.
    Return(String),
    /// It ends with an error.
    Refusal,
    /// A statement that the block makes up.
    Unclear,
}

/// The statements of a block; `None` if the text is no block.
pub(super) fn inner(sql: &str, dialect: Dialect) -> Option<Vec<Inner>> {
    let is_block = sql.get(..2).is_some_and(|word| word.eq_ignore_ascii_case("do"));
    if dialect != Dialect::Postgres || !is_block {
        return None;
    }
    let (before, body, after) = quoted(sql)?;
    let language = format!("{} {after}", &before[2..]);
    let others = |word: &&str| !["language", "plpgsql", "'plpgsql'"].contains(word);
    if language.to_lowercase().split_whitespace().any(|word| others(&word)) {
        return Some(vec![Inner::Unclear]);
    }
    Some(of_body(body, dialect))
}

/// The text before, in and after a dollar quote.
pub(super) fn quoted(sql: &str) -> Option<(&str, &str, &str)> {
    let open = sql.find('$')?;
    let tag = &sql[open..=open + 1 + sql[open + 1..].find('$')?];
    let body = &sql[open + tag.len()..];
    let end = body.find(tag)?;
    Some((&sql[..open], &body[..end], &body[end + tag.len()..]))
}

/// The statements of a body.
pub(super) fn of_body(body: &str, dialect: Dialect) -> Vec<Inner> {
    let mut declaring = false;
    let mut found = Vec::new();
    for piece in split(body, dialect) {
        let word = piece.sql.split_whitespace().next().unwrap_or_default().to_lowercase();
        if dialect == Dialect::Mysql && word == "declare" {
            let is_variable = !piece.sql.to_lowercase().contains("handler");
            found.extend((!is_variable).then_some(Inner::Unclear));
            continue;
        }
        declaring = (declaring || word == "declare") && word != "begin";
        match piece.sql.split_once(":=") {
            Some((_, value)) if declaring => {
                found.push(Inner::Statement(format!("SELECT {value}")));
            }
            _ if declaring => {}
            _ => found.extend(parts(&piece.sql)),
        }
    }
    found
}

/// The target and the value of an assignment.
fn assignment(text: &str) -> Option<Inner> {
    static ASSIGNS: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = r#"(?is)^(?:set\s+)?((?:[a-z_]\w*|"[^"]+"|`[^`]+`)(?:\.(?:\w+|"[^"]+"|`[^`]+`))*)\s*:?=(.*)$"#;
        Regex::new(pattern).expect("the pattern is valid")
    });
    let found = ASSIGNS.captures(text)?;
    let is_setting = text.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("set "));
    if is_setting && !found[1].to_lowercase().starts_with("new.") {
        return None;
    }
    Some(Inner::Assignment { to: found[1].replace(['"', '`'], ""), value: found[2].to_owned() })
}

/// Words after which a statement begins.
const BEFORE: [&str; 4] = ["begin", "else", "loop", "exception"];

/// The statements in a piece of a block: the conditions before it, and itself.
fn parts(piece: &str) -> Vec<Inner> {
    let mut found = Vec::new();
    let mut rest = piece.trim();
    // Each turn takes a word off, so that it ends.
    loop {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let word = rest[..end].to_lowercase();
        let after = rest[end..].trim_start();
        match word.as_str() {
            word if BEFORE.contains(&word) => rest = after,
            "if" | "elsif" | "elseif" | "while" | "when" => {
                let until = if word == "while" { "loop" } else { "then" };
                let Some(next) = from_word(after, until) else { return unclear(found) };
                let condition = &after[..after.len() - next.len()];
                if word != "when" {
                    found.push(Inner::Statement(format!("SELECT {condition}")));
                }
                rest = next[until.len()..].trim_start();
            }
            "for" | "foreach" => {
                let Some(next) = from_word(after, "loop") else { return unclear(found) };
                let over = &after[..after.len() - next.len()];
                let query = from_word(over, "in").map(|query| query[2..].trim());
                match query.and_then(|query| query.split_whitespace().next()) {
                    Some(first) if first.eq_ignore_ascii_case("select") => {
                        found.extend(query.map(|query| Inner::Statement(query.to_owned())));
                    }
                    Some(first) if first.eq_ignore_ascii_case("execute") => {
                        return unclear(found);
                    }
                    _ => {}
                }
                rest = next["loop".len()..].trim_start();
            }
            "raise" if is_notice(after) => return found,
            "raise" | "signal" | "resignal" => {
                found.push(Inner::Refusal);
                return found;
            }
            "return" => {
                found.push(Inner::Return(after.to_owned()));
                return found;
            }
            "" | "end" | "null" | "exit" | "continue" | "get" => return found,
            "execute" => {
                found.push(literal(after).map_or(Inner::Unclear, Inner::Statement));
                return found;
            }
            "perform" => {
                found.push(Inner::Statement(format!("SELECT {after}")));
                return found;
            }
            "select" => {
                found.push(Inner::Statement(without_target(rest)));
                return found;
            }
            _ => {
                let statement = || Inner::Statement(rest.to_owned());
                found.push(assignment(rest).unwrap_or_else(statement));
                return found;
            }
        }
    }
}

/// True if a `RAISE` only tells something.
fn is_notice(level: &str) -> bool {
    let level = level.split_whitespace().next().unwrap_or_default().to_lowercase();
    ["notice", "debug", "log", "info", "warning"].contains(&level.as_str())
}

fn unclear(mut found: Vec<Inner>) -> Vec<Inner> {
    found.push(Inner::Unclear);
    found
}

/// The text from a word on, outside of brackets and strings.
fn from_word<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let (mut depth, mut quoted, mut inside) = (0_usize, false, false);
    for (at, c) in text.char_indices() {
        let starts = !inside && !quoted && depth == 0;
        match c {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        let ends = |end: usize| {
            text.get(at..end).is_some_and(|found| found.eq_ignore_ascii_case(word))
                && !text[end..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
        };
        if starts && ends(at + word.len()) {
            return Some(&text[at..]);
        }
        inside = c.is_alphanumeric() || c == '_';
    }
    None
}

/// The text of a string that is all that is executed.
fn literal(text: &str) -> Option<String> {
    let inside = text.trim().strip_prefix('\'')?.strip_suffix('\'')?;
    let whole = inside.replace("''", "");
    (!whole.contains('\'')).then(|| inside.replace("''", "'"))
}

/// A query without the variables that take its result: with them it would create a table.
fn without_target(query: &str) -> String {
    let Some(from) = from_word(query, "into") else { return query.to_owned() };
    let rest = from["into".len()..].trim_start();
    let rest = match rest.get(..6) {
        Some(strict) if strict.eq_ignore_ascii_case("strict") => rest[6..].trim_start(),
        _ => rest,
    };
    let name = |c: char| !c.is_alphanumeric() && !['_', '.', ','].contains(&c);
    let end = rest.find(name).unwrap_or(rest.len());
    format!("{} {}", &query[..query.len() - from.len()], &rest[end..])
}
