//! Removes definitions that statements may have changed that cannot be parsed, and notes what their words show.

use sqlparser::ast::{AlterTableOperation, Statement, TableConstraint};

use super::super::Dialect;
use super::super::block::Inner;
use super::super::names::{bare, key};
use super::super::recognise::{changes_nothing, repaired};
use super::super::split::RawStatement;
use super::super::statement::parse;
use super::super::tables::Constraint;
use super::{SchemaDefinitions, words};

impl SchemaDefinitions {
    /// Removes the definitions that a statement may have changed that cannot be parsed. Unique indexes stay.
    fn doubt(&mut self, sql: &str) {
        let first = sql.split_whitespace().next().unwrap_or_default().to_lowercase();
        let about_rows = ["insert", "update", "delete", "replace", "truncate", "pragma", "refresh"];
        let about_no_definition = ["comment", "grant", "revoke", "notify", "set", "copy"];
        let harmless = about_rows.iter().chain(&about_no_definition);
        if harmless.into_iter().any(|word| *word == first) {
            return;
        }
        let text = if first == "create" {
            sql.split_inclusive(['(', ';']).next().unwrap_or(sql)
        } else {
            sql
        };
        let words = words(text);
        // It may change anything.
        let is_dynamic = first != "create" && (first == "call" || words.contains("execute"));
        if is_dynamic || first.starts_with('\\') && first.starts_with("\\i") {
            self.tables.clear();
            self.parts.clear();
            self.functions.clear();
            self.bodies.clear();
            self.indexes.retain(|_, index| index.unique);
            return;
        }
        self.tables.retain(|id, _| !words.contains(&bare(id)));
        self.parts.retain(|id, _| !words.contains(&bare(id)));
        self.functions.retain(|id, _| !words.contains(&bare(id)));
        self.others.retain(|(_, id), _| !words.contains(&bare(id)));
        let drops = words.contains("drop");
        // An index that is not named goes at most along with its table, so that a later statement about it is about this one.
        self.indexes.retain(|(name, _), index| !words.contains(name) || index.unique && !drops);
    }

    /// Applies a statement that cannot be parsed as it stands.
    pub(super) fn apply_part(&mut self, sql: &str, dialect: Dialect) {
        if changes_nothing(sql, dialect) {
            return;
        }
        let parsed = |sql: &str| {
            let piece = RawStatement { line: 1, sql: sql.to_owned(), open: false, hinted: false };
            parse(&piece, dialect)
        };
        match parsed(sql).or_else(|| parsed(&repaired(sql)?)) {
            Some(statements) => statements.iter().for_each(|s| self.follow(s, dialect)),
            None => self.doubt(sql),
        }
    }

    /// Removes what a statement of a block may have changed. It may have run or not.
    pub(super) fn doubt_inner(&mut self, inner: &Inner, dialect: Dialect) {
        let sql = match inner {
            Inner::Statement(sql) => sql,
            Inner::Unclear => return self.doubt("CALL"),
            Inner::Assignment { .. } | Inner::Return(_) | Inner::Refusal => return,
        };
        let piece = RawStatement { line: 1, sql: sql.clone(), open: false, hinted: false };
        let statements = parse(&piece, dialect).unwrap_or_default();
        for statement in &statements {
            self.forget_dropped(statement);
        }
        let keeps = |statement: &Statement| match statement {
            Statement::AlterTable(alter) => alter.operations.iter().all(|operation| {
                matches!(
                    operation,
                    AlterTableOperation::AddConstraint {
                        constraint: TableConstraint::ForeignKey(_) | TableConstraint::Check(_),
                        ..
                    }
                )
            }),
            Statement::CreateType { .. } | Statement::CreateIndex(_) | Statement::Query(_) => true,
            _ => false,
        };
        if statements.is_empty() || !statements.iter().all(keeps) {
            self.doubt(sql);
        }
    }

    /// A block may make again what was dropped.
    fn forget_dropped(&mut self, statement: &Statement) {
        match statement {
            Statement::AlterTable(alter) => {
                let table = key(&alter.name);
                for operation in &alter.operations {
                    if let AlterTableOperation::AddConstraint { constraint, .. } = operation {
                        self.dropped.remove(&Constraint::of(constraint, &table).name);
                    }
                }
            }
            Statement::CreateIndex(index) => {
                self.dropped.retain(|name| index.name.as_ref().is_none_or(|n| key(n) != *name));
            }
            _ => {}
        }
    }
}
