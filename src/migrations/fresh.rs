//! What a file made itself: no code uses it yet, so that what the file does to it breaks nothing.

use std::collections::BTreeSet;

use sqlparser::ast::{AlterTableOperation, RenameTableNameKind, Statement};

use super::definitions::SchemaDefinitions;
use super::names::{bare, key, lower};
use super::{Dialect, ObjectKind};

/// The objects that a file made, by their whole names.
#[derive(Debug, Clone, Default)]
pub(super) struct Fresh(BTreeSet<(ObjectKind, String)>);

/// Marks a table that is new unless it was there.
const PERHAPS: &str = "perhaps";

/// The name of a part of a table.
fn part(table: &str, name: &str) -> String {
    format!("{table}\u{1f}{name}")
}

impl Fresh {
    pub(super) fn has(&self, kind: ObjectKind, id: &str) -> bool {
        self.0.contains(&(kind, id.to_owned()))
    }

    pub(super) fn has_part(&self, kind: ObjectKind, table: &str, name: &str) -> bool {
        self.has(kind, &part(table, name))
    }

    /// True if the file made this table, without IF NOT EXISTS.
    pub(super) fn has_surely(&self, table: &str) -> bool {
        self.has(ObjectKind::Table, table) && !self.has_part(ObjectKind::Table, table, PERHAPS)
    }

    fn add(&mut self, kind: ObjectKind, id: String) {
        self.0.insert((kind, id));
    }

    pub(super) fn add_new(&mut self, kind: ObjectKind, id: &str) {
        self.add(kind, id.to_owned());
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Forgets everything that one of these words may name.
    pub(super) fn doubt(&mut self, words: &BTreeSet<String>) {
        let is_named = |id: &String| id.split('\u{1f}').any(|part| words.contains(&bare(part)));
        // A call does not move the function that it names.
        self.0.retain(|(kind, id)| *kind == ObjectKind::Function || !is_named(id));
    }

    /// Takes over what a statement makes. `known` has the definitions before it.
    pub(super) fn follow(
        &mut self,
        statement: &Statement,
        known: &SchemaDefinitions,
        dialect: Dialect,
    ) {
        let id = |name| known.id(name, dialect);
        match statement {
            Statement::CreateTable(table) if table.temporary => {}
            Statement::CreateTable(table) => {
                let is_new = !table.or_replace
                    && table.partition_of.is_none()
                    && (!table.if_not_exists || known.is_unheard_of(&table.name));
                if is_new {
                    self.add(ObjectKind::Table, id(&table.name));
                }
                if is_new && table.if_not_exists {
                    self.add(ObjectKind::Table, part(&id(&table.name), PERHAPS));
                }
            }
            Statement::CreateView(view) if !view.temporary => {
                let may_be_there = view.or_replace || view.or_alter || view.if_not_exists;
                if !may_be_there || known.is_unheard_of(&view.name) {
                    self.add(ObjectKind::View, id(&view.name));
                }
            }
            Statement::CreateFunction(function) => {
                let may_be_there =
                    function.or_replace || function.or_alter || function.if_not_exists;
                if !may_be_there || known.is_unheard_of(&function.name) {
                    self.add(ObjectKind::Function, id(&function.name));
                }
            }
            Statement::CreateProcedure { name, or_alter: false, .. } => {
                self.add(ObjectKind::Function, id(name));
            }
            Statement::CreateType { name, .. } => self.add(ObjectKind::Type, id(name)),
            Statement::CreateDomain(domain) => self.add(ObjectKind::Type, id(&domain.name)),
            Statement::CreateSequence { name, if_not_exists, .. }
                if !if_not_exists || known.is_unheard_of(name) =>
            {
                self.add(ObjectKind::Other, id(name));
            }
            Statement::CreateSchema { schema_name, if_not_exists, .. }
                if !if_not_exists || known.is_unheard_of_text(&schema_name.to_string()) =>
            {
                self.add(ObjectKind::Schema, schema_name.to_string().to_lowercase());
            }
            Statement::CreateIndex(index) => {
                if let Some(name) = index.name.as_ref().filter(|_| !index.if_not_exists) {
                    self.add(ObjectKind::Index, key(name));
                }
            }
            Statement::Drop { names, .. } => {
                for name in names {
                    self.0
                        .retain(|(_, made)| made.split('\u{1f}').next() != Some(id(name).as_str()));
                    self.0.remove(&(ObjectKind::Index, key(name)));
                }
            }
            Statement::AlterTable(alter) => {
                let table = id(&alter.name);
                alter.operations.iter().for_each(|o| self.alter(&table, o, known, dialect));
            }
            Statement::Rollback { savepoint: None, .. } | Statement::RenameTable(_) => {
                self.clear();
            }
            _ => {}
        }
    }

    fn alter(
        &mut self,
        table: &str,
        operation: &AlterTableOperation,
        known: &SchemaDefinitions,
        dialect: Dialect,
    ) {
        match operation {
            AlterTableOperation::AddColumn { column_def, if_not_exists, .. } => {
                let name = lower(&column_def.name);
                let is_there = known.table(table).map(|table| table.column(&name).is_some());
                if !if_not_exists || is_there == Some(false) && !known.is_partial() {
                    self.add(ObjectKind::Column, part(table, &name));
                }
            }
            AlterTableOperation::DropColumn { column_names, .. } => {
                for name in column_names {
                    self.0.remove(&(ObjectKind::Column, part(table, &lower(name))));
                }
            }
            AlterTableOperation::RenameColumn { old_column_name, new_column_name } => {
                self.rename_part(
                    ObjectKind::Column,
                    table,
                    &lower(old_column_name),
                    &lower(new_column_name),
                );
            }
            AlterTableOperation::ChangeColumn { old_name, new_name, .. } => {
                self.rename_part(ObjectKind::Column, table, &lower(old_name), &lower(new_name));
            }
            AlterTableOperation::AddConstraint { constraint, .. } => {
                let name = super::tables::Constraint::of(constraint, table).name;
                self.add(ObjectKind::Constraint, part(table, &name));
            }
            AlterTableOperation::DropConstraint { name, .. }
            | AlterTableOperation::DropForeignKey { name, .. }
            | AlterTableOperation::DropIndex { name } => {
                self.0.remove(&(ObjectKind::Constraint, part(table, &lower(name))));
                self.0.remove(&(ObjectKind::Index, lower(name)));
            }
            AlterTableOperation::RenameTable { table_name } => {
                let (RenameTableNameKind::As(to) | RenameTableNameKind::To(to)) = table_name;
                self.rename_table(table, &known.renamed_id(table, to, dialect));
            }
            _ => {}
        }
    }

    fn rename_part(&mut self, kind: ObjectKind, table: &str, old: &str, new: &str) {
        if self.0.remove(&(kind, part(table, old))) {
            self.add(kind, part(table, new));
        }
    }

    fn rename_table(&mut self, from: &str, to: &str) {
        let moved: Vec<_> = self
            .0
            .iter()
            .filter(|(_, id)| id.split('\u{1f}').next() == Some(from))
            .cloned()
            .collect();
        for (kind, id) in moved {
            let rest = id[from.len()..].to_owned();
            self.0.remove(&(kind, id));
            self.add(kind, format!("{to}{rest}"));
        }
    }
}
