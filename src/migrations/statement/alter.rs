//! Finds the effects of `ALTER TABLE`, operation by operation.

use sqlparser::ast::{
    AlterColumnOperation, AlterTable, AlterTableOperation, ColumnDef, ColumnOption, DataType, Expr,
    ForeignKeyConstraint, ReplicaIdentity, TableConstraint,
};

use super::super::columns::{Column, Shape, is_uncomparable};
use super::super::expressions::{Fill, columns_of, fill, is_null, may_fail};
use super::super::names::{key, lower};
use super::super::rule::Rule;
use super::super::tables::{ConstraintKind, UniqueKey};
use super::super::{Dialect, Object, ObjectKind};
use super::{StatementContext, StatementEffect, constraints, create, dropped_index, removed};

/// A text of so many characters holds whatever a column has.
const LONG_TEXT: u64 = 16_000;

/// The table of a statement.
#[derive(Clone, Copy)]
struct AlteredTable<'a> {
    /// As it is shown.
    name: &'a str,
    id: &'a str,
    context: StatementContext<'a>,
}

pub(super) fn effects(alter: &AlterTable, context: StatementContext<'_>) -> Vec<StatementEffect> {
    let (name, id) = (key(&alter.name), context.id(&alter.name));
    let target = AlteredTable { name: &name, id: &id, context };
    let operations = alter.operations.iter();
    let takes_away = |operation: &AlterTableOperation| {
        matches!(
            operation,
            AlterTableOperation::DropColumn { .. }
                | AlterTableOperation::RenameColumn { .. }
                | AlterTableOperation::RenameTable { .. }
        )
    };
    let is_new = if operations.clone().any(takes_away) {
        context.is_surely_new_table(&alter.name)
    } else {
        context.is_new_table(&alter.name)
    };
    if is_new {
        return operations.flat_map(|operation| target.new_table(operation)).collect();
    }
    operations.flat_map(|operation| target.operation(operation)).collect()
}

impl AlteredTable<'_> {
    fn on(&self, rule: Rule, column: &str) -> StatementEffect {
        StatementEffect::on(rule, ObjectKind::Column, Some(self.name), column)
    }

    fn is_new(&self, column: &str) -> bool {
        self.context.fresh.has_part(ObjectKind::Column, self.id, &column.to_lowercase())
    }

    /// The column before the statement.
    fn column(&self, name: &str) -> Option<&Column> {
        self.context.known.column(self.id, &name.to_lowercase())
    }

    /// The column after the file.
    fn last(&self, name: &str) -> Option<&Column> {
        self.context.end.column(self.id, &name.to_lowercase())
    }

    /// The effects on a table that this file made. An operation that is not listed may affect another table.
    fn new_table(&self, operation: &AlterTableOperation) -> Vec<StatementEffect> {
        type Op = AlterTableOperation;
        let refers = |to: &ForeignKeyConstraint, columns: &[String]| {
            constraints::referring(to, columns, (self.id, true), self.context)
        };
        let rule = match operation {
            Op::AddConstraint { constraint: TableConstraint::ForeignKey(reference), .. } => {
                let columns: Vec<_> = reference.columns.iter().map(lower).collect();
                refers(reference, &columns)
            }
            Op::AddColumn { column_def, .. } => {
                column_def.options.iter().find_map(|option| match &option.option {
                    ColumnOption::ForeignKey(to) => refers(to, &[lower(&column_def.name)]),
                    _ => None,
                })
            }
            Op::OwnerTo { .. } | Op::SetLogged | Op::SetUnlogged | Op::RenameConstraint { .. } => {
                None
            }
            other => self
                .operation(other)
                .iter()
                .any(|effect| effect.rule == Rule::Unjudged)
                .then_some(Rule::Unjudged),
        };
        vec![StatementEffect::of(rule.unwrap_or(Rule::NewTable))]
    }

    fn operation(&self, operation: &AlterTableOperation) -> Vec<StatementEffect> {
        type Op = AlterTableOperation;
        let context = self.context;
        let dropped = |name: &str| removed::constraint(name, (self.name, self.id), context);
        match operation {
            Op::AddColumn { column_def, if_not_exists, .. } => {
                let is_there = self.column(&column_def.name.value).is_some();
                if *if_not_exists && is_there && !self.is_new(&column_def.name.value) {
                    return vec![self.on(Rule::AlreadyHeld, &column_def.name.value)];
                }
                self.added_column(column_def)
            }
            Op::DropColumn { column_names, .. } => {
                let rule =
                    |name: &str| if self.is_new(name) { Rule::NewObject } else { Rule::DropColumn };
                column_names.iter().map(|name| self.on(rule(&name.value), &name.value)).collect()
            }
            Op::RenameColumn { old_column_name, .. } => vec![self.renamed(&old_column_name.value)],
            Op::RenameTable { .. } => {
                vec![StatementEffect::on(Rule::Rename, ObjectKind::Table, None, self.name)]
            }
            Op::AddConstraint { constraint, .. } => {
                vec![StatementEffect::of(constraints::added(constraint, self.id, context))]
            }
            Op::DropConstraint { name, .. } | Op::DropForeignKey { name, .. } => {
                vec![dropped(&name.value)]
            }
            Op::DropPrimaryKey { .. } => vec![dropped("primary key")],
            Op::RenameConstraint { old_name, .. } => {
                let name = lower(old_name);
                let known = context.known.known_of(self.id);
                let rule = match known.and_then(|table| table.constraint(&name, self.id)) {
                    Some(ConstraintKind::Check(_) | ConstraintKind::Reference(..)) => {
                        Rule::AlreadyHeld
                    }
                    _ => Rule::RenameIndex,
                };
                vec![StatementEffect::on(rule, ObjectKind::Constraint, Some(self.name), &name)]
            }
            Op::DropIndex { name } => {
                vec![dropped_index(("", &lower(name)), Some(self.id), context)]
            }
            Op::AlterColumn { column_name, op } => self.altered_column(&column_name.value, op),
            Op::ModifyColumn { col_name, data_type, options, .. } => {
                self.modified(&col_name.value, data_type, options)
            }
            Op::ChangeColumn { old_name, new_name, data_type, options, .. } => {
                let mut effects = self.modified(&old_name.value, data_type, options);
                if !old_name.value.eq_ignore_ascii_case(&new_name.value) {
                    effects.push(self.renamed(&old_name.value));
                }
                effects
            }
            Op::ReplicaIdentity { identity } => {
                vec![StatementEffect::of(self.identity(identity))]
            }
            _ => vec![StatementEffect::of(settings(operation))],
        }
    }

    /// Without an identity, a publication refuses the updates and deletes of older code.
    fn identity(&self, identity: &ReplicaIdentity) -> Rule {
        let has_key = || !self.context.known.keys(self.id).is_empty();
        match identity {
            ReplicaIdentity::Nothing => Rule::Unjudged,
            ReplicaIdentity::Default if !has_key() => Rule::Unjudged,
            _ => Rule::NoChange,
        }
    }

    fn renamed(&self, name: &str) -> StatementEffect {
        self.on(if self.is_new(name) { Rule::NewObject } else { Rule::Rename }, name)
    }

    /// The effects of a new column. Its default decides whether inserts of the code before still work; its references and
    /// checks have rules of their own.
    fn added_column(&self, column: &ColumnDef) -> Vec<StatementEffect> {
        let options = || column.options.iter().map(|option| &option.option);
        let name = &column.name.value;
        let dialect = self.context.dialect;
        let new = Column::new(name, &column.data_type, &options(), dialect);
        // A later statement of the file may give or take the default.
        let last = self.last(name).filter(|_| self.is_new_in_end(name));
        let filled_later = last.is_some_and(|last| last.fill.is_some());
        let computed = matches!(new.fill, Some(Fill::Computed | Fill::Distinct));
        let base = match new.added() {
            Rule::AddRequiredColumn if filled_later => Rule::AddColumn,
            Rule::AddColumn if computed => Rule::AddComputedColumn,
            rule => rule,
        };
        let mut effects = vec![self.on(base, name)];
        if dialect == Dialect::Postgres && is_uncomparable(&column.data_type) {
            effects.push(self.on(Rule::AddUncomparableColumn, name));
        }
        let distinct = last.unwrap_or(&new).fill.is_none_or(|fill| fill == Fill::Distinct);
        if new.unique && (new.derived || !distinct) {
            effects.push(StatementEffect::of(Rule::AddUnique));
        }
        if new.derived && new.required {
            effects.push(self.on(Rule::SetNotNull, name));
        }
        effects.extend(options().filter_map(|option| self.column_option(&new, option)));
        effects
    }

    /// True if the column of this name at the end is one that this file added.
    fn is_new_in_end(&self, name: &str) -> bool {
        self.context.before.column(self.id, &name.to_lowercase()).is_none()
    }

    /// The effect of one option of a new column, beside those that make its value.
    fn column_option(&self, new: &Column, option: &ColumnOption) -> Option<StatementEffect> {
        let rule = match option {
            ColumnOption::ForeignKey(reference) if !is_ignored(reference, self.context) => {
                constraints::referring(
                    reference,
                    std::slice::from_ref(&new.name),
                    (self.id, false),
                    self.context,
                )
            }
            ColumnOption::Check(_) if new.derived => Some(Rule::AddCheck),
            ColumnOption::Check(check) => {
                // The column is not noted as new before its statement.
                let alone = columns_of(&check.expr)
                    .is_some_and(|all| all.iter().all(|name| *name == new.name));
                let passes = match new.fill {
                    None => super::super::expressions::holds_for_nulls(&check.expr),
                    Some(Fill::Constant) => true,
                    Some(_) => false,
                };
                let added = || constraints::check_added(check, self.id, self.context);
                if alone && passes { None } else { Some(added()) }
            }
            ColumnOption::Generated { generation_expr: Some(expr), .. } => {
                let limited = match new.shape {
                    Shape::Text(Some(most)) => most < LONG_TEXT,
                    Shape::Whole { .. } | Shape::Decimal(Some(_)) => true,
                    _ => false,
                };
                (limited || may_fail(expr)).then_some(Rule::ComputeOnWrite)
            }
            ColumnOption::Default(value) if create::default_may_fail(value) => {
                Some(Rule::ComputeOnWrite)
            }
            _ => None,
        };
        rule.filter(|rule| *rule != Rule::NewObject).map(StatementEffect::of)
    }

    fn altered_column(
        &self,
        column: &str,
        operation: &AlterColumnOperation,
    ) -> Vec<StatementEffect> {
        let known = self.column(column);
        let rule = match operation {
            AlterColumnOperation::SetNotNull => self.required(column),
            AlterColumnOperation::DropNotNull => match known {
                _ if self.is_new(column) => Rule::NewObject,
                Some(known) if !known.required => Rule::AlreadyHeld,
                _ => Rule::DropNotNull,
            },
            AlterColumnOperation::SetDefault { value } if !is_null(value) => {
                return self.default_set(column, value);
            }
            // Without the default, inserts of the code before that leave the column out write NULL or fail.
            AlterColumnOperation::SetDefault { .. } | AlterColumnOperation::DropDefault => {
                self.default_dropped(column)
            }
            AlterColumnOperation::SetDataType { data_type, using, .. } => match known {
                _ if self.is_new(column) => Rule::NewObject,
                _ => self.typed(column, data_type, using.as_ref()),
            },
            AlterColumnOperation::AddGenerated { .. } => Rule::Unjudged,
        };
        vec![self.on(rule, column)]
    }

    fn required(&self, column: &str) -> Rule {
        let name = column.to_lowercase();
        let filled = self.last(column).is_some_and(|last| last.fill.is_some());
        let before = self.context.before.known_of(self.id);
        let refused_null = before.is_some_and(|before| {
            before.column(&name).is_some_and(|column| column.required)
                || before
                    .checks()
                    .any(|check| constraints::is_not_null(check).as_deref() == Some(name.as_str()))
        });
        if self.is_new(column) && filled {
            Rule::NewObject
        } else if refused_null {
            Rule::AlreadyHeld
        } else {
            Rule::SetNotNull
        }
    }

    /// A default makes the rows of inserts equal that left the column out before.
    fn default_set(&self, column: &str, value: &Expr) -> Vec<StatementEffect> {
        let mut effects = vec![self.on(Rule::SetDefault, column)];
        let alone = UniqueKey::of_column(&column.to_lowercase());
        let keys = self.context.end.keys(self.id);
        let is_key = keys.iter().any(|key| key.columns == alone.columns);
        if is_key && fill(value) != Some(Fill::Distinct) {
            effects.push(self.on(Rule::AddUnique, column));
        }
        if create::default_may_fail(value) {
            effects.push(self.on(Rule::ComputeOnWrite, column));
        }
        effects
    }

    fn default_dropped(&self, column: &str) -> Rule {
        let last = self.last(column);
        let before = self.context.before.column(self.id, &column.to_lowercase());
        if self.is_new(column) {
            let breaks = last.is_none_or(|last| last.required && last.fill.is_none());
            return if breaks { Rule::DropDefault } else { Rule::NewObject };
        }
        if before.is_some_and(|before| before.fill.is_none()) {
            Rule::AlreadyHeld
        } else if last.is_some_and(|last| last.fill.is_some()) {
            Rule::SetDefault
        } else {
            Rule::DropDefault
        }
    }

    fn typed(&self, column: &str, data_type: &DataType, using: Option<&Expr>) -> Rule {
        // The cast that the change makes anyway.
        let using = using.filter(|using| !is_plain_cast(using, column, data_type));
        let next = Shape::of(data_type, self.context.dialect);
        match self.column(column) {
            Some(before) => match before.shape.becoming(&next, self.context.dialect) {
                Some(Rule::ChangeType) => Rule::ChangeType,
                // USING computes new values.
                _ if using.is_some() => Rule::Unjudged,
                rule => rule.unwrap_or(Rule::NoChange),
            },
            None if using.is_some() => Rule::ChangeType,
            None => next.reached(),
        }
    }

    /// `MODIFY` restates the whole column; without the earlier definition its effect is unknown.
    fn modified(
        &self,
        name: &str,
        data_type: &DataType,
        options: &[ColumnOption],
    ) -> Vec<StatementEffect> {
        let object = || Object::new(ObjectKind::Column, Some(self.name), name);
        if self.is_new(name) {
            let last = self.last(name);
            let breaks = last.is_some_and(|last| last.required && last.fill.is_none());
            return vec![self.on(if breaks { Rule::SetNotNull } else { Rule::NewObject }, name)];
        }
        let next = Column::new(name, data_type, &options.iter(), Dialect::Mysql);
        let Some(before) = self.column(name) else {
            return vec![StatementEffect { rule: Rule::ModifyColumn, objects: vec![object()] }];
        };
        // MODIFY keeps the keys and checks that it does not name.
        let checks = before.checks.iter().chain(&next.checks).cloned().collect();
        let next = Column { unique: next.unique || before.unique, checks, ..next };
        let mut rules = before.becoming(&next, Dialect::Mysql);
        if before.rest != next.rest {
            rules.push(Rule::ModifyColumn);
        }
        if rules.is_empty() {
            rules.push(Rule::RestateColumn);
        }
        rules.into_iter().map(|rule| StatementEffect { rule, objects: vec![object()] }).collect()
    }
}

/// The rule for an operation on the table as a whole.
fn settings(operation: &AlterTableOperation) -> Rule {
    type Op = AlterTableOperation;
    match operation {
        Op::ValidateConstraint { .. }
        | Op::SetLogged
        | Op::SetOptionsParens { .. }
        | Op::Algorithm { .. }
        | Op::Lock { .. }
        | Op::AutoIncrement { .. } => Rule::NoChange,
        Op::EnableRowLevelSecurity | Op::ForceRowLevelSecurity => Rule::Revoke,
        Op::DisableRowLevelSecurity | Op::NoForceRowLevelSecurity => Rule::ChangePolicy,
        Op::DisableTrigger { .. }
        | Op::EnableTrigger { .. }
        | Op::EnableAlwaysTrigger { .. }
        | Op::EnableReplicaTrigger { .. }
        | Op::DisableRule { .. }
        | Op::EnableRule { .. }
        | Op::EnableAlwaysRule { .. }
        | Op::EnableReplicaRule { .. } => Rule::ChangeTrigger,
        _ => Rule::Unjudged,
    }
}

/// True if an expression uses only columns that this file added and that older code leaves NULL.
pub(super) fn is_about_new_columns(
    expr: &Expr,
    table: &str,
    context: StatementContext<'_>,
) -> bool {
    let is_null = |name: &String| {
        let last = context.end.column(table, name);
        context.fresh.has_part(ObjectKind::Column, table, name)
            && last.is_some_and(|last| last.fill.is_none())
    };
    columns_of(expr).is_some_and(|columns| columns.iter().all(is_null))
}

/// True if no server of the family keeps a reference that stands at its column: `MySQL` ignores it, and `MariaDB` refuses it
/// over a column without a key.
pub(super) fn is_ignored(reference: &ForeignKeyConstraint, context: StatementContext<'_>) -> bool {
    let table = context.id(&reference.foreign_table);
    let is_keyed = |columns: &[String]| {
        context.known.keys(&table).iter().any(|key| key.columns.as_deref() == Some(columns))
    };
    let columns: Vec<_> = reference.referred_columns.iter().map(lower).collect();
    context.dialect == Dialect::Mysql
        && context.known.table(&table).is_some()
        && !is_keyed(&columns)
}

/// True for `column` or `column::type`.
fn is_plain_cast(using: &Expr, column: &str, data_type: &DataType) -> bool {
    match using {
        Expr::Identifier(name) => name.value.eq_ignore_ascii_case(column),
        Expr::Nested(inner) => is_plain_cast(inner, column, data_type),
        Expr::Cast { expr, data_type: to, .. } => {
            to.to_string().eq_ignore_ascii_case(&data_type.to_string())
                && is_plain_cast(expr, column, data_type)
        }
        _ => false,
    }
}
