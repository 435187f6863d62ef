//! Finds what goes when an object is dropped, and whether the file makes it again.

use sqlparser::ast::{
    DropBehavior, DropFunction, FunctionDesc, GrantObjects, ObjectName, ObjectType, Statement,
};

use super::super::definitions::Signature;
use super::super::names::{key, schema_of};
use super::super::rule::Rule;
use super::super::tables::{ConstraintKind, UniqueKey};
use super::super::{Dialect, Object, ObjectKind};
use super::constraints::{implies, is_not_null};
use super::{StatementContext, StatementEffect};

/// The effect of `DROP` of a table, an index, a view and so on.
pub(super) fn object(
    kind: ObjectType,
    name: &ObjectName,
    table: Option<&ObjectName>,
    cascade: bool,
    context: StatementContext<'_>,
) -> StatementEffect {
    let id = context.id(name);
    let shown = key(name);
    // What its tables lose is judged where they lose it. The indexes of a materialized view go with it.
    let made_alike = kind == ObjectType::View
        && context.known.view(&id).is_some_and(|text| context.end.view(&id) == Some(text));
    let kind = match kind {
        ObjectType::Index => {
            let table = table.map(|table| context.id(table));
            return dropped_index((&schema_of(name), &shown), table.as_deref(), context);
        }
        ObjectType::Table if context.is_surely_new_table(name) => {
            return StatementEffect::of(Rule::NewTable);
        }
        ObjectType::Role | ObjectType::User => {
            return StatementEffect::on(Rule::Revoke, ObjectKind::Other, None, &shown);
        }
        ObjectType::Table => ObjectKind::Table,
        ObjectType::View | ObjectType::MaterializedView => ObjectKind::View,
        ObjectType::Schema | ObjectType::Database => ObjectKind::Schema,
        ObjectType::Type => ObjectKind::Type,
        _ => ObjectKind::Other,
    };
    if kind != ObjectKind::Table && context.fresh.has(kind, &id) {
        return StatementEffect::of(Rule::NewObject);
    }
    // CASCADE drops other objects too.
    let again = kind == ObjectKind::View && !cascade && context.end.has(kind, &id);
    let rule = match (again, made_alike) {
        (true, true) => Rule::AlreadyHeld,
        (true, false) => Rule::ReplaceBody,
        (false, _) => Rule::DropObject,
    };
    StatementEffect::on(rule, kind, None, &shown)
}

/// The effect of dropping a function, a procedure, a trigger, a domain or an extension.
pub(super) fn routine(
    statement: &Statement,
    context: StatementContext<'_>,
) -> Option<StatementEffect> {
    Some(match statement {
        Statement::DropTrigger(trigger) => {
            let table = trigger.table_name.as_ref();
            let is_new = table.is_some_and(|table| context.is_new_table(table));
            let rule = if is_new { Rule::NewObject } else { Rule::ChangeTrigger };
            StatementEffect::on(rule, ObjectKind::Trigger, None, &key(&trigger.trigger_name))
        }
        Statement::DropFunction(function) => StatementEffect {
            rule: functions(function, context),
            objects: named(function.func_desc.iter().map(|desc| &desc.name)),
        },
        Statement::DropProcedure { proc_desc, .. } => {
            let is_new = proc_desc.iter().all(|p| context.is_new(ObjectKind::Function, &p.name));
            StatementEffect {
                rule: if is_new { Rule::NewObject } else { Rule::DropObject },
                objects: named(proc_desc.iter().map(|desc| &desc.name)),
            }
        }
        Statement::DropDomain(domain) => {
            let is_new = context.is_new(ObjectKind::Type, &domain.name);
            let rule = if is_new { Rule::NewObject } else { Rule::DropObject };
            StatementEffect::on(rule, ObjectKind::Type, None, &key(&domain.name))
        }
        Statement::DropExtension(extension) => StatementEffect {
            rule: Rule::DropObject,
            objects: extension
                .names
                .iter()
                .map(|name| Object::new(ObjectKind::Other, None, &name.value.to_lowercase()))
                .collect(),
        },
        _ => return None,
    })
}

fn named<'a>(names: impl Iterator<Item = &'a ObjectName>) -> Vec<Object> {
    names.map(|name| Object::new(ObjectKind::Function, None, &key(name))).collect()
}

/// A function that the file makes again with the same arguments has a new body; CASCADE drops other objects too.
fn functions(dropped: &DropFunction, context: StatementContext<'_>) -> Rule {
    let all = || dropped.func_desc.iter();
    if all().all(|function| context.is_new(ObjectKind::Function, &function.name)) {
        return Rule::NewObject;
    }
    let again = |function: &FunctionDesc| {
        let id = context.id(&function.name);
        let known = context.known.signatures(&id);
        let gone = match (&function.args, known) {
            (Some(args), _) => Signature::of(args).types,
            // Without arguments it is certain if there is only one.
            (None, [only]) if !context.known.is_partial() => only.types.clone(),
            _ => return false,
        };
        context.end.signatures(&id).iter().any(|made| made.types == gone)
    };
    let cascades = matches!(dropped.drop_behavior, Some(DropBehavior::Cascade));
    if !cascades && all().all(again) { Rule::ReplaceBody } else { Rule::DropObject }
}

/// A dropped index is judged by its definition, if earlier files show it. `table` is the whole name of its table.
pub(in super::super) fn dropped_index(
    (schema, name): (&str, &str),
    table: Option<&str>,
    context: StatementContext<'_>,
) -> StatementEffect {
    let shown = |table: Option<&str>| table.map(super::super::names::bare);
    let on = |rule, table: Option<&str>| {
        StatementEffect::on(rule, ObjectKind::Index, shown(table).as_deref(), name)
    };
    if context.fresh.has(ObjectKind::Index, name)
        || table.is_some_and(|table| context.fresh.has_part(ObjectKind::Constraint, table, name))
    {
        return on(Rule::NewObject, table);
    }
    // A unique index of another table or schema may have the same name as one that is not unique.
    let of_schema = |index: &str| {
        let own = index.rsplit_once('.').map_or("", |(schema, _)| schema);
        own == schema || own.is_empty() && ["public", "main"].contains(&schema)
    };
    let meant: Vec<_> = context
        .known
        .indexes(name)
        .filter(|index| table.is_none_or(|table| table == index.table))
        .filter(|index| index.unique || of_schema(&index.table))
        .collect();
    let Some(first) = meant.first() else {
        // It may be dropped once more, if it exists.
        let is_gone = context.dialect != Dialect::Mysql
            && schema.is_empty()
            && context.known.is_dropped(name);
        return on(if is_gone { Rule::AlreadyHeld } else { Rule::DropUnseenIndex }, table);
    };
    let lost = meant.iter().filter(|index| index.unique);
    let rule = if lost.clone().count() == 0 {
        Rule::DropIndex
    } else if lost.into_iter().all(|index| is_kept(&index.key, &index.table, context)) {
        Rule::AlreadyHeld
    } else {
        Rule::DropUniqueIndex
    };
    on(rule, Some(&first.table))
}

/// True if the file leaves another unique key over the same columns.
fn is_kept(key: &UniqueKey, table: &str, context: StatementContext<'_>) -> bool {
    let same = |other: &&UniqueKey| !other.partial && other.columns == key.columns;
    let more = context.end.keys(table).iter().filter(same).count();
    key.columns.is_some() && !key.partial && more > 0
}

/// The effect of dropping a constraint of a table.
pub(super) fn constraint(
    name: &str,
    (shown, table): (&str, &str),
    context: StatementContext<'_>,
) -> StatementEffect {
    let lower = name.to_lowercase();
    let on = |rule| StatementEffect::on(rule, ObjectKind::Constraint, Some(shown), name);
    if context.fresh.has_part(ObjectKind::Constraint, table, &lower) {
        return on(Rule::NewObject);
    }
    let known = context.known.known_of(table);
    let named = known.and_then(|known| known.constraint(&lower, table));
    let again = context.end.known_of(table).and_then(|end| end.constraint(&lower, table));
    let rule = match (&named, &again) {
        (Some(ConstraintKind::Check(gone)), Some(ConstraintKind::Check(made))) => {
            if gone == made {
                Rule::AlreadyHeld
            } else if implies(gone, made) {
                Rule::WidenCheck
            } else {
                Rule::DropConstraint
            }
        }
        (Some(ConstraintKind::Check(gone)), None) => {
            let column = is_not_null(gone);
            let held = column.and_then(|column| context.known.column(table, &column));
            if held.is_some_and(|column| column.required) {
                Rule::AlreadyHeld
            } else {
                Rule::DropConstraint
            }
        }
        (Some(ConstraintKind::Reference(columns, gone)), _) => {
            let end = context.end.known_of(table);
            let made = end.and_then(|end| {
                end.references().find(|(of, to)| of == columns && to.table == gone.table)
            });
            match made {
                Some((_, made)) if made.on_delete == gone.on_delete => Rule::AlreadyHeld,
                Some(_) => Rule::AddReferencingColumn,
                None => Rule::DropConstraint,
            }
        }
        (Some(ConstraintKind::Key(key)), _) if is_kept(key, table, context) => Rule::AlreadyHeld,
        (None, None) => return unseen_constraint(&lower, name, (shown, table), context),
        (Some(ConstraintKind::Key(_)), _) => Rule::DropUniqueIndex,
        // Earlier files do not show what it was; what is made instead is judged by itself.
        (None, Some(_)) => Rule::Unjudged,
        _ => Rule::DropConstraint,
    };
    on(rule)
}

/// A constraint that no definition of the table shows may still be known by its index.
fn unseen_constraint(
    lower: &str,
    name: &str,
    (shown, table): (&str, &str),
    context: StatementContext<'_>,
) -> StatementEffect {
    if context.known.indexes(lower).any(|index| index.unique) {
        return dropped_index(("", lower), Some(table), context);
    }
    StatementEffect::on(Rule::DropConstraint, ObjectKind::Constraint, Some(shown), name)
}

/// True if this file made all the objects of a revoke.
pub(super) fn are_new(objects: &GrantObjects, context: StatementContext<'_>) -> bool {
    match objects {
        GrantObjects::Tables(names) | GrantObjects::Views(names) => names
            .iter()
            .all(|name| context.is_new_table(name) || context.is_new(ObjectKind::View, name)),
        GrantObjects::Sequences(names) => {
            names.iter().all(|name| context.is_new(ObjectKind::Other, name))
        }
        GrantObjects::Function { name, .. } | GrantObjects::Procedure { name, .. } => {
            context.is_new(ObjectKind::Function, name)
        }
        _ => false,
    }
}
