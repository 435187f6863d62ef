//! Judges migrations written as code: unknown as a whole, with a list of the calls that drop or rename something.

use super::judge::statement;
use super::rule::Rule;
use super::statement::StatementEffect;
use super::{Dialect, JudgedStatement};

/// Calls of the well-known tools that take something away, and their rules.
const CALLS: [(Rule, &[&str]); 8] = [
    (
        Rule::DropColumn,
        &[
            "drop_column",
            "drop_columns",
            "remove_column",
            "remove_columns",
            "remove_reference",
            "remove_references",
            "remove_belongs_to",
            "remove_timestamps",
            "dropColumn",
            "dropColumns",
            "removeColumn",
            "removeColumns",
            "dropTimestamps",
            "dropSoftDeletes",
            "dropMorphs",
            "dropConstrainedForeignId",
            "RemoveField",
            "DropColumn",
        ],
    ),
    (
        Rule::DropObject,
        &[
            "drop_table",
            "drop_join_table",
            "drop_view",
            "drop_if_exists",
            "drop_enum",
            "dropTable",
            "dropTableIfExists",
            "dropAllTables",
            "dropIfExists",
            "dropView",
            "dropSchema",
            "dropEnum",
            "DeleteModel",
            "DropTable",
            "dropDatabase",
        ],
    ),
    (
        Rule::Rename,
        &[
            "rename_column",
            "rename_table",
            "renameColumn",
            "renameTable",
            "RenameField",
            "RenameModel",
            "RenameColumn",
            "RenameTable",
            "AlterModelTable",
            "rename_enum",
        ],
    ),
    (Rule::ModifyColumn, &["change_column", "changeColumn", "AlterField", "alter_column"]),
    (Rule::ChangeType, &["change_column_type"]),
    (Rule::SetNotNull, &["change_column_null", "dropNullable", "setNullable"]),
    (
        Rule::DropConstraint,
        &[
            "remove_foreign_key",
            "remove_check_constraint",
            "drop_constraint",
            "RemoveConstraint",
            "removeConstraint",
            "dropForeign",
            "dropForeignKey",
            "dropUnique",
            "dropUniqueConstraint",
            "dropPrimary",
            "dropPrimaryKey",
            "dropCheckConstraint",
        ],
    ),
    (
        Rule::DropUnseenIndex,
        &["remove_index", "drop_index", "removeIndex", "dropIndex", "RemoveIndex"],
    ),
];

/// Words with which Ecto drops what stands after them.
const ECTO: [(&str, Rule); 3] = [
    ("drop table(", Rule::DropObject),
    ("rename table(", Rule::Rename),
    ("remove :", Rule::DropColumn),
];

/// Words of raw SQL inside code.
const RAW: [(&str, Rule); 4] = [
    ("drop table", Rule::DropObject),
    ("drop column", Rule::DropColumn),
    ("rename column", Rule::Rename),
    ("rename to", Rule::Rename),
];

/// The rule of the first call in a line that takes something away.
fn taken_away(code: &str) -> Option<Rule> {
    let lower = code.to_lowercase();
    let called = CALLS.iter().find(|(_, calls)| calls.iter().any(|call| has_word(code, call)));
    called
        .map(|(rule, _)| *rule)
        .or_else(|| ECTO.iter().find(|(start, _)| code.starts_with(start)).map(|(_, rule)| *rule))
        .or_else(|| RAW.iter().find(|(words, _)| lower.contains(words)).map(|(_, rule)| *rule))
}

const MOST_CALLS: usize = 200;

pub(super) fn judge(text: &str, dialect: Dialect) -> Vec<JudgedStatement> {
    let whole = StatementEffect::of(Rule::CodeMigration);
    let mut judged = vec![statement(1, "a migration written as code", &[whole], dialect)];
    let mut down = false;
    for (line, text) in (1..).zip(text.lines()) {
        let code = text.trim();
        if let Some(function) = function(code) {
            down = matches!(function, "down" | "Down" | "downgrade");
        }
        if down || code.starts_with('#') || code.starts_with("//") {
            continue;
        }
        if let Some(rule) = taken_away(code) {
            judged.push(statement(line, code, &[StatementEffect::of(rule)], dialect));
        }
        if judged.len() > MOST_CALLS {
            break;
        }
    }
    judged
}

/// The words before a function's name, in the languages of the well-known tools.
const FUNCTION_PREFIXES: [&str; 15] = [
    "export ",
    "default ",
    "public ",
    "protected ",
    "private ",
    "override ",
    "static ",
    "async ",
    "function ",
    "def ",
    "fun ",
    "void ",
    "self.",
    "module.",
    "exports.",
];

/// The words before a variable's name. It counts as a function only if it is named `up` or `down`.
const VARIABLE_PREFIXES: [&str; 2] = ["const ", "let "];

/// The name of the function that this line starts, if any.
fn function(code: &str) -> Option<&str> {
    let mut rest = code;
    while let Some(after) = without_prefix(rest, &FUNCTION_PREFIXES) {
        rest = after;
    }
    let has_prefix = rest.len() < code.len();
    let variable = without_prefix(rest, &VARIABLE_PREFIXES);
    rest = variable.unwrap_or(rest);
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    // A method may have no keyword before its name.
    let is_up_or_down =
        matches!(name, "up" | "down") && after.trim_start().starts_with(['(', ':', '=']);
    (is_up_or_down || has_prefix && variable.is_none()).then_some(name)
}

/// The text without its first word, if that is one of these words.
fn without_prefix<'t>(text: &'t str, words: &[&str]) -> Option<&'t str> {
    words.iter().find_map(|word| text.strip_prefix(word)).map(str::trim_start)
}

fn has_word(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let inside = |c: char| c.is_alphanumeric() || c == '_';
        !code[..at].ends_with(inside) && !code[at + word.len()..].starts_with(inside)
    })
}
