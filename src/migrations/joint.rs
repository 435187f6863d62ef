//! Judges statements of one file together: a rebuilt table, a rename behind a view.

use std::collections::BTreeMap;

use sqlparser::ast::{
    AlterTableOperation, CreateTable, CreateViewAlgorithm, Ident, ObjectName, ObjectType,
    RenameTableNameKind, SetExpr, Statement, TableFactor, TableObject,
};

use super::definitions::SchemaDefinitions;
use super::names::{id, key, moves_names, written};
use super::rule::Rule;
use super::split::RawStatement;
use super::statement::StatementEffect;
use super::tables::{Index, Table};
use super::{Dialect, Object, ObjectKind};

/// The effects of statements that differ from those of each alone, by position.
pub(super) type JointEffects = BTreeMap<usize, Vec<StatementEffect>>;

/// What is known around the statements of a file.
#[derive(Clone, Copy)]
pub(super) struct FileContext<'a> {
    pub(super) dialect: Dialect,
    pub(super) before: &'a SchemaDefinitions,
    pub(super) end: &'a SchemaDefinitions,
    /// True unless the file says that it runs outside of a transaction.
    pub(super) in_transaction: bool,
    /// True if its tool begins a transaction before the file.
    pub(super) wrapped: bool,
}

/// Finds the statements that must be judged together.
pub(super) fn joint_effects(
    pieces: &[RawStatement],
    statements: &[(usize, &Statement)],
    context: FileContext<'_>,
) -> JointEffects {
    let mut found = JointEffects::new();
    let all = All { pieces, statements, context };
    if context.dialect == Dialect::Postgres && context.in_transaction {
        switched_back(statements, &mut found);
    }
    for at in 0..statements.len() {
        let (place, statement) = statements[at];
        if context.dialect == Dialect::Sqlite {
            all.rebuilt_by_new_name(at, &mut found);
            all.rebuilt_by_old_name(at, &mut found);
        } else if context.in_transaction || context.dialect == Dialect::Mysql {
            behind_view(place, statement, &statements[at + 1..], context, &mut found);
        }
    }
    found
}

/// Triggers that are off for a part of the transaction: nobody else writes to their table meanwhile.
fn switched_back(statements: &[(usize, &Statement)], found: &mut JointEffects) {
    let mut off: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (place, statement) in statements {
        match statement {
            Statement::AlterTable(alter) => {
                let trigger = |name: &Ident| (key(&alter.name), name.value.to_lowercase());
                match alter.operations.as_slice() {
                    [AlterTableOperation::DisableTrigger { name }] => {
                        off.insert(trigger(name), *place);
                    }
                    [AlterTableOperation::EnableTrigger { name }] => {
                        if let Some(began) = off.remove(&trigger(name)) {
                            for place in [began, *place] {
                                found.insert(place, vec![StatementEffect::of(Rule::AlreadyHeld)]);
                            }
                        }
                    }
                    _ => {}
                }
            }
            // The table is free again, or may be another one.
            Statement::Commit { .. } | Statement::Rollback { .. } => off.clear(),
            other if moves_names(other) => off.clear(),
            _ => {}
        }
    }
}

/// The old and new name in a statement that only renames one table.
fn renaming(statement: &Statement) -> Option<(&ObjectName, &ObjectName)> {
    match statement {
        Statement::AlterTable(alter) => match alter.operations.as_slice() {
            [AlterTableOperation::RenameTable { table_name }] => {
                let (RenameTableNameKind::As(to) | RenameTableNameKind::To(to)) = table_name;
                Some((&alter.name, to))
            }
            _ => None,
        },
        Statement::RenameTable(pairs) => match pairs.as_slice() {
            [pair] => Some((&pair.old_name, &pair.new_name)),
            _ => None,
        },
        _ => None,
    }
}

fn renamed(statement: &Statement) -> Option<(String, String)> {
    renaming(statement).map(|(from, to)| (key(from), key(to)))
}

fn behind_view(
    place: usize,
    statement: &Statement,
    after: &[(usize, &Statement)],
    context: FileContext<'_>,
    found: &mut JointEffects,
) {
    let Some((from, to)) = renaming(statement) else { return };
    let moved =
        |later: &Statement| !matches!(later, Statement::RenameTable(_)) && moves_names(later);
    if after.iter().any(|(_, later)| moved(later)) {
        return;
    }
    let old = written(from);
    // A new name without a schema is in the schema of the old name.
    let new = match old.rsplit_once('.') {
        Some((schema, _)) if to.0.len() == 1 => format!("{schema}.{}", written(to)),
        _ => written(to),
    };
    let in_this_transaction =
        after.iter().take_while(|(_, later)| !matches!(later, Statement::Commit { .. }));
    for (view_place, later) in in_this_transaction {
        if shows_all_of(later, &old, &new) {
            let object = Object::new(ObjectKind::Table, None, &key(from));
            let from = id(from, context.dialect, "");
            let unkeyed =
                context.before.table(&from).is_some() && context.before.keys(&from).is_empty();
            let rule = match context.dialect {
                Dialect::Postgres if !unkeyed => Rule::RenameKeyedBehindView,
                _ => Rule::RenameBehindView,
            };
            found.insert(place, vec![StatementEffect { rule, objects: vec![object] }]);
            found.insert(*view_place, vec![StatementEffect::of(Rule::CreateRoutine)]);
            return;
        }
    }
}

/// True if a statement creates a view with this name that passes every read and write to the table.
fn shows_all_of(statement: &Statement, view_name: &str, table: &str) -> bool {
    let Statement::CreateView(view) = statement else { return false };
    let SetExpr::Select(select) = view.query.body.as_ref() else { return false };
    let [from] = select.from.as_slice() else { return false };
    let TableFactor::Table { name, .. } = &from.relation else { return false };
    let algorithm = view.params.as_ref().and_then(|params| params.algorithm.as_ref());
    let passes_on = !view.materialized
        && !view.temporary
        && !view.if_not_exists
        && view.columns.is_empty()
        && !matches!(algorithm, Some(CreateViewAlgorithm::TempTable));
    passes_on
        && written(&view.name) == view_name
        && written(name) == table
        && view.query.to_string() == format!("SELECT * FROM {name}")
}

/// All statements of a file.
struct All<'a> {
    pieces: &'a [RawStatement],
    /// Those that are parsed, with their places.
    statements: &'a [(usize, &'a Statement)],
    context: FileContext<'a>,
}

impl All<'_> {
    /// Recognises a rebuild in this order: create new, copy, drop old, rename new.
    fn rebuilt_by_new_name(&self, at: usize, found: &mut JointEffects) {
        let (place, statement) = self.statements[at];
        let (before, after) = (&self.statements[..at], &self.statements[at + 1..]);
        let Some(table) = dropped_table(statement) else { return };
        let renaming = after.iter().find_map(|(place, later)| {
            renamed(later).filter(|(_, to)| *to == table).map(|(from, _)| (*place, from))
        });
        let Some((renaming, made)) = renaming else { return };
        let Some(definition) = before.iter().find_map(|(_, s)| created(s, &made)) else { return };
        let copy = before.iter().find_map(|(_, earlier)| RowCopy::of(earlier, &made, &table));
        if let Some(copy) = copy {
            let indexed = indexes_made(before.iter().chain(after));
            let mut effects = outcome(&table, definition, &copy, &indexed, self.context.before);
            effects.extend(self.lost_triggers(&table));
            if self.has_children(&table) && !self.is_unchecked(place) {
                effects.push(referenced(&table));
            }
            found.insert(place, effects);
            found.insert(renaming, vec![StatementEffect::of(Rule::RebuildAlike)]);
        }
    }

    /// Recognises a rebuild in this order: rename old, create new with its name, copy, drop old.
    fn rebuilt_by_old_name(&self, at: usize, found: &mut JointEffects) {
        let (place, statement) = self.statements[at];
        let after = &self.statements[at + 1..];
        let Some((table, aside)) = renamed(statement) else { return };
        let Some(definition) = after.iter().find_map(|(_, s)| created(s, &table)) else { return };
        let dropping =
            after.iter().find(|(_, s)| dropped_table(s).is_some_and(|name| name == aside));
        let Some((dropping, _)) = dropping else { return };
        if let Some(copy) = after.iter().find_map(|(_, later)| RowCopy::of(later, &table, &aside)) {
            let indexed = indexes_made(after.iter());
            let mut effects = outcome(&table, definition, &copy, &indexed, self.context.before);
            effects.extend(self.lost_triggers(&table));
            // References, views and triggers follow the table to its new name, which is dropped.
            let before = self.context.before;
            let follow = self.has_children(&table) || before.is_mentioned(&table);
            if follow && !self.is_on("legacy_alter_table", place) {
                effects.push(referenced(&table));
            }
            found.insert(place, effects);
            found.insert(*dropping, vec![StatementEffect::of(Rule::RebuildAlike)]);
        }
    }

    /// True if other tables refer to this one, or may.
    fn has_children(&self, table: &str) -> bool {
        let before = self.context.before;
        before.is_partial() || before.children(table).next().is_some()
    }

    /// The triggers of a table that are not there at the end.
    fn lost_triggers(&self, table: &str) -> Vec<StatementEffect> {
        let kept: Vec<_> = self.context.end.triggers_of(table).collect();
        let of_table = self.context.before.triggers_of(table);
        let lost = of_table.filter(|name| !kept.contains(name));
        lost.map(|name| {
            StatementEffect::on(Rule::DropTrigger, ObjectKind::Trigger, Some(table), name)
        })
        .collect()
    }

    /// True if foreign keys are off at a statement: the switch does nothing in a transaction.
    fn is_unchecked(&self, place: usize) -> bool {
        let mut open = self.context.wrapped;
        let mut off = false;
        for piece in &self.pieces[..place] {
            let first = piece.sql.split_whitespace().next().unwrap_or_default();
            match first.to_ascii_lowercase().as_str() {
                "begin" | "start" => open = true,
                "commit" | "end" | "rollback" => open = false,
                _ if !open => off = switched(&piece.sql, "foreign_keys").map_or(off, |on| !on),
                _ => {}
            }
        }
        off
    }

    fn is_on(&self, pragma: &str, place: usize) -> bool {
        let before = self.pieces[..place].iter().rev();
        before.into_iter().find_map(|piece| switched(&piece.sql, pragma)).unwrap_or(false)
    }
}

/// What a statement switches a pragma to.
fn switched(sql: &str, pragma: &str) -> Option<bool> {
    let words = sql.to_ascii_lowercase().replace(['=', '(', ')', '\'', '.'], " ");
    let mut words = words.split_whitespace();
    let is_switch = words.next() == Some("pragma") && words.any(|word| word == pragma);
    let value = words.next().filter(|_| is_switch)?;
    Some(!["off", "0", "no", "false"].contains(&value))
}

fn referenced(table: &str) -> StatementEffect {
    StatementEffect::on(Rule::RebuildReferenced, ObjectKind::Table, None, table)
}

fn dropped_table(statement: &Statement) -> Option<String> {
    match statement {
        Statement::Drop { object_type: ObjectType::Table, names, .. } if names.len() == 1 => {
            Some(key(&names[0]))
        }
        _ => None,
    }
}

fn created<'s>(statement: &'s Statement, name: &str) -> Option<&'s CreateTable> {
    match statement {
        Statement::CreateTable(table) if key(&table.name) == name => Some(table),
        _ => None,
    }
}

/// A statement that copies the rows of one table into another.
struct RowCopy {
    /// The columns, if they are copied unchanged.
    plain: Option<Vec<String>>,
    /// True if the columns are named on both sides.
    named: bool,
}

impl RowCopy {
    fn of(statement: &Statement, into: &str, from: &str) -> Option<Self> {
        let Statement::Insert(insert) = statement else { return None };
        let TableObject::TableName(name) = &insert.table else { return None };
        let source = insert.source.as_ref()?;
        let SetExpr::Select(select) = source.body.as_ref() else { return None };
        let [table] = select.from.as_slice() else { return None };
        let TableFactor::Table { name: read, .. } = &table.relation else { return None };
        // A filtered copy loses rows.
        let filtered = select.selection.is_some() || source.limit_clause.is_some();
        if key(name) != into || key(read) != from || filtered {
            return None;
        }
        let shown: Vec<_> = select.projection.iter().map(ToString::to_string).collect();
        let named: Vec<_> = insert.columns.iter().map(ToString::to_string).collect();
        let plain = source.to_string() == format!("SELECT {} FROM {read}", shown.join(", "))
            && insert.or.is_none()
            && insert.on.is_none()
            && !insert.replace_into
            && (named.is_empty() || named == shown);
        let bare = |column: &String| column.trim_matches(['"', '`', '[', ']']).to_lowercase();
        Some(Self {
            plain: plain.then(|| shown.iter().map(bare).collect()),
            named: !named.is_empty(),
        })
    }

    /// True if every column that both tables have is copied into the same column.
    fn is_whole(&self, old: &Table, new: &Table) -> bool {
        let Some(copied) = &self.plain else { return false };
        let names = |table: &Table| -> Vec<String> {
            table.columns.iter().map(|column| column.name.clone()).collect()
        };
        let (before, after) = (names(old), names(new));
        if copied == &["*"] {
            return !self.named && before == after;
        }
        let in_place = self.named || *copied == after;
        in_place && before.iter().all(|name| !after.contains(name) || copied.contains(name))
    }
}

type CreatedIndexes = BTreeMap<String, Index>;

fn indexes_made<'s>(
    statements: impl Iterator<Item = &'s (usize, &'s Statement)>,
) -> CreatedIndexes {
    let made = |(_, statement): &'s (usize, &'s Statement)| match statement {
        Statement::CreateIndex(index) if !index.if_not_exists => {
            let table = key(&index.table_name);
            index.name.as_ref().map(|name| (key(name), Index::made(index, table)))
        }
        _ => None,
    };
    statements.filter_map(made).collect()
}

/// The effects of the new definition on code that uses the old one.
fn outcome(
    name: &str,
    definition: &CreateTable,
    copy: &RowCopy,
    indexed: &CreatedIndexes,
    known: &SchemaDefinitions,
) -> Vec<StatementEffect> {
    let Some(old) = known.table(name).filter(|_| definition.query.is_none()) else {
        return vec![StatementEffect::on(Rule::RebuildTable, ObjectKind::Table, None, name)];
    };
    let new = Table::of(definition, name, Dialect::Sqlite);
    let mut effects = columns(name, old, &new, known);
    let is_kept = |index: &Index| {
        let same = |key: super::tables::UniqueKey| !key.partial && key.columns == index.key.columns;
        index.key.columns.is_some() && !index.key.partial && new.keys().any(same)
    };
    let lost = known.unique_indexes_of(name).filter(|(index, old)| {
        // The index of a constraint is compared with the constraint.
        !old.over.is_empty()
            && indexed.get(*index).is_none_or(|new| !new.unique || new.over != old.over)
            && !is_kept(old)
    });
    effects.extend(lost.map(|(lost, _)| {
        StatementEffect::on(Rule::DropUniqueIndex, ObjectKind::Index, Some(name), lost)
    }));
    if !copy.is_whole(old, &new) || old.options != new.options {
        effects.push(StatementEffect::on(Rule::RebuildTable, ObjectKind::Table, None, name));
    }
    if effects.is_empty() {
        effects.push(StatementEffect::on(Rule::RebuildAlike, ObjectKind::Table, None, name));
    }
    effects
}

fn columns(
    name: &str,
    old: &Table,
    new: &Table,
    known: &SchemaDefinitions,
) -> Vec<StatementEffect> {
    let mut effects = Vec::new();
    for column in &old.columns {
        let on = |rule| StatementEffect::on(rule, ObjectKind::Column, Some(name), &column.name);
        match new.columns.iter().find(|next| next.name == column.name) {
            Some(next) => {
                let held = |rule: &Rule| {
                    *rule != Rule::AddUnique
                        || !known.keys(name).iter().any(|key| {
                            key.implies(&super::tables::UniqueKey::of_column(&column.name))
                        })
                };
                let rules = column.becoming(next, Dialect::Sqlite);
                effects.extend(rules.into_iter().filter(held).map(on));
                if column.rest != next.rest {
                    effects.push(on(Rule::RebuildTable));
                }
            }
            None => effects.push(on(Rule::DropColumn)),
        }
    }
    let added = new.columns.iter().filter(|c| old.columns.iter().all(|o| o.name != c.name));
    for column in added {
        let bound = column.unique
            || !column.checks.is_empty()
            || column.rest.iter().any(|option| !option.starts_with("DEFAULT "));
        effects.push(StatementEffect::on(
            column.added(),
            ObjectKind::Column,
            Some(name),
            &column.name,
        ));
        if bound {
            effects.push(StatementEffect::on(Rule::RebuildTable, ObjectKind::Table, None, name));
        }
    }
    let texts = |table: &Table| -> Vec<String> {
        table.constraints.iter().map(|constraint| constraint.text.clone()).collect()
    };
    let (before, after) = (texts(old), texts(new));
    for gone in before.iter().filter(|c| !after.contains(c)) {
        effects.push(StatementEffect::on(
            Rule::DropConstraint,
            ObjectKind::Constraint,
            Some(name),
            gone,
        ));
    }
    for added in after.iter().filter(|c| !before.contains(c)) {
        let lower = added.to_lowercase();
        let unique = lower.contains("unique") || lower.contains("primary key");
        effects.push(StatementEffect::of(if unique { Rule::AddUnique } else { Rule::AddCheck }));
    }
    effects
}
