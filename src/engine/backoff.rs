//! Pauses between tries.

use std::time::Duration;

/// The pause after so many failures: doubled after each, at most `longest`, with jitter.
pub(super) fn pause(first: Duration, failures: u32, longest: Duration) -> Duration {
    let slowed = first.saturating_mul(2_u32.saturating_pow(failures)).min(longest.max(first));
    let jitter = u32::from(uuid::Uuid::new_v4().as_bytes()[0]);
    slowed + slowed * jitter / 1024
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::pause;

    #[test]
    fn pauses_grow_up_to_the_longest_and_a_quarter() {
        let (first, longest) = (Duration::from_secs(1), Duration::from_mins(1));
        assert!((1..=2).contains(&pause(first, 0, longest).as_secs()));
        assert!((8..=10).contains(&pause(first, 3, longest).as_secs()));
        for failures in [7, 40, u32::MAX] {
            assert!((60..=75).contains(&pause(first, failures, longest).as_secs()));
        }
        let slow = Duration::from_mins(5);
        assert!(pause(slow, 2, longest) >= slow, "never faster than the first");
    }
}
