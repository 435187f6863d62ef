//! The patterns of branch and tag filters: `*`, `**`, `?`, `+`, `[…]` and a `!` in front.

use regex::Regex;

/// Whether a list of patterns takes a name. The last pattern that fits decides.
pub(crate) fn takes(patterns: &[String], name: &str) -> bool {
    let mut is_taken = false;
    for pattern in patterns {
        let (pattern, takes) =
            pattern.strip_prefix('!').map_or((pattern.as_str(), true), |out| (out, false));
        if fits(pattern, name) {
            is_taken = takes;
        }
    }
    is_taken
}

pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    if !has_wildcard(pattern) {
        return pattern == name;
    }
    let mut text = String::from("^");
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '*' if rest.next_if_eq(&'*').is_some() => text.push_str(".*"),
            '*' => text.push_str("[^/]*"),
            '?' | '+' | '[' | ']' | '-' => text.push(c),
            '\\' => text.extend(rest.next().map(|c| regex::escape(&c.to_string()))),
            c => text.push_str(&regex::escape(&c.to_string())),
        }
    }
    text.push('$');
    // A pattern that is none is taken to fit: what GitHub makes of it is not known.
    Regex::new(&text).map_or(true, |regex| regex.is_match(name))
}

pub(crate) fn has_wildcard(pattern: &str) -> bool {
    pattern.contains(['*', '?', '+', '[', ']', '\\', '!'])
}

/// What every name begins with that a pattern takes.
pub(crate) fn beginning(pattern: &str) -> &str {
    let end = pattern.find(['*', '?', '+', '[', '\\']).unwrap_or(pattern.len());
    // The character before `?` and `+` may be missing or repeated.
    let is_counted = pattern[end..].starts_with(['?', '+']);
    let last = pattern[..end].char_indices().next_back().map_or(0, |(at, _)| at);
    if is_counted { &pattern[..last] } else { &pattern[..end] }
}
