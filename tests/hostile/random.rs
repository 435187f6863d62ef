//! Numbers that are the same in every run with the same seed.

/// A sequence of numbers (splitmix64).
pub struct Random(u64);

impl Random {
    /// The sequence of one case of a run: each case can be made again without those before it.
    pub fn of_case(case: u64) -> Self {
        Self(seed().wrapping_add(case.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from((self.next() >> 33) % end as u64).unwrap()
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// A random part of a random piece.
    pub fn slice<'a>(&mut self, pieces: &'a [Vec<u8>]) -> &'a [u8] {
        let piece = self.pick(pieces);
        let start = self.below(piece.len() + 1);
        let end = start + self.below(piece.len() - start + 1);
        &piece[start..end]
    }
}

/// Where every sequence of this run begins; `TRUNKLINE_SEED` sets it, and failures name it.
pub fn seed() -> u64 {
    number("TRUNKLINE_SEED").unwrap_or(0x5EED)
}

/// A number from the environment.
pub fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")))
}
