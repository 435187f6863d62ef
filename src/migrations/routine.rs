//! Judges what triggers do to the writes of older code, by the bodies that they run, and routines that are made again.

use std::sync::LazyLock;

use regex::Regex;
use sqlparser::ast::{
    Expr, FromTable, ObjectName, Query, SelectItem, SetExpr, Statement, TableFactor, TableObject,
    Visit,
};

use super::block::{Inner, of_body, quoted};
use super::definitions::{MadeTrigger, dropped_trigger, is_same, made_routine};
use super::expressions::may_fail;
use super::names::key;
use super::rule::Rule;
use super::split::{RawStatement, split};
use super::statement::{StatementContext, other_calls, parse, writes_inside};
use super::{Dialect, ObjectKind};

/// How deep calls of routines in routines are followed.
const DEEPEST: usize = 4;

/// The rule for a statement about a trigger or a routine that is there; `None` if its text does not say more.
pub(super) fn rule(sql: &str, context: StatementContext<'_>) -> Option<Rule> {
    if let Some(made) = MadeTrigger::of(sql) {
        return Some(made_trigger(sql, &made, context));
    }
    if let Some((name, table)) = dropped_trigger(sql) {
        return Some(trigger_dropped(&name, table.as_deref(), context));
    }
    let (name, signature) = made_routine(sql)?;
    let earlier = context.known.body_of(&signature);
    if earlier.is_some_and(|earlier| is_same(&made_again(earlier), &made_again(sql))) {
        return Some(Rule::AlreadyHeld);
    }
    let unused = returns_trigger(sql) && context.known.runs_nowhere(&name);
    unused.then_some(Rule::CreateRoutine)
}

/// A statement without the words that let it replace an earlier one.
fn made_again(sql: &str) -> String {
    static REPLACES: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)^create\s+or\s+replace\s").expect("the pattern is valid")
    });
    REPLACES.replace(sql, "CREATE ").into_owned()
}

/// True for a function that only triggers can run.
fn returns_trigger(sql: &str) -> bool {
    static RETURNS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?i)\breturns\s+"?trigger"?\b"#).expect("the pattern is valid")
    });
    RETURNS.is_match(sql.split('$').next().unwrap_or(sql))
}

/// A trigger without which older code lacks what it did.
fn trigger_dropped(name: &str, table: Option<&str>, context: StatementContext<'_>) -> Rule {
    let Some(gone) = context.known.trigger(name, table) else { return Rule::ChangeTrigger };
    // Its table may have had another name before.
    if !context.before.has_trigger(name) {
        return Rule::NewObject;
    }
    match context.end.trigger(name, table) {
        Some(made) if is_same(&made_again(made), &made_again(gone)) => Rule::AlreadyHeld,
        Some(_) => Rule::ChangeTrigger,
        None => Rule::DropTrigger,
    }
}

fn made_trigger(sql: &str, made: &MadeTrigger<'_>, context: StatementContext<'_>) -> Rule {
    let earlier = context.before.trigger(&made.name, Some(&made.table));
    if earlier.is_some_and(|earlier| is_same(&made_again(earlier), &made_again(sql))) {
        return Rule::AlreadyHeld;
    }
    if context.known.trigger(&made.name, Some(&made.table)).is_some() {
        return Rule::ChangeTrigger;
    }
    let mut reading =
        BodyReader { context, table: &made.table, depth: 0, found: BodyFacts::default() };
    reading.trigger(made);
    reading.found.rule()
}

/// What a body does, as far as its text shows.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "the facts are independent")]
struct BodyFacts {
    refuses: bool,
    unclear: bool,
    writes: bool,
    may_fail: bool,
}

impl BodyFacts {
    fn rule(&self) -> Rule {
        match self {
            Self { refuses: true, .. } => Rule::RefuseOnWrite,
            Self { unclear: true, .. } => Rule::ChangeTrigger,
            Self { writes: true, .. } => Rule::WriteOnWrite,
            Self { may_fail: true, .. } => Rule::ComputeOnWrite,
            _ => Rule::CreateRoutine,
        }
    }
}

/// Reads what runs when a table is written.
struct BodyReader<'a> {
    context: StatementContext<'a>,
    /// The table of the trigger.
    table: &'a str,
    depth: usize,
    found: BodyFacts,
}

impl BodyReader<'_> {
    fn trigger(&mut self, made: &MadeTrigger<'_>) {
        self.found.unclear |= made.events.starts_with("instead");
        let returned = if self.context.dialect == Dialect::Postgres {
            self.on_postgres(made.rest)
        } else {
            self.elsewhere(made.rest);
            return;
        };
        let rows = made.rest.to_lowercase().contains("row");
        if made.events.starts_with("before") && rows && !self.found.unclear {
            let gives = |row: &str| returned.iter().any(|text| text.contains(row));
            let writes = made.events.contains("insert") || made.events.contains("update");
            // A row that is not given back is not written.
            self.found.refuses |= gives("null")
                || writes && !gives("new")
                || made.events.contains("delete") && !gives("old");
        }
    }

    /// Reads the condition of a trigger and the function that it runs; returns what that gives back, in lower case.
    fn on_postgres(&mut self, rest: &str) -> Vec<String> {
        static RUNS: LazyLock<Regex> = LazyLock::new(|| {
            let pattern = r#"(?is)(?:\bwhen\s*(\(.*\))\s*)?\bexecute\s+(?:function|procedure)\s+((?:[\w$]+\.|"[^"]+"\.)*)("[^"]+"|[\w$]+)\s*\("#;
            Regex::new(pattern).expect("the pattern is valid")
        });
        let Some(runs) = RUNS.captures(rest) else {
            self.found.unclear = true;
            return Vec::new();
        };
        if let Some(condition) = runs.get(1) {
            self.value(condition.as_str());
        }
        self.routine(&runs[3].replace('"', "").to_lowercase())
    }

    /// Reads the condition and the body of a trigger that has both itself.
    fn elsewhere(&mut self, rest: &str) {
        static BODY: LazyLock<Regex> = LazyLock::new(|| {
            let pattern = r"(?is)^\s*(?:for\s+each\s+row\b)?\s*(?:(?:follows|precedes)\s+\S+)?\s*(?:when\b(.*?))?\s*\b(begin\b.*|(?:set|insert|update|delete|signal|if|call)\b.*)$";
            Regex::new(pattern).expect("the pattern is valid")
        });
        let Some(read) = BODY.captures(rest) else {
            self.found.unclear = true;
            return;
        };
        if let Some(condition) = read.get(1) {
            self.value(condition.as_str());
        }
        for part in of_body(&read[2], self.context.dialect) {
            self.part(&part);
        }
    }

    /// Reads a routine of `PostgreSQL`; returns what it gives back.
    fn routine(&mut self, name: &str) -> Vec<String> {
        let text = self.context.known.body(name).filter(|_| self.depth < DEEPEST);
        let Some((before, body, after)) = text.and_then(quoted) else {
            self.found.unclear = true;
            return Vec::new();
        };
        let options = format!("{before} {after}").to_lowercase();
        let parts = if options.contains("plpgsql") {
            of_body(body, Dialect::Postgres)
        } else if options.contains("language sql") {
            let pieces = split(body, Dialect::Postgres).into_iter();
            pieces.map(|piece| Inner::Statement(piece.sql)).collect()
        } else {
            vec![Inner::Unclear]
        };
        self.depth += 1;
        let mut returned = Vec::new();
        for part in &parts {
            match part {
                Inner::Return(value) if self.depth == 1 => returned.push(value.to_lowercase()),
                other => self.part(other),
            }
        }
        self.depth -= 1;
        returned
    }

    fn part(&mut self, part: &Inner) {
        match part {
            Inner::Statement(sql) => self.statement(sql),
            Inner::Assignment { to, value } => {
                let values = self.value(value);
                let to = to.to_lowercase();
                let column = to.strip_prefix("new.");
                let is_new = |column: &str| {
                    let fresh = self.context.fresh;
                    fresh.has_part(ObjectKind::Column, self.table, column)
                };
                let is_old = to == "new" || column.is_some_and(|column| !is_new(column));
                // More values belong to more columns.
                self.found.writes |= is_old || column.is_some() && values != 1;
            }
            Inner::Return(value) => drop(self.value(value)),
            Inner::Refusal => self.found.refuses = true,
            Inner::Unclear => self.found.unclear = true,
        }
    }

    /// Reads an expression; returns how many values it has.
    fn value(&mut self, expression: &str) -> usize {
        let Some(all) = self.parsed(&format!("SELECT {expression}")) else {
            self.found.unclear = true;
            return 0;
        };
        let mut count = 0;
        for statement in &all {
            match statement {
                Statement::Query(query) => count += self.query(query),
                _ => self.found.unclear = true,
            }
        }
        count
    }

    fn parsed(&self, sql: &str) -> Option<Vec<Statement>> {
        let piece = RawStatement { line: 1, sql: sql.to_owned(), open: false, hinted: false };
        parse(&piece, self.context.dialect)
    }

    fn statement(&mut self, sql: &str) {
        let Some(all) = self.parsed(sql) else {
            let refreshes = sql.to_lowercase().starts_with("refresh materialized view");
            self.found.writes |= refreshes;
            self.found.unclear |= !refreshes;
            return;
        };
        for statement in &all {
            self.calls(statement);
            match statement {
                Statement::Query(query) => drop(self.query(query)),
                Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) => {
                    let is_there = |name| {
                        let id = self.context.id(name);
                        self.context.known.known_of(&id).is_some()
                    };
                    let is_known = target(statement).is_some_and(is_there);
                    self.found.unclear |= !is_known;
                    self.found.writes = true;
                }
                _ => self.found.unclear = true,
            }
        }
    }

    /// Reads a query; returns how many values it shows.
    fn query(&mut self, query: &Query) -> usize {
        self.calls(query);
        self.found.writes |= writes_inside(query) > 0;
        let SetExpr::Select(select) = query.body.as_ref() else {
            self.found.may_fail = true;
            return 0;
        };
        let is_total = |item: &SelectItem| match item {
            SelectItem::UnnamedExpr(value) => !may_fail(value) || is_notice(value),
            _ => false,
        };
        self.found.may_fail |= !select.from.is_empty() || !select.projection.iter().all(is_total);
        select.projection.len()
    }

    /// Follows the calls of routines that are not built in.
    fn calls(&mut self, part: &impl Visit) {
        for name in other_calls(part) {
            match (name.as_str(), self.context.dialect) {
                ("raise", Dialect::Sqlite) => self.found.refuses = true,
                ("setval" | "nextval", _) => self.found.writes = true,
                (_, Dialect::Postgres) => drop(self.routine(&name)),
                _ => self.found.unclear = true,
            }
        }
    }
}

/// True for a call that only tells listeners something that cannot be too long.
fn is_notice(value: &Expr) -> bool {
    match value {
        Expr::Function(function) if key(&function.name) == "pg_notify" => {
            let text = function.args.to_string();
            text.matches('\'').count() == 4 && !text.contains("||")
        }
        _ => false,
    }
}

/// The table that a statement writes.
fn target(statement: &Statement) -> Option<&ObjectName> {
    let relation = match statement {
        Statement::Insert(insert) => match &insert.table {
            TableObject::TableName(name) => return Some(name),
            _ => return None,
        },
        Statement::Update(update) => &update.table.relation,
        Statement::Delete(delete) => {
            let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
            &from.first()?.relation
        }
        _ => return None,
    };
    match relation {
        TableFactor::Table { name, .. } => Some(name),
        _ => None,
    }
}
