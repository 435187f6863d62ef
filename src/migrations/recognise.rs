//! Recognises statements that the parser does not support, by their words.

use std::sync::LazyLock;

use regex::Regex;

use super::rule::Rule;
use super::split::RawStatement;
use super::statement::{StatementContext, StatementEffect, dropped_index, renamed_index};
use super::{Dialect, ObjectKind};

/// How many words of a statement are compared.
const MOST_WORDS: usize = 400;

/// What a pattern is for.
type Pattern = (&'static str, Rule, ObjectKind);

/// The patterns of `PostgreSQL`. `NAME` is any word, the first one the object; `a|b` one of these; `[a]` may be missing;
/// `…` stands for any words. The first that fits decides.
const POSTGRES: &[Pattern] = &[
    ("alter table [if] [exists] [only] NAME set schema NAME", Rule::Rename, ObjectKind::Table),
    (
        "alter table [if] [exists] [only] NAME detach partition …",
        Rule::DropObject,
        ObjectKind::Table,
    ),
    (
        "alter table [if] [exists] [only] NAME set tablespace NAME",
        Rule::NoChange,
        ObjectKind::Table,
    ),
    ("alter table [if] [exists] [only] NAME set logged", Rule::NoChange, ObjectKind::Table),
    (
        "alter table [if] [exists] [only] NAME set access method NAME",
        Rule::NoChange,
        ObjectKind::Table,
    ),
    ("alter table [if] [exists] [only] NAME cluster on NAME", Rule::NoChange, ObjectKind::Table),
    (
        "alter table [if] [exists] [only] NAME set without cluster|oids",
        Rule::NoChange,
        ObjectKind::Table,
    ),
    ("alter table [if] [exists] [only] NAME set|reset ( …", Rule::NoChange, ObjectKind::Table),
    (
        "alter table [if] [exists] [only] NAME alter [column] NAME set statistics|compression|storage …",
        Rule::NoChange,
        ObjectKind::Table,
    ),
    (
        "alter table [if] [exists] [only] NAME alter [column] NAME set|reset ( …",
        Rule::NoChange,
        ObjectKind::Table,
    ),
    (
        "alter table [if] [exists] [only] NAME rename constraint NAME to NAME",
        Rule::RenameIndex,
        ObjectKind::Constraint,
    ),
    // When it is checked may change, not what.
    (
        "alter table [if] [exists] [only] NAME alter constraint NAME …",
        Rule::Unjudged,
        ObjectKind::Constraint,
    ),
    ("alter trigger NAME on NAME rename to NAME", Rule::AlreadyHeld, ObjectKind::Trigger),
    ("alter table [if] [exists] [only] NAME attach partition …", Rule::Unjudged, ObjectKind::Table),
    (
        "alter index [if] [exists] NAME set|reset|attach|depends …",
        Rule::NoChange,
        ObjectKind::Index,
    ),
    ("alter index [if] [exists] NAME rename to NAME", Rule::RenameIndex, ObjectKind::Index),
    (
        "alter view|materialized [view] [if] [exists] NAME set schema NAME",
        Rule::Rename,
        ObjectKind::View,
    ),
    ("alter view|materialized [view] [if] [exists] NAME rename …", Rule::Rename, ObjectKind::View),
    (
        "alter materialized view [if] [exists] NAME set|reset|cluster ( …",
        Rule::NoChange,
        ObjectKind::View,
    ),
    ("alter type NAME set schema NAME", Rule::Rename, ObjectKind::Type),
    ("alter type NAME rename attribute …", Rule::Rename, ObjectKind::Type),
    ("alter domain NAME rename to NAME", Rule::Rename, ObjectKind::Type),
    ("alter schema NAME rename to NAME", Rule::Rename, ObjectKind::Schema),
    ("alter sequence [if] [exists] NAME owned by …", Rule::NoChange, ObjectKind::Other),
    ("alter sequence [if] [exists] NAME as bigint", Rule::NoChange, ObjectKind::Other),
    ("alter sequence [if] [exists] NAME rename to NAME", Rule::Rename, ObjectKind::Other),
    ("alter sequence [if] [exists] NAME set schema NAME", Rule::Rename, ObjectKind::Other),
    ("alter sequence [if] [exists] NAME set logged", Rule::NoChange, ObjectKind::Other),
    (
        "alter function|procedure|aggregate|routine NAME … rename to NAME",
        Rule::Rename,
        ObjectKind::Function,
    ),
    (
        "alter function|procedure|aggregate|routine NAME … set schema NAME",
        Rule::Rename,
        ObjectKind::Function,
    ),
    ("alter rule NAME on NAME rename to NAME", Rule::ChangeTrigger, ObjectKind::Trigger),
    ("alter statistics …", Rule::NoChange, ObjectKind::Other),
    ("alter default privileges … revoke …", Rule::Unjudged, ObjectKind::Other),
    ("alter default privileges … grant …", Rule::Grant, ObjectKind::Other),
    ("alter policy …", Rule::ChangePolicy, ObjectKind::Other),
    ("alter publication NAME add table …", Rule::Unjudged, ObjectKind::Other),
    ("drop aggregate …", Rule::DropObject, ObjectKind::Function),
    ("drop function|procedure [if] [exists] NAME …", Rule::DropObject, ObjectKind::Function),
    ("drop foreign table [if] [exists] NAME …", Rule::DropObject, ObjectKind::Table),
    ("drop view|materialized [view] [if] [exists] NAME …", Rule::DropObject, ObjectKind::View),
    ("drop type|domain [if] [exists] NAME …", Rule::DropObject, ObjectKind::Type),
    ("drop statistics …", Rule::NoChange, ObjectKind::Other),
    ("drop trigger [if] [exists] NAME …", Rule::ChangeTrigger, ObjectKind::Trigger),
    ("drop policy [if] [exists] NAME …", Rule::Revoke, ObjectKind::Other),
    ("drop owned …", Rule::Revoke, ObjectKind::Other),
    ("create statistics …", Rule::NoChange, ObjectKind::Other),
    ("create extension …", Rule::CreateObject, ObjectKind::Other),
    (
        "create sequence|temp|temporary|unlogged [sequence] [if] [not] [exists] NAME as|start|increment|minvalue|maxvalue|no|cache|owned …",
        Rule::CreateObject,
        ObjectKind::Other,
    ),
    ("create [global|local] temp|temporary table …", Rule::NewTable, ObjectKind::Table),
    (
        "create [unlogged] table [if] [not] [exists] NAME ( like …",
        Rule::CreateObject,
        ObjectKind::Table,
    ),
    (
        "create [unlogged] table [if] [not] [exists] NAME partition of NAME for|default …",
        Rule::CreateObject,
        ObjectKind::Table,
    ),
    (
        "create [unlogged] table [if] [not] [exists] NAME partition …",
        Rule::Unjudged,
        ObjectKind::Table,
    ),
    (
        "create [unlogged] table [if] [not] [exists] NAME ( … references …",
        Rule::AddReferencingColumn,
        ObjectKind::Table,
    ),
    ("create [unlogged] table [if] [not] [exists] NAME ( …", Rule::CreateObject, ObjectKind::Table),
    ("create foreign table|data …", Rule::CreateObject, ObjectKind::Other),
    ("create server|user mapping …", Rule::CreateObject, ObjectKind::Other),
    ("create server …", Rule::CreateObject, ObjectKind::Other),
    ("create text search …", Rule::CreateObject, ObjectKind::Other),
    ("create aggregate NAME …", Rule::CreateRoutine, ObjectKind::Function),
    ("create function|procedure NAME …", Rule::CreateRoutine, ObjectKind::Function),
    ("create or replace function NAME …", Rule::ReplaceBody, ObjectKind::Function),
    ("create or replace procedure|aggregate …", Rule::ReplaceBody, ObjectKind::Function),
    ("create [recursive] view NAME …", Rule::CreateRoutine, ObjectKind::View),
    ("create or replace [recursive] view NAME …", Rule::ReplaceBody, ObjectKind::View),
    ("create materialized view [if] [not] [exists] NAME …", Rule::CreateRoutine, ObjectKind::View),
    ("create domain NAME …", Rule::CreateObject, ObjectKind::Type),
    ("create type NAME …", Rule::CreateObject, ObjectKind::Type),
    ("create schema …", Rule::CreateObject, ObjectKind::Schema),
    ("create [or] [replace] [constraint] trigger NAME …", Rule::ChangeTrigger, ObjectKind::Trigger),
    ("create policy …", Rule::ChangePolicy, ObjectKind::Other),
    ("create role|group …", Rule::Grant, ObjectKind::Other),
    ("create user NAME …", Rule::Grant, ObjectKind::Other),
    ("comment on …", Rule::NoChange, ObjectKind::Other),
    ("security label …", Rule::NoChange, ObjectKind::Other),
    ("notify|listen|unlisten …", Rule::NoChange, ObjectKind::Other),
    ("reindex|cluster|checkpoint|analyze|vacuum …", Rule::NoChange, ObjectKind::Other),
    ("refresh materialized view …", Rule::NoChange, ObjectKind::Other),
    ("lock …", Rule::NoChange, ObjectKind::Other),
    ("set constraints|transaction …", Rule::NoChange, ObjectKind::Other),
    ("set [local|session] NAME to|= …", Rule::NoChange, ObjectKind::Other),
    ("begin|start|commit|end|savepoint|release …", Rule::NoChange, ObjectKind::Other),
    ("grant …", Rule::Grant, ObjectKind::Other),
    ("revoke …", Rule::Revoke, ObjectKind::Other),
    ("import foreign schema …", Rule::Unjudged, ObjectKind::Other),
];

const MYSQL: &[Pattern] = &[
    ("alter table NAME rename index|key NAME to NAME", Rule::RenameIndex, ObjectKind::Index),
    ("alter table NAME rename [to|as] NAME", Rule::Rename, ObjectKind::Table),
    ("alter table NAME drop check NAME", Rule::DropConstraint, ObjectKind::Constraint),
    ("alter table NAME comment …", Rule::NoChange, ObjectKind::Table),
    ("alter table NAME row_format …", Rule::NoChange, ObjectKind::Table),
    (
        "alter table NAME stats_persistent|stats_auto_recalc|stats_sample_pages|key_block_size …",
        Rule::NoChange,
        ObjectKind::Table,
    ),
    ("alter table NAME auto_increment …", Rule::NoChange, ObjectKind::Table),
    ("alter table NAME enable|disable keys", Rule::NoChange, ObjectKind::Table),
    ("alter table NAME force", Rule::NoChange, ObjectKind::Table),
    ("alter table NAME add fulltext|spatial [index|key] …", Rule::CreateIndex, ObjectKind::Index),
    ("alter table NAME algorithm|lock …", Rule::NoChange, ObjectKind::Table),
    ("create fulltext|spatial index …", Rule::CreateIndex, ObjectKind::Index),
    ("create index NAME on NAME ( …", Rule::CreateIndex, ObjectKind::Index),
    ("create temporary table …", Rule::NewTable, ObjectKind::Table),
    ("drop temporary table …", Rule::NewTable, ObjectKind::Table),
    (
        "create table [if] [not] [exists] NAME ( … references …",
        Rule::AddReferencingColumn,
        ObjectKind::Table,
    ),
    ("create table [if] [not] [exists] NAME ( …", Rule::CreateObject, ObjectKind::Table),
    ("create table [if] [not] [exists] NAME like …", Rule::CreateObject, ObjectKind::Table),
    ("create function|procedure …", Rule::CreateRoutine, ObjectKind::Function),
    ("create definer … function|procedure NAME ( …", Rule::CreateRoutine, ObjectKind::Function),
    (
        "create [definer] [=] … trigger NAME before|after …",
        Rule::ChangeTrigger,
        ObjectKind::Trigger,
    ),
    ("create or replace … view NAME as …", Rule::ReplaceBody, ObjectKind::View),
    ("create algorithm|definer|sql … view NAME …", Rule::CreateRoutine, ObjectKind::View),
    ("create view NAME …", Rule::CreateRoutine, ObjectKind::View),
    ("create database|schema …", Rule::CreateObject, ObjectKind::Schema),
    ("create sequence NAME …", Rule::CreateObject, ObjectKind::Other),
    ("drop event [if] [exists] NAME", Rule::DropObject, ObjectKind::Other),
    ("drop procedure|function [if] [exists] NAME", Rule::DropObject, ObjectKind::Function),
    ("drop trigger [if] [exists] NAME", Rule::ChangeTrigger, ObjectKind::Trigger),
    ("prepare|deallocate …", Rule::NoChange, ObjectKind::Other),
    ("drop prepare …", Rule::NoChange, ObjectKind::Other),
    (
        "analyze|optimize|check|repair [no_write_to_binlog|local] table …",
        Rule::NoChange,
        ObjectKind::Other,
    ),
    ("lock|unlock table|tables …", Rule::NoChange, ObjectKind::Other),
    ("start|begin|commit|savepoint|release …", Rule::NoChange, ObjectKind::Other),
    ("set names …", Rule::NoChange, ObjectKind::Other),
    ("grant …", Rule::Grant, ObjectKind::Other),
    ("revoke …", Rule::Revoke, ObjectKind::Other),
];

const SQLITE: &[Pattern] = &[
    (
        "pragma foreign_keys|defer_foreign_keys|journal_mode|synchronous|legacy_alter_table|busy_timeout|cache_size|temp_store|auto_vacuum|user_version|wal_checkpoint|optimize|foreign_key_check|integrity_check|recursive_triggers|encoding|page_size|locking_mode|mmap_size|secure_delete|application_id …",
        Rule::NoChange,
        ObjectKind::Other,
    ),
    ("create [temp|temporary] trigger …", Rule::ChangeTrigger, ObjectKind::Trigger),
    ("drop trigger [if] [exists] NAME", Rule::ChangeTrigger, ObjectKind::Trigger),
    ("create virtual table …", Rule::CreateObject, ObjectKind::Table),
    (
        "create table [if] [not] [exists] NAME ( … references …",
        Rule::AddReferencingColumn,
        ObjectKind::Table,
    ),
    ("create table [if] [not] [exists] NAME ( …", Rule::CreateObject, ObjectKind::Table),
    ("create view [if] [not] [exists] NAME …", Rule::CreateRoutine, ObjectKind::View),
    ("reindex|analyze|vacuum …", Rule::NoChange, ObjectKind::Other),
    ("begin|commit|end|savepoint|release …", Rule::NoChange, ObjectKind::Other),
];

/// Statements that write rows and are too long or too unusual to parse.
const ROWS: &[Pattern] =
    &[("insert|update|delete|replace|truncate …", Rule::WriteData, ObjectKind::Other)];

/// What the parser does not read, and what it may read instead: with the same effect, or a worse one.
static REPAIRS: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    let repairs = [
        (r"(?i)\b(as\s+identity)\s*\([^()]*\)", "$1"),
        (r"(?i)\badd\s+(column\s+)?if\s+not\s+exists\b", "ADD COLUMN"),
        (r"(?i)\b(add\s+(?:unique\s+)?(?:index|key|constraint))\s+if\s+not\s+exists\b", "$1"),
        (r"(?i)\b(drop\s+(?:column|index|key|constraint|foreign\s+key))\s+if\s+exists\b", "$1"),
        (r"(?i)\b(on\s+delete\s+set\s+(?:null|default))\s*\([^()]*\)", "$1"),
        (r"(?i)\b(references\s+[^\s(]+\s*\([^()]*\)[^,;]*?)\s+not\s+valid\b", "$1"),
        (r"(?i)\b(index|drop\s+index)\s+concurrently\s+(if\s+(?:not\s+)?exists)\b", "$1 $2"),
        (r"(?i)\s+include\s*\([^()]*\)", " "),
        (r"(?i)\s+with\s+parser\s+\w+", ""),
        (r"(?i)^(alter\s+table\s+\S+\s+drop)\s+key\b", "$1 INDEX"),
    ];
    let compiled = repairs.map(|(from, to)| (Regex::new(from).expect("the repair is valid"), to));
    compiled.into()
});

/// The statement in a form that the parser may read; `None` if nothing in it can be repaired.
pub(super) fn repaired(sql: &str) -> Option<String> {
    let mut text = sql.to_owned();
    for (from, to) in REPAIRS.iter() {
        text = from.replace_all(&text, *to).into_owned();
    }
    (text != sql).then_some(text)
}

/// The operations of `ALTER TABLE` as statements of their own; `None` if there is only one.
pub(super) fn separated(sql: &str) -> Option<Vec<String>> {
    static HEAD: LazyLock<Regex> = LazyLock::new(|| {
        let name = r#"(?:"[^"]*"|`[^`]*`|\[[^\]]*\]|[\w$]+)"#;
        let head = format!(
            r"(?is)^\s*alter\s+(?:ignore\s+)?table\s+(?:if\s+exists\s+)?(?:only\s+)?{name}(?:\.{name})*\s+"
        );
        Regex::new(&head).expect("the pattern is valid")
    });
    let head = HEAD.find(sql)?.as_str();
    let (mut parts, mut from) = (Vec::new(), head.len());
    let (mut depth, mut quote) = (0_usize, None);
    for (at, c) in sql.char_indices().skip_while(|(at, _)| *at < head.len()) {
        match (quote, c) {
            (Some(open), _) if open == c => quote = None,
            (None, '\'' | '"' | '`') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                parts.push(format!("{head}{}", sql[from..at].trim()));
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(format!("{head}{}", sql[from..].trim()));
    (parts.len() > 1).then_some(parts)
}

/// The effect of a statement that cannot be parsed; `None` if its words do not show it.
pub(super) fn recognise(
    piece: &RawStatement,
    context: StatementContext<'_>,
) -> Option<StatementEffect> {
    if piece.open {
        return None;
    }
    let all = words(&piece.sql);
    let words: Vec<&str> = all.iter().map(String::as_str).collect();
    if words.first().is_some_and(|word| word.starts_with('\\')) {
        return meta_command(&piece.sql);
    }
    if let Some(effect) = index_dropped(&words, context) {
        return Some(effect);
    }
    let (rule, kind, name) = by_pattern(&piece.sql, &words, context.dialect)?;
    Some(effect(rule, kind, name, &words, context))
}

/// The rule of the first pattern that fits, and the name of the object.
fn by_pattern<'w>(
    sql: &str,
    words: &[&'w str],
    dialect: Dialect,
) -> Option<(Rule, ObjectKind, Option<&'w str>)> {
    // The text may contain a second statement; the body of a routine has some.
    let makes_routine = words.first() == Some(&"create")
        && words.iter().take(8).any(|word| ["function", "procedure", "trigger"].contains(word));
    if sql.contains(';') && !makes_routine {
        return None;
    }
    let own = match dialect {
        Dialect::Postgres => POSTGRES,
        Dialect::Mysql => MYSQL,
        Dialect::Sqlite => SQLITE,
    };
    own.iter().chain(ROWS).find_map(|(pattern, rule, kind)| {
        let pattern: Vec<_> = pattern.split(' ').collect();
        let names = fits(&pattern, words)?;
        Some((*rule, *kind, names.first().copied()))
    })
}

/// True if the words of a statement that cannot be parsed show that it changes no definition.
pub(super) fn changes_nothing(sql: &str, dialect: Dialect) -> bool {
    let all = words(sql);
    let words: Vec<&str> = all.iter().map(String::as_str).collect();
    let found = by_pattern(sql, &words, dialect);
    found.is_some_and(|(rule, kind, _)| {
        let keeps_all =
            matches!(rule, Rule::NoChange | Rule::Grant | Rule::Revoke | Rule::ChangePolicy);
        keeps_all || rule == Rule::Unjudged && kind == ObjectKind::Constraint
    })
}

/// What a statement makes that cannot be parsed; `None` if it may have been there.
pub(super) fn made(sql: &str, dialect: Dialect) -> Option<(ObjectKind, String)> {
    let all = words(sql);
    let words: Vec<&str> = all.iter().map(String::as_str).collect();
    let (rule, kind, name) = by_pattern(sql, &words, dialect)?;
    let makes =
        matches!(rule, Rule::CreateObject | Rule::CreateRoutine | Rule::AddReferencingColumn);
    let may_be_there = words.iter().take(6).any(|word| ["exists", "replace"].contains(word));
    let is_part = words.iter().any(|word| ["partition", "inherits"].contains(word));
    let is_new = makes && !may_be_there && !(kind == ObjectKind::Table && is_part);
    name.filter(|_| is_new).map(|name| (kind, plain(name).to_owned()))
}

/// A dropped index is judged by its definition, if it is the only one in the statement.
fn index_dropped(words: &[&str], context: StatementContext<'_>) -> Option<StatementEffect> {
    let optional = ["concurrently", "if", "exists"];
    let kept: Vec<_> = words.iter().filter(|word| !optional.contains(word)).copied().collect();
    match (kept.as_slice(), context.dialect) {
        (["drop", "index", name] | ["drop", "index", name, "restrict"], _) => {
            let schema = name.rsplit_once('.').map_or("", |(schema, _)| schema);
            Some(dropped_index((schema, last(name)), None, context))
        }
        (
            ["drop", "index", name, "on", table]
            | ["alter", "table", table, "drop", "index" | "key", name],
            Dialect::Mysql,
        ) => Some(dropped_index(("", name), Some(table), context)),
        _ => None,
    }
}

/// The effect by the rule of a pattern, unless this file made the object.
fn effect(
    rule: Rule,
    kind: ObjectKind,
    name: Option<&str>,
    words: &[&str],
    context: StatementContext<'_>,
) -> StatementEffect {
    let Some(name) = name else { return StatementEffect::of(rule) };
    let is_new_table = |word: &str| context.fresh.has(ObjectKind::Table, plain(word));
    let table = || words.iter().skip_while(|word| **word != "on").nth(1);
    let about_new_table = match kind {
        ObjectKind::Trigger => table().is_some_and(|table| is_new_table(table)),
        ObjectKind::Constraint | ObjectKind::Table => is_new_table(name),
        _ => false,
    };
    let changes =
        !matches!(rule, Rule::CreateObject | Rule::CreateRoutine | Rule::AddReferencingColumn);
    let rule = match rule {
        _ if about_new_table && changes => Rule::NewTable,
        _ if context.fresh.has(kind, plain(name)) && changes => Rule::NewObject,
        Rule::ReplaceBody if context.known.is_unheard_of_text(last(name)) => Rule::CreateRoutine,
        Rule::RenameIndex if kind == ObjectKind::Index => renamed_index(last(name), context),
        rule => rule,
    };
    StatementEffect::on(rule, kind, None, last(name))
}

fn plain(name: &str) -> &str {
    name.strip_prefix("public.").or_else(|| name.strip_prefix("main.")).unwrap_or(name)
}

fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// The words of a statement in lower case: names with their schemas and without quotes, strings, and each other sign.
fn words(sql: &str) -> Vec<String> {
    static WORD: LazyLock<Regex> = LazyLock::new(|| {
        let name = r#"(?:"[^"]*"|`[^`]*`|[\w$@\\]+)"#;
        let pattern = format!(r"{name}(?:\.{name})*|'[^']*'|\S");
        Regex::new(&pattern).expect("the pattern is valid")
    });
    let words = WORD.find_iter(sql).take(MOST_WORDS);
    words.map(|word| word.as_str().replace(['"', '`'], "").to_lowercase()).collect()
}

/// The names in the words, if they fit the pattern.
fn fits<'w>(pattern: &[&str], words: &[&'w str]) -> Option<Vec<&'w str>> {
    let Some((part, rest)) = pattern.split_first() else {
        return words.is_empty().then(Vec::new);
    };
    if *part == "…" {
        return match rest {
            [] => Some(Vec::new()),
            _ => (0..=words.len()).find_map(|at| fits(rest, &words[at..])),
        };
    }
    let optional = part.strip_prefix('[').and_then(|part| part.strip_suffix(']'));
    let wanted = optional.unwrap_or(part);
    let taken = words.split_first().and_then(|(word, after)| {
        if *part == "NAME" {
            let is_name = word.starts_with(|c: char| c.is_alphanumeric() || c == '_');
            let mut names = fits(rest, after).filter(|_| is_name)?;
            names.insert(0, word);
            Some(names)
        } else if wanted.split('|').any(|one| one == *word) {
            fits(rest, after)
        } else {
            None
        }
    });
    taken.or_else(|| optional.and_then(|_| fits(rest, words)))
}

/// psql commands that do not touch the schema. A second command on the line may read another file.
fn meta_command(sql: &str) -> Option<StatementEffect> {
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
    let mut words = sql.split_whitespace();
    let is_harmless = words.next().is_some_and(|first| harmless.contains(&first))
        && !words.any(|word| word.contains('\\'));
    is_harmless.then(|| StatementEffect::of(Rule::NoChange))
}
