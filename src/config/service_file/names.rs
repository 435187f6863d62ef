//! The names that a service file gives of things at GitHub.

use crate::settings::{Mistakes, Section, Setting};

/// What GitHub's names of repositories, files, branches and jobs are as long as at most.
pub(super) const LONGEST_NAME: usize = 200;

pub(super) fn named(
    entry: &Setting<'_>,
    is: fn(&str) -> bool,
    rule: &str,
    mistakes: &mut Mistakes<'_>,
) -> Option<String> {
    let text = entry.text(mistakes)?;
    let is_good = is(text) && text.len() <= LONGEST_NAME;
    if !is_good {
        entry.reject(mistakes, format!("{text:?} is none; {rule}"));
    }
    is_good.then(|| text.to_owned())
}

/// `owner/name`, neither of which a path can be made of.
pub(super) fn is_repository(text: &str) -> bool {
    let is_part = |part: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        !part.is_empty() && part.chars().all(allowed) && part.chars().any(|c| c != '.')
    };
    text.split_once('/').is_some_and(|(owner, name)| is_part(owner) && is_part(name))
}

pub(super) fn is_workflow(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let stem = text.strip_suffix(".yml").or(text.strip_suffix(".yaml"));
    stem.is_some_and(|stem| !stem.is_empty()) && text.chars().all(allowed)
}

pub(super) fn has_control(text: &str) -> bool {
    text.contains(char::is_control)
}

pub(super) fn required<'a>(
    section: &mut Section<'a>,
    key: &'static str,
    mistakes: &mut Mistakes<'_>,
) -> Option<Setting<'a>> {
    let entry = section.take(key);
    if entry.is_none() {
        mistakes.add(section.at, &section.path, format!("needs {key} = \"NAME\""));
    }
    entry
}
