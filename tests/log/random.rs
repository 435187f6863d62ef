//! Randomness that can be had again: from a seed that a failure names.

/// A small generator (`SplitMix64`).
pub struct Random {
    pub seed: u64,
    state: u64,
}

impl Random {
    /// From `TRUNKLINE_SEED`, or from this seed.
    pub fn new(seed: u64) -> Self {
        let seed = number("TRUNKLINE_SEED", seed);
        Self { seed, state: seed }
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }

    pub fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// A setting of the environment.
pub fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("it is a number"))
}
