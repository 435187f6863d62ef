//! What the retention of a user file says about logs: how long they are kept, and how much they may take.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::time::{Milliseconds, millis, say};

/// Why logs were removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum RetentionRule {
    /// They were older.
    Age {
        #[serde(with = "millis")]
        #[schema(value_type = Milliseconds)]
        limit: Duration,
    },
    /// All together took more than this many bytes, and they were the oldest.
    Size { limit: u64 },
}

impl fmt::Display for RetentionRule {
    /// `the retention of 180d`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Age { limit } => write!(f, "the retention of {}", say(*limit)),
            Self::Size { limit } => write!(f, "the retention of {}", in_bytes(*limit)),
        }
    }
}

/// A number of bytes as people read it: `0 MiB`, `15 MiB`, `1.5 GiB`.
#[must_use]
pub fn in_bytes(bytes: u64) -> String {
    const MIB: u64 = 1024 * 1024;
    let mib = bytes.div_ceil(MIB);
    if mib < 1024 {
        return format!("{mib} MiB");
    }
    let tenths = mib * 10 / 1024;
    match tenths % 10 {
        0 => format!("{} GiB", tenths / 10),
        rest => format!("{}.{rest} GiB", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_said_in_one_unit() {
        let said = [0, 1, 15 << 20, 3 << 29, 20 << 30].map(in_bytes);
        assert_eq!(said, ["0 MiB", "1 MiB", "15 MiB", "1.5 GiB", "20 GiB"]);
    }
}
