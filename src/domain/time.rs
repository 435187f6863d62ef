//! Durations on the wire (whole milliseconds), and how long things usually take.

use std::time::Duration;

use chrono::{DateTime, Utc};
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

/// The wire form that [`millis`] gives a `Duration`, for `#[schema(value_type = Milliseconds)]`; it has no values.
#[derive(Debug, Clone, Copy)]
pub enum Milliseconds {}

impl PartialSchema for Milliseconds {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .minimum(Some(0))
            .description(Some("A duration in whole milliseconds."))
            .into()
    }
}

impl ToSchema for Milliseconds {}

/// Serialises a `Duration` as whole milliseconds, for `#[serde(with = "millis")]`.
#[allow(clippy::missing_errors_doc, reason = "the signatures are serde's")]
pub mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }

    /// The same for an optional duration.
    pub mod option {
        use std::time::Duration;

        use serde::{Deserialize, Deserializer, Serialize, Serializer};

        #[allow(clippy::ref_option, reason = "serde's `with` passes the field by reference")]
        pub fn serialize<S: Serializer>(
            duration: &Option<Duration>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            duration.map(|d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX)).serialize(serializer)
        }

        pub fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Duration>, D::Error> {
            Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_millis))
        }
    }
}

/// The time from `from` to `to`; zero when a clock went backwards.
#[must_use]
pub fn between(from: DateTime<Utc>, to: DateTime<Utc>) -> Duration {
    (to - from).to_std().unwrap_or_default()
}

/// The median of what was measured, the lower of the two middles when their number is even; `None` for nothing.
#[must_use]
pub fn median(mut durations: Vec<Duration>) -> Option<Duration> {
    durations.sort_unstable();
    let middle = durations.len().checked_sub(1)? / 2;
    durations.get(middle).copied()
}

/// Whether something that usually takes `expected` is late after `elapsed`: beyond one and a half times, and at
/// least two seconds over.
#[must_use]
pub fn is_late(elapsed: Duration, expected: Duration) -> bool {
    elapsed > expected + (expected / 2).max(Duration::from_secs(2))
}

/// A duration as people write it: `2h`, `1h 30m`, `3d`. Months and years are refused: `M` was meant as minutes.
///
/// # Errors
/// How to write it.
pub fn parse(text: &str) -> Result<Duration, String> {
    let units = text.split(|c: char| !c.is_alphabetic());
    let is_long = |unit: &str| unit == "M" || unit.starts_with("mon") || unit.starts_with('y');
    match humantime::parse_duration(text) {
        Ok(duration) if !units.into_iter().any(is_long) => Ok(duration),
        Ok(_) => Err(format!("{text:?} has months or years; write minutes as \"m\", else days")),
        Err(_) => {
            Err(format!("{text:?} is not a time; write it like \"30s\", \"15m\" or \"1h 30m\""))
        }
    }
}

/// A duration as people say it, at most two units: `8s`, `2m10s`, `1h12m`, `3d4h`.
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
