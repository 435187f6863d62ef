//! The wait before the next try: longer each time, and different for each client.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(15);

/// The wait before try number `attempt`: doubled up to 15 s, then spread by up to a quarter in both directions.
///
/// The spread is computed from `seed`, which differs between consoles, so that a wait is reproducible.
#[must_use]
pub fn wait(attempt: u32, seed: &str) -> Duration {
    spread(FIRST.saturating_mul(1 << attempt.min(10)).min(LONGEST), &(attempt, seed))
}

/// [`wait`], and at least as long as the engine asked to wait.
#[must_use]
pub fn wait_at_least(asked: Option<Duration>, attempt: u32, seed: &str) -> Duration {
    let own = wait(attempt, seed);
    // The engine tells every client the same time, so the spread is added to it.
    asked.map_or(own, |asked| own.max(asked + spread(asked / 8, &(attempt, seed))))
}

/// A duration between three and five quarters of `duration`, chosen by the salt.
#[must_use]
pub fn spread(duration: Duration, salt: &impl Hash) -> Duration {
    let mut hasher = DefaultHasher::new();
    salt.hash(&mut hasher);
    let per_mille = 750 + u32::try_from(hasher.finish() % 501).expect("501 fits into 32 bits");
    duration * per_mille / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_differ_between_consoles() {
        assert!(wait(0, "a") < Duration::from_secs(1));
        assert!(wait(40, "a") <= Duration::from_secs(19));
        assert_ne!(wait(3, "a"), wait(3, "b"));
    }

    #[test]
    fn a_wait_is_longer_than_the_engine_asked_for() {
        let minute = Duration::from_mins(1);
        for attempt in 0..40 {
            assert!(wait_at_least(Some(minute), attempt, "a") > minute);
            assert_eq!(wait_at_least(None, attempt, "a"), wait(attempt, "a"));
        }
        assert_eq!(wait_at_least(Some(Duration::from_millis(1)), 5, "a"), wait(5, "a"));
    }
}
