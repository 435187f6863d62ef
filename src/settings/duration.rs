//! Durations as people write and read them.

use std::time::Duration;

/// Parses a duration such as `2h`, `1h 30m` or `3d`. Months and years are invalid: `M` is a typing error for minutes.
///
/// # Errors
/// With how to write it.
pub fn parse(text: &str) -> Result<Duration, String> {
    let units = text.split(|c: char| !c.is_alphabetic());
    let is_long = |unit: &str| unit == "M" || unit.starts_with("mon") || unit.starts_with('y');
    match humantime::parse_duration(text) {
        Ok(duration) if !units.into_iter().any(is_long) => Ok(duration),
        Ok(_) => Err(format!("{text:?} has months or years; write \"m\" for minutes, or days")),
        Err(_) => {
            Err(format!("{text:?} is not a duration; write it like \"30s\", \"15m\" or \"1h 30m\""))
        }
    }
}

/// A duration in at most two units: `8s`, `2m10s`, `1h12m`, `3d4h`.
#[must_use]
pub fn say(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let pair = |large: u64, unit: &str, small: u64, small_unit: &str| {
        if small == 0 {
            format!("{large}{unit}")
        } else {
            format!("{large}{unit}{small}{small_unit}")
        }
    };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => pair(minutes, "m", seconds % 60, "s"),
        (0, _, _) => pair(hours, "h", minutes, "m"),
        _ => pair(days, "d", hours, "h"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::parse;

    #[test]
    fn a_duration_has_no_months_in_it() {
        assert_eq!(parse("1h 30m"), Ok(Duration::from_mins(90)));
        assert_eq!(parse("3days"), Ok(Duration::from_hours(72)));
        for text in ["1M", "2h 1M", "1month", "2months", "1y", "1year", "soon", ""] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
