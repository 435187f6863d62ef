//! Finds what a statement does to rows, which a rollback does not undo.

use sqlparser::ast::{
    CopySource, CopyTarget, FromTable, ObjectName, Query, SetExpr, Statement, TableFactor,
    TableObject, TableWithJoins,
};

use super::super::rule::Rule;
use super::{StatementContext, nested};

/// The effect of a statement that changes rows, or of a query, which may.
pub(super) fn effect(statement: &Statement, context: StatementContext<'_>) -> Option<Rule> {
    let is_new = |name: &ObjectName| context.is_new_table(name);
    let all_new = match statement {
        Statement::Insert(insert) => match &insert.table {
            TableObject::TableName(name) => is_new(name),
            _ => false,
        },
        Statement::Update(update) => is_new_relation(&update.table, context),
        Statement::Delete(delete) => {
            let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
            let [table] = from.as_slice() else { return Some(Rule::WriteData) };
            delete.tables.is_empty() && is_new_relation(table, context)
        }
        Statement::Truncate(truncate) => {
            truncate.cascade.is_none() && truncate.table_names.iter().all(|t| is_new(&t.name))
        }
        Statement::Copy {
            source: CopySource::Table { table_name, .. }, to: false, target, ..
        } => !matches!(target, CopyTarget::Program { .. }) && is_new(table_name),
        Statement::Merge(_) | Statement::LoadData { .. } => false,
        Statement::Copy { target: CopyTarget::Program { .. }, .. } => return Some(Rule::Unjudged),
        Statement::Copy { to: true, source: CopySource::Query(query), .. } => {
            return Some(nested::worst_inside(query));
        }
        Statement::Copy { to: false, .. } => false,
        Statement::Query(query) => return Some(of_query(query)),
        _ => return None,
    };
    // A function in it may write elsewhere.
    let only_here = nested::worst_inside(statement) <= Rule::WriteData;
    let writes_once = nested::writes_inside(statement) <= 1;
    Some(if all_new && only_here && writes_once { Rule::NewTable } else { Rule::WriteData })
}

fn is_new_relation(table: &TableWithJoins, context: StatementContext<'_>) -> bool {
    match &table.relation {
        TableFactor::Table { name, .. } => table.joins.is_empty() && context.is_new_table(name),
        _ => false,
    }
}

/// The effect of a query: none, unless it has a nested write or calls a function that may write.
fn of_query(query: &Query) -> Rule {
    if nested::writes_inside(query) > 0 {
        return Rule::WriteData;
    }
    let inside = nested::worst_inside(query);
    match query.body.as_ref() {
        SetExpr::Select(select) if select.into.is_some() => inside.max(Rule::CreateObject),
        _ => inside,
    }
}
