//! Finds the effects of `ALTER TABLE`, operation by operation.

use std::ops::ControlFlow;

use sqlparser::ast::{
    AlterColumnOperation, AlterTable, AlterTableOperation, BinaryOperator, ColumnDef, ColumnOption,
    DataType, Expr, ReferentialAction, TableConstraint, visit_expressions,
};

use super::super::columns::{Column, Shape, fills, is_null, is_serial};
use super::super::definitions::{key, schema_of, written};
use super::super::rule::Rule;
use super::super::{Dialect, Object, ObjectKind};
use super::{StatementContext, StatementEffect, dropped_index};

pub(super) fn effects(alter: &AlterTable, context: StatementContext<'_>) -> Vec<StatementEffect> {
    let (schema, table) = (schema_of(&alter.name), key(&alter.name));
    let done: Vec<StatementEffect> = alter
        .operations
        .iter()
        .flat_map(|operation| of_table(&schema, &table, operation, context))
        .collect();
    if !context.fresh.contains(&written(&alter.name)) {
        return done;
    }
    // An operation that is not listed may affect another table.
    let unlisted = done.iter().any(|effect| effect.rule == Rule::Unjudged);
    vec![StatementEffect::of(if unlisted { Rule::Unjudged } else { Rule::NewTable })]
}

fn of_table(
    schema: &str,
    table: &str,
    operation: &AlterTableOperation,
    context: StatementContext<'_>,
) -> Vec<StatementEffect> {
    type Op = AlterTableOperation;
    let constraint = |name: &str| {
        vec![StatementEffect::on(Rule::DropConstraint, ObjectKind::Constraint, Some(table), name)]
    };
    match operation {
        Op::AddColumn { column_def, .. } => added_column(table, column_def),
        Op::DropColumn { column_names, .. } => column_names
            .iter()
            .map(|name| {
                StatementEffect::on(Rule::DropColumn, ObjectKind::Column, Some(table), &name.value)
            })
            .collect(),
        Op::RenameColumn { old_column_name, .. } => {
            vec![renamed_column(table, &old_column_name.value)]
        }
        Op::RenameTable { .. } => {
            vec![StatementEffect::on(Rule::Rename, ObjectKind::Table, None, table)]
        }
        Op::AddConstraint { constraint, .. } => {
            vec![StatementEffect::of(added_constraint(constraint))]
        }
        Op::DropConstraint { name, .. } => match context.known.index(&name.value.to_lowercase()) {
            Some(index) if index.unique => {
                vec![dropped_index((schema, &name.value.to_lowercase()), Some(table), context)]
            }
            _ => constraint(&name.value),
        },
        Op::DropForeignKey { name, .. } => constraint(&name.value),
        Op::DropPrimaryKey { .. } => constraint("primary key"),
        Op::DropIndex { name } => {
            vec![dropped_index((schema, &name.value.to_lowercase()), Some(table), context)]
        }
        Op::AlterColumn { column_name, op } => {
            altered_column(table, &column_name.value, op, context)
        }
        Op::ModifyColumn { col_name, data_type, options, .. } => {
            modified(table, &col_name.value, data_type, options, context)
        }
        Op::ChangeColumn { old_name, new_name, data_type, options, .. } => {
            let mut effects = modified(table, &old_name.value, data_type, options, context);
            if !old_name.value.eq_ignore_ascii_case(&new_name.value) {
                effects.push(renamed_column(table, &old_name.value));
            }
            effects
        }
        _ => vec![StatementEffect::of(settings(operation))],
    }
}

/// The rule for an operation on the table as a whole.
fn settings(operation: &AlterTableOperation) -> Rule {
    type Op = AlterTableOperation;
    match operation {
        Op::ValidateConstraint { .. }
        | Op::ReplicaIdentity { .. }
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

fn renamed_column(table: &str, name: &str) -> StatementEffect {
    StatementEffect::on(Rule::Rename, ObjectKind::Column, Some(table), name)
}

/// The effects of a new column. Its default decides whether inserts of the code before still work; its references and
/// checks have rules of their own.
fn added_column(table: &str, column: &ColumnDef) -> Vec<StatementEffect> {
    let options = || column.options.iter().map(|option| &option.option);
    let name = &column.name.value;
    let new = Column::new(name, &column.data_type, &options());
    let computed = is_serial(&column.data_type) || options().any(is_computed);
    let base = match new.added() {
        Rule::AddColumn if computed => Rule::AddComputedColumn,
        rule => rule,
    };
    let constant = options().any(|o| matches!(o, ColumnOption::Default(_)) && fills(o));
    let mut effects = vec![StatementEffect::on(base, ObjectKind::Column, Some(table), name)];
    // A column derived from other columns depends on what the code before writes to them.
    let derived =
        options().any(|o| matches!(o, ColumnOption::Generated { generation_expr: Some(_), .. }));
    if new.unique && (derived || constant && !computed) {
        effects.push(StatementEffect::of(Rule::AddUnique));
    }
    if derived && new.required {
        effects.push(StatementEffect::on(Rule::SetNotNull, ObjectKind::Column, Some(table), name));
    }
    for option in options() {
        match option {
            ColumnOption::ForeignKey(reference) => {
                let follows = matches!(
                    reference.on_delete,
                    Some(ReferentialAction::Cascade | ReferentialAction::SetNull)
                );
                let rule = if follows { Rule::AddColumn } else { Rule::AddReferencingColumn };
                effects.push(StatementEffect::of(rule));
            }
            ColumnOption::Check(check) if derived || !is_about_alone(&check.expr, name) => {
                effects.push(StatementEffect::of(Rule::AddCheck));
            }
            _ => {}
        }
    }
    effects
}

/// True if the database may compute the value for each row: any value but a constant.
fn is_computed(option: &ColumnOption) -> bool {
    match option {
        ColumnOption::Default(value) => !is_constant(value),
        other => fills(other),
    }
}

fn is_constant(value: &Expr) -> bool {
    match value {
        Expr::Value(_) | Expr::TypedString(_) | Expr::Array(_) | Expr::Identifier(_) => true,
        Expr::Cast { expr, .. } | Expr::UnaryOp { expr, .. } | Expr::Nested(expr) => {
            is_constant(expr)
        }
        Expr::Function(function) => {
            let name = key(&function.name);
            ["now", "current_timestamp", "current_date"].contains(&name.as_str())
        }
        other => is_null(other),
    }
}

/// True if a check uses only the new column and passes if the column is left out.
fn is_about_alone(check: &Expr, column: &str) -> bool {
    let found = visit_expressions(check, |expr| match expr {
        Expr::Identifier(name) if name.value.eq_ignore_ascii_case(column) => {
            ControlFlow::Continue(())
        }
        Expr::BinaryOp { op, .. } if *op != BinaryOperator::Spaceship => ControlFlow::Continue(()),
        Expr::Value(_)
        | Expr::Nested(_)
        | Expr::InList { .. }
        | Expr::Between { .. }
        | Expr::Like { .. }
        | Expr::UnaryOp { .. }
        | Expr::Cast { .. } => ControlFlow::Continue(()),
        Expr::Function(function)
            if ["length", "char_length", "lower", "upper"]
                .contains(&function.name.to_string().to_lowercase().as_str()) =>
        {
            ControlFlow::Continue(())
        }
        _ => ControlFlow::Break(()),
    });
    found.is_continue()
}

fn added_constraint(constraint: &TableConstraint) -> Rule {
    match constraint {
        TableConstraint::ForeignKey(_) => Rule::AddForeignKey,
        TableConstraint::Check(_) => Rule::AddCheck,
        TableConstraint::Index(_) | TableConstraint::FulltextOrSpatial(_) => Rule::CreateIndex,
        // Keys, and constraints of other databases that refuse rows too.
        _ => Rule::AddUnique,
    }
}

fn altered_column(
    table: &str,
    column: &str,
    operation: &AlterColumnOperation,
    context: StatementContext<'_>,
) -> Vec<StatementEffect> {
    let on = |rule| StatementEffect::on(rule, ObjectKind::Column, Some(table), column);
    let known = context.known.column(table, &column.to_lowercase());
    vec![match operation {
        AlterColumnOperation::SetNotNull => on(Rule::SetNotNull),
        AlterColumnOperation::DropNotNull => on(Rule::DropNotNull),
        AlterColumnOperation::SetDefault { value } if !is_null(value) => on(Rule::SetDefault),
        // Without the default, inserts of the code before that leave the column out write NULL or fail.
        AlterColumnOperation::SetDefault { .. } | AlterColumnOperation::DropDefault => {
            on(Rule::DropDefault)
        }
        AlterColumnOperation::SetDataType { data_type, using, .. } => {
            let next = Shape::of(data_type);
            on(match known {
                Some(before) => match before.shape.becoming(&next, context.dialect) {
                    Some(Rule::ChangeType) => Rule::ChangeType,
                    // USING computes new values.
                    _ if using.is_some() => Rule::Unjudged,
                    rule => rule.unwrap_or(Rule::NoChange),
                },
                None if using.is_some() => Rule::ChangeType,
                None => next.reached(),
            })
        }
        AlterColumnOperation::AddGenerated { .. } => on(Rule::Unjudged),
    }]
}

/// `MODIFY` restates the whole column; without the earlier definition its effect is unknown.
fn modified(
    table: &str,
    name: &str,
    data_type: &DataType,
    options: &[ColumnOption],
    context: StatementContext<'_>,
) -> Vec<StatementEffect> {
    let object = || Object::new(ObjectKind::Column, Some(table), name);
    let next = Column::new(name, data_type, &options.iter());
    let Some(before) = context.known.column(table, &next.name) else {
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
