//! Finds what constraints, keys and references do to the writes of older code.

use sqlparser::ast::{CheckConstraint, ForeignKeyConstraint, ObjectName, TableConstraint};

use super::super::ObjectKind;
use super::super::columns::Column;
use super::super::expressions::{Fill, columns_of, holds_for_nulls};
use super::super::names::lower;
use super::super::rule::Rule;
use super::super::tables::{Constraint, ConstraintKind, Deleted, Reference, UniqueKey};
use super::StatementContext;

/// The rule for a constraint that is added to a table that older code writes.
pub(super) fn added(
    constraint: &TableConstraint,
    table: &str,
    context: StatementContext<'_>,
) -> Rule {
    let name = Constraint::of(constraint, table).name;
    let end = context.end.known_of(table);
    let is_refusing = !matches!(
        constraint,
        TableConstraint::UniqueUsingIndex(_) | TableConstraint::PrimaryKeyUsingIndex(_)
    );
    let is_gone = end.is_some_and(|end| end.constraint(&name, table).is_none());
    if is_refusing && is_gone && context.end.is_dropped(&name) {
        // The file drops it again.
        return Rule::NewObject;
    }
    match constraint {
        TableConstraint::ForeignKey(reference) => reference_added(reference, table, context),
        TableConstraint::Check(check) => check_added(check, table, context),
        TableConstraint::Index(_) | TableConstraint::FulltextOrSpatial(_) => Rule::CreateIndex,
        // The index refuses duplicates already.
        TableConstraint::UniqueUsingIndex(_) => Rule::AlreadyHeld,
        TableConstraint::PrimaryKeyUsingIndex(used) => {
            let index = lower(&used.index_name);
            let key = context
                .known
                .unique_indexes_of(table)
                .find(|(name, _)| *name == index)
                .and_then(|(_, index)| index.key.columns.clone());
            let is_required = |name: &String| {
                context.known.column(table, name).is_some_and(|column| column.required)
            };
            let held = key.is_some_and(|columns| columns.iter().all(is_required));
            if held { Rule::AlreadyHeld } else { Rule::SetNotNull }
        }
        TableConstraint::PrimaryKey(_) | TableConstraint::Unique(_) => {
            match Constraint::of(constraint, table).kind {
                ConstraintKind::Key(key) => {
                    let primary = matches!(constraint, TableConstraint::PrimaryKey(_));
                    key_added(&key, primary, table, context)
                }
                _ => Rule::AddUnique,
            }
        }
        // Constraints of other databases that refuse rows too.
        TableConstraint::Exclude(_) => Rule::AddUnique,
    }
}

/// The rule for a unique key over a table that older code writes.
pub(super) fn key_added(
    key: &UniqueKey,
    primary: bool,
    table: &str,
    context: StatementContext<'_>,
) -> Rule {
    let column = |name: &String| context.before.column(table, name);
    let all_required =
        || key.columns.iter().flatten().all(|name| column(name).is_some_and(|c| c.required));
    if context.before.keys(table).iter().any(|before| before.implies(key))
        && (!primary || all_required())
    {
        return Rule::AlreadyHeld;
    }
    // Rows of older code differ in a column that this file adds: by NULL, or by its default.
    let differs = |name: &String| {
        let is_new = context.fresh.has_part(ObjectKind::Column, table, name);
        let end = context.end.column(table, name);
        is_new
            && end.is_some_and(|column| match column.fill {
                None => !column.required && !key.counts_nulls && !primary,
                Some(fill) => fill == Fill::Distinct && !column.derived,
            })
    };
    if key.columns.iter().flatten().any(differs) { Rule::NewObject } else { Rule::AddUnique }
}

/// The rule for a check over a table that older code writes.
pub(super) fn check_added(
    check: &CheckConstraint,
    table: &str,
    context: StatementContext<'_>,
) -> Rule {
    let condition = check.expr.to_string();
    let before = context.before.known_of(table);
    if before.is_some_and(|table| table.checks().any(|held| implies(held, &condition))) {
        return Rule::AlreadyHeld;
    }
    if is_not_null(&condition)
        .and_then(|name| context.before.column(table, &name))
        .is_some_and(|column| column.required)
    {
        return Rule::AlreadyHeld;
    }
    let Some(columns) = columns_of(&check.expr).filter(|columns| !columns.is_empty()) else {
        return Rule::AddCheck;
    };
    let new = |name: &String| {
        let is_new = context.fresh.has_part(ObjectKind::Column, table, name);
        context.end.column(table, name).filter(|column| is_new && !column.derived)
    };
    let Some(columns) = columns.iter().map(new).collect::<Option<Vec<&Column>>>() else {
        return Rule::AddCheck;
    };
    // With a constant the check was made on the rows that are there.
    let passes = if columns.iter().all(|column| column.fill.is_none()) {
        holds_for_nulls(&check.expr)
    } else {
        columns.iter().all(|column| column.fill == Some(Fill::Constant))
    };
    if passes { Rule::NewObject } else { Rule::AddCheck }
}

/// The column of a condition that says only that it is not NULL.
pub(super) fn is_not_null(condition: &str) -> Option<String> {
    let column = condition.trim_matches(['(', ')']).strip_suffix(" IS NOT NULL")?;
    let column = column.trim_matches('"').to_lowercase();
    column.chars().all(|c| c.is_alphanumeric() || c == '_').then_some(column)
}

/// True if each row that meets the first condition meets the second: the same text, or a list of values with more.
pub(super) fn implies(narrow: &str, wide: &str) -> bool {
    let (Some((before, few)), Some((after, many))) = (listed(narrow), listed(wide)) else {
        return narrow == wide;
    };
    before == after && few.iter().all(|value| many.contains(value))
}

/// A condition without its list of values, and the values.
fn listed(condition: &str) -> Option<(String, Vec<&str>)> {
    let open = condition.find(" IN (").map(|at| at + " IN (".len());
    let open = open.or_else(|| condition.find("ARRAY[").map(|at| at + "ARRAY[".len()))?;
    let close = condition[open..].find([')', ']'])? + open;
    let values = condition[open..close].split(',').map(str::trim);
    Some((format!("{}{}", &condition[..open], &condition[close..]), values.collect()))
}

/// The rule for a reference of a table that older code writes.
fn reference_added(
    reference: &ForeignKeyConstraint,
    table: &str,
    context: StatementContext<'_>,
) -> Rule {
    let columns: Vec<_> = reference.columns.iter().map(lower).collect();
    let new = Reference::of(reference);
    let before = context.before.known_of(table);
    let held = before.and_then(|before| {
        before
            .references()
            .find(|(of, old)| *of == columns && old.table == new.table)
            .map(|(_, old)| old.on_delete)
    });
    if let Some(on_delete) = held {
        let alike = on_delete == new.on_delete;
        return if alike { Rule::AlreadyHeld } else { Rule::AddReferencingColumn };
    }
    let is_new = |name: &String| context.fresh.has_part(ObjectKind::Column, table, name);
    if columns.is_empty() || !columns.iter().all(is_new) {
        return Rule::AddForeignKey;
    }
    referring(reference, &columns, (table, false), context).unwrap_or(Rule::NewObject)
}

/// The rule for a reference of columns that this file makes, of an old or a new table: it may refuse or spread the
/// deletes of older code once new code has written. `None` if it does nothing.
pub(super) fn referring(
    reference: &ForeignKeyConstraint,
    columns: &[String],
    (table, new): (&str, bool),
    context: StatementContext<'_>,
) -> Option<Rule> {
    if !may_lose_rows(&reference.foreign_table, context) {
        return None;
    }
    let is_required =
        |name: &String| context.end.column(table, name).is_some_and(|column| column.required);
    let spreads = match Reference::of(reference).on_delete {
        Deleted::Refused => true,
        Deleted::Cascades => !new,
        Deleted::SetsNull => columns.iter().any(is_required),
    };
    spreads.then_some(Rule::AddReferencingColumn)
}

/// True if older code may delete rows of a table: it has the table, or a delete in another one cascades to it.
fn may_lose_rows(table: &ObjectName, context: StatementContext<'_>) -> bool {
    if !context.is_new_table(table) {
        return true;
    }
    let own = context.end.table(&context.id(table));
    own.is_some_and(|own| {
        own.references().any(|(_, to)| to.on_delete == Deleted::Cascades && !to.is_to(table))
    })
}
