//! Parses one statement within limits and finds its effects by the rule table.

mod alter;
mod constraints;
mod create;
mod nested;
mod removed;
mod rows;

use sqlparser::ast::{
    AlterIndexOperation, AlterSchemaOperation, AlterTypeOperation, ContextModifier,
    CreatePolicyType, ObjectName, Set, Statement,
};
use sqlparser::dialect::{Dialect as Grammar, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};

pub(super) use self::nested::{other_calls, writes_inside};
pub(super) use self::removed::dropped_index;
use super::definitions::SchemaDefinitions;
use super::fresh::Fresh;
use super::names::key;
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

/// What is known around a statement.
#[derive(Debug, Clone, Copy)]
pub(super) struct StatementContext<'a> {
    pub(super) dialect: Dialect,
    /// The definitions before the file.
    pub(super) before: &'a SchemaDefinitions,
    /// The definitions before the statement.
    pub(super) known: &'a SchemaDefinitions,
    /// The definitions after the file.
    pub(super) end: &'a SchemaDefinitions,
    /// What this file made.
    pub(super) fresh: &'a Fresh,
}

impl StatementContext<'_> {
    pub(super) fn id(self, name: &ObjectName) -> String {
        self.known.id(name, self.dialect)
    }

    /// True if this file made the object.
    pub(super) fn is_new(self, kind: ObjectKind, name: &ObjectName) -> bool {
        self.fresh.has(kind, &self.id(name))
    }

    pub(super) fn is_new_table(self, name: &ObjectName) -> bool {
        self.known.is_temporary(name) || self.is_new(ObjectKind::Table, name)
    }

    /// True if no table of this name was there before the file.
    pub(super) fn is_surely_new_table(self, name: &ObjectName) -> bool {
        self.known.is_temporary(name) || self.fresh.has_surely(&self.id(name))
    }
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
        Statement::CreateTable(table) => create::table(table, context),
        Statement::CreateIndex(index) => create::index(index, context),
        Statement::Drop { temporary: true, .. } => vec![StatementEffect::of(Rule::NewObject)],
        Statement::Drop { object_type, names, table, cascade, .. } => names
            .iter()
            .map(|name| removed::object(*object_type, name, table.as_ref(), *cascade, context))
            .collect(),
        Statement::RenameTable(pairs) => {
            let renamed = |name: &ObjectName| {
                let is_new = context.is_new_table(name);
                let rule = if is_new { Rule::NewObject } else { Rule::Rename };
                StatementEffect::on(rule, ObjectKind::Table, None, &key(name))
            };
            pairs.iter().map(|pair| renamed(&pair.old_name)).collect()
        }
        _ => vec![
            definition(statement, context)
                .or_else(|| create::routine(statement, context))
                .or_else(|| removed::routine(statement, context))
                .or_else(|| access(statement, context))
                .or_else(|| rows::effect(statement, context).map(StatementEffect::of))
                .unwrap_or_else(|| StatementEffect::of(client(statement))),
        ],
    }
}

/// The effect of a statement that creates or changes objects that are not tables.
fn definition(statement: &Statement, context: StatementContext<'_>) -> Option<StatementEffect> {
    Some(match statement {
        Statement::CreateVirtualTable { .. }
        | Statement::CreateSchema { or_replace: false, .. }
        | Statement::CreateDatabase { or_replace: false, .. }
        | Statement::CreateSequence { .. }
        | Statement::CreateType { .. }
        | Statement::CreateDomain(_)
        | Statement::CreateCollation(_)
        | Statement::CreateExtension(_) => StatementEffect::of(Rule::CreateObject),
        Statement::AlterSchema(change) => {
            let renames =
                |o: &AlterSchemaOperation| matches!(o, AlterSchemaOperation::Rename { .. });
            let rule =
                if change.operations.iter().any(renames) { Rule::Rename } else { Rule::Unjudged };
            StatementEffect::on(rule, ObjectKind::Schema, None, &key(&change.name))
        }
        Statement::AlterType(change) if context.is_new(ObjectKind::Type, &change.name) => {
            StatementEffect::of(Rule::NewObject)
        }
        Statement::AlterType(change) => altered_type(&key(&change.name), &change.operation),
        Statement::AlterIndex { name, operation: AlterIndexOperation::RenameIndex { .. } } => {
            StatementEffect::of(renamed_index(&key(name), context))
        }
        _ => return None,
    })
}

/// Only `MySQL` has queries that name an index, and only the name of a constraint can stand in a conflict clause.
pub(super) fn renamed_index(name: &str, context: StatementContext<'_>) -> Rule {
    let mut named = context.known.indexes(name).peekable();
    if context.fresh.has(ObjectKind::Index, name) {
        Rule::NewObject
    } else if context.dialect != Dialect::Mysql
        && named.peek().is_some()
        && named.all(|index| !index.is_constraint())
    {
        Rule::AlreadyHeld
    } else {
        Rule::RenameIndex
    }
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

/// The effect of a statement on access rights.
fn access(statement: &Statement, context: StatementContext<'_>) -> Option<StatementEffect> {
    Some(match statement {
        Statement::Grant(_) | Statement::CreateRole(_) | Statement::CreateUser(_) => {
            StatementEffect::of(Rule::Grant)
        }
        Statement::Revoke(revoke) => {
            let objects = revoke.objects.as_ref();
            let is_new = objects.is_some_and(|objects| removed::are_new(objects, context));
            StatementEffect::of(if is_new { Rule::NewObject } else { Rule::Revoke })
        }
        Statement::Deny(_) => StatementEffect::of(Rule::Revoke),
        Statement::CreatePolicy(policy) if context.is_new_table(&policy.table_name) => {
            StatementEffect::of(Rule::NewObject)
        }
        Statement::CreatePolicy(policy) => match policy.policy_type {
            Some(CreatePolicyType::Restrictive) => StatementEffect::of(Rule::Revoke),
            _ => StatementEffect::of(Rule::ChangePolicy),
        },
        Statement::AlterPolicy(_) => StatementEffect::of(Rule::ChangePolicy),
        Statement::DropPolicy(policy) => {
            let table = key(&policy.table_name);
            let id = format!("{table}.{}", policy.name.value);
            let rule = if context.is_new_table(&policy.table_name) {
                Rule::NewObject
            } else if context.end.has(ObjectKind::Other, &id) {
                Rule::ChangePolicy
            } else {
                Rule::Revoke
            };
            StatementEffect::on(rule, ObjectKind::Other, Some(&table), &policy.name.value)
        }
        _ => return None,
    })
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
        | Statement::Deallocate { .. }
        | Statement::LISTEN { .. }
        | Statement::UNLISTEN { .. }
        | Statement::NOTIFY { .. }
        | Statement::Copy { to: true, .. } => Rule::NoChange,
        _ => Rule::Unjudged,
    }
}
