//! The environment variables of steps: `[env]` and `[secrets]`.

use std::collections::BTreeMap;

use super::TOP;
use crate::settings::{Mistakes, Section, Setting};

/// The variables that steps get besides the few that every step has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeclaredVariables {
    /// Those that have the operator's value.
    pub pass: Vec<String>,
    /// Those whose value is in the file.
    pub set: BTreeMap<String, String>,
    /// The same as `pass`; the logs hide their values.
    pub secrets: Vec<String>,
}

impl DeclaredVariables {
    /// The names that need a value from the operator.
    pub fn wanted(&self) -> impl Iterator<Item = &String> {
        self.pass.iter().chain(&self.secrets)
    }
}

pub(super) fn read(top: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> DeclaredVariables {
    let mut declared = DeclaredVariables::default();
    let mut names = Vec::new();
    if let Some(mut env) = top.take("env").and_then(|entry| entry.section(mistakes)) {
        if let Some(entry) = env.take("pass") {
            declared.pass = listed(&entry, &mut names, mistakes);
        }
        if let Some(values) = env.take("set").and_then(|entry| entry.section(mistakes)) {
            declared.set = set(&values, &mut names, mistakes);
        }
        env.finish_below(&TOP, mistakes);
    }
    if let Some(mut secrets) = top.take("secrets").and_then(|entry| entry.section(mistakes)) {
        if let Some(entry) = secrets.take("env") {
            declared.secrets = listed(&entry, &mut names, mistakes);
        }
        secrets.finish_below(&TOP, mistakes);
    }
    declared
}

fn listed(
    entry: &Setting<'_>,
    names: &mut Vec<String>,
    mistakes: &mut Mistakes<'_>,
) -> Vec<String> {
    let mut listed = Vec::new();
    for name in entry.texts(mistakes) {
        match invalid(name.value, names) {
            Some(why) => {
                mistakes.add(name.at, &entry.path, format!("{:?} {why}", shown(name.value)));
            }
            None => {
                names.push(name.value.to_owned());
                listed.push(name.value.to_owned());
            }
        }
    }
    listed
}

fn set(
    values: &Section<'_>,
    names: &mut Vec<String>,
    mistakes: &mut Mistakes<'_>,
) -> BTreeMap<String, String> {
    let mut set = BTreeMap::new();
    for entry in values.all() {
        let name = entry.name.clone();
        if let Some(why) = invalid(&name, names) {
            mistakes.add(entry.key_at, &values.path, format!("{name:?} {why}"));
        } else if let Some(value) = entry.text(mistakes) {
            if value.contains('\0') {
                entry
                    .reject(mistakes, "contains a NUL character, which no variable can; remove it");
            }
            names.push(name.clone());
            set.insert(name, value.to_owned());
        }
    }
    set
}

/// Why a text cannot be the name of a variable.
fn invalid(name: &str, before: &[String]) -> Option<&'static str> {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.contains('=') {
        Some("contains a value; write only the name, the operator gives the value")
    } else if name.is_empty()
        || !name.chars().all(inside)
        || name.starts_with(|c: char| c.is_ascii_digit())
    {
        Some("is not the name of an environment variable; use A-Z, 0-9 and \"_\"")
    } else if name.starts_with("TRUNKLINE_") {
        Some("is set by trunkline; choose a name without TRUNKLINE_")
    } else if before.iter().any(|known| known == name) {
        Some("is listed twice; keep one")
    } else {
        None
    }
}

/// The name of a variable without a value behind it.
fn shown(name: &str) -> &str {
    name.split_once('=').map_or(name, |(name, _)| name)
}
