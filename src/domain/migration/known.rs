//! What earlier files, and earlier statements, say about tables and indexes.

use std::collections::BTreeMap;

use sqlparser::ast::{
    AlterTableOperation, CreateTable, ObjectName, ObjectNamePart, RenameTableNameKind, Statement,
    TableConstraint,
};

use super::Dialect;
use super::columns::Column;
use super::sections;
use super::split::split;
use super::statement::parse;

/// The definitions that were seen. What was altered in a way that is not followed is forgotten rather than wrong.
#[derive(Debug, Clone, Default)]
pub struct KnownSchema {
    tables: BTreeMap<String, Table>,
    indexes: BTreeMap<String, Index>,
}

/// A table's definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    pub(super) constraints: Vec<String>,
}

/// An index by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) table: String,
    pub(super) unique: bool,
}

/// The last part of a name, in lower case: what statements of different care call the same.
pub(super) fn key(name: &ObjectName) -> String {
    let last = name.0.last().and_then(|part| part.as_ident());
    last.map_or_else(|| name.to_string(), |ident| ident.value.clone()).to_lowercase()
}

/// The name as it is written, with its schema: quoted capitals are not the letters without quotes, and whether
/// capitals without quotes count differs from server to server.
pub(super) fn written(name: &ObjectName) -> String {
    let part = |part: &ObjectNamePart| match part.as_ident() {
        Some(ident) if ident.value == ident.value.to_lowercase() => ident.value.clone(),
        _ => part.to_string(),
    };
    name.0.iter().map(part).collect::<Vec<_>>().join(".")
}

impl KnownSchema {
    /// Learns what a file defines; files have to come in the order in which they run.
    pub fn learn(&mut self, text: &str, dialect: Dialect) {
        for piece in split(&sections::upward(text), dialect) {
            parse(&piece, dialect).iter().flatten().for_each(|statement| self.follow(statement));
        }
    }

    /// Whether anything was learned at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.indexes.is_empty()
    }

    pub(super) fn table(&self, name: &str) -> Option<&Table> {
        self.tables.get(name)
    }

    pub(super) fn column(&self, table: &str, name: &str) -> Option<&Column> {
        self.tables.get(table)?.columns.iter().find(|column| column.name == name)
    }

    pub(super) fn index(&self, name: &str) -> Option<&Index> {
        self.indexes.get(name)
    }

    pub(super) fn unique_indexes_of<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a str> {
        let of_table = move |(_, index): &(&String, &Index)| index.unique && index.table == table;
        self.indexes.iter().filter(of_table).map(|(name, _)| name.as_str())
    }

    /// Learns what one statement defines.
    pub(super) fn follow(&mut self, statement: &Statement) {
        match statement {
            Statement::CreateTable(table) => {
                let name = key(&table.name);
                if !(table.if_not_exists && self.tables.contains_key(&name)) {
                    self.define(name, table);
                }
            }
            Statement::CreateIndex(index) => {
                if let Some(name) = &index.name {
                    let table = key(&index.table_name);
                    self.indexes.insert(key(name), Index { table, unique: index.unique });
                }
            }
            Statement::AlterTable(alter) => {
                let table = key(&alter.name);
                alter.operations.iter().for_each(|operation| self.alter(&table, operation));
            }
            Statement::Drop { names, .. } => {
                for name in names.iter().map(key) {
                    self.tables.remove(&name);
                    self.indexes.retain(|index, of| *index != name && of.table != name);
                }
            }
            Statement::RenameTable(pairs) => {
                for pair in pairs {
                    self.rename(&key(&pair.old_name), &key(&pair.new_name));
                }
            }
            _ => {}
        }
    }

    fn define(&mut self, name: String, table: &CreateTable) {
        if table.query.is_some() || table.like.is_some() {
            self.tables.remove(&name);
            return;
        }
        for constraint in &table.constraints {
            self.constrain(&name, constraint);
        }
        self.tables.insert(name, Table::of(table));
    }

    fn constrain(&mut self, table: &str, constraint: &TableConstraint) {
        let (index, unique) = match constraint {
            TableConstraint::Unique(unique) => {
                (unique.name.as_ref().or(unique.index_name.as_ref()), true)
            }
            TableConstraint::Index(index) => (index.name.as_ref(), false),
            _ => return,
        };
        if let Some(index) = index {
            let known = Index { table: table.to_owned(), unique };
            self.indexes.insert(index.value.to_lowercase(), known);
        }
    }

    fn alter(&mut self, table: &str, operation: &AlterTableOperation) {
        if let AlterTableOperation::AddConstraint { constraint, .. } = operation {
            self.constrain(table, constraint);
        }
        if let AlterTableOperation::RenameTable { table_name } = operation {
            let (RenameTableNameKind::As(name) | RenameTableNameKind::To(name)) = table_name;
            self.rename(table, &key(name));
            return;
        }
        let followed =
            self.tables.get_mut(table).is_none_or(|known| known.follow(operation).is_some());
        if !followed {
            self.tables.remove(table);
        }
    }

    fn rename(&mut self, from: &str, to: &str) {
        self.tables.remove(to);
        if let Some(table) = self.tables.remove(from) {
            self.tables.insert(to.to_owned(), table);
        }
        for index in self.indexes.values_mut().filter(|index| index.table == from) {
            to.clone_into(&mut index.table);
        }
    }
}

impl Table {
    pub(super) fn of(table: &CreateTable) -> Self {
        let columns = table.columns.iter().map(|column| {
            let options = column.options.iter().map(|option| &option.option);
            Column::new(&column.name.value, &column.data_type, &options)
        });
        Self {
            columns: columns.collect(),
            constraints: table.constraints.iter().map(|c| c.to_string().to_lowercase()).collect(),
        }
    }

    /// Follows a change; `None` when the definition is no longer known after it.
    fn follow(&mut self, operation: &AlterTableOperation) -> Option<()> {
        match operation {
            AlterTableOperation::AddColumn { column_def, .. } => {
                let options = column_def.options.iter().map(|option| &option.option);
                let name = &column_def.name.value;
                self.columns.push(Column::new(name, &column_def.data_type, &options));
            }
            AlterTableOperation::DropColumn { column_names, .. } => {
                let dropped = |column: &Column| {
                    column_names.iter().any(|name| name.value.to_lowercase() == column.name)
                };
                self.columns.retain(|column| !dropped(column));
            }
            AlterTableOperation::RenameColumn { old_column_name, new_column_name } => {
                let old = old_column_name.value.to_lowercase();
                let column = self.columns.iter_mut().find(|column| column.name == old)?;
                column.name = new_column_name.value.to_lowercase();
            }
            AlterTableOperation::ModifyColumn { col_name, data_type, options, .. } => {
                let next = Column::new(&col_name.value, data_type, &options.iter());
                let column = self.columns.iter_mut().find(|column| column.name == next.name)?;
                *column = next;
            }
            _ => return None,
        }
        Some(())
    }
}
