//! The tables and indexes that earlier files and statements define.

use std::collections::BTreeMap;

use sqlparser::ast::{
    AlterIndexOperation, AlterTableOperation, CreateIndex, CreateTable, ObjectName, ObjectNamePart,
    RenameTableNameKind, Statement, TableConstraint,
};

use super::columns::Column;
use super::judge::{LARGEST, MOST_STATEMENTS, lines_ended};
use super::split::split;
use super::statement::parse;
use super::{Dialect, Tool, sections};

/// The definitions seen so far. A table is removed if a change to it cannot be applied, so that no definition here is
/// outdated.
#[derive(Debug, Clone, Default)]
pub struct SchemaDefinitions {
    tables: BTreeMap<String, Table>,
    indexes: BTreeMap<String, Index>,
}

/// A table's definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    pub(super) constraints: Vec<String>,
    /// Other table options, as text.
    pub(super) options: String,
}

/// An index; the map key is its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) table: String,
    /// As written; empty without one.
    pub(super) schema: String,
    pub(super) unique: bool,
    /// Its columns and predicate, as text; empty for a constraint.
    pub(super) over: String,
}

impl Index {
    pub(super) fn made(index: &CreateIndex) -> Self {
        let over = index.columns.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let over = match &index.predicate {
            Some(predicate) => format!("{over} WHERE {predicate}"),
            None => over,
        };
        Self { over, ..Self::on(&index.table_name, index.unique) }
    }

    fn on(table: &ObjectName, unique: bool) -> Self {
        Self { table: key(table), schema: schema_of(table), unique, over: String::new() }
    }
}

/// The schema part of a name; empty without one.
pub(super) fn schema_of(name: &ObjectName) -> String {
    let name = written(name);
    name.rsplit_once('.').map_or_else(String::new, |(schema, _)| schema.to_owned())
}

/// The last part of a name in lower case, to compare names.
pub(super) fn key(name: &ObjectName) -> String {
    let last = name.0.last().and_then(|part| part.as_ident());
    last.map_or_else(|| name.to_string(), |ident| ident.value.clone()).to_lowercase()
}

/// The name as written, with its schema. Upper case is kept: databases differ on whether case counts.
pub(super) fn written(name: &ObjectName) -> String {
    let part = |part: &ObjectNamePart| match part.as_ident() {
        Some(ident) if ident.value == ident.value.to_lowercase() => ident.value.clone(),
        _ => part.to_string(),
    };
    name.0.iter().map(part).collect::<Vec<_>>().join(".")
}

/// True if later names may mean other tables, or earlier changes may be undone.
pub(super) fn moves_names(statement: &Statement) -> bool {
    match statement {
        Statement::Rollback { .. }
        | Statement::Use(_)
        | Statement::RenameTable(_)
        | Statement::Reset(_)
        | Statement::Discard { .. } => true,
        Statement::Set(_) | Statement::Query(_) => {
            let text = statement.to_string().to_lowercase();
            ["search_path", "schema", "set_config", "role", "authorization"]
                .iter()
                .any(|word| text.contains(word))
        }
        _ => false,
    }
}

impl SchemaDefinitions {
    /// Adds the definitions of a file. Call it in the order in which the files run.
    pub fn learn(&mut self, text: &str, dialect: Dialect) {
        let text = lines_ended(text, dialect);
        let pieces = match text.len() {
            0..=LARGEST => split(&sections::upward(&text, Tool::Configured), dialect),
            _ => Vec::new(),
        };
        if text.len() > LARGEST || pieces.len() > MOST_STATEMENTS {
            // The unread part may have changed every definition.
            *self = Self::default();
            return;
        }
        for piece in pieces {
            match parse(&piece, dialect).filter(|_| !piece.hinted) {
                Some(statements) => statements.iter().for_each(|statement| self.follow(statement)),
                None => self.doubt(&piece.sql),
            }
        }
    }

    /// True if there is no definition.
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

    pub(super) fn unique_indexes_of<'a>(
        &'a self,
        table: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Index)> {
        let of_table = move |(_, index): &(&String, &Index)| index.unique && index.table == table;
        self.indexes.iter().filter(of_table).map(|(name, index)| (name.as_str(), index))
    }

    /// Removes the definitions that a statement may have changed that cannot be parsed. Unique indexes stay.
    pub(super) fn doubt(&mut self, sql: &str) {
        let first = sql.split_whitespace().next().unwrap_or_default().to_lowercase();
        let keeps_definitions =
            ["insert", "update", "delete", "replace", "truncate", "create", "pragma", "refresh"];
        if !keeps_definitions.contains(&first.as_str()) && !first.starts_with('\\') {
            self.tables.clear();
            self.indexes.retain(|_, index| index.unique);
        }
    }

    /// Applies one statement to the definitions.
    pub(super) fn follow(&mut self, statement: &Statement) {
        match statement {
            Statement::CreateTable(table) => {
                let name = key(&table.name);
                if !(table.if_not_exists && self.tables.contains_key(&name)) {
                    self.define(name, table);
                }
            }
            Statement::CreateIndex(index) => {
                // With IF NOT EXISTS the name may belong to another index, so only a unique one is kept.
                if let Some(name) =
                    index.name.as_ref().filter(|_| index.unique || !index.if_not_exists)
                {
                    self.learn_index(key(name), Index::made(index));
                }
            }
            Statement::AlterTable(alter) => {
                let table = key(&alter.name);
                alter.operations.iter().for_each(|o| self.alter(&alter.name, &table, o));
            }
            Statement::Drop { names, .. } => {
                for name in names.iter().map(key) {
                    self.tables.remove(&name);
                    self.indexes.retain(|index, of| *index != name && of.table != name);
                }
            }
            Statement::AlterIndex {
                name,
                operation: AlterIndexOperation::RenameIndex { index_name },
            } => {
                if let Some(index) = self.indexes.remove(&key(name)) {
                    self.learn_index(key(index_name), index);
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
            self.constrain(&table.name, constraint);
        }
        self.tables.insert(name, Table::of(table));
    }

    /// Two indexes with the same name cannot be distinguished: a unique one is kept, any other is removed.
    fn learn_index(&mut self, name: String, index: Index) {
        match self.indexes.get(&name) {
            Some(other) if *other != index => {
                if index.unique {
                    self.indexes.insert(name, index);
                } else if !other.unique {
                    self.indexes.remove(&name);
                }
            }
            _ => drop(self.indexes.insert(name, index)),
        }
    }

    fn constrain(&mut self, table: &ObjectName, constraint: &TableConstraint) {
        let (index, unique) = match constraint {
            TableConstraint::Unique(unique) => {
                (unique.name.as_ref().or(unique.index_name.as_ref()), true)
            }
            TableConstraint::Index(index) => (index.name.as_ref(), false),
            _ => return,
        };
        if let Some(index) = index {
            self.learn_index(index.value.to_lowercase(), Index::on(table, unique));
        }
    }

    fn alter(&mut self, name: &ObjectName, table: &str, operation: &AlterTableOperation) {
        if let AlterTableOperation::AddConstraint { constraint, .. } = operation {
            self.constrain(name, constraint);
        }
        if let AlterTableOperation::RenameConstraint { old_name, new_name } = operation
            && let Some(index) = self.indexes.remove(&old_name.value.to_lowercase())
        {
            self.learn_index(new_name.value.to_lowercase(), index);
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
            constraints: table.constraints.iter().map(ToString::to_string).collect(),
            options: format!("{} {} {}", table.table_options, table.without_rowid, table.strict),
        }
    }

    /// Applies a change; `None` if the definition is unknown after it.
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
