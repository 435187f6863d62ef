//! Reads freezes.toml and calendar feeds from files; a panic of the feed parser is contained.

use std::io::Read as _;
use std::path::Path;

use chrono::{DateTime, Utc};

use crate::calendar::{Feed, Tz, ical};
use crate::fault::{self, Layer};
use crate::settings;

/// The text of a file of at most `most` bytes.
///
/// # Errors
/// If it is no file, is larger, or cannot be read.
pub fn text(path: &Path, most: usize) -> Result<String, String> {
    // Opening a pipe would wait for its writer.
    if !std::fs::metadata(path).map_err(|error| error.to_string())?.is_file() {
        return Err("it is not a file".to_owned());
    }
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() > most {
        return Err(format!("it is larger than {} KiB", most / 1024));
    }
    settings::text(bytes, "").map_err(|error| {
        let line = error.mistakes().first().map_or(1, |mistake| mistake.line);
        format!("it is not UTF-8 in line {line}; save it as UTF-8")
    })
}

/// The events of a feed that touch a stretch of time, see [`ical::read`].
///
/// # Errors
/// If it is no calendar, is too large, or the parser panics on it.
pub fn feed(
    text: &str,
    zone: Tz,
    stretch: (DateTime<Utc>, DateTime<Utc>),
    read_at: DateTime<Utc>,
) -> Result<Feed, String> {
    let read = fault::contained(|| {
        fault::here(Layer::Feed);
        ical::read(text, zone, stretch, read_at)
    });
    read.unwrap_or_else(|| Err("crashes the calendar parser".to_owned()))
}
