//! Chance that can be repeated: a test prints its seed when it fails, and takes one from `TRUNKLINE_SEED`.

use std::time::Duration;

/// What a test draws from when nobody names a seed.
const USUAL: u64 = 20_261_125;

/// A stream of numbers that a seed determines (`SplitMix64`).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// Another stream for each number, so that what draws at the same time does not disturb each other.
    #[must_use]
    pub fn fork(&self, number: u64) -> Self {
        let mut other = Self(self.0 ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93));
        other.roll();
        other
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of `0..limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).expect("a count fits");
        usize::try_from(self.roll() % limit).expect("it is below a usize")
    }

    /// A moment within this time, to the microsecond.
    pub fn within(&mut self, longest: Duration) -> Duration {
        let micros = u64::try_from(longest.as_micros()).expect("a test is not that long");
        Duration::from_micros(self.roll() % micros.max(1))
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub fn one_of<T: Copy>(&mut self, from: &[T]) -> T {
        *self.pick(from)
    }

    /// True in so many of a hundred cases.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// The seed of this run; said when the test fails while this lives.
#[derive(Debug)]
pub struct Seed(pub u64);

impl Seed {
    pub fn of_this_run() -> Self {
        Self(number("TRUNKLINE_SEED").unwrap_or(USUAL))
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("repeat it with TRUNKLINE_SEED={}", self.0);
        }
    }
}

/// A seed for each case: the one that `TRUNKLINE_SEED` names, else as many as the variable asks for, or a few.
pub fn seeds(variable: &str, few: u64) -> Vec<u64> {
    match number("TRUNKLINE_SEED") {
        Some(seed) => vec![seed],
        None => (0..number(variable).unwrap_or(few)).collect(),
    }
}

/// A number from the environment, as the sizes of tests are.
pub fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text:?} is not a number")))
}
