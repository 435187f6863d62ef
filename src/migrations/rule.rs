//! The rule table: how each kind of statement affects older code, and what to do instead.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Class, Dialect};

/// One rule. A row of the table has several rules if the text of a statement distinguishes cases.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    NoChange,
    NewTable,
    CreateObject,
    AddColumn,
    AddRequiredColumn,
    AddComputedColumn,
    DropColumn,
    DropObject,
    Rename,
    RenameBehindView,
    RenameIndex,
    WidenText,
    LengthenText,
    WidenNumber,
    ChangeType,
    SetNotNull,
    AddCheck,
    AddUnique,
    AddForeignKey,
    AddReferencingColumn,
    DropNotNull,
    DropConstraint,
    DropDefault,
    SetDefault,
    CreateIndex,
    DropIndex,
    DropUniqueIndex,
    DropUnseenIndex,
    AddEnumValue,
    DropEnumValue,
    WriteData,
    CreateRoutine,
    ReplaceBody,
    ChangeTrigger,
    Grant,
    Revoke,
    ChangePolicy,
    ModifyColumn,
    RestateColumn,
    RebuildTable,
    RebuildAlike,
    Unjudged,
    CodeMigration,
    // It is about something that this file made.
    NewObject,
    // What it asks for is held already.
    AlreadyHeld,
    // It lets a check accept more.
    WidenCheck,
    AddUncomparableColumn,
    ComputeOnWrite,
    RenameKeyedBehindView,
    RebuildReferenced,
    // A trigger that writes rows when older code writes.
    WriteOnWrite,
    // A trigger that refuses or skips writes.
    RefuseOnWrite,
    DropTrigger,
}

/// A row of the rule table: its number, its databases and its rules.
#[derive(Debug, Clone, Copy)]
pub struct RuleRow {
    pub number: &'static str,
    pub dialects: &'static [Dialect],
    pub rules: &'static [Rule],
}

const ALL: &[Dialect] = &[Dialect::Postgres, Dialect::Mysql, Dialect::Sqlite];
const SERVERS: &[Dialect] = &[Dialect::Postgres, Dialect::Mysql];
const POSTGRES: &[Dialect] = &[Dialect::Postgres];
const MYSQL: &[Dialect] = &[Dialect::Mysql];
const SQLITE: &[Dialect] = &[Dialect::Sqlite];

const fn row(
    number: &'static str,
    dialects: &'static [Dialect],
    rules: &'static [Rule],
) -> RuleRow {
    RuleRow { number, dialects, rules }
}

impl RuleRow {
    /// The whole table. `Rule::NoChange` has no row: it does not touch the schema.
    pub const TABLE: &'static [RuleRow] = &[
        row("1", ALL, &[Rule::CreateObject, Rule::NewTable, Rule::NewObject]),
        row("2", ALL, &[Rule::AddColumn, Rule::AddUncomparableColumn]),
        row("3", ALL, &[Rule::AddRequiredColumn]),
        row("4", SERVERS, &[Rule::AddComputedColumn, Rule::ComputeOnWrite]),
        row("5", ALL, &[Rule::DropColumn]),
        row("6", ALL, &[Rule::DropObject]),
        row(
            "7",
            ALL,
            &[Rule::Rename, Rule::RenameBehindView, Rule::RenameKeyedBehindView, Rule::RenameIndex],
        ),
        row("8", POSTGRES, &[Rule::WidenText]),
        row("8b", MYSQL, &[Rule::LengthenText]),
        row("9", SERVERS, &[Rule::WidenNumber]),
        row("10", ALL, &[Rule::ChangeType]),
        row("11", SERVERS, &[Rule::SetNotNull, Rule::AddCheck]),
        row("12", ALL, &[Rule::AddUnique, Rule::AlreadyHeld]),
        row("13", SERVERS, &[Rule::AddForeignKey, Rule::AddReferencingColumn]),
        row("14", SERVERS, &[Rule::DropNotNull]),
        row("15", SERVERS, &[Rule::DropConstraint, Rule::WidenCheck]),
        row("16", SERVERS, &[Rule::DropDefault]),
        row("17", SERVERS, &[Rule::SetDefault]),
        row("18", POSTGRES, &[Rule::CreateIndex]),
        row("19", ALL, &[Rule::DropIndex, Rule::DropUniqueIndex, Rule::DropUnseenIndex]),
        row("20", SERVERS, &[Rule::AddEnumValue]),
        row("21", MYSQL, &[Rule::DropEnumValue]),
        row("22", ALL, &[Rule::WriteData]),
        row(
            "23",
            ALL,
            &[
                Rule::CreateRoutine,
                Rule::ReplaceBody,
                Rule::ChangeTrigger,
                Rule::WriteOnWrite,
                Rule::RefuseOnWrite,
                Rule::DropTrigger,
            ],
        ),
        row("24", SERVERS, &[Rule::Grant, Rule::Revoke, Rule::ChangePolicy]),
        row("25", MYSQL, &[Rule::ModifyColumn, Rule::RestateColumn]),
        row("26", SQLITE, &[Rule::RebuildTable, Rule::RebuildAlike, Rule::RebuildReferenced]),
        row("27", ALL, &[Rule::Unjudged, Rule::CodeMigration]),
    ];
}

impl Rule {
    /// The class of the rule. The less obvious cases:
    ///
    /// - a computed column (4) needs a lock but breaks no code: additive;
    /// - a wider type (8, 8b, 9) works for older code until new code writes values that older code cannot hold: readers
    ///   first;
    /// - a foreign key (13) may refuse the writes of older code: writers first. With a new column it refuses only
    ///   deletes, and only after new code has written: readers first;
    /// - a new function or view (23) breaks nothing: additive. A replaced body or a trigger changes the behaviour of
    ///   older code in ways that the text does not show: unknown;
    /// - a trigger whose body is known (23) writes more rows when older code writes: data. One that may refuse a write
    ///   works like a check: writers first. Without a trigger that was known, older code lacks what it did: a drop;
    /// - a grant (24) is additive and a revoke is a drop. A changed policy may be either: unknown;
    /// - a renamed index (7) breaks code that names it in a hint or a conflict clause: unknown;
    /// - what may fail on a row (4), or has no equality (2), depends on code and data that the text does not show: unknown;
    /// - `MODIFY` (25) and the rebuild of a table (26) are compared with the earlier definition. Without it: unknown.
    #[must_use]
    pub fn class(self) -> Class {
        match self {
            Self::NoChange
            | Self::NewTable
            | Self::NewObject
            | Self::AlreadyHeld
            | Self::CreateObject
            | Self::AddColumn
            | Self::AddComputedColumn
            | Self::RenameBehindView
            | Self::SetDefault
            | Self::CreateIndex
            | Self::DropIndex
            | Self::CreateRoutine
            | Self::Grant
            | Self::RestateColumn
            | Self::RebuildAlike => Class::Additive,
            Self::WidenText
            | Self::LengthenText
            | Self::WidenNumber
            | Self::AddReferencingColumn
            | Self::DropNotNull
            | Self::WidenCheck
            | Self::AddEnumValue => Class::NeedsReadersFirst,
            Self::AddRequiredColumn
            | Self::SetNotNull
            | Self::AddCheck
            | Self::AddUnique
            | Self::AddForeignKey
            | Self::RefuseOnWrite
            | Self::DropDefault => Class::NeedsWritersFirst,
            Self::DropColumn
            | Self::DropObject
            | Self::Rename
            | Self::ChangeType
            | Self::DropConstraint
            | Self::DropUniqueIndex
            | Self::DropEnumValue
            | Self::DropTrigger
            | Self::Revoke => Class::Contract,
            Self::WriteData | Self::WriteOnWrite => Class::Data,
            Self::DropUnseenIndex
            | Self::RenameIndex
            | Self::ReplaceBody
            | Self::ChangeTrigger
            | Self::ChangePolicy
            | Self::ModifyColumn
            | Self::RebuildTable
            | Self::RebuildReferenced
            | Self::AddUncomparableColumn
            | Self::ComputeOnWrite
            | Self::RenameKeyedBehindView
            | Self::Unjudged
            | Self::CodeMigration => Class::Unknown,
        }
    }

    /// The stable name, as in JSON.
    #[must_use]
    pub fn name(self) -> String {
        let mut name = String::new();
        for c in format!("{self:?}").chars() {
            if c.is_ascii_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.push(c.to_ascii_lowercase());
        }
        name
    }

    /// The row of the table that has this rule.
    #[must_use]
    pub fn row(self) -> Option<&'static RuleRow> {
        RuleRow::TABLE.iter().find(|row| row.rules.contains(&self))
    }

    /// What to do about it; empty if there is nothing to do.
    #[must_use]
    pub fn advice(self, dialect: Dialect) -> &'static str {
        match self {
            Self::NoChange
            | Self::NewTable
            | Self::NewObject
            | Self::AlreadyHeld
            | Self::SetDefault
            | Self::Grant => "",
            Self::CreateObject | Self::CreateRoutine => "leave it in place on a rollback",
            Self::AddColumn => match dialect {
                Dialect::Postgres => {
                    "a prepared SELECT * fails until it is prepared again; name the columns"
                }
                _ => "an INSERT without a column list fails; name the columns",
            },
            Self::AddRequiredColumn => {
                "add it nullable or with a constant default first, NOT NULL once all code writes it"
            }
            Self::AddComputedColumn => {
                "it may lock or rewrite the table; add a plain column, then the default, then fill it"
            }
            Self::DropColumn => {
                "first keep code without it live for a while; after this, builds before that code break"
            }
            Self::DropObject => "rename it once no code uses it, and drop it days later",
            Self::Rename => match dialect {
                Dialect::Sqlite => {
                    "do not rename; add the new name, write both, move the readers, then drop the old one"
                }
                _ => {
                    "do not rename; add the new name, write both and drop the old one later, or rename a table \
                     and put a view of its old name in the same transaction"
                }
            },
            Self::RenameBehindView => "drop the view once no code uses the old name",
            Self::RenameKeyedBehindView => {
                "a view refuses COPY, and GROUP BY of the key alone; check older code for them, or declare it safe in a \
                 header"
            }
            Self::AddUncomparableColumn => {
                "SELECT DISTINCT * and UNION of older code fail, as its type has no equality; use jsonb, or name the \
                 columns"
            }
            Self::ComputeOnWrite => {
                "writes of older code fail where the expression does; use one that accepts every row, or declare in a \
                 header why it does"
            }
            Self::RenameIndex => "change the queries that name it in a hint or a conflict clause",
            _ => self.advice_on_definitions(dialect),
        }
    }

    /// The advice for types, constraints and indexes.
    fn advice_on_definitions(self, dialect: Dialect) -> &'static str {
        match self {
            Self::WidenText => {
                "prepared reads fail until they are prepared again: restart the pool or DISCARD; check that older \
                 code accepts longer values and that the column was a text before"
            }
            Self::LengthenText => {
                "keep the schema on a rollback: the down migration truncates values"
            }
            Self::WidenNumber => {
                "it rewrites the table, and older code overflows on large values; better add a new column and \
                 write both"
            }
            Self::ChangeType => {
                "add a new column, write both, fill it, move the readers, then drop the old one"
            }
            Self::SetNotNull | Self::AddCheck => match dialect {
                Dialect::Postgres => {
                    "first deploy code that obeys it; then add it NOT VALID and VALIDATE it later"
                }
                _ => "first deploy code that obeys it",
            },
            Self::AddUnique => match dialect {
                Dialect::Postgres => {
                    "first deploy code that writes no duplicates; then build the index CONCURRENTLY"
                }
                _ => "first deploy code that writes no duplicates",
            },
            Self::AddForeignKey => {
                "first deploy code that writes no orphans and deletes in order; on PostgreSQL add it NOT VALID, \
                 then VALIDATE it"
            }
            Self::AddReferencingColumn => {
                "once new code writes it, older code cannot delete the rows that it refers to"
            }
            Self::DropNotNull => "make sure that older code handles NULL before new code writes it",
            Self::DropConstraint => {
                "drop it once no code relies on it; it cannot be restored over rows that break it"
            }
            Self::WidenCheck => {
                "make sure that older code reads the values that new code may write"
            }
            Self::DropDefault => {
                "inserts of older code leave the column out; first deploy code that writes it"
            }
            Self::CreateIndex => match dialect {
                Dialect::Postgres => {
                    "without CONCURRENTLY it blocks writes; build it CONCURRENTLY, in a separate file, outside \
                     a transaction"
                }
                _ => "it may be slow on a large table",
            },
            _ => self.advice_on_behaviour(dialect),
        }
    }

    /// The advice for indexes, data, routines, access and unknown statements.
    fn advice_on_behaviour(self, dialect: Dialect) -> &'static str {
        match self {
            Self::DropIndex => "queries may get slower",
            Self::DropUniqueIndex => match dialect {
                Dialect::Mysql => "upserts of older code silently write duplicates",
                _ => "upserts of older code fail: nothing matches their ON CONFLICT",
            },
            Self::DropUnseenIndex => {
                "earlier files do not show whether it is unique; if it is, upserts break; if not, declare that in a header"
            }
            Self::AddEnumValue => {
                "release N reads it, release N+1 writes it; once it is written, a rollback breaks"
            }
            Self::DropEnumValue => "drop it once no row has it and no code writes it",
            Self::WriteData => {
                "a rollback does not undo it; back up, and run it in batches outside the deploy"
            }
            Self::ReplaceBody | Self::ChangeTrigger => {
                "it changes what older code does; use a new name, or declare in a header why it is safe"
            }
            Self::WriteOnWrite => {
                "writes of older code run it too, and fail where it does; a rollback does not undo what it wrote"
            }
            Self::RefuseOnWrite => "first deploy code that writes nothing that it refuses",
            Self::DropTrigger => {
                "older code relies on what it writes or refuses; drop it once all code does that itself"
            }
            Self::Revoke => "revoke it once no code needs the access",
            Self::ChangePolicy => {
                "declare in a header whether older code still sees and writes its rows"
            }
            Self::ModifyColumn => {
                "earlier files do not show its definition; repeat NOT NULL, DEFAULT and the character set, or they \
                 are dropped"
            }
            Self::RestateColumn => {
                "repeat NOT NULL, DEFAULT and the character set, or they are dropped"
            }
            Self::RebuildTable => {
                "earlier files do not show its definition; declare in a header why it is safe, and create its \
                 indexes and triggers again"
            }
            Self::RebuildReferenced => {
                "other tables refer to it: turn foreign_keys off before the transaction begins, and make the new table \
                 before the old one is dropped and renamed"
            }
            Self::RebuildAlike => "create its indexes and triggers again",
            Self::CodeMigration => {
                "code cannot be judged; if it is safe, declare: deploy: rollback-safe, REASON"
            }
            _ => {
                "it cannot be judged; if it is safe, declare in a header: -- deploy: rollback-safe, REASON"
            }
        }
    }
}
