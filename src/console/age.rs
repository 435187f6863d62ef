//! How long ago something was, and when that next reads differently, so that the console sleeps until then.

use std::time::Duration;

const MINUTE: u64 = 60;
/// The grain of an age below a minute.
const YOUNG: u64 = 10;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// An age as a list shows it: `<10s`, `40s`, `42m`, `3h12m`, `5d`. It moves every ten seconds while it is young, and then
/// once a minute at most.
#[must_use]
pub fn age(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    match seconds {
        0..YOUNG => "<10s".into(),
        YOUNG..MINUTE => format!("{}s", seconds / YOUNG * YOUNG),
        MINUTE..HOUR => format!("{}m", seconds / MINUTE),
        HOUR..DAY if seconds % HOUR < MINUTE => format!("{}h", seconds / HOUR),
        HOUR..DAY => format!("{}h{}m", seconds / HOUR, seconds % HOUR / MINUTE),
        _ => format!("{}d", seconds / DAY),
    }
}

/// In how long [`age`] will read differently.
#[must_use]
pub fn age_changes_in(elapsed: Duration) -> Duration {
    let grain = match elapsed.as_secs() {
        0..MINUTE => YOUNG,
        MINUTE..DAY => MINUTE,
        _ => DAY,
    };
    rest(elapsed, grain)
}

/// In how long a running time, shown with its seconds, will read differently.
#[must_use]
pub fn second_changes_in(elapsed: Duration) -> Duration {
    rest(elapsed, 1)
}

fn rest(elapsed: Duration, grain: u64) -> Duration {
    Duration::from_secs((elapsed.as_secs() / grain + 1) * grain).saturating_sub(elapsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_reads_differently_exactly_when_it_says() {
        for seconds in [0, 9, 10, 59, 60, 61, 3_599, 3_600, 3_660, 7_199, 86_399, 86_400, 200_000] {
            let elapsed = Duration::from_millis(seconds * 1_000 + 250);
            let change = elapsed + age_changes_in(elapsed);
            assert_ne!(age(change), age(elapsed), "after {seconds} s");
            assert_eq!(
                age(change.saturating_sub(Duration::from_millis(1))),
                age(elapsed),
                "after {seconds} s"
            );
        }
    }
}
