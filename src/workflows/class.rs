//! What a name says of an environment: staging, production, or nothing that is certain.

use serde::Serialize;

/// What an environment is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvironmentClass {
    Staging,
    Production,
}

const STAGING: [&str; 13] = [
    "staging",
    "stage",
    "stg",
    "preprod",
    "preproduction",
    "uat",
    "qa",
    "test",
    "dev",
    "development",
    "integration",
    "val",
    "acceptance",
];
const PRODUCTION: [&str; 4] = ["prod", "production", "prd", "live"];
/// Such a word stands before a production word in the name of a staging environment.
const NOT_YET: [&str; 2] = ["pre", "non"];

/// The words of a name, in lower case.
pub(crate) fn words(name: &str) -> Vec<String> {
    let name = name.to_ascii_lowercase();
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// `None` for a name that says neither.
#[must_use]
pub fn class_of(name: &str) -> Option<EnvironmentClass> {
    let words = words(name);
    let is_staging = |word: &String| STAGING.contains(&word.as_str()) || word == "next";
    let not_yet = words
        .windows(2)
        .any(|pair| NOT_YET.contains(&pair[0].as_str()) && PRODUCTION.contains(&pair[1].as_str()));
    if not_yet || words.iter().any(is_staging) {
        return Some(EnvironmentClass::Staging);
    }
    let is_production = words.iter().any(|word| PRODUCTION.contains(&word.as_str()));
    is_production.then_some(EnvironmentClass::Production)
}

/// The class that several names say together: `None` if none says one, or two differ.
pub(crate) fn class_of_all<'a>(
    names: impl IntoIterator<Item = &'a str>,
) -> Option<EnvironmentClass> {
    let mut found = names.into_iter().filter_map(class_of);
    let first = found.next()?;
    found.all(|class| class == first).then_some(first)
}

/// The words that make a name staging or production, so that `Staging` and `Staging (EU)` are one.
pub(crate) fn class_words(name: &str) -> Vec<String> {
    let is_one = |word: &String| {
        let word = word.as_str();
        STAGING.contains(&word)
            || PRODUCTION.contains(&word)
            || NOT_YET.contains(&word)
            || word == "next"
    };
    words(name).into_iter().filter(is_one).collect()
}

/// What deploys no service: a page, a package, a review of one pull request.
pub(crate) fn is_no_deploy_target(name: &str) -> bool {
    let words = words(name);
    let Some(first) = words.first() else { return false };
    let starts = |start: &str| first.starts_with(start);
    (first == "github" && words.get(1).is_some_and(|word| word == "pages"))
        || starts("npm")
        || ["pypi", "publish", "copilot"].contains(&first.as_str())
        || words.iter().any(|word| word == "testpypi" || word == "crates")
        || starts("review")
        || starts("preview")
        || (first == "pr" && words.len() > 1)
}

/// Whether nothing but words of testing make a name staging's: a job called "test" tests, it does not deploy a place of
/// that name.
pub(crate) fn is_only_testing(name: &str) -> bool {
    let words = class_words(name);
    let testing = ["test", "integration", "acceptance", "qa", "val", "next"];
    !words.is_empty() && words.iter().all(|word| testing.contains(&word.as_str()))
}
