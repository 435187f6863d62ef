//! What a statement makes of the definitions that were known before it.

use sqlparser::ast::{
    AlterIndexOperation, AlterTableOperation, CreateFunction, CreateTable, ObjectName, ObjectType,
    RenameTableNameKind, Statement, TableConstraint,
};

use super::super::names::{self, bare, key, lower, schema_after};
use super::super::tables::{Constraint, ConstraintKind, Index, Table, UniqueKey};
use super::super::{Dialect, ObjectKind};
use super::{SchemaDefinitions, Signature};

impl SchemaDefinitions {
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
