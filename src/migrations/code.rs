//! Judges migrations written as code: unknown as a whole, with a list of the calls that drop or rename something.

use super::judge::statement;
use super::rule::Rule;
use super::statement::StatementEffect;
use super::{Dialect, JudgedStatement};

/// Calls of the well-known tools and their rules.
const CALLS: [(&str, Rule); 16] = [
    ("drop_column", Rule::DropColumn),
    ("remove_column", Rule::DropColumn),
    ("remove_columns", Rule::DropColumn),
    ("dropColumn", Rule::DropColumn),
    ("RemoveField", Rule::DropColumn),
    ("drop_table", Rule::DropObject),
    ("dropTable", Rule::DropObject),
    ("DeleteModel", Rule::DropObject),
    ("rename_column", Rule::Rename),
    ("rename_table", Rule::Rename),
    ("renameColumn", Rule::Rename),
    ("renameTable", Rule::Rename),
    ("RenameField", Rule::Rename),
    ("RenameModel", Rule::Rename),
    ("change_column_type", Rule::ChangeType),
    ("remove_reference", Rule::DropColumn),
];
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
        if let Some((_, rule)) = CALLS.iter().find(|(call, _)| has_word(code, call)) {
            judged.push(statement(line, code, &[StatementEffect::of(*rule)], dialect));
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
