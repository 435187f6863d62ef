//! Patterns of paths: `*` and `?` within a folder, `**` across folders.

use regex::Regex;

const LONGEST: usize = 300;

/// A pattern that a whole path has to match.
#[derive(Debug, Clone)]
pub struct Glob(Regex);

/// A pattern that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no pattern of paths; write it from the top of the repository, such as \"db/migrate/*.sql\""
)]
pub struct InvalidGlob(String);

impl std::str::FromStr for Glob {
    type Err = InvalidGlob;

    fn from_str(pattern: &str) -> Result<Self, InvalidGlob> {
        let invalid = || InvalidGlob(pattern.chars().take(LONGEST).collect());
        let parts = pattern.split('/');
        let odd = |part: &str| part.is_empty() || part == "." || part == "..";
        if pattern.len() > LONGEST || parts.clone().any(odd) {
            return Err(invalid());
        }
        let mut regex = String::from("^");
        let mut parts = parts.peekable();
        while let Some(part) = parts.next() {
            match (part, parts.peek()) {
                ("**", Some(_)) => regex.push_str("(?:.*/)?"),
                ("**", None) => regex.push_str(".*"),
                _ => {
                    part.chars().for_each(|c| one(c, &mut regex));
                    if parts.peek().is_some() {
                        regex.push('/');
                    }
                }
            }
        }
        regex.push('$');
        Regex::new(&format!("(?s){regex}")).map(Self).map_err(|_| invalid())
    }
}

fn one(c: char, regex: &mut String) {
    match c {
        '*' => regex.push_str("[^/]*"),
        '?' => regex.push_str("[^/]"),
        _ => regex.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
    }
}

impl Glob {
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.0.is_match(path)
    }
}
