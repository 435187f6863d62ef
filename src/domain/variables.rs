//! The environment variables of steps, as far as the record and the plans know them: names and digests, never a value.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::Sha;

/// Digests of values, made with a secret key that is not in the record: a short value cannot be guessed from its digest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VariableDigests {
    /// Tells which key made them. Digests of different keys cannot be compared.
    pub key: String,
    /// By the name of the variable.
    pub digests: BTreeMap<String, String>,
}

/// What is known about the variables of a deployment's steps before they run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownVariables {
    pub missing: Option<MissingVariables>,
    pub lost: LostValues,
    pub now: VariableDigests,
    /// The variables whose value comes from the environment in which the engine was started.
    pub inherited: BTreeSet<String>,
}

/// The variables that the build's own service file sets, when that file cannot be read: the record has their names alone.
/// A rollback runs all the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LostValues {
    /// Those that the steps do without, and how to give them a value.
    pub unset: Option<MissingVariables>,
    /// Those that the trunk or the operator gives a value, which may be another one.
    pub replaced: Vec<String>,
}

impl LostValues {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.unset.is_none() && self.replaced.is_empty()
    }
}

/// What the rollback to one build lacks: what keeps it from running, and what it runs without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackLack {
    /// The commit of the build for which this was found. Of another build it says nothing.
    pub target: Sha,
    pub missing: Option<MissingVariables>,
    pub lost: LostValues,
}

/// Declared variables that have no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingVariables {
    pub what: String,
    pub remedy: String,
}

impl fmt::Display for MissingVariables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.remedy)
    }
}

/// `A`, `A and B`, `A, B and C`.
#[must_use]
pub fn and(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [name] => name.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

impl KnownVariables {
    /// The digests of the values that come from the engine's own environment.
    #[must_use]
    pub fn recorded(&self) -> VariableDigests {
        let VariableDigests { key, digests } = &self.now;
        let inherited = digests.iter().filter(|(name, _)| self.inherited.contains(*name));
        let digests = inherited.map(|(name, digest)| (name.clone(), digest.clone())).collect();
        VariableDigests { key: key.clone(), digests }
    }

    /// The variables that have another value now. `None` if that cannot be told.
    #[must_use]
    pub fn changed_since(&self, before: &VariableDigests) -> Option<Vec<&str>> {
        let differs = |(name, digest): (&String, &String)| {
            before.digests.get(name).is_some_and(|before| before != digest)
        };
        let now = self.now.digests.iter();
        let changed = now.filter(|(name, digest)| differs((name, digest)));
        (before.key == self.now.key).then(|| changed.map(|(name, _)| name.as_str()).collect())
    }
}
