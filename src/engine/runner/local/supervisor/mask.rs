//! Masks secrets: their values become `***` in every line before it is written to disk.

use std::ops::Range;

use aho_corasick::AhoCorasick;

/// The values to hide, from the environment.
#[derive(Debug, Default)]
pub(super) struct Mask {
    /// Searches all values in one pass, so that much output stays cheap. `None` without values.
    finder: Option<AhoCorasick>,
    longest: usize,
    too_short: Vec<String>,
}

/// Shorter values are not masked.
const SHORTEST_SECRET: usize = 8;
const MASKED: &[u8] = b"***";

impl Mask {
    /// Takes the value of each named variable, line by line. A line shorter than eight bytes is not masked, because it would
    /// hide too much of the log. [`Mask::too_short`] names its variable.
    pub fn new(names: &[String], lookup: impl Fn(&str) -> Option<String>) -> Self {
        let (mut values, mut too_short) = (Vec::new(), Vec::new());
        for name in names {
            let Some(value) = lookup(name) else { continue };
            for line in value.lines().map(str::trim).filter(|line| !line.is_empty()) {
                if line.len() < SHORTEST_SECRET {
                    too_short.push(name.clone());
                } else {
                    values.push(line.to_owned());
                }
            }
        }
        too_short.dedup();
        let longest = values.iter().map(String::len).max().unwrap_or_default();
        let finder = (longest > 0).then(|| {
            AhoCorasick::new(&values).expect("an environment is too small for too many states")
        });
        Self { finder, longest, too_short }
    }

    pub fn too_short(&self) -> &[String] {
        &self.too_short
    }

    /// How many bytes at the end of an unfinished line may be the start of a secret.
    pub fn overlap(&self) -> usize {
        self.longest.saturating_sub(1)
    }

    /// The secret parts of the text in order. Parts that overlap or touch are merged.
    pub fn secrets(&self, text: &[u8]) -> Vec<Range<usize>> {
        let Some(finder) = self.finder.as_ref().filter(|finder| finder.is_match(text)) else {
            return Vec::new();
        };
        let mut secrets: Vec<Range<usize>> = Vec::new();
        // Matches come in the order of their ends, so one may start before earlier ones.
        for found in finder.find_overlapping_iter(text) {
            let (mut start, end) = (found.start(), found.end());
            while let Some(last) = secrets.pop_if(|last| last.end >= start) {
                start = start.min(last.start);
            }
            secrets.push(start..end);
        }
        secrets
    }
}

/// The text with `***` in place of each of these parts.
pub(super) fn masked(text: &[u8], secrets: &[Range<usize>]) -> Vec<u8> {
    let mut masked = Vec::with_capacity(text.len());
    let mut from = 0;
    for secret in secrets {
        masked.extend_from_slice(&text[from..secret.start]);
        masked.extend_from_slice(MASKED);
        from = secret.end;
    }
    masked.extend_from_slice(&text[from..]);
    masked
}
