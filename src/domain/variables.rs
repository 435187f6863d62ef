//! The environment variables of steps, as far as the record and the plans know them: names and digests, never a value.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    pub now: VariableDigests,
    /// The variables whose value comes from the environment in which the engine was started.
    pub inherited: BTreeSet<String>,
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
