//! Judges a file: its statements in order, each with the definitions before it.

use std::borrow::Cow;
use std::collections::BTreeSet;

use sqlparser::ast::{AlterTable, AlterTableOperation, RenameTableNameKind, Statement};

use super::definitions::{SchemaDefinitions, moves_names, written};
use super::header::Header;
use super::joint::{JointEffects, joint_effects};
use super::recognise::recognise;
use super::rule::Rule;
use super::split::{RawStatement, split};
use super::statement::{StatementContext, StatementEffect, effects, parse};
use super::{
    Dialect, FileChange, JudgedMigration, JudgedStatement, MigrationFile, Tool, code, layout,
    sections,
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
    let text = lines_ended(file.text, dialect);
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
        Judge::of(&up, dialect, known).run()
    };
    let (path, change) = (file.path.to_owned(), file.change);
    JudgedMigration { path, tool, change, statements, declared, faults }
}

/// The text with `\n` line ends. Only in `PostgreSQL` a lone carriage return ends a line, and with it a comment.
pub(super) fn lines_ended(text: &str, dialect: Dialect) -> Cow<'_, str> {
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
    /// The tables that this file created, by their full names as written. No code uses them yet.
    fresh: BTreeSet<String>,
    /// True if the file may have changed how the server reads strings, which the splitter does not follow.
    strings_unclear: bool,
    pieces: Vec<RawStatement>,
    cut: Option<u32>,
    in_transaction: bool,
}

impl<'k> Judge<'k> {
    fn of(text: &str, dialect: Dialect, before: &'k SchemaDefinitions) -> Self {
        let mut pieces = split(text, dialect);
        let cut = pieces.get(MOST_STATEMENTS).map(|piece| piece.line);
        pieces.truncate(MOST_STATEMENTS);
        let lower = text[..text.floor_char_boundary(400)].to_ascii_lowercase();
        let alone = ["no-transaction", "no transaction", "transaction:false"];
        Self {
            dialect,
            known: before.clone(),
            before,
            fresh: BTreeSet::new(),
            strings_unclear: false,
            pieces,
            cut,
            in_transaction: !alone.iter().any(|marker| lower.contains(marker)),
        }
    }

    fn run(mut self) -> Vec<JudgedStatement> {
        let pieces = std::mem::take(&mut self.pieces);
        let parsed: Vec<_> = pieces.iter().map(|piece| parse(piece, self.dialect)).collect();
        let flat: Vec<(usize, &Statement)> = parsed
            .iter()
            .enumerate()
            .flat_map(|(at, statements)| statements.iter().flatten().map(move |s| (at, s)))
            .collect();
        let joint = joint_effects(&flat, self.before, self.dialect, self.in_transaction);
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
        let Some(statements) = statements else {
            let effect = recognise(piece, self.context());
            let effect = effect.unwrap_or_else(|| StatementEffect::of(Rule::Unjudged));
            if !matches!(effect.rule, Rule::NoChange | Rule::WriteData) {
                self.fresh.clear();
                self.known.doubt(&piece.sql);
            }
            return vec![effect];
        };
        let mut all = Vec::new();
        for statement in statements {
            let done = effects(statement, self.context());
            if piece.hinted {
                // Some versions of the server do not run the hinted part.
                self.fresh.clear();
                self.known.doubt(&piece.sql);
            } else {
                self.follow(statement, &done);
            }
            all.extend(done);
        }
        match joint.get(&at) {
            Some(instead) if statements.len() == 1 => instead.clone(),
            _ => all,
        }
    }

    fn context(&self) -> StatementContext<'_> {
        StatementContext { dialect: self.dialect, known: &self.known, fresh: &self.fresh }
    }

    fn follow(&mut self, statement: &Statement, effects: &[StatementEffect]) {
        match statement {
            Statement::CreateTable(table) => {
                let may_be_there = table.or_replace || table.if_not_exists || table.temporary;
                if !may_be_there {
                    self.fresh.insert(written(&table.name));
                }
            }
            Statement::Drop { names, .. } => {
                for name in names {
                    self.fresh.remove(&written(name));
                }
            }
            Statement::AlterTable(alter) => self.follow_rename(alter),
            _ => {}
        }
        // After such a statement a name may mean another table.
        if effects.iter().any(|effect| effect.rule == Rule::Unjudged) || moves_names(statement) {
            self.fresh.clear();
        }
        self.known.follow(statement);
    }

    fn follow_rename(&mut self, alter: &AlterTable) {
        for operation in &alter.operations {
            let AlterTableOperation::RenameTable { table_name } = operation else { continue };
            let (RenameTableNameKind::As(to) | RenameTableNameKind::To(to)) = table_name;
            // With a schema on one side only, databases differ on the schema of the new name.
            if self.fresh.remove(&written(&alter.name))
                && alter.name.0.len() == 1
                && to.0.len() == 1
            {
                self.fresh.insert(written(to));
            }
        }
    }
}

/// True if a statement may change how the server reads strings. It has many forms, so any mention counts.
fn changes_string_syntax(sql: &str, dialect: Dialect) -> bool {
    dialect == Dialect::Mysql && sql.to_ascii_lowercase().contains("sql_mode")
}
