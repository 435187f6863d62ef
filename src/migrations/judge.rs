//! Judges a file: its statements in order, each with the definitions before it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;
use sqlparser::ast::{AlterTable, Statement};

use super::block::{self, Inner};
use super::definitions::{SchemaDefinitions, words};
use super::fresh::Fresh;
use super::header::Header;
use super::joint::{FileContext, JointEffects, joint_effects};
use super::recognise::{made, recognise, repaired, separated};
use super::rule::Rule;
use super::split::{RawStatement, split};
use super::statement::{StatementContext, StatementEffect, effects, parse};
use super::{
    Dialect, FileChange, JudgedMigration, JudgedStatement, MigrationFile, Tool, code, layout,
    routine, sections,
};

/// The largest file that is judged, in bytes.
pub(super) const LARGEST: usize = 1024 * 1024;
pub(super) const MOST_STATEMENTS: usize = 2_000;
const LONGEST_TEXT: usize = 200;

/// Judges one migration. `known` has the definitions of earlier files; a statement that needs a missing one is unknown.
#[must_use]
pub fn judge(
    file: &MigrationFile<'_>,
    tool: Tool,
    dialect: Dialect,
    known: &SchemaDefinitions,
) -> JudgedMigration {
    let text = prepared(file.text, dialect);
    let is_code = layout::is_code(file.path);
    let up = if is_code { Cow::Borrowed(&*text) } else { sections::upward(&text, tool) };
    let Header { declared, mut faults } = Header::of(sections::before_down(&up));
    faults.extend(change_fault(file));
    let statements = if file.change == FileChange::Deleted {
        Vec::new()
    } else if file.text.len() > LARGEST {
        let sentence = format!("a file of {} bytes: larger than 1 MiB, not read", file.text.len());
        vec![unjudged(1, &sentence, dialect)]
    } else if is_code {
        code::judge(&text, dialect)
    } else {
        Judge::of(&up, (tool, dialect), known).run()
    };
    let (path, change) = (file.path.to_owned(), file.change);
    JudgedMigration { path, tool, change, statements, declared, faults }
}

/// The text with `\n` line ends, and with a name in place of each `{{ value }}` or `${value}` that the tool fills in.
pub(super) fn prepared(text: &str, dialect: Dialect) -> Cow<'_, str> {
    static FILLED_IN: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"\{\{-?\s*(?:index \.\w+ "[^"]*"|[.$]\w[\w.]*)\s*-?\}\}|\$\{[\w.:-]+\}"#)
            .expect("the pattern is valid")
    });
    match lines_ended(text, dialect) {
        Cow::Borrowed(text) => FILLED_IN.replace_all(text, "filled_in"),
        Cow::Owned(text) => Cow::Owned(FILLED_IN.replace_all(&text, "filled_in").into_owned()),
    }
}

/// Only in `PostgreSQL` a lone carriage return ends a line, and with it a comment.
fn lines_ended(text: &str, dialect: Dialect) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let alone = |at: usize| bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n');
    if dialect == Dialect::Postgres && (0..bytes.len()).any(alone) {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The judgement of a file that cannot be read, with the reason.
#[must_use]
pub fn unreadable(
    path: &str,
    change: FileChange,
    why: &str,
    tool: Tool,
    dialect: Dialect,
) -> JudgedMigration {
    let file = MigrationFile { path, text: "", change };
    let faults = change_fault(&file).into_iter().collect();
    let statements = vec![unjudged(1, why, dialect)];
    let path = path.to_owned();
    JudgedMigration { path, tool, change, statements, declared: None, faults }
}

/// The fault of an edited or deleted file: a migration that ran must not change.
fn change_fault(file: &MigrationFile<'_>) -> Option<String> {
    match file.change {
        FileChange::Added => None,
        FileChange::Edited if layout::is_repeatable(file.path) => None,
        FileChange::Edited => Some(
            "was edited after it was added; it does not run again where it already ran: add a new file"
                .to_owned(),
        ),
        FileChange::Deleted => Some(
            "was deleted; its changes stay in the database, and its tool may refuse to run: restore the file"
                .to_owned(),
        ),
    }
}

fn unjudged(line: u32, text: &str, dialect: Dialect) -> JudgedStatement {
    statement(line, text, &[StatementEffect::of(Rule::Unjudged)], dialect)
}

/// Judges a statement by its worst effect.
pub(super) fn statement(
    line: u32,
    text: &str,
    effects: &[StatementEffect],
    dialect: Dialect,
) -> JudgedStatement {
    let rules = || effects.iter().map(|effect| effect.rule);
    let worst =
        rules().reduce(|worst, rule| if rule.class() > worst.class() { rule } else { worst });
    let rule = worst.unwrap_or(Rule::Unjudged);
    let also: BTreeSet<_> = rules().filter(|other| *other != rule).collect();
    JudgedStatement {
        line,
        text: one_line(text),
        class: rule.class(),
        rule,
        also: also.into_iter().collect(),
        advice: rule.advice(dialect).to_owned(),
        objects: effects.iter().flat_map(|effect| effect.objects.clone()).collect(),
    }
}

fn one_line(text: &str) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > 4 * LONGEST_TEXT {
            break;
        }
    }
    if line.chars().count() > LONGEST_TEXT {
        line = line.chars().take(LONGEST_TEXT - 1).chain(['…']).collect();
    }
    line
}

struct Judge<'k> {
    dialect: Dialect,
    /// The definitions before the current statement.
    known: SchemaDefinitions,
    /// The definitions before this file.
    before: &'k SchemaDefinitions,
    /// The definitions after this file.
    end: SchemaDefinitions,
    fresh: Fresh,
    /// True if the file may have changed how the server reads strings, which the splitter does not follow.
    strings_unclear: bool,
    pieces: Vec<RawStatement>,
    cut: Option<u32>,
    in_transaction: bool,
    wrapped: bool,
}

/// Markers of files that run outside of a transaction.
const ALONE: [&str; 4] =
    ["no-transaction", "no transaction", "transaction:false", "disable-transaction"];

impl<'k> Judge<'k> {
    fn of(text: &str, (tool, dialect): (Tool, Dialect), before: &'k SchemaDefinitions) -> Self {
        let mut pieces = split(text, dialect);
        let cut = pieces.get(MOST_STATEMENTS).map(|piece| piece.line);
        pieces.truncate(MOST_STATEMENTS);
        let lower = text[..text.floor_char_boundary(400)].to_ascii_lowercase();
        let in_transaction = !ALONE.iter().any(|marker| lower.contains(marker));
        let wraps =
            matches!(tool, Tool::Sqlx | Tool::Refinery | Tool::Diesel | Tool::Goose | Tool::Dbmate);
        let mut known = before.clone();
        known.begin();
        Self {
            dialect,
            end: known.clone(),
            known,
            before,
            fresh: Fresh::default(),
            strings_unclear: false,
            pieces,
            cut,
            in_transaction,
            wrapped: in_transaction && wraps,
        }
    }

    fn run(mut self) -> Vec<JudgedStatement> {
        let pieces = std::mem::take(&mut self.pieces);
        let parsed: Vec<_> = pieces.iter().map(|piece| parse(piece, self.dialect)).collect();
        for (piece, statements) in pieces.iter().zip(&parsed) {
            self.end.apply(piece, statements.as_deref(), self.dialect);
        }
        let flat: Vec<(usize, &Statement)> = parsed
            .iter()
            .enumerate()
            .flat_map(|(at, statements)| statements.iter().flatten().map(move |s| (at, s)))
            .collect();
        let context = FileContext {
            dialect: self.dialect,
            before: self.before,
            end: &self.end,
            in_transaction: self.in_transaction,
            wrapped: self.wrapped,
        };
        let joint = joint_effects(&pieces, &flat, context);
        let mut judged: Vec<_> = pieces
            .iter()
            .zip(&parsed)
            .enumerate()
            .map(|(at, (piece, statements))| {
                let mut effects = self.effects(at, piece, statements.as_deref(), &joint);
                self.strings_unclear |= changes_string_syntax(&piece.sql, self.dialect);
                effects.extend(self.strings_unclear.then(|| StatementEffect::of(Rule::Unjudged)));
                statement(piece.line, &piece.sql, &effects, self.dialect)
            })
            .collect();
        if let Some(line) = self.cut {
            judged.push(unjudged(
                line,
                "more than 2,000 statements: the rest is not read",
                self.dialect,
            ));
        }
        judged
    }

    fn effects(
        &mut self,
        at: usize,
        piece: &RawStatement,
        statements: Option<&[Statement]>,
        joint: &JointEffects,
    ) -> Vec<StatementEffect> {
        let is_one = statements.is_none_or(|all| all.len() == 1) && !piece.open;
        let known = routine::rule(&piece.sql, self.context()).filter(|_| is_one);
        let mut all = if let Some(statements) = statements {
            self.parsed(piece, statements)
        } else {
            let all = self.unparsed(piece);
            let kept = [Rule::NoChange, Rule::WriteData, Rule::NewObject, Rule::CreateObject];
            if !all.iter().all(|effect| kept.contains(&effect.rule)) {
                self.fresh.doubt(&words(&piece.sql));
            }
            self.known.apply(piece, None, self.dialect);
            let made = made(&piece.sql, self.dialect).filter(|_| !piece.open && !piece.hinted);
            if let Some((kind, id)) = made {
                self.fresh.add_new(kind, &id);
            }
            all
        };
        if let Some(rule) = known {
            let unclear = [Rule::ChangeTrigger, Rule::ReplaceBody];
            all.iter_mut().filter(|e| unclear.contains(&e.rule)).for_each(|e| e.rule = rule);
        }
        match joint.get(&at) {
            Some(instead) if statements.is_some_and(|all| all.len() == 1) => instead.clone(),
            _ => all,
        }
    }

    /// The effects of a piece that is parsed. The operations of `ALTER TABLE` are judged one after the other.
    fn parsed(&mut self, piece: &RawStatement, statements: &[Statement]) -> Vec<StatementEffect> {
        let mut all = Vec::new();
        for statement in statements {
            for single in operations(statement) {
                let done = effects(&single, self.context());
                let only = std::slice::from_ref(&*single);
                self.fresh.follow(&single, &self.known, self.dialect);
                self.known.apply(piece, Some(only), self.dialect);
                // After such a statement a name may mean another table.
                if piece.hinted || done.iter().any(|effect| effect.rule == Rule::Unjudged) {
                    self.fresh.doubt(&words(&piece.sql));
                }
                all.extend(done);
            }
        }
        all
    }

    /// The effects of a piece that cannot be parsed as a whole, by its parts or by its words.
    fn unparsed(&self, piece: &RawStatement) -> Vec<StatementEffect> {
        if piece.open {
            return vec![StatementEffect::of(Rule::Unjudged)];
        }
        if let Some(inner) = block::inner(&piece.sql, self.dialect) {
            return inner.iter().flat_map(|part| self.of_inner(part, piece)).collect();
        }
        if let Some(parts) = separated(&piece.sql) {
            return parts.iter().flat_map(|part| self.of_text(part, piece)).collect();
        }
        self.of_text(&piece.sql, piece)
    }

    fn of_inner(&self, inner: &Inner, piece: &RawStatement) -> Vec<StatementEffect> {
        match inner {
            Inner::Statement(sql) => self.of_text(sql, piece),
            Inner::Assignment { value, .. } => self.of_text(&format!("SELECT {value}"), piece),
            // The block ends, and with an error the whole file.
            Inner::Return(_) | Inner::Refusal => Vec::new(),
            Inner::Unclear => vec![StatementEffect::of(Rule::Unjudged)],
        }
    }

    /// The effects of a text without what the statement does to later ones.
    fn of_text(&self, sql: &str, piece: &RawStatement) -> Vec<StatementEffect> {
        let part = RawStatement { sql: sql.to_owned(), ..piece.clone() };
        let context = self.context();
        let parsed = parse(&part, self.dialect).or_else(|| {
            let sql = repaired(sql)?;
            parse(&RawStatement { sql, ..piece.clone() }, self.dialect)
        });
        if let Some(statements) = parsed {
            statements.iter().flat_map(|s| effects(s, context)).collect()
        } else {
            let effect = recognise(&part, context);
            vec![effect.unwrap_or_else(|| StatementEffect::of(Rule::Unjudged))]
        }
    }

    fn context(&self) -> StatementContext<'_> {
        StatementContext {
            dialect: self.dialect,
            before: self.before,
            known: &self.known,
            end: &self.end,
            fresh: &self.fresh,
        }
    }
}

/// `ALTER TABLE` as one statement for each operation; any other statement as it is.
fn operations(statement: &Statement) -> Vec<Cow<'_, Statement>> {
    match statement {
        Statement::AlterTable(alter) if alter.operations.len() > 1 => alter
            .operations
            .iter()
            .map(|operation| {
                let operations = vec![operation.clone()];
                Cow::Owned(Statement::AlterTable(AlterTable { operations, ..alter.clone() }))
            })
            .collect(),
        other => vec![Cow::Borrowed(other)],
    }
}

/// True if a statement may change how the server reads strings. It has many forms, so any mention counts.
fn changes_string_syntax(sql: &str, dialect: Dialect) -> bool {
    dialect == Dialect::Mysql && sql.to_ascii_lowercase().contains("sql_mode")
}
