//! Times in the user's zone, and the words that several commands print.

use chrono::{DateTime, Utc};

use super::zone;
use crate::domain::instant;
pub use crate::domain::words::{ago, outcome, writers};

/// `Fri 2026-11-27 06:00 CET`.
pub fn instant(at: DateTime<Utc>) -> String {
    instant::local(at, zone::local())
}

/// `2026-11-27 06:00:09 CET`.
pub fn to_the_second(at: DateTime<Utc>) -> String {
    instant::to_the_second(at, zone::local())
}

/// A sentence of the engine, with its times in the user's zone.
pub fn sentence(text: &str) -> String {
    instant::localized(text, zone::local())
}
