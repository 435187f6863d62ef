//! Pauses between tries.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// A pause that is too short to be made shorter.
const SHORT: Duration = Duration::from_secs(4);

/// The pause after so many failures: doubled after each, at most `longest`, with jitter.
pub(super) fn pause(first: Duration, failures: u32, longest: Duration) -> Duration {
    let slowed = first.saturating_mul(2_u32.saturating_pow(failures)).min(longest.max(first));
    let jitter = u32::from(uuid::Uuid::new_v4().as_bytes()[0]);
    slowed + slowed * jitter / 1024
}

/// The same pause, less than a second shorter, so that it ends with a whole second of this process: whoever waits wakes the
/// machine with others. A short one stays as it is.
pub(super) fn together(pause: Duration) -> Duration {
    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    if pause < SHORT {
        return pause;
    }
    let end = BEGIN.elapsed() + pause;
    pause.saturating_sub(Duration::from_nanos(end.subsec_nanos().into()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{SHORT, pause, together};

    #[test]
    fn a_long_pause_ends_with_a_whole_second_and_never_later_than_it_would() {
        for millis in [4_000, 7_500, 9_999, 60_000] {
            let long = Duration::from_millis(millis);
            let together = together(long);
            assert!(together <= long && together + Duration::from_secs(1) > long, "{together:?}");
        }
        let short = SHORT.saturating_sub(Duration::from_millis(1));
        assert_eq!(together(short), short);
    }

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
