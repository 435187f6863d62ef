//! Secrets do not reach the disk: their values become `***` in every line before it is written.

/// The values to hide, from the environment.
#[derive(Debug, Default)]
pub(super) struct Mask {
    values: Vec<Vec<u8>>,
    too_short: Vec<String>,
}

const SHORTEST: usize = 8;
const MASKED: &[u8] = b"***";

impl Mask {
    /// Takes each named variable's value, line by line. What is shorter than eight bytes would hide half the log:
    /// it is not masked, and [`Mask::too_short`] names it.
    pub fn new(names: &[String], lookup: impl Fn(&str) -> Option<String>) -> Self {
        let mut mask = Self::default();
        for name in names {
            let Some(value) = lookup(name) else { continue };
            for line in value.lines().map(str::trim).filter(|line| !line.is_empty()) {
                if line.len() < SHORTEST {
                    mask.too_short.push(name.clone());
                } else {
                    mask.values.push(line.as_bytes().to_vec());
                }
            }
        }
        mask.too_short.dedup();
        mask.values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        mask
    }

    pub fn too_short(&self) -> &[String] {
        &self.too_short
    }

    /// How many bytes at the end of a cut piece may be the beginning of a secret.
    pub fn overlap(&self) -> usize {
        self.values.first().map_or(0, |longest| longest.len() - 1)
    }

    pub fn apply(&self, line: Vec<u8>) -> Vec<u8> {
        self.values.iter().fold(line, |line, value| replace(line, value))
    }
}

fn replace(line: Vec<u8>, value: &[u8]) -> Vec<u8> {
    let Some(first) = find(&line, value) else { return line };
    let mut masked = Vec::with_capacity(line.len());
    let (mut rest, mut at) = (&line[..], Some(first));
    while let Some(found) = at {
        masked.extend_from_slice(&rest[..found]);
        masked.extend_from_slice(MASKED);
        rest = &rest[found + value.len()..];
        at = find(rest, value);
    }
    masked.extend_from_slice(rest);
    masked
}

fn find(line: &[u8], value: &[u8]) -> Option<usize> {
    line.windows(value.len()).position(|window| window == value)
}
