//! The limits of what a person writes in a command, and how the API describes them.

use utoipa::openapi::{ArrayBuilder, ObjectBuilder, Ref, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// The most characters of a reason or a note.
pub const LONGEST_REASON: usize = 500;
/// The most characters of what a note says was changed, and of who changed it.
pub const LONGEST_NOTE: usize = 200;
/// The most characters of a note's undo.
pub const LONGEST_UNDO: usize = 1_000;
/// The most commits that one command marks as bad.
pub const MOST_BAD_COMMITS: usize = 50;
/// The fewest and the most hex digits that name a bad commit.
pub const BAD_COMMIT_DIGITS: std::ops::RangeInclusive<usize> = 7..=64;

/// A reason or a note, for `#[schema(value_type = ReasonText)]`; it has no values.
#[derive(Debug, Clone, Copy)]
pub enum ReasonText {}

impl PartialSchema for ReasonText {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(LONGEST_REASON))
            .description(Some("A reason or a note in a person's words."))
            .into()
    }
}

impl ToSchema for ReasonText {}

/// The name of a bad commit, in the same way.
#[derive(Debug, Clone, Copy)]
pub enum BadCommitName {}

impl PartialSchema for BadCommitName {
    fn schema() -> RefOr<Schema> {
        let (fewest, most) = BAD_COMMIT_DIGITS.into_inner();
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(format!("^[0-9a-fA-F]{{{fewest},{most}}}$")))
            .description(Some("A commit by its sha or the beginning of it."))
            .into()
    }
}

impl ToSchema for BadCommitName {}

/// The bad commits of one command, in the same way.
#[derive(Debug, Clone, Copy)]
pub enum BadCommitNames {}

impl PartialSchema for BadCommitNames {
    fn schema() -> RefOr<Schema> {
        ArrayBuilder::new()
            .items(Ref::from_schema_name(BadCommitName::name()))
            .max_items(Some(MOST_BAD_COMMITS))
            .description(Some("The bad commits that one command names."))
            .into()
    }
}

impl ToSchema for BadCommitNames {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((BadCommitName::name().into(), BadCommitName::schema()));
    }
}
