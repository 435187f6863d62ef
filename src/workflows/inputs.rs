//! What the inputs of a dispatch are for, by their names and values.

use serde::Serialize;

use crate::class::class_of;
use crate::model::DeclaredInput;

/// What an input is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InputRole {
    /// It takes a commit.
    Commit,
    /// It takes a version, a tag or an image, which trunkline cannot make of a commit.
    Artefact,
    Environment,
    /// trunkline's own key.
    Key,
}

/// The name of the input that takes trunkline's key.
pub const KEY_INPUT: &str = "trunkline";

const COMMIT: [&str; 10] = [
    "sha",
    "commit",
    "commitsha",
    "gitref",
    "ref",
    "refspec",
    "gitsha",
    "commitid",
    "githash",
    "revision",
];
const ARTEFACT: [&str; 9] = [
    "version",
    "tag",
    "dockertag",
    "imagetag",
    "image",
    "releasetag",
    "dockerimagetag",
    "dockerimage",
    "gittag",
];

/// What an input is for. `None` if its name does not say.
#[must_use]
pub fn role(input: &DeclaredInput) -> Option<InputRole> {
    let name: String =
        input.name.to_ascii_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    if input.name == KEY_INPUT {
        return Some(InputRole::Key);
    }
    if chooses_environment(input) {
        return Some(InputRole::Environment);
    }
    let is_text = matches!(input.kind.as_str(), "string" | "");
    if is_text && COMMIT.contains(&name.as_str()) {
        return Some(InputRole::Commit);
    }
    (is_text && ARTEFACT.contains(&name.as_str())).then_some(InputRole::Artefact)
}

/// An input of the type `environment`, a choice with a class among its options, or a `site`.
pub(crate) fn chooses_environment(input: &DeclaredInput) -> bool {
    let is_choice = input.kind == "choice";
    let has_class = input.options.iter().any(|option| class_of(option).is_some());
    let named = ["environment", "env", "cluster", "stage"];
    input.kind == "environment"
        || (is_choice && (has_class || input.name.eq_ignore_ascii_case("site")))
        || (!is_choice && named.iter().any(|name| input.name.eq_ignore_ascii_case(name)))
}
