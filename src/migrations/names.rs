//! The names of objects, in the forms in which they are compared.

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart, Set, Statement};

use super::Dialect;

/// The schema of names without one, where a statement made it unclear.
const UNCLEAR: &str = "?";

/// The last part of a name in lower case, as it is shown and searched for.
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

/// The schema part of a name as written; empty without one.
pub(super) fn schema_of(name: &ObjectName) -> String {
    let name = written(name);
    name.rsplit_once('.').map_or_else(String::new, |(schema, _)| schema.to_owned())
}

/// The whole name, alike for two ways of writing it. `schema` is that of names without one; the first schema of a
/// database is left out.
pub(super) fn id(name: &ObjectName, dialect: Dialect, schema: &str) -> String {
    let parts: Vec<_> = name.0.iter().map(|part| id_part(part, dialect)).collect();
    match parts.as_slice() {
        [name] if schema.is_empty() => name.clone(),
        [name] => format!("{schema}.{name}"),
        [.., first, name] if ["public", "main"].contains(&first.as_str()) => name.clone(),
        _ => parts.join("."),
    }
}

fn id_part(part: &ObjectNamePart, dialect: Dialect) -> String {
    match (part.as_ident(), dialect) {
        (Some(ident), Dialect::Postgres) if ident.quote_style.is_none() => {
            ident.value.to_lowercase()
        }
        (Some(ident), Dialect::Sqlite) => ident.value.to_lowercase(),
        (Some(ident), _) => ident.value.clone(),
        (None, _) => part.to_string(),
    }
}

/// The last part of a whole name, to find what may mean the same in another schema.
pub(super) fn bare(id: &str) -> String {
    id.rsplit('.').next().unwrap_or(id).to_lowercase()
}

pub(super) fn lower(ident: &Ident) -> String {
    ident.value.to_lowercase()
}

/// The schema of later names without one, if a statement changes it.
pub(super) fn schema_after(statement: &Statement) -> Option<String> {
    match statement {
        Statement::Set(Set::SingleAssignment { variable, values, .. })
            if key(variable) == "search_path" =>
        {
            let first = values.first().map(|value| value.to_string().replace(['"', '\''], ""));
            Some(match first.as_deref() {
                Some("public" | "DEFAULT" | "default" | "$user") => String::new(),
                Some(schema) if !schema.is_empty() && values.len() < 3 => schema.to_lowercase(),
                _ => UNCLEAR.to_owned(),
            })
        }
        Statement::Use(database) => Some(database.to_string().to_lowercase()),
        Statement::Reset(_) | Statement::Discard { .. } => Some(String::new()),
        Statement::Set(_) | Statement::Query(_) => {
            let text = statement.to_string().to_lowercase();
            let moves = ["search_path", "schema ", "set_config", "role", "authorization"];
            let is_setting = matches!(statement, Statement::Set(_)) || text.contains("set_config");
            (is_setting && moves.iter().any(|word| text.contains(word))).then(|| UNCLEAR.to_owned())
        }
        _ => None,
    }
}

/// True if later names may mean other tables, or earlier changes may be undone.
pub(super) fn moves_names(statement: &Statement) -> bool {
    matches!(statement, Statement::Rollback { .. } | Statement::RenameTable(_))
        || schema_after(statement).is_some()
}
