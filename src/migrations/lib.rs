//! Judges schema migrations: gives each SQL statement a rule, a class and advice.

mod code;
mod columns;
mod definitions;
mod glob;
mod header;
mod joint;
mod judge;
mod layout;
mod recognise;
mod rule;
mod sections;
mod split;
mod statement;

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

/// What a change asks of the code around it, from the least to the worst.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The code before and after works with it.
    Additive,
    /// Fine until new code writes what the code before cannot read or undo.
    NeedsReadersFirst,
    /// It changes rows, not their shape, and going back does not undo it.
    Data,
    /// Nobody can tell from the text.
    Unknown,
    /// The code before may write what the schema now refuses.
    NeedsWritersFirst,
    /// It takes away what the code before may use.
    Contract,
}

impl Class {
    /// Every one, the mildest first.
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

    /// Whether the code that runs now may break as soon as this is applied.
    #[must_use]
    pub fn is_incompatible(self) -> bool {
        matches!(self, Self::NeedsWritersFirst | Self::Contract)
    }
}

/// What kind of thing a statement takes away or changes.
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

/// A thing of the schema that code may use by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct Object {
    /// Of a column, an index or a constraint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Without the schema that it is in.
    pub name: String,
    pub kind: ObjectKind,
}

impl Object {
    #[must_use]
    pub fn new(kind: ObjectKind, table: Option<&str>, name: &str) -> Self {
        Self { table: table.map(str::to_owned), name: name.to_owned(), kind }
    }
}

/// One statement and what it does to the code around it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct JudgedStatement {
    /// Where it begins, counted from 1.
    pub line: u32,
    /// On one line, without comments, at most 200 characters; "…" at its end says that it was cut.
    pub text: String,
    pub class: Class,
    /// The worst of what it does.
    pub rule: Rule,
    /// What else it does, when it does several things at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Rule>,
    pub advice: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Object>,
}

impl JudgedStatement {
    /// Whether all that it does is to take things away that code can use by their names alone, so that code without
    /// the names of its objects is safe from it.
    #[must_use]
    pub fn goes_by_name(&self) -> bool {
        // A revoke may name nothing, and what is cut off or goes along with the rest is not listed.
        let names_all = |rule: &Rule| rule.class() == Class::Contract && *rule != Rule::Revoke;
        let is_used_by_name = |object: &Object| {
            !matches!(
                object.kind,
                ObjectKind::Constraint | ObjectKind::Index | ObjectKind::Schema | ObjectKind::Type
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

/// A migration file with every statement of it judged.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct JudgedMigration {
    pub path: String,
    pub tool: Tool,
    pub change: FileChange,
    /// At most 2,000; what is beyond is one more statement that says so and is unknown.
    pub statements: Vec<JudgedStatement>,
    /// What its author says about it, with a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<Declared>,
    /// What is wrong with the file itself: edited, deleted, a declaration without its reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
}

impl JudgedMigration {
    /// The worst class of its statements, whatever its author declares.
    #[must_use]
    pub fn judged(&self) -> Class {
        self.statements.iter().map(|s| s.class).max().unwrap_or(Class::Additive)
    }

    /// The statements that are not simply fine, the worst first.
    #[must_use]
    pub fn worst_first(&self) -> Vec<&JudgedStatement> {
        let mut worst: Vec<_> =
            self.statements.iter().filter(|s| s.class != Class::Additive).collect();
        worst.sort_by_key(|statement| std::cmp::Reverse(statement.class));
        worst
    }

    /// The class that counts: the judged one, unless its author says with a reason that a rollback survives it.
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
