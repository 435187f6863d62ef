//! Secrets do not reach the disk: their values become `***` in every line before it is written.

use std::ops::Range;

use aho_corasick::AhoCorasick;

/// The values to hide, from the environment.
#[derive(Debug, Default)]
pub(super) struct Mask {
    /// All values at once, so that a flood costs one pass however many there are; `None` without any.
    finder: Option<AhoCorasick>,
    longest: usize,
    too_short: Vec<String>,
}

const SHORTEST: usize = 8;
const MASKED: &[u8] = b"***";

impl Mask {
    /// Takes each named variable's value, line by line. What is shorter than eight bytes would hide half the log:
    /// it is not masked, and [`Mask::too_short`] names it.
    pub fn new(names: &[String], lookup: impl Fn(&str) -> Option<String>) -> Self {
        let (mut values, mut too_short) = (Vec::new(), Vec::new());
        for name in names {
            let Some(value) = lookup(name) else { continue };
            for line in value.lines().map(str::trim).filter(|line| !line.is_empty()) {
                if line.len() < SHORTEST {
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

    /// How many bytes at the end of an unfinished line may be the beginning of a secret.
    pub fn overlap(&self) -> usize {
        self.longest.saturating_sub(1)
    }

    /// What of the text is secret, in order and without touching: where values overlap, all of them together.
    pub fn secrets(&self, text: &[u8]) -> Vec<Range<usize>> {
        let Some(finder) = self.finder.as_ref().filter(|finder| finder.is_match(text)) else {
            return Vec::new();
        };
        let mut secrets: Vec<Range<usize>> = Vec::new();
        // In the order of their ends, so that one may begin before some that were found earlier.
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
