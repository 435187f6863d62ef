//! Durations on the wire, in whole milliseconds, and calculations with times.

use std::time::Duration;

use chrono::{DateTime, Utc};
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

pub use crate::settings::duration::{parse, say};

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

    /// For an `Option<Duration>`.
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

/// The median of the durations; of an even number, the lower of the two middle ones. `None` if there are none.
#[must_use]
pub fn median(mut durations: Vec<Duration>) -> Option<Duration> {
    durations.sort_unstable();
    let middle = durations.len().checked_sub(1)? / 2;
    durations.get(middle).copied()
}

/// Whether something that takes `expected` is late after `elapsed`: more than half of `expected` and more than two
/// seconds over it.
#[must_use]
pub fn is_late(elapsed: Duration, expected: Duration) -> bool {
    elapsed > expected + (expected / 2).max(Duration::from_secs(2))
}
