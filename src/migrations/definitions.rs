//! What earlier files and statements define: tables, indexes, views, functions, triggers.

mod doubt;
mod routines;

use std::collections::{BTreeMap, BTreeSet};

use sqlparser::ast::{
    AlterIndexOperation, AlterTableOperation, CreateFunction, CreateTable, ObjectName, ObjectType,
    OperateFunctionArg, RenameTableNameKind, Statement, TableConstraint,
};

pub(super) use self::routines::{MadeTrigger, dropped_trigger, is_same, made_routine};
use super::block;
use super::columns::Column;
use super::judge::{LARGEST, MOST_STATEMENTS, prepared};
use super::names::{self, bare, key, lower, schema_after};
use super::recognise::separated;
use super::split::{RawStatement, split};
use super::statement::parse;
use super::tables::{Constraint, ConstraintKind, Index, Reference, Table, UniqueKey};
use super::{Dialect, ObjectKind, Tool, sections};

/// How much of a statement is searched for the names of what it is about, in bytes.
const HEAD: usize = 300;

/// The definitions seen so far. A table is removed if a change to it cannot be applied, so that no definition here is
/// outdated.
#[derive(Debug, Clone, Default)]
pub struct SchemaDefinitions {
    /// True if there are earlier statements that were not seen.
    partial: bool,
    /// The schema of names without one, in this file.
    schema: String,
    /// The temporary tables of this file.
    temporary: BTreeSet<String>,
    tables: BTreeMap<String, Table>,
    /// What statements added to tables whose definitions are not known.
    parts: BTreeMap<String, Table>,
    /// By name and table.
    indexes: BTreeMap<(String, String), Index>,
    functions: BTreeMap<String, Vec<Signature>>,
    /// Views, types and policies, with the text of a view.
    others: BTreeMap<(ObjectKind, String), String>,
    /// The statements that made triggers, by the names of the trigger and the table.
    triggers: BTreeMap<(String, String), String>,
    /// The statements that made routines, by the name with the arguments.
    bodies: BTreeMap<String, String>,
    /// The constraints and indexes that this file dropped.
    dropped: BTreeSet<String>,
    /// All names that statements were about, without their schemas.
    heard_of: BTreeSet<String>,
}

/// What distinguishes functions of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signature {
    pub(super) types: Vec<String>,
    /// How many of the last ones have a default.
    pub(super) optional: usize,
}

impl Signature {
    pub(super) fn of(arguments: &[OperateFunctionArg]) -> Self {
        Self {
            types: arguments.iter().map(|one| one.data_type.to_string().to_lowercase()).collect(),
            optional: arguments.iter().filter(|one| one.default_expr.is_some()).count(),
        }
    }

    /// True if a call may mean either.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let fewest = |one: &Self| one.types.len() - one.optional;
        self.types != other.types
            && fewest(self) <= other.types.len()
            && fewest(other) <= self.types.len()
    }
}

/// The words of a text that may be names, in lower case.
pub(super) fn words(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '$');
    words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

impl SchemaDefinitions {
    /// The definitions where earlier statements are not known.
    #[must_use]
    pub fn incomplete() -> Self {
        Self { partial: true, ..Self::default() }
    }

    /// Adds the definitions of a file. Call it in the order in which the files run.
    pub fn learn(&mut self, text: &str, dialect: Dialect) {
        let text = prepared(text, dialect);
        let pieces = match text.len() {
            0..=LARGEST => split(&sections::upward(&text, Tool::Configured), dialect),
            _ => Vec::new(),
        };
        if text.len() > LARGEST || pieces.len() > MOST_STATEMENTS {
            // The unread part may have changed every definition.
            *self = Self::incomplete();
            return;
        }
        self.begin();
        for piece in pieces {
            let statements = parse(&piece, dialect);
            self.apply(&piece, statements.as_deref(), dialect);
        }
    }

    /// Forgets what holds for one file only.
    pub(super) fn begin(&mut self) {
        self.schema.clear();
        self.temporary.clear();
        self.dropped.clear();
    }

    /// True if the file dropped a constraint or index and did not make it again.
    pub(super) fn is_dropped(&self, name: &str) -> bool {
        self.dropped.contains(name)
    }

    /// Applies one piece of a file.
    pub(super) fn apply(
        &mut self,
        piece: &RawStatement,
        statements: Option<&[Statement]>,
        dialect: Dialect,
    ) {
        self.note_routine(&piece.sql);
        match statements.filter(|_| !piece.hinted) {
            Some(statements) => statements.iter().for_each(|s| self.follow(s, dialect)),
            None => match block::inner(&piece.sql, dialect) {
                Some(inner) => inner.iter().for_each(|part| self.doubt_inner(part, dialect)),
                None => match separated(&piece.sql).filter(|_| !piece.hinted) {
                    Some(parts) => parts.iter().for_each(|part| self.apply_part(part, dialect)),
                    None => self.apply_part(&piece.sql, dialect),
                },
            },
        }
        let head = &piece.sql[..piece.sql.floor_char_boundary(HEAD)];
        self.heard_of.append(&mut words(head));
    }

    /// True if there is no definition.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.indexes.is_empty()
    }

    pub(super) fn is_partial(&self) -> bool {
        self.partial
    }

    /// The whole name of an object.
    pub(super) fn id(&self, name: &ObjectName, dialect: Dialect) -> String {
        names::id(name, dialect, &self.schema)
    }

    /// The whole name of a table after it was renamed.
    pub(super) fn renamed_id(&self, from: &str, to: &ObjectName, dialect: Dialect) -> String {
        match (from.rsplit_once('.'), to.0.len()) {
            (Some((schema, _)), 1) => names::id(to, dialect, schema),
            _ => self.id(to, dialect),
        }
    }

    /// True if no earlier statement was about such a name.
    pub(super) fn is_unheard_of(&self, name: &ObjectName) -> bool {
        self.is_unheard_of_text(&key(name))
    }

    pub(super) fn is_unheard_of_text(&self, name: &str) -> bool {
        !self.partial && words(name).iter().all(|word| !self.heard_of.contains(word))
    }

    /// True if the name means a temporary table of this file.
    pub(super) fn is_temporary(&self, name: &ObjectName) -> bool {
        name.0.len() == 1 && self.temporary.contains(&key(name))
    }

    pub(super) fn table(&self, id: &str) -> Option<&Table> {
        self.tables.get(id)
    }

    /// A table's definition, or what is known of it.
    pub(super) fn known_of(&self, id: &str) -> Option<&Table> {
        self.tables.get(id).or_else(|| self.parts.get(id))
    }

    pub(super) fn column(&self, table: &str, name: &str) -> Option<&Column> {
        self.known_of(table)?.column(name)
    }

    /// The indexes of this name, of all tables.
    pub(super) fn indexes<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Index> {
        self.indexes.iter().filter(move |((index, _), _)| index == name).map(|(_, index)| index)
    }

    pub(super) fn unique_indexes_of<'a>(
        &'a self,
        table: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Index)> {
        let of_table =
            move |(_, index): &(&(String, String), &Index)| index.unique && index.table == table;
        self.indexes.iter().filter(of_table).map(|((name, _), index)| (name.as_str(), index))
    }

    /// The unique keys of a table: its own, and those of unique indexes.
    pub(super) fn keys(&self, table: &str) -> Vec<UniqueKey> {
        let own = self.known_of(table).into_iter().flat_map(Table::keys);
        own.chain(self.unique_indexes_of(table).map(|(_, index)| index.key.clone())).collect()
    }

    /// The references of other tables to this one, whatever its schema.
    pub(super) fn children<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a Reference> {
        let name = bare(table);
        self.tables
            .iter()
            .filter(move |(id, _)| *id != table)
            .flat_map(|(_, table)| table.references().map(|(_, reference)| reference))
            .filter(move |reference| reference.table == name)
    }

    pub(super) fn signatures(&self, id: &str) -> &[Signature] {
        self.functions.get(id).map_or(&[], Vec::as_slice)
    }

    pub(super) fn has(&self, kind: ObjectKind, id: &str) -> bool {
        self.others.contains_key(&(kind, id.to_owned()))
    }

    /// The statement that made a view.
    pub(super) fn view(&self, id: &str) -> Option<&str> {
        self.others.get(&(ObjectKind::View, id.to_owned())).map(String::as_str)
    }

    /// The triggers of a table, whatever its schema.
    pub(super) fn triggers_of<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a str> {
        let name = bare(table);
        self.triggers.keys().filter(move |(_, of)| *of == name).map(|(name, _)| name.as_str())
    }

    /// True if a view or a trigger mentions a table.
    pub(super) fn is_mentioned(&self, table: &str) -> bool {
        let name = bare(table);
        let texts = self.others.values().chain(self.triggers.values());
        texts.into_iter().any(|text| words(text).contains(&name))
    }

    /// Applies one statement to the definitions.
    pub(super) fn follow(&mut self, statement: &Statement, dialect: Dialect) {
        if let Some(schema) = schema_after(statement) {
            self.schema = schema;
        }
        match statement {
            Statement::CreateTable(table) if table.temporary => {
                // One that ends with the transaction may be gone.
                if table.on_commit.is_none() {
                    self.temporary.insert(key(&table.name));
                }
            }
            Statement::CreateTable(table) => {
                let id = self.id(&table.name, dialect);
                if !(table.if_not_exists && self.tables.contains_key(&id)) {
                    self.define(&id, table, dialect);
                }
            }
            Statement::CreateIndex(index) if !self.is_temporary(&index.table_name) => {
                // With IF NOT EXISTS the name may belong to another index.
                let is_certain = |name: &&ObjectName| {
                    let is_free = self.is_dropped(&key(name)) || self.is_unheard_of(name);
                    index.unique || !index.if_not_exists || is_free
                };
                if let Some(name) = index.name.as_ref().filter(is_certain) {
                    let table = self.id(&index.table_name, dialect);
                    self.dropped.remove(&key(name));
                    self.learn_index(key(name), Index::made(index, table));
                }
            }
            Statement::AlterTable(alter) if !self.is_temporary(&alter.name) => {
                let table = self.id(&alter.name, dialect);
                alter.operations.iter().for_each(|o| self.alter(&table, o, dialect));
            }
            Statement::Drop { object_type, names, .. } => {
                for name in names {
                    self.drop(*object_type, name, dialect);
                }
            }
            Statement::AlterIndex {
                name,
                operation: AlterIndexOperation::RenameIndex { index_name },
            } => self.rename_index(&key(name), &key(index_name)),
            Statement::RenameTable(pairs) => {
                for pair in pairs {
                    let from = self.id(&pair.old_name, dialect);
                    let to = self.renamed_id(&from, &pair.new_name, dialect);
                    self.rename(&from, &to);
                }
            }
            Statement::Rollback { savepoint: None, .. } => {
                // What was undone is not followed.
                *self = Self { heard_of: std::mem::take(&mut self.heard_of), ..Self::incomplete() };
            }
            _ => self.follow_others(statement, dialect),
        }
    }

    fn follow_others(&mut self, statement: &Statement, dialect: Dialect) {
        match statement {
            Statement::CreateView(view) if !view.temporary => {
                let id = self.id(&view.name, dialect);
                self.others.insert((ObjectKind::View, id), statement.to_string());
            }
            Statement::CreateType { name, .. } => {
                let id = self.id(name, dialect);
                self.others.insert((ObjectKind::Type, id), String::new());
            }
            Statement::CreatePolicy(policy) => {
                let id = format!("{}.{}", key(&policy.table_name), policy.name.value);
                self.others.insert((ObjectKind::Other, id), String::new());
            }
            Statement::DropPolicy(policy) => {
                let id = format!("{}.{}", key(&policy.table_name), policy.name.value);
                self.others.remove(&(ObjectKind::Other, id));
            }
            Statement::CreateFunction(function) => self.define_function(function, dialect),
            Statement::DropFunction(dropped) => {
                for function in &dropped.func_desc {
                    let id = self.id(&function.name, dialect);
                    let dropped = function.args.as_deref().map(Signature::of);
                    let left = self.functions.entry(id).or_default();
                    left.retain(|one| dropped.as_ref().is_some_and(|d| d.types != one.types));
                }
            }
            _ => {}
        }
    }

    fn define_function(&mut self, function: &CreateFunction, dialect: Dialect) {
        let id = self.id(&function.name, dialect);
        let made = Signature::of(function.args.as_deref().unwrap_or_default());
        let all = self.functions.entry(id).or_default();
        all.retain(|one| one.types != made.types);
        all.push(made);
    }

    fn drop(&mut self, kind: ObjectType, name: &ObjectName, dialect: Dialect) {
        if kind == ObjectType::Table && self.is_temporary(name) {
            self.temporary.remove(&key(name));
            return;
        }
        let id = self.id(name, dialect);
        match kind {
            ObjectType::Index => {
                // An index of a named schema may not be the one of that name.
                let whole = if name.0.len() == 1 { key(name) } else { names::written(name) };
                self.dropped.insert(whole);
                let name = key(name);
                self.indexes.retain(|(index, _), _| *index != name);
                for table in self.tables.values_mut() {
                    table.constraints.retain(|constraint| constraint.name != name);
                }
            }
            ObjectType::Table => {
                self.tables.remove(&id);
                self.parts.remove(&id);
                let gone = self.indexes.extract_if(.., |_, index| index.table == id);
                // Each schema, and in MySQL each table, has its own names.
                let is_only = dialect != Dialect::Mysql && !id.contains('.');
                self.dropped.extend(gone.map(|((name, _), _)| name).filter(|_| is_only));
                let name = bare(&id);
                self.triggers.retain(|(_, table), _| *table != name);
            }
            ObjectType::View | ObjectType::MaterializedView => {
                self.others.remove(&(ObjectKind::View, id));
            }
            ObjectType::Type => drop(self.others.remove(&(ObjectKind::Type, id))),
            // It takes its tables along.
            ObjectType::Schema | ObjectType::Database => {
                self.tables.clear();
                self.parts.clear();
            }
            _ => {}
        }
    }

    fn define(&mut self, id: &str, table: &CreateTable, dialect: Dialect) {
        self.parts.remove(id);
        if table.query.is_some() || table.like.is_some() || table.inherits.is_some() {
            self.tables.remove(id);
            return;
        }
        for constraint in &table.constraints {
            self.constrain(id, constraint);
        }
        self.tables.insert(id.to_owned(), Table::of(table, id, dialect));
    }

    /// Two indexes with the same name cannot be distinguished: a unique one is kept, any other is removed.
    fn learn_index(&mut self, name: String, index: Index) {
        let place = (name, index.table.clone());
        match self.indexes.get(&place) {
            Some(other) if *other != index => {
                if index.unique {
                    self.indexes.insert(place, index);
                } else if !other.unique {
                    self.indexes.remove(&place);
                }
            }
            _ => drop(self.indexes.insert(place, index)),
        }
    }

    /// Learns the index that a constraint makes.
    fn constrain(&mut self, table: &str, constraint: &TableConstraint) {
        let index =
            |unique, key| Index { table: table.to_owned(), unique, key, over: String::new() };
        match constraint {
            TableConstraint::Unique(_) => {
                let made = Constraint::of(constraint, table);
                if let ConstraintKind::Key(key) = made.kind {
                    self.learn_index(made.name, index(true, key));
                }
            }
            TableConstraint::Index(plain) => {
                if let Some(name) = &plain.name {
                    self.learn_index(lower(name), index(false, UniqueKey::of(&plain.columns)));
                }
            }
            TableConstraint::UniqueUsingIndex(used)
            | TableConstraint::PrimaryKeyUsingIndex(used) => {
                let index = lower(&used.index_name);
                if let Some(index) = self.indexes.get_mut(&(index.clone(), table.to_owned())) {
                    index.over.clear();
                }
                if let Some(name) = &used.name {
                    self.rename_index(&index, &lower(name));
                }
            }
            _ => {}
        }
    }

    fn alter(&mut self, table: &str, operation: &AlterTableOperation, dialect: Dialect) {
        match operation {
            AlterTableOperation::AddConstraint { constraint, .. } => {
                self.dropped.remove(&Constraint::of(constraint, table).name);
                self.constrain(table, constraint);
            }
            AlterTableOperation::RenameConstraint { old_name, new_name } => {
                self.rename_index(&lower(old_name), &lower(new_name));
            }
            AlterTableOperation::DropConstraint { name, .. }
            | AlterTableOperation::DropForeignKey { name, .. }
            | AlterTableOperation::DropIndex { name } => {
                self.dropped.insert(lower(name));
                self.indexes.remove(&(lower(name), table.to_owned()));
            }
            AlterTableOperation::RenameTable { table_name } => {
                let (RenameTableNameKind::As(name) | RenameTableNameKind::To(name)) = table_name;
                let to = self.renamed_id(table, name, dialect);
                self.rename(table, &to);
                return;
            }
            _ => {}
        }
        if let Some(known) = self.tables.get_mut(table) {
            if known.follow(operation, table, dialect).is_none() {
                self.tables.remove(table);
            }
        } else {
            let parts = self.parts.entry(table.to_owned()).or_insert_with(Table::empty);
            // What is not known of the table stays so.
            let _ = parts.follow(operation, table, dialect);
        }
    }

    fn rename_index(&mut self, from: &str, to: &str) {
        let named: Vec<_> = self.indexes.keys().filter(|(name, _)| name == from).cloned().collect();
        for place in named {
            if let Some(index) = self.indexes.remove(&place) {
                self.learn_index(to.to_owned(), index);
            }
        }
    }

    fn rename(&mut self, from: &str, to: &str) {
        for tables in [&mut self.tables, &mut self.parts] {
            tables.remove(to);
            if let Some(mut table) = tables.remove(from) {
                table.keep_names(from);
                tables.insert(to.to_owned(), table);
            }
        }
        let of_table: Vec<_> =
            self.indexes.keys().filter(|(_, table)| table == from).cloned().collect();
        for place in of_table {
            if let Some(index) = self.indexes.remove(&place) {
                self.learn_index(place.0, Index { table: to.to_owned(), ..index });
            }
        }
        let (old, new) = (bare(from), bare(to));
        let moved: Vec<_> = self.triggers.extract_if(.., |(_, of), _| *of == old).collect();
        self.triggers
            .extend(moved.into_iter().map(|((name, _), text)| ((name, new.clone()), text)));
    }
}
