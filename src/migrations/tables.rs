//! The definition of a table: its columns, keys, constraints and references, and what `ALTER TABLE` makes of them.

use std::collections::{BTreeMap, BTreeSet};

use sqlparser::ast::{
    AlterColumnOperation, AlterTableOperation, ColumnOption, CreateIndex, CreateTable, DataType,
    Expr, ForeignKeyConstraint, Ident, IndexColumn, NullsDistinctOption, ReferentialAction,
    TableConstraint,
};

use super::Dialect;
use super::columns::Column;
use super::names::{bare, key, lower};

/// A table's definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    pub(super) constraints: Vec<Constraint>,
    /// Other table options, as text.
    pub(super) options: String,
    /// The constraints of columns whose names no longer follow from those of the table and the column.
    named: BTreeMap<String, OfColumn>,
}

/// A constraint of a column: the column, and the ending of the name that `PostgreSQL` gives the constraint.
type OfColumn = (String, &'static str);

/// A constraint of a table, beside those of its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Constraint {
    /// In lower case; the one that `PostgreSQL` gives if none is written.
    pub(super) name: String,
    pub(super) kind: ConstraintKind,
    pub(super) text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ConstraintKind {
    Key(UniqueKey),
    /// The condition, as text.
    Check(String),
    Reference(Vec<String>, Reference),
    Other,
}

/// The columns of a unique key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UniqueKey {
    /// In lower case, sorted; `None` if the key has an expression.
    pub(super) columns: Option<Vec<String>>,
    /// True if it is for some rows only.
    pub(super) partial: bool,
    /// True if two rows with NULL count as equal.
    pub(super) counts_nulls: bool,
}

/// A reference to another table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    /// The last part of the table's name, in lower case.
    pub(super) table: String,
    pub(super) columns: Vec<String>,
    pub(super) on_delete: Deleted,
}

/// What becomes of a row when the row that it refers to is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deleted {
    Refused,
    Cascades,
    SetsNull,
}

impl Reference {
    pub(super) fn of(reference: &ForeignKeyConstraint) -> Self {
        Self {
            table: key(&reference.foreign_table),
            columns: reference.referred_columns.iter().map(lower).collect(),
            on_delete: match reference.on_delete {
                Some(ReferentialAction::Cascade) => Deleted::Cascades,
                Some(ReferentialAction::SetNull) => Deleted::SetsNull,
                _ => Deleted::Refused,
            },
        }
    }
}

impl Reference {
    pub(super) fn is_to(&self, table: &sqlparser::ast::ObjectName) -> bool {
        self.table == key(table)
    }
}

impl UniqueKey {
    pub(super) fn of(columns: &[IndexColumn]) -> Self {
        let plain = |column: &IndexColumn| match &column.column.expr {
            Expr::Identifier(name) => Some(lower(name)),
            _ => None,
        };
        let columns: Option<BTreeSet<_>> = columns.iter().map(plain).collect();
        Self {
            columns: columns.map(|all| all.into_iter().collect()),
            partial: false,
            counts_nulls: false,
        }
    }

    pub(super) fn of_column(name: &str) -> Self {
        Self { columns: Some(vec![name.to_owned()]), partial: false, counts_nulls: false }
    }

    /// True if no row that this key accepts breaks the other one.
    pub(super) fn implies(&self, other: &Self) -> bool {
        let (Some(own), Some(others)) = (&self.columns, &other.columns) else { return false };
        !self.partial
            && (self.counts_nulls || !other.counts_nulls)
            && own.iter().all(|column| others.contains(column))
    }
}

impl Constraint {
    /// The constraint as a statement on this table defines it.
    pub(super) fn of(constraint: &TableConstraint, table: &str) -> Self {
        let text = constraint.to_string();
        let named = |name: &Option<Ident>, index: &Option<Ident>| {
            name.as_ref().or(index.as_ref()).map(lower)
        };
        let (name, ending, columns, kind) = match constraint {
            TableConstraint::Unique(unique) => {
                let counts_nulls = unique.nulls_distinct == NullsDistinctOption::NotDistinct;
                let key = UniqueKey { counts_nulls, ..UniqueKey::of(&unique.columns) };
                let name = named(&unique.name, &unique.index_name);
                (name, "key", in_order(&unique.columns), ConstraintKind::Key(key))
            }
            TableConstraint::PrimaryKey(primary) => {
                let key = UniqueKey::of(&primary.columns);
                let name = named(&primary.name, &primary.index_name);
                (name, "pkey", Vec::new(), ConstraintKind::Key(key))
            }
            TableConstraint::ForeignKey(reference) => {
                let columns: Vec<_> = reference.columns.iter().map(lower).collect();
                let kind = ConstraintKind::Reference(columns.clone(), Reference::of(reference));
                (named(&reference.name, &reference.index_name), "fkey", columns, kind)
            }
            TableConstraint::Check(check) => {
                let mut columns = super::expressions::columns_of(&check.expr).unwrap_or_default();
                columns.dedup();
                columns.truncate(usize::from(columns.len() == 1));
                let kind = ConstraintKind::Check(check.expr.to_string());
                (named(&check.name, &None), "check", columns, kind)
            }
            _ => (None, "excl", Vec::new(), ConstraintKind::Other),
        };
        let given = || {
            let table = bare(table);
            let parts = std::iter::once(table.as_str());
            let parts = parts.chain(columns.iter().map(String::as_str)).chain([ending]);
            parts.collect::<Vec<_>>().join("_")
        };
        Self { name: name.unwrap_or_else(given), kind, text }
    }
}

fn in_order(columns: &[IndexColumn]) -> Vec<String> {
    let name = |column: &IndexColumn| column.column.expr.to_string().to_lowercase();
    columns.iter().map(name).collect()
}

impl Table {
    pub(super) fn of(table: &CreateTable, id: &str, dialect: Dialect) -> Self {
        let columns = table.columns.iter().map(|column| {
            let options = column.options.iter().map(|option| &option.option);
            Column::new(&column.name.value, &column.data_type, &options, dialect)
        });
        let constraints = table.constraints.iter().map(|one| Constraint::of(one, id));
        let mut table = Self {
            columns: columns.collect(),
            constraints: constraints.collect(),
            options: format!("{} {} {}", table.table_options, table.without_rowid, table.strict),
            named: BTreeMap::new(),
        };
        table.require_primary(dialect);
        table
    }

    pub(super) fn empty() -> Self {
        Self {
            columns: Vec::new(),
            constraints: Vec::new(),
            options: String::new(),
            named: BTreeMap::new(),
        }
    }

    /// The columns of a primary key are NOT NULL; not so in `SQLite`.
    fn require_primary(&mut self, dialect: Dialect) {
        let primary = self.constraints.iter().filter(|one| one.text.contains("PRIMARY KEY"));
        let keys = primary.filter_map(|one| match &one.kind {
            ConstraintKind::Key(key) => key.columns.clone(),
            _ => None,
        });
        let named: Vec<_> = keys.flatten().collect();
        for column in self.columns.iter_mut().filter(|column| named.contains(&column.name)) {
            column.required |= dialect != Dialect::Sqlite;
        }
    }

    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The constraint of this name, also one of a column by the name that `PostgreSQL` gives it.
    pub(super) fn constraint(&self, name: &str, id: &str) -> Option<ConstraintKind> {
        let named = self.constraints.iter().find(|constraint| constraint.name == name);
        named.map(|constraint| constraint.kind.clone()).or_else(|| {
            let (column, ending) = self.of_column(name, id)?;
            let column = self.column(&column)?;
            match ending {
                "check" => column.checks.first().cloned().map(ConstraintKind::Check),
                "fkey" => {
                    let reference = column.reference.clone()?;
                    Some(ConstraintKind::Reference(vec![column.name.clone()], reference))
                }
                _ => Some(ConstraintKind::Key(UniqueKey::of_column(&column.name))),
            }
        })
    }

    /// The constraint of a column that has this name.
    fn of_column(&self, name: &str, id: &str) -> Option<OfColumn> {
        let given = || self.given(id).into_iter().find(|(given, _)| given == name);
        self.named.get(name).cloned().or_else(|| given().map(|(_, of)| of))
    }

    /// The constraints of columns by the names that `PostgreSQL` gives them.
    fn given(&self, id: &str) -> Vec<(String, OfColumn)> {
        let table = bare(id);
        let mut all = Vec::new();
        for column in &self.columns {
            let mut add = |name: String, ending| all.push((name, (column.name.clone(), ending)));
            for (is_there, ending) in [
                (column.unique, "key"),
                (!column.checks.is_empty(), "check"),
                (column.reference.is_some(), "fkey"),
            ] {
                if is_there {
                    add(format!("{table}_{}_{ending}", column.name), ending);
                }
            }
            if column.unique && column.required {
                add(format!("{table}_pkey"), "pkey");
            }
        }
        all
    }

    /// Keeps the names of the constraints of columns, before the table or a column is renamed.
    pub(super) fn keep_names(&mut self, id: &str) {
        for (name, of) in self.given(id) {
            if !self.named.values().any(|named| *named == of) {
                self.named.insert(name, of);
            }
        }
    }

    /// The unique keys, of columns and of constraints.
    pub(super) fn keys(&self) -> impl Iterator<Item = UniqueKey> {
        let of_columns = self.columns.iter().filter(|column| column.unique);
        let of_columns = of_columns.map(|column| UniqueKey::of_column(&column.name));
        let others = self.constraints.iter().filter_map(|constraint| match &constraint.kind {
            ConstraintKind::Key(key) => Some(key.clone()),
            _ => None,
        });
        of_columns.chain(others)
    }

    /// The conditions that each row meets, as text.
    pub(super) fn checks(&self) -> impl Iterator<Item = &str> {
        let of_columns = self.columns.iter().flat_map(|column| &column.checks);
        let others = self.constraints.iter().filter_map(|constraint| match &constraint.kind {
            ConstraintKind::Check(condition) => Some(condition),
            _ => None,
        });
        of_columns.chain(others).map(String::as_str)
    }

    /// The references to other tables, with the columns that refer.
    pub(super) fn references(&self) -> impl Iterator<Item = (Vec<String>, &Reference)> {
        let of_columns = self.columns.iter().filter_map(|column| {
            column.reference.as_ref().map(|reference| (vec![column.name.clone()], reference))
        });
        let others = self.constraints.iter().filter_map(|constraint| match &constraint.kind {
            ConstraintKind::Reference(columns, reference) => Some((columns.clone(), reference)),
            _ => None,
        });
        of_columns.chain(others)
    }

    /// Applies a change; `None` if the definition is unknown after it.
    pub(super) fn follow(
        &mut self,
        operation: &AlterTableOperation,
        id: &str,
        dialect: Dialect,
    ) -> Option<()> {
        type Op = AlterTableOperation;
        match operation {
            Op::AddColumn { column_def, if_not_exists, .. } => {
                let options = column_def.options.iter().map(|option| &option.option);
                let name = &column_def.name.value;
                let new = Column::new(name, &column_def.data_type, &options, dialect);
                if !(*if_not_exists && self.column(&new.name).is_some()) {
                    self.columns.push(new);
                }
            }
            Op::DropColumn { column_names, .. } => {
                let names: Vec<_> = column_names.iter().map(lower).collect();
                self.columns.retain(|column| !names.contains(&column.name));
                // Constraints go with their column.
                self.constraints.retain(|constraint| match &constraint.kind {
                    ConstraintKind::Key(key) => {
                        key.columns.iter().flatten().all(|column| !names.contains(column))
                    }
                    ConstraintKind::Reference(columns, _) => {
                        columns.iter().all(|column| !names.contains(column))
                    }
                    _ => true,
                });
            }
            Op::RenameColumn { old_column_name, new_column_name } => {
                self.keep_names(id);
                self.rename_column(&lower(old_column_name), &lower(new_column_name))?;
            }
            Op::ModifyColumn { col_name, data_type, options, .. } => {
                self.restate(&lower(col_name), &col_name.value, data_type, options)?;
            }
            Op::ChangeColumn { old_name, new_name, data_type, options, .. } => {
                self.restate(&lower(old_name), &new_name.value, data_type, options)?;
            }
            Op::AlterColumn { column_name, op } => {
                self.alter_column(&lower(column_name), op, dialect)?;
            }
            Op::AddConstraint { constraint, .. } => self.constrain(constraint, id, dialect),
            Op::DropConstraint { name, .. }
            | Op::DropForeignKey { name, .. }
            | Op::DropIndex { name } => self.release(&lower(name), id),
            Op::RenameConstraint { old_name, new_name } => {
                let old = lower(old_name);
                for constraint in self.constraints.iter_mut().filter(|one| one.name == old) {
                    constraint.name = lower(new_name);
                }
                if let Some(of) = self.of_column(&old, id) {
                    self.named.remove(&old);
                    self.named.insert(lower(new_name), of);
                }
            }
            Op::SetLogged
            | Op::SetUnlogged
            | Op::OwnerTo { .. }
            | Op::ValidateConstraint { .. }
            | Op::ReplicaIdentity { .. }
            | Op::SetOptionsParens { .. }
            | Op::Algorithm { .. }
            | Op::Lock { .. }
            | Op::AutoIncrement { .. }
            | Op::EnableRowLevelSecurity
            | Op::ForceRowLevelSecurity
            | Op::DisableRowLevelSecurity
            | Op::NoForceRowLevelSecurity
            | Op::DisableTrigger { .. }
            | Op::EnableTrigger { .. }
            | Op::EnableAlwaysTrigger { .. }
            | Op::EnableReplicaTrigger { .. } => {}
            _ => return None,
        }
        Some(())
    }

    fn rename_column(&mut self, old: &str, new: &str) -> Option<()> {
        let column = self.columns.iter_mut().find(|column| column.name == old)?;
        new.clone_into(&mut column.name);
        self.named.values_mut().filter(|(of, _)| of == old).for_each(|(of, _)| new.clone_into(of));
        for constraint in &mut self.constraints {
            let (ConstraintKind::Key(UniqueKey { columns: Some(columns), .. })
            | ConstraintKind::Reference(columns, _)) = &mut constraint.kind
            else {
                continue;
            };
            columns.iter_mut().filter(|column| *column == old).for_each(|c| new.clone_into(c));
        }
        Some(())
    }

    /// `MODIFY` keeps the keys and checks that it does not name.
    fn restate(
        &mut self,
        old: &str,
        name: &str,
        data_type: &DataType,
        options: &[ColumnOption],
    ) -> Option<()> {
        let next = Column::new(name, data_type, &options.iter(), Dialect::Mysql);
        let column = self.columns.iter_mut().find(|column| column.name == old)?;
        let unique = column.unique || next.unique;
        let checks = column.checks.iter().chain(&next.checks).cloned().collect();
        let reference = column.reference.take();
        *column = Column { unique, checks, reference, ..next };
        Some(())
    }

    fn alter_column(
        &mut self,
        name: &str,
        operation: &AlterColumnOperation,
        dialect: Dialect,
    ) -> Option<()> {
        let column = self.columns.iter_mut().find(|column| column.name == name)?;
        match operation {
            AlterColumnOperation::SetNotNull => column.required = true,
            AlterColumnOperation::DropNotNull => column.required = false,
            AlterColumnOperation::SetDefault { value } => column.refill(Some(value)),
            AlterColumnOperation::DropDefault => column.refill(None),
            AlterColumnOperation::SetDataType { data_type, .. } => {
                column.shape = super::columns::Shape::of(data_type, dialect);
            }
            AlterColumnOperation::AddGenerated { .. } => return None,
        }
        Some(())
    }

    fn constrain(&mut self, constraint: &TableConstraint, id: &str, dialect: Dialect) {
        self.constraints.push(Constraint::of(constraint, id));
        self.require_primary(dialect);
    }

    /// Drops a constraint, also one of a column by the name that `PostgreSQL` gives it.
    fn release(&mut self, name: &str, id: &str) {
        self.constraints.retain(|constraint| constraint.name != name);
        let found = self.of_column(name, id);
        self.named.remove(name);
        let (of, ending) = found.unwrap_or_else(|| (name.to_owned(), "key"));
        for column in &mut self.columns {
            match ending {
                // Which column is the primary key is not noted.
                "pkey" => column.unique = false,
                _ if column.name != of => {}
                "key" => column.unique = false,
                "check" => column.checks.clear(),
                _ => column.reference = None,
            }
        }
    }
}

/// An index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Index {
    /// The whole name of its table.
    pub(super) table: String,
    pub(super) unique: bool,
    pub(super) key: UniqueKey,
    /// Its columns and predicate, as text; empty for a constraint.
    pub(super) over: String,
}

impl Index {
    pub(super) fn made(index: &CreateIndex, table: String) -> Self {
        let over = in_order(&index.columns).join(", ");
        let over = match &index.predicate {
            Some(predicate) => format!("{over} WHERE {predicate}"),
            None => over,
        };
        let key = UniqueKey {
            partial: index.predicate.is_some(),
            counts_nulls: index.nulls_distinct == Some(false),
            ..UniqueKey::of(&index.columns)
        };
        Self { table, unique: index.unique, key, over }
    }

    /// True if it belongs to a constraint.
    pub(super) fn is_constraint(&self) -> bool {
        self.unique && self.over.is_empty()
    }
}
