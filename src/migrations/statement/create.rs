//! Finds the effects of statements that make tables, indexes, views, functions and triggers.

use sqlparser::ast::{
    ColumnOption, CreateFunction, CreateIndex, CreateTable, Expr, ObjectName, Statement,
    TableConstraint,
};

use super::super::ObjectKind;
use super::super::columns::is_derived;
use super::super::definitions::Signature;
use super::super::expressions::{calls_others, may_fail};
use super::super::names::{key as key_name, lower};
use super::super::rule::Rule;
use super::super::tables::UniqueKey;
use super::{StatementContext, StatementEffect, alter, constraints, nested};

pub(super) fn table(table: &CreateTable, context: StatementContext<'_>) -> Vec<StatementEffect> {
    if table.temporary {
        return vec![StatementEffect::of(nested::worst_inside(&table.query).max(Rule::NewObject))];
    }
    if table.or_replace {
        let name = key_name(&table.name);
        return vec![StatementEffect::on(Rule::DropObject, ObjectKind::Table, None, &name)];
    }
    // The query that fills the table runs at once.
    let made = nested::worst_inside(&table.query).max(Rule::CreateObject);
    let mut rules = vec![made];
    rules.extend(references(table, context));
    if table.partition_of.is_some() {
        rules.extend(partition(table, context));
    }
    rules.sort_unstable();
    rules.dedup();
    rules.into_iter().map(StatementEffect::of).collect()
}

/// What the references of a new table do to the deletes of older code.
fn references(table: &CreateTable, context: StatementContext<'_>) -> Vec<Rule> {
    let id = context.id(&table.name);
    let rule = |reference, columns: &[String]| {
        constraints::referring(reference, columns, (&id, true), context)
    };
    let of_columns = table.columns.iter().flat_map(|column| {
        let name = [lower(&column.name)];
        column.options.iter().filter_map(move |option| match &option.option {
            ColumnOption::ForeignKey(to) if !alter::is_ignored(to, context) => rule(to, &name),
            _ => None,
        })
    });
    let of_table = table.constraints.iter().filter_map(|constraint| match constraint {
        TableConstraint::ForeignKey(reference) => {
            let columns: Vec<_> = reference.columns.iter().map(lower).collect();
            rule(reference, &columns)
        }
        _ => None,
    });
    of_columns.chain(of_table).collect()
}

/// Rows of older code are routed to a new partition, so that its constraints refuse them.
fn partition(table: &CreateTable, context: StatementContext<'_>) -> Vec<Rule> {
    let id = context.id(&table.name);
    let own = table.constraints.iter().map(|one| constraints::added(one, &id, context));
    let options = table.columns.iter().flat_map(|column| &column.options);
    let of_columns = options.filter_map(|option| match &option.option {
        ColumnOption::NotNull => Some(Rule::SetNotNull),
        ColumnOption::Check(_) => Some(Rule::AddCheck),
        ColumnOption::Unique(_) | ColumnOption::PrimaryKey(_) => Some(Rule::AddUnique),
        ColumnOption::ForeignKey(_) => Some(Rule::AddForeignKey),
        option if is_derived(option) => Some(Rule::ComputeOnWrite),
        _ => None,
    });
    own.chain(of_columns).collect()
}

pub(super) fn index(index: &CreateIndex, context: StatementContext<'_>) -> Vec<StatementEffect> {
    let name = &index.table_name;
    if context.is_new_table(name) || context.is_new(ObjectKind::View, name) {
        return vec![StatementEffect::of(Rule::NewTable)];
    }
    let table = context.id(name);
    let key = UniqueKey {
        partial: index.predicate.is_some(),
        counts_nulls: index.nulls_distinct == Some(false),
        ..UniqueKey::of(&index.columns)
    };
    let unique = || constraints::key_added(&key, false, &table, context);
    let dropped_again =
        index.name.as_ref().is_some_and(|name| context.end.is_dropped(&key_name(name)));
    let mut rules = vec![match (index.unique, dropped_again) {
        (true, true) => Rule::NewObject,
        (true, false) => unique(),
        (false, _) => Rule::CreateIndex,
    }];
    let expressions = index.columns.iter().map(|column| &column.column.expr);
    let is_new = |expr: &Expr| alter::is_about_new_columns(expr, &table, context);
    if expressions.chain(&index.predicate).any(|expr| may_fail(expr) && !is_new(expr)) {
        rules.push(Rule::ComputeOnWrite);
    }
    rules.into_iter().map(StatementEffect::of).collect()
}

/// The effect of a statement that makes or changes a view, a function, a procedure or a trigger.
pub(super) fn routine(
    statement: &Statement,
    context: StatementContext<'_>,
) -> Option<StatementEffect> {
    Some(match statement {
        Statement::CreateView(view) if view.or_replace || view.or_alter => StatementEffect::on(
            replaced(ObjectKind::View, &view.name, context),
            ObjectKind::View,
            None,
            &key_name(&view.name),
        ),
        Statement::CreateView(view) if view.materialized => {
            StatementEffect::of(match nested::worst_inside(&view.query) {
                Rule::NoChange => Rule::CreateRoutine,
                worse => worse,
            })
        }
        Statement::CreateView(_) | Statement::CreateProcedure { or_alter: false, .. } => {
            StatementEffect::of(Rule::CreateRoutine)
        }
        Statement::CreateFunction(made) => {
            let name = key_name(&made.name);
            StatementEffect::on(function(made, context), ObjectKind::Function, None, &name)
        }
        Statement::AlterView { name, .. } => {
            let is_new = context.is_new(ObjectKind::View, name);
            let rule = if is_new { Rule::NewObject } else { Rule::ReplaceBody };
            StatementEffect::on(rule, ObjectKind::View, None, &key_name(name))
        }
        Statement::CreateTrigger(trigger) => {
            let is_new = context.is_new_table(&trigger.table_name)
                || context.is_new(ObjectKind::View, &trigger.table_name);
            let rule = if is_new { Rule::NewObject } else { Rule::ChangeTrigger };
            StatementEffect::on(rule, ObjectKind::Trigger, None, &key_name(&trigger.name))
        }
        _ => return None,
    })
}

/// The rule for what replaces an object of its name, if there is one.
pub(in super::super) fn replaced(
    kind: ObjectKind,
    name: &ObjectName,
    context: StatementContext<'_>,
) -> Rule {
    if context.is_new(kind, name) {
        Rule::NewObject
    } else if context.known.is_unheard_of(name) {
        Rule::CreateRoutine
    } else {
        Rule::ReplaceBody
    }
}

/// A new function of a known name may make the calls of older code ambiguous.
fn function(made: &CreateFunction, context: StatementContext<'_>) -> Rule {
    let known = context.known.signatures(&context.id(&made.name));
    let signature = Signature::of(made.args.as_deref().unwrap_or_default());
    let is_new = context.is_new(ObjectKind::Function, &made.name);
    let is_other = !known.is_empty() && known.iter().all(|one| one.types != signature.types);
    if is_other {
        let ambiguous = !is_new && known.iter().any(|one| one.overlaps(&signature));
        return if ambiguous { Rule::ReplaceBody } else { Rule::CreateRoutine };
    }
    if made.or_replace || made.or_alter {
        replaced(ObjectKind::Function, &made.name, context)
    } else {
        Rule::CreateRoutine
    }
}

/// True if a default may fail, for all that its text shows.
pub(super) fn default_may_fail(default: &Expr) -> bool {
    let known = |name: &str| nested::is_harmless(name) && name != "current_setting";
    calls_others(default, known)
}
