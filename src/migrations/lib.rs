//! Judges schema migrations: gives each SQL statement a rule, a class and advice.

mod block;
mod code;
mod columns;
mod definitions;
mod expressions;
mod fresh;
mod glob;
mod header;
mod joint;
mod judge;
mod layout;
mod names;
mod recognise;
mod routine;
mod rule;
mod sections;
mod split;
mod statement;
mod tables;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::definitions::SchemaDefinitions;
pub use self::glob::{Glob, InvalidGlob};
pub use self::header::{Claim, Declared};
pub use self::judge::{judge, unreadable};
pub use self::layout::{Layouts, MigrationDirection, MigrationPath, Tool, is_repeatable, order};
pub use self::rule::{Rule, RuleRow};

/// The family of databases that a migration is written for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    Postgres,
    /// `MySQL` and `MariaDB`.
    Mysql,
    Sqlite,
}

impl Dialect {
    /// All names of the dialects.
    pub const WORDS: [(&'static str, Self); 5] = [
        ("postgres", Self::Postgres),
        ("postgresql", Self::Postgres),
        ("mysql", Self::Mysql),
        ("mariadb", Self::Mysql),
        ("sqlite", Self::Sqlite),
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Sqlite => "sqlite",
        }
    }
}

impl std::str::FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(text: &str) -> Result<Self, UnknownDialect> {
        let known = Self::WORDS.iter().find(|(word, _)| *word == text);
        known.map(|(_, dialect)| *dialect).ok_or_else(|| UnknownDialect(text.to_owned()))
    }
}

/// A name that is not a dialect's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown dialect {0:?}; use \"postgres\", \"mysql\" or \"sqlite\"")]
pub struct UnknownDialect(String);

/// How a change affects the code before and after it, from the mildest to the worst.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The code before and after works with it.
    Additive,
    /// The code before works until new code writes data that it cannot read or undo.
    NeedsReadersFirst,
    /// It changes rows but not the schema. A rollback does not undo it.
    Data,
    /// The text does not show the effect.
    Unknown,
    /// The code before may write data that the schema now refuses.
    NeedsWritersFirst,
    /// It removes something that the code before may use.
    Contract,
}

impl Class {
    /// All classes, the mildest first.
    pub const ALL: [Self; 6] = [
        Self::Additive,
        Self::NeedsReadersFirst,
        Self::Data,
        Self::Unknown,
        Self::NeedsWritersFirst,
        Self::Contract,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Additive => "additive",
            Self::NeedsReadersFirst => "needs-readers-first",
            Self::Data => "data",
            Self::Unknown => "unknown",
            Self::NeedsWritersFirst => "needs-writers-first",
            Self::Contract => "contract",
        }
    }

    /// True if the code that runs now may break as soon as this is applied.
    #[must_use]
    pub fn is_incompatible(self) -> bool {
        matches!(self, Self::NeedsWritersFirst | Self::Contract)
    }
}

/// The kind of an object that a statement removes or changes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    Table,
    Column,
    View,
    Index,
    Constraint,
    Type,
    /// A value of an enum.
    Value,
    Function,
    Trigger,
    Schema,
    Other,
}

/// An object of the schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct Object {
    /// The table of a column, an index or a constraint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// The name without its schema.
    pub name: String,
    pub kind: ObjectKind,
}

impl Object {
    #[must_use]
    pub fn new(kind: ObjectKind, table: Option<&str>, name: &str) -> Self {
        Self { table: table.map(str::to_owned), name: name.to_owned(), kind }
    }
}

/// One statement and how it affects code.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct JudgedStatement {
    /// The line on which it begins, counted from 1.
    pub line: u32,
    /// The statement on one line, without comments, at most 200 characters; "…" at the end marks a cut.
    pub text: String,
    pub class: Class,
    /// The rule of its worst effect.
    pub rule: Rule,
    /// The rules of its other effects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Rule>,
    pub advice: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Object>,
}

impl JudgedStatement {
    /// True if it only removes objects that code uses by name, so that code without these names is not affected.
    #[must_use]
    pub fn goes_by_name(&self) -> bool {
        // A revoke may name no object, and the objects do not include those of a cut text or of CASCADE.
        let names_all = |rule: &Rule| rule.class() == Class::Contract && *rule != Rule::Revoke;
        let is_used_by_name = |object: &Object| {
            !matches!(
                object.kind,
                ObjectKind::Constraint
                    | ObjectKind::Index
                    | ObjectKind::Schema
                    | ObjectKind::Trigger
                    | ObjectKind::Type
            )
        };
        let is_whole = !self.text.ends_with('…')
            && !self.text.split_whitespace().any(|word| word.to_lowercase().contains("cascade"));
        is_whole
            && !self.objects.is_empty()
            && self.objects.iter().all(is_used_by_name)
            && names_all(&self.rule)
            && self.also.iter().all(names_all)
    }
}

/// A migration file with the judgement of each statement.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct JudgedMigration {
    pub path: String,
    pub tool: Tool,
    pub change: FileChange,
    /// At most 2,000. If there are more, one last statement of class unknown stands for the rest.
    pub statements: Vec<JudgedStatement>,
    /// The author's declaration, with a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<Declared>,
    /// The faults of the file itself: edited, deleted, or an invalid declaration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
}

impl JudgedMigration {
    /// The worst class of its statements, whatever its author declares.
    #[must_use]
    pub fn judged(&self) -> Class {
        self.statements.iter().map(|s| s.class).max().unwrap_or(Class::Additive)
    }

    /// The statements that are not additive, the worst first.
    #[must_use]
    pub fn worst_first(&self) -> Vec<&JudgedStatement> {
        let mut worst: Vec<_> =
            self.statements.iter().filter(|s| s.class != Class::Additive).collect();
        worst.sort_by_key(|statement| std::cmp::Reverse(statement.class));
        worst
    }

    /// The class that counts: additive if the author declares the migration rollback-safe, else the judged class.
    #[must_use]
    pub fn class(&self) -> Class {
        match &self.declared {
            Some(Declared { claim: Claim::RollbackSafe, .. }) => Class::Additive,
            _ => self.judged(),
        }
    }
}

/// What happened to a file between two commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileChange {
    Added,
    Edited,
    Deleted,
}

/// A file to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MigrationFile<'a> {
    pub path: &'a str,
    pub text: &'a str,
    pub change: FileChange,
}
