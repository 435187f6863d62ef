//! A name of a type stands once in `src`: a reader who searches for it finds the one that is meant.

use std::collections::BTreeMap;
use std::path::Path;

use super::{code, sources};

/// The type that a line declares.
fn declared(line: &str) -> Option<&str> {
    let line = line.strip_prefix("pub").unwrap_or(line);
    let line = line
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(") "))
        .map_or(line, |(_, rest)| rest);
    let line = line.strip_prefix(' ').unwrap_or(line);
    let kinds = ["struct ", "enum ", "trait ", "type ", "union "];
    let name = kinds.iter().find_map(|kind| line.strip_prefix(kind))?;
    name.split(|c: char| !c.is_alphanumeric()).next()
}

#[test]
fn a_type_name_stands_once() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in sources(Path::new("src")) {
        for name in code(&path).lines().filter_map(declared) {
            places.entry(name.to_owned()).or_default().push(path.display().to_string());
        }
    }
    let shared = places.iter().filter(|(_, places)| places.len() > 1);
    let shared: Vec<_> =
        shared.map(|(name, places)| format!("{name}: {}", places.join(", "))).collect();
    assert!(shared.is_empty(), "declared more than once:\n{}", shared.join("\n"));
}

#[test]
fn a_declaration_is_told_from_other_lines() {
    let lines = [
        ("pub struct Plan {", Some("Plan")),
        ("pub(super) enum Way<T> {", Some("Way")),
        ("trait Runner: Send {", Some("Runner")),
        ("    type Error = Infallible;", None),
        ("impl Plan {", None),
    ];
    for (line, name) in lines {
        assert_eq!(declared(line), name, "{line}");
    }
}
