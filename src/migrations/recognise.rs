//! Recognises some statements that the parser does not support, by their words.

use super::rule::Rule;
use super::split::RawStatement;
use super::statement::{StatementContext, StatementEffect, dropped_index};
use super::{Dialect, ObjectKind};

/// How many words of a statement are compared.
const MOST_WORDS: usize = 400;

/// The effect of a statement that cannot be parsed; `None` if its words do not show it.
pub(super) fn recognise(
    piece: &RawStatement,
    context: StatementContext<'_>,
) -> Option<StatementEffect> {
    // The text may contain a second statement.
    if piece.open || piece.sql.contains(';') {
        return None;
    }
    let words: Vec<String> =
        piece.sql.split_whitespace().take(MOST_WORDS).map(str::to_lowercase).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match context.dialect {
        Dialect::Postgres => postgres(&words, context),
        Dialect::Mysql => mysql(&words, context),
        Dialect::Sqlite => sqlite(&words),
    }
    .or_else(|| written(&words))
}

/// A name without its quotes and its schema.
fn name(word: &str) -> String {
    let last = word.rsplit('.').next().unwrap_or(word);
    last.trim_matches(['"', '`', '[', ']', ',', ';']).to_owned()
}

/// The schema part of a name; empty without one.
fn schema(word: &str) -> &str {
    word.rsplit_once('.').map_or("", |(schema, _)| schema)
}

fn without<'w>(words: &[&'w str], optional: &[&[&str]]) -> Vec<&'w str> {
    let mut kept = Vec::new();
    let mut rest = words;
    while let Some((first, after)) = rest.split_first() {
        if let Some(skip) = optional.iter().find(|skip| rest.starts_with(skip)) {
            rest = &rest[skip.len()..];
        } else {
            kept.push(*first);
            rest = after;
        }
    }
    kept
}

fn postgres(words: &[&str], context: StatementContext<'_>) -> Option<StatementEffect> {
    let words = without(words, &[&["concurrently"], &["if", "exists"], &["only"]]);
    let on = |rule, kind, word| Some(StatementEffect::on(rule, kind, None, &name(word)));
    match words.as_slice() {
        ["drop", "index", index] if !index.contains(',') => {
            Some(dropped_index((schema(index), &name(index)), None, context))
        }
        ["alter", "table", table, "set", "schema", _] => on(Rule::Rename, ObjectKind::Table, table),
        ["alter", "view", view, "set", "schema", _]
        | ["alter", "view", view, "rename", "to", _] => on(Rule::Rename, ObjectKind::View, view),
        ["alter", "type", kind, "set", "schema", _] => on(Rule::Rename, ObjectKind::Type, kind),
        ["alter", "schema", schema, "rename", "to", _] => {
            on(Rule::Rename, ObjectKind::Schema, schema)
        }
        ["alter", "table", table, "detach", "partition", ..] => {
            on(Rule::DropObject, ObjectKind::Table, table)
        }
        ["drop", "owned", ..] => Some(StatementEffect::of(Rule::Revoke)),
        ["reindex" | "cluster", ..] | ["refresh", "materialized", "view", ..] => {
            Some(StatementEffect::of(Rule::NoChange))
        }
        // A second command on the line may read another file.
        [order, rest @ ..]
            if order.starts_with('\\') && !rest.iter().any(|word| word.contains('\\')) =>
        {
            meta_command(order)
        }
        _ => None,
    }
}

/// psql commands that do not touch the schema.
fn meta_command(order: &str) -> Option<StatementEffect> {
    let harmless = [
        "\\set",
        "\\echo",
        "\\timing",
        "\\pset",
        "\\restrict",
        "\\unrestrict",
        "\\encoding",
        "\\.",
    ];
    harmless.contains(&order).then(|| StatementEffect::of(Rule::NoChange))
}

fn mysql(words: &[&str], context: StatementContext<'_>) -> Option<StatementEffect> {
    match words {
        ["alter", "table", table, "rename", "index" | "key", from, "to", _] => {
            Some(StatementEffect::on(
                Rule::RenameIndex,
                ObjectKind::Index,
                Some(&name(table)),
                &name(from),
            ))
        }
        ["alter", "table", table, "drop", "index" | "key", index] if !index.contains(',') => {
            Some(dropped_index((schema(table), &name(index)), Some(&name(table)), context))
        }
        ["alter", "table", table, "drop", "check", check] if !check.contains(',') => {
            Some(StatementEffect::on(
                Rule::DropConstraint,
                ObjectKind::Constraint,
                Some(&name(table)),
                &name(check),
            ))
        }
        ["drop", "event", event] => {
            Some(StatementEffect::on(Rule::DropObject, ObjectKind::Other, None, event))
        }
        _ => None,
    }
}

/// Connection settings. The parser does not support all their values.
fn sqlite(words: &[&str]) -> Option<StatementEffect> {
    let ["pragma", context @ ..] = words else { return None };
    let context = context.concat();
    let harmless = ["foreign_keys", "defer_foreign_keys", "journal_mode", "synchronous"];
    let is_harmless =
        harmless.iter().any(|word| context.strip_prefix(word).is_some_and(|v| v.starts_with('=')));
    is_harmless.then(|| StatementEffect::of(Rule::NoChange))
}

/// Statements that write rows and are too long or too unusual to parse.
fn written(words: &[&str]) -> Option<StatementEffect> {
    let first = words.first()?;
    ["insert", "update", "delete", "replace", "truncate"]
        .contains(first)
        .then(|| StatementEffect::of(Rule::WriteData))
}
