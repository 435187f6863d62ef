//! What earlier files and statements define: tables, indexes, views, functions, triggers.

mod doubt;
mod follow;
mod routines;

use std::collections::{BTreeMap, BTreeSet};

use sqlparser::ast::{ObjectName, OperateFunctionArg, Statement};

pub(super) use self::routines::{MadeTrigger, dropped_trigger, is_same, made_routine};
use super::block;
use super::columns::Column;
use super::judge::{LARGEST, MOST_STATEMENTS, prepared};
use super::names::{self, bare, key};
use super::recognise::separated;
use super::split::{RawStatement, split};
use super::statement::parse;
use super::tables::{Index, Reference, Table, UniqueKey};
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
        // One by one: `append` would copy the whole set for each statement.
        self.heard_of.extend(words(head));
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
}
