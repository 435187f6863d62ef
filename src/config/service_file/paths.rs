//! The `paths` of a service file: what makes a build.

use crate::migrations::Glob;
use crate::settings::{Mistakes, Section};

/// The most paths: git is asked about each.
const MOST: usize = 50;

pub(super) fn read(top: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Vec<String> {
    let Some(entry) = top.take("paths") else { return Vec::new() };
    let mut paths = Vec::new();
    for path in entry.texts(mistakes) {
        let bare = path.value.strip_suffix('/').unwrap_or(path.value);
        match fault(bare) {
            None if paths.len() < MOST => paths.push(bare.to_owned()),
            None => mistakes.add(path.at, &entry.path, format!("has more than {MOST}; join some")),
            Some(sentence) => mistakes.add(path.at, &entry.path, sentence),
        }
    }
    if entry.is_empty_list() {
        entry.reject(mistakes, "names no path; remove it, or name what makes a build");
    }
    paths
}

fn fault(path: &str) -> Option<String> {
    if path.contains(['*', '?']) {
        return path.parse::<Glob>().err().map(|invalid| invalid.to_string());
    }
    let odd = |part: &str| matches!(part, "" | "." | "..") || part.contains(char::is_control);
    let rule =
        "write it from the top of the repository, such as \"services/search\" or \"libs/**\"";
    if path.starts_with('!') {
        Some(format!(
            "{path:?} would leave paths out, which cannot be said; name what makes a build"
        ))
    } else if path.split('/').any(odd) || path.trim() != path {
        Some(format!("{path:?} is not a path; {rule}"))
    } else {
        None
    }
}
