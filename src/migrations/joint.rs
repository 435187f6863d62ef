//! Judges statements of one file together: a rebuilt table, a rename behind a view, a replaced body.

use std::collections::BTreeMap;

use sqlparser::ast::{
    AlterTableOperation, CreateTable, CreateViewAlgorithm, DropBehavior, DropFunction,
    FunctionDesc, ObjectName, ObjectType, OperateFunctionArg, RenameTableNameKind, SetExpr,
    Statement, TableFactor, TableObject,
};

use super::definitions::{Index, SchemaDefinitions, Table, key, moves_names, written};
use super::rule::Rule;
use super::statement::StatementEffect;
use super::{Dialect, Object, ObjectKind};

/// The effects of statements that differ from those of each alone, by position.
pub(super) type JointEffects = BTreeMap<usize, Vec<StatementEffect>>;

/// Finds the statements that must be judged together.
pub(super) fn joint_effects(
    statements: &[(usize, &Statement)],
    known: &SchemaDefinitions,
    dialect: Dialect,
    in_transaction: bool,
) -> JointEffects {
    let mut found = JointEffects::new();
    for at in 0..statements.len() {
        let (before, (place, statement), after) =
            (&statements[..at], statements[at], &statements[at + 1..]);
        bodies(place, statement, after, &mut found);
        if dialect == Dialect::Sqlite {
            rebuilt_by_new_name(before, place, statement, after, known, &mut found);
            rebuilt_by_old_name(place, statement, after, known, &mut found);
        } else if in_transaction || dialect == Dialect::Mysql {
            behind_view(place, statement, after, &mut found);
        }
    }
    found
}

/// A view or function that is dropped and created again counts as a replaced body. It must have the same schema and
/// arguments, and must be dropped without CASCADE, which drops other objects too.
fn bodies(
    place: usize,
    statement: &Statement,
    after: &[(usize, &Statement)],
    found: &mut JointEffects,
) {
    let later = || after.iter().map(|(_, later)| *later);
    if later().any(moves_names) {
        return;
    }
    let (name, kind, again) = match statement {
        Statement::Drop { object_type: ObjectType::View, names, cascade: false, .. }
            if names.len() == 1 =>
        {
            (&names[0], ObjectKind::View, later().any(|later| makes_view(later, &names[0])))
        }
        Statement::DropFunction(DropFunction { func_desc, drop_behavior, .. })
            if func_desc.len() == 1 && !matches!(drop_behavior, Some(DropBehavior::Cascade)) =>
        {
            let function = &func_desc[0];
            let again = later().any(|later| makes_function(later, function));
            (&function.name, ObjectKind::Function, again)
        }
        _ => return,
    };
    if again {
        found.insert(place, vec![StatementEffect::on(Rule::ReplaceBody, kind, None, &key(name))]);
    }
}

fn makes_view(statement: &Statement, name: &ObjectName) -> bool {
    match statement {
        Statement::CreateView(view) => {
            !view.temporary && !view.materialized && written(&view.name) == written(name)
        }
        _ => false,
    }
}

fn makes_function(statement: &Statement, dropped: &FunctionDesc) -> bool {
    let Statement::CreateFunction(made) = statement else { return false };
    let types = |args: &[OperateFunctionArg]| -> Vec<String> {
        args.iter().map(|arg| arg.data_type.to_string().to_lowercase()).collect()
    };
    // Without arguments the dropped function is not certain.
    let alike = match (&dropped.args, &made.args) {
        (Some(before), Some(after)) => types(before) == types(after),
        _ => false,
    };
    alike && !made.temporary && written(&made.name) == written(&dropped.name)
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
            found.insert(
                place,
                vec![StatementEffect { rule: Rule::RenameBehindView, objects: vec![object] }],
            );
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

/// Recognises a rebuild in this order: create new, copy, drop old, rename new.
fn rebuilt_by_new_name(
    before: &[(usize, &Statement)],
    place: usize,
    statement: &Statement,
    after: &[(usize, &Statement)],
    known: &SchemaDefinitions,
    found: &mut JointEffects,
) {
    let Some(table) = dropped_table(statement) else { return };
    let renaming = after.iter().find_map(|(place, later)| {
        renamed(later).filter(|(_, to)| *to == table).map(|(from, _)| (*place, from))
    });
    let Some((renaming, made)) = renaming else { return };
    let Some(definition) = before.iter().find_map(|(_, s)| created(s, &made)) else { return };
    if let Some(copy) = before.iter().find_map(|(_, earlier)| RowCopy::of(earlier, &made, &table)) {
        let indexed = indexes_made(before.iter().chain(after));
        found.insert(place, outcome(&table, definition, &copy, &indexed, known));
        found.insert(renaming, vec![StatementEffect::of(Rule::RebuildAlike)]);
    }
}

/// Recognises a rebuild in this order: rename old, create new with its name, copy, drop old.
fn rebuilt_by_old_name(
    place: usize,
    statement: &Statement,
    after: &[(usize, &Statement)],
    known: &SchemaDefinitions,
    found: &mut JointEffects,
) {
    let Some((table, aside)) = renamed(statement) else { return };
    let Some(definition) = after.iter().find_map(|(_, s)| created(s, &table)) else { return };
    let dropping = after.iter().find(|(_, s)| dropped_table(s).is_some_and(|name| name == aside));
    let Some((dropping, _)) = dropping else { return };
    if let Some(copy) = after.iter().find_map(|(_, later)| RowCopy::of(later, &table, &aside)) {
        let indexed = indexes_made(after.iter());
        found.insert(place, outcome(&table, definition, &copy, &indexed, known));
        found.insert(*dropping, vec![StatementEffect::of(Rule::RebuildAlike)]);
    }
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
            index.name.as_ref().map(|name| (key(name), Index::made(index)))
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
    let new = Table::of(definition);
    let mut effects = columns(name, old, &new);
    let lost = known.unique_indexes_of(name).filter(|(index, old)| {
        indexed.get(*index).is_none_or(|new| !new.unique || new.over != old.over)
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

fn columns(name: &str, old: &Table, new: &Table) -> Vec<StatementEffect> {
    let mut effects = Vec::new();
    for column in &old.columns {
        let on = |rule| StatementEffect::on(rule, ObjectKind::Column, Some(name), &column.name);
        match new.columns.iter().find(|next| next.name == column.name) {
            Some(next) => {
                effects.extend(column.becoming(next, Dialect::Sqlite).into_iter().map(on));
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
    for gone in old.constraints.iter().filter(|c| !new.constraints.contains(c)) {
        effects.push(StatementEffect::on(
            Rule::DropConstraint,
            ObjectKind::Constraint,
            Some(name),
            gone,
        ));
    }
    for added in new.constraints.iter().filter(|c| !old.constraints.contains(c)) {
        let lower = added.to_lowercase();
        let unique = lower.contains("unique") || lower.contains("primary key");
        effects.push(StatementEffect::of(if unique { Rule::AddUnique } else { Rule::AddCheck }));
    }
    effects
}
