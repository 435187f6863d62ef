//! The name of a trunk: a branch name that git accepts.

use crate::settings::Mistakes;
use crate::settings::Setting;

/// The branch name in a setting.
pub(super) fn trunk(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let name = entry.text(mistakes)?;
    if is_branch(name) {
        return Some(name.to_owned());
    }
    let shortened = name.strip_prefix("refs/heads/").filter(|short| is_branch(short));
    let advice = match shortened {
        Some(short) => format!("; did you mean {short:?}?"),
        None => "; write it as `git branch` shows it".to_owned(),
    };
    entry.reject(mistakes, format!("{name:?} is not the name of a branch{advice}"));
    None
}

/// The rules of `git check-ref-format --branch`, and no `refs/` before the name.
fn is_branch(name: &str) -> bool {
    let forbidden = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
    let part_is_good = |part: &str| {
        !part.is_empty() && !part.starts_with('.') && part.strip_suffix(".lock").is_none()
    };
    name.len() <= 200
        && !name.starts_with('-')
        && !name.starts_with("refs/")
        && !name.ends_with('.')
        && !name.contains("..")
        && !name.contains("@{")
        && name != "@"
        && name != "HEAD"
        && !name.contains(forbidden)
        && name.split('/').all(part_is_good)
}
