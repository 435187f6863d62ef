//! Parses one statement within limits and finds its effects by the rule table.

mod alter;
mod nested;

use std::collections::BTreeSet;

use sqlparser::ast::{
    AlterIndexOperation, AlterSchemaOperation, AlterTypeOperation, ContextModifier, CopySource,
    CopyTarget, CreatePolicyType, ObjectName, ObjectType, Query, Set, SetExpr, Statement,
    TableObject,
};
use sqlparser::dialect::{Dialect as Grammar, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};

use super::definitions::{Index, SchemaDefinitions, key, schema_of, written};
use super::rule::Rule;
use super::split::RawStatement;
use super::{Dialect, Object, ObjectKind};

/// The most tokens of a statement that is parsed: a long chain of operators gives a syntax tree just as deep.
const MOST_TOKENS: usize = 4_000;
/// The deepest nesting of brackets that is parsed.
const DEEPEST: usize = 24;

/// One effect of a statement and the objects that it concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StatementEffect {
    pub(super) rule: Rule,
    pub(super) objects: Vec<Object>,
}

impl StatementEffect {
    pub(super) fn of(rule: Rule) -> Self {
        Self { rule, objects: Vec::new() }
    }

    pub(super) fn on(rule: Rule, kind: ObjectKind, table: Option<&str>, name: &str) -> Self {
        Self { rule, objects: vec![Object::new(kind, table, name)] }
    }
}

/// The definitions before a statement.
#[derive(Debug, Clone, Copy)]
pub(super) struct StatementContext<'a> {
    pub(super) dialect: Dialect,
    pub(super) known: &'a SchemaDefinitions,
    /// The tables that this file created, by their full names as written. No code uses them yet.
    pub(super) fresh: &'a BTreeSet<String>,
}

/// Parses a piece, usually one statement; `None` if it is past the limits or cannot be parsed.
pub(super) fn parse(piece: &RawStatement, dialect: Dialect) -> Option<Vec<Statement>> {
    if piece.open {
        return None;
    }
    let grammar: &dyn Grammar = match dialect {
        Dialect::Postgres => &PostgreSqlDialect {},
        Dialect::Mysql => &MySqlDialect {},
        Dialect::Sqlite => &SQLiteDialect {},
    };
    let tokens = Tokenizer::new(grammar, &piece.sql).tokenize().ok()?;
    let code = tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_)));
    if code.count() > MOST_TOKENS || depth(&tokens) > DEEPEST {
        return None;
    }
    let statements = Parser::new(grammar).with_tokens(tokens).parse_statements().ok()?;
    (!statements.is_empty()).then_some(statements)
}

fn depth(tokens: &[Token]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for token in tokens {
        match token {
            Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
            Token::RParen | Token::RBracket | Token::RBrace => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// All effects of a statement. A kind that is not listed here is unjudged.
pub(super) fn effects(
    statement: &Statement,
    context: StatementContext<'_>,
) -> Vec<StatementEffect> {
    match statement {
        Statement::AlterTable(alter) => alter::effects(alter, context),
        Statement::Drop { object_type, names, table, .. } => {
            names.iter().map(|name| dropped(*object_type, name, table.as_ref(), context)).collect()
        }
        Statement::RenameTable(pairs) => {
            let renamed = |name: &ObjectName| {
                StatementEffect::on(Rule::Rename, ObjectKind::Table, None, &key(name))
            };
            pairs.iter().map(|pair| renamed(&pair.old_name)).collect()
        }
        _ => vec![
            definition(statement, context)
                .or_else(|| access(statement))
                .or_else(|| rows(statement, context))
                .unwrap_or_else(|| StatementEffect::of(client(statement))),
        ],
    }
}

/// The effect of a statement that creates, changes or drops objects.
fn definition(statement: &Statement, context: StatementContext<'_>) -> Option<StatementEffect> {
    Some(match statement {
        Statement::CreateTable(table) if table.or_replace => {
            StatementEffect::on(Rule::DropObject, ObjectKind::Table, None, &key(&table.name))
        }
        // The query that fills the table runs at once.
        Statement::CreateTable(table) => {
            StatementEffect::of(nested::worst_inside(&table.query).max(Rule::CreateObject))
        }
        Statement::CreateVirtualTable { .. }
        | Statement::CreateSchema { or_replace: false, .. }
        | Statement::CreateDatabase { or_replace: false, .. }
        | Statement::CreateSequence { .. }
        | Statement::CreateType { .. }
        | Statement::CreateDomain(_)
        | Statement::CreateCollation(_)
        | Statement::CreateExtension(_) => StatementEffect::of(Rule::CreateObject),
        Statement::CreateIndex(index) if context.fresh.contains(&written(&index.table_name)) => {
            StatementEffect::of(Rule::NewTable)
        }
        Statement::CreateIndex(index) => {
            StatementEffect::of(if index.unique { Rule::AddUnique } else { Rule::CreateIndex })
        }
        Statement::CreateView(view) if view.or_replace || view.or_alter => {
            StatementEffect::on(Rule::ReplaceBody, ObjectKind::View, None, &key(&view.name))
        }
        Statement::CreateFunction(function) if function.or_replace || function.or_alter => {
            StatementEffect::on(Rule::ReplaceBody, ObjectKind::Function, None, &key(&function.name))
        }
        Statement::CreateView(view) if view.materialized => {
            StatementEffect::of(match nested::worst_inside(&view.query) {
                Rule::NoChange => Rule::CreateRoutine,
                worse => worse,
            })
        }
        Statement::CreateView(_)
        | Statement::CreateFunction(_)
        | Statement::CreateProcedure { or_alter: false, .. } => {
            StatementEffect::of(Rule::CreateRoutine)
        }
        Statement::AlterView { name, .. } => {
            StatementEffect::on(Rule::ReplaceBody, ObjectKind::View, None, &key(name))
        }
        Statement::CreateTrigger(trigger) => {
            StatementEffect::on(Rule::ChangeTrigger, ObjectKind::Trigger, None, &key(&trigger.name))
        }
        Statement::DropTrigger(trigger) => StatementEffect::on(
            Rule::ChangeTrigger,
            ObjectKind::Trigger,
            None,
            &key(&trigger.trigger_name),
        ),
        Statement::DropFunction(function) => StatementEffect {
            rule: Rule::DropObject,
            objects: routines(function.func_desc.iter().map(|desc| &desc.name)),
        },
        Statement::DropProcedure { proc_desc, .. } => StatementEffect {
            rule: Rule::DropObject,
            objects: routines(proc_desc.iter().map(|desc| &desc.name)),
        },
        Statement::DropDomain(domain) => {
            StatementEffect::on(Rule::DropObject, ObjectKind::Type, None, &key(&domain.name))
        }
        Statement::DropExtension(extension) => StatementEffect {
            rule: Rule::DropObject,
            objects: extension
                .names
                .iter()
                .map(|name| Object::new(ObjectKind::Other, None, &name.value.to_lowercase()))
                .collect(),
        },
        Statement::AlterSchema(change) => {
            let renames =
                |o: &AlterSchemaOperation| matches!(o, AlterSchemaOperation::Rename { .. });
            let rule =
                if change.operations.iter().any(renames) { Rule::Rename } else { Rule::Unjudged };
            StatementEffect::on(rule, ObjectKind::Schema, None, &key(&change.name))
        }
        Statement::AlterType(change) => altered_type(&key(&change.name), &change.operation),
        Statement::AlterIndex { operation: AlterIndexOperation::RenameIndex { .. }, .. } => {
            StatementEffect::of(Rule::RenameIndex)
        }
        _ => return None,
    })
}

fn routines<'a>(names: impl Iterator<Item = &'a ObjectName>) -> Vec<Object> {
    names.map(|name| Object::new(ObjectKind::Function, None, &key(name))).collect()
}

fn altered_type(name: &str, operation: &AlterTypeOperation) -> StatementEffect {
    match operation {
        AlterTypeOperation::AddValue(value) => StatementEffect::on(
            Rule::AddEnumValue,
            ObjectKind::Value,
            Some(name),
            &value.value.value,
        ),
        AlterTypeOperation::RenameValue(value) => {
            StatementEffect::on(Rule::Rename, ObjectKind::Value, Some(name), &value.from.value)
        }
        AlterTypeOperation::Rename(_) => {
            StatementEffect::on(Rule::Rename, ObjectKind::Type, None, name)
        }
    }
}

fn dropped(
    kind: ObjectType,
    name: &ObjectName,
    table: Option<&ObjectName>,
    context: StatementContext<'_>,
) -> StatementEffect {
    let fresh = context.fresh.contains(&written(name));
    let schema = schema_of(table.unwrap_or(name));
    let name = key(name);
    let kind = match kind {
        ObjectType::Index => {
            return dropped_index((&schema, &name), table.map(key).as_deref(), context);
        }
        ObjectType::Table if fresh => return StatementEffect::of(Rule::NewTable),
        ObjectType::Role | ObjectType::User => {
            return StatementEffect::on(Rule::Revoke, ObjectKind::Other, None, &name);
        }
        ObjectType::Table => ObjectKind::Table,
        ObjectType::View | ObjectType::MaterializedView => ObjectKind::View,
        ObjectType::Schema | ObjectType::Database => ObjectKind::Schema,
        ObjectType::Type => ObjectKind::Type,
        _ => ObjectKind::Other,
    };
    StatementEffect::on(Rule::DropObject, kind, None, &name)
}

/// A dropped index is judged by its definition, if earlier files show it.
pub(super) fn dropped_index(
    (schema, name): (&str, &str),
    table: Option<&str>,
    context: StatementContext<'_>,
) -> StatementEffect {
    // A unique index of another table or schema may have the same name as one that is not unique.
    let is_meant = |index: &&Index| {
        table.is_none_or(|table| table == index.table) && (index.unique || schema == index.schema)
    };
    let known = context.known.index(name).filter(is_meant);
    let rule = match known {
        Some(index) if index.unique => Rule::DropUniqueIndex,
        Some(_) => Rule::DropIndex,
        None => Rule::DropUnseenIndex,
    };
    let table = known.map(|index| index.table.as_str()).or(table);
    StatementEffect::on(rule, ObjectKind::Index, table, name)
}

/// The effect of a statement on access rights.
fn access(statement: &Statement) -> Option<StatementEffect> {
    Some(match statement {
        Statement::Grant(_) | Statement::CreateRole(_) | Statement::CreateUser(_) => {
            StatementEffect::of(Rule::Grant)
        }
        Statement::Revoke(_) | Statement::Deny(_) => StatementEffect::of(Rule::Revoke),
        Statement::CreatePolicy(policy) => match policy.policy_type {
            Some(CreatePolicyType::Restrictive) => StatementEffect::of(Rule::Revoke),
            _ => StatementEffect::of(Rule::ChangePolicy),
        },
        Statement::AlterPolicy(_) => StatementEffect::of(Rule::ChangePolicy),
        Statement::DropPolicy(policy) => StatementEffect::on(
            Rule::Revoke,
            ObjectKind::Other,
            Some(&key(&policy.table_name)),
            &policy.name.value,
        ),
        _ => return None,
    })
}

/// The effect of a statement that changes rows, or of a query, which may.
fn rows(statement: &Statement, context: StatementContext<'_>) -> Option<StatementEffect> {
    let rule = match statement {
        Statement::Insert(insert) => {
            let fresh = match &insert.table {
                TableObject::TableName(name) => context.fresh.contains(&written(name)),
                _ => false,
            };
            let inside =
                nested::worst_inside(&insert.source).max(nested::worst_inside(&insert.returning));
            match inside {
                Rule::NoChange if fresh => Rule::NewTable,
                _ => nested::worst_inside(statement),
            }
        }
        Statement::Copy { target: CopyTarget::Program { .. }, .. } => Rule::Unjudged,
        Statement::Copy { to: true, source: CopySource::Query(query), .. } => {
            nested::worst_inside(query)
        }
        Statement::Update(_)
        | Statement::Delete(_)
        | Statement::Merge(_)
        | Statement::Copy { to: false, .. } => nested::worst_inside(statement),
        Statement::Truncate(_) | Statement::LoadData { .. } => Rule::WriteData,
        Statement::Query(query) => query_effect(query),
        _ => return None,
    };
    Some(StatementEffect::of(rule))
}

/// The effect of a query: none, unless it has a nested write or calls a function that may write.
fn query_effect(query: &Query) -> Rule {
    let inside = nested::worst_inside(query);
    match query.body.as_ref() {
        SetExpr::Select(select) if select.into.is_some() => inside.max(Rule::CreateObject),
        _ => inside,
    }
}

/// True if a setting is for the whole server and stays after the migration.
fn is_global(set: &Set) -> bool {
    let global = |scope: Option<ContextModifier>, name: &ObjectName| {
        let name = name.to_string().to_lowercase();
        scope == Some(ContextModifier::Global)
            || ["@@global", "@@persist"].iter().any(|scope| name.starts_with(scope))
    };
    match set {
        Set::SingleAssignment { scope, variable, .. } => global(*scope, variable),
        Set::MultipleAssignments { assignments } => {
            assignments.iter().any(|assignment| global(assignment.scope, &assignment.name))
        }
        _ => false,
    }
}

/// The effect of a command to the connection or server.
fn client(statement: &Statement) -> Rule {
    match statement {
        Statement::StartTransaction { statements, exception: None, .. }
            if statements.is_empty() =>
        {
            Rule::NoChange
        }
        Statement::Set(Set::SetRole { .. }) => Rule::Unjudged,
        Statement::Set(set) if is_global(set) => Rule::Unjudged,
        Statement::Set(set) => nested::worst_inside(set),
        Statement::Pragma { name, .. } if key(name) == "writable_schema" => Rule::Unjudged,
        Statement::Commit { .. }
        | Statement::Rollback { .. }
        | Statement::Savepoint { .. }
        | Statement::ReleaseSavepoint { .. }
        | Statement::Reset(_)
        | Statement::Discard { .. }
        | Statement::Use(_)
        | Statement::Pragma { .. }
        | Statement::Comment { .. }
        | Statement::Analyze(_)
        | Statement::Vacuum(_)
        | Statement::OptimizeTable { .. }
        | Statement::Lock(_)
        | Statement::LockTables { .. }
        | Statement::UnlockTables
        | Statement::Copy { to: true, .. } => Rule::NoChange,
        _ => Rule::Unjudged,
    }
}
