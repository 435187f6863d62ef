//! Finds the statements in an anonymous block (`DO $$ … $$`), whatever path through it is taken.

use super::Dialect;
use super::split::split;

/// A part of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Inner {
    Statement(String),
    /// A statement that the block makes up.
    Unclear,
}

/// The statements of a block; `None` if the text is no block.
pub(super) fn inner(sql: &str, dialect: Dialect) -> Option<Vec<Inner>> {
    let is_block = sql.get(..2).is_some_and(|word| word.eq_ignore_ascii_case("do"));
    if dialect != Dialect::Postgres || !is_block {
        return None;
    }
    let open = sql.find('$')?;
    let tag = &sql[open..=open + 1 + sql[open + 1..].find('$')?];
    let body = &sql[open + tag.len()..];
    let body = &body[..body.find(tag)?];
    let language = format!("{} {}", &sql[2..open], &sql[open + 2 * tag.len() + body.len()..]);
    let others = |word: &&str| !["language", "plpgsql", "'plpgsql'"].contains(word);
    if language.to_lowercase().split_whitespace().any(|word| others(&word)) {
        return Some(vec![Inner::Unclear]);
    }
    let mut declaring = false;
    let mut found = Vec::new();
    for piece in split(body, dialect) {
        let word = piece.sql.split_whitespace().next().unwrap_or_default().to_lowercase();
        declaring = (declaring || word == "declare") && word != "begin";
        match piece.sql.split_once(":=") {
            Some((_, value)) if declaring => {
                found.push(Inner::Statement(format!("SELECT {value}")));
            }
            _ if declaring => {}
            _ => found.extend(parts(&piece.sql)),
        }
    }
    Some(found)
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
            "" | "end" | "null" | "raise" | "return" | "exit" | "continue" | "get" => return found,
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
            _ if after.starts_with(":=") => {
                found.push(Inner::Statement(format!("SELECT {}", &after[2..])));
                return found;
            }
            _ => {
                found.push(Inner::Statement(rest.to_owned()));
                return found;
            }
        }
    }
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
