//! Path patterns: `*` and `?` within a folder, `**` across folders. Braces and brackets are refused, since they would
//! silently match no file.

use regex::Regex;

const LONGEST: usize = 300;

/// A pattern that matches whole paths.
#[derive(Debug, Clone)]
pub struct Glob {
    pattern: String,
    regex: Regex,
}

/// Why a text is not a path pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{pattern:?} is not a path pattern{why}; write it from the top of the repository, such as \"db/migrate/*.sql\""
)]
pub struct InvalidGlob {
    pattern: String,
    why: &'static str,
}

impl std::str::FromStr for Glob {
    type Err = InvalidGlob;

    fn from_str(pattern: &str) -> Result<Self, InvalidGlob> {
        let invalid = |why| InvalidGlob { pattern: pattern.chars().take(LONGEST).collect(), why };
        if let Some(why) = fault(pattern) {
            return Err(invalid(why));
        }
        let mut regex = String::from("^");
        let mut parts = pattern.split('/').peekable();
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
        let regex =
            Regex::new(&format!("(?s){regex}")).map_err(|_| invalid(" (it is too long)"))?;
        Ok(Self { pattern: pattern.to_owned(), regex })
    }
}

/// Why a pattern is invalid.
fn fault(pattern: &str) -> Option<&'static str> {
    let odd = |part: &str| part.is_empty() || part == "." || part == "..";
    let joined = |part: &str| part.contains("**") && part != "**";
    let last = pattern.rsplit('/').next().unwrap_or(pattern);
    if pattern.len() > LONGEST {
        Some(" (it is too long)")
    } else if pattern.split('/').any(odd) {
        Some("")
    } else if pattern.trim() != pattern {
        Some(" (it starts or ends with a space)")
    } else if pattern.contains(['{', '}', '[', ']', '\\']) || pattern.starts_with('!') {
        Some(" (only * and ? and ** are special: write one pattern for each choice)")
    } else if pattern.split('/').any(joined) {
        Some(" (** must be alone between slashes)")
    } else if !last.contains(['*', '?', '.']) {
        Some(" (it names a folder; add \"/**\" for its files)")
    } else {
        None
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
    /// As written.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.regex.is_match(path)
    }
}
