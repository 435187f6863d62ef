//! A step's log of a million lines, the same in every run.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use trunkline::domain::log::{Stream, format};

/// How many lines, and about how many bytes each.
pub const LINES: u64 = 1_000_000;
/// Stands near the beginning and near the end, and nowhere else.
pub const RARE: &str = "quintessence";
/// Nearly at the end, the one line that is an error.
const ERROR_AT: u64 = LINES - 2_000;
const RARE_AT: [u64; 2] = [1_700, LINES - 1_500];

/// Writes the log as a supervisor writes it, and says how long it is.
pub fn write(path: &Path) -> u64 {
    let mut file =
        BufWriter::with_capacity(1 << 20, File::create(path).expect("the log can be written"));
    let begin: DateTime<Utc> = DateTime::from_timestamp(1_795_403_642, 0).expect("the time exists");
    for n in 0..LINES {
        let at = begin + TimeDelta::microseconds(20 * n.cast_signed());
        let line = format(at, Stream::Out, text(n).as_bytes(), false);
        file.write_all(&line).expect("the log can be written");
    }
    file.flush().expect("the log can be written");
    std::fs::metadata(path).expect("the log is there").len()
}

/// One line: mostly plain, some coloured, some with a tab or beyond ASCII, many that speak of errors in prose.
fn text(n: u64) -> String {
    let hash = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    let mut text = format!(
        "{n:07} asset {:08x} of batch {} uploaded to eu-west-{} in {} ms, ",
        hash & 0xFFFF_FFFF,
        n / 500,
        n % 3,
        hash % 977
    );
    text.push_str(match hash % 10 {
        0 => "\x1b[32mok\x1b[0m, checksum verified, moved beside its manifest",
        1 => "0 errors, 2 retries, the connection was kept open for the next",
        2 => "größer als erwartet, komprimiert mit der höchsten Stufe, gelöscht",
        3 => "\tcached\tby 3 of 3 edges, the oldest of them seen eleven s before",
        _ => "checksum verified, moved into place, the one before kept",
    });
    if RARE_AT.contains(&n) {
        text.push_str(RARE);
    }
    if n == ERROR_AT {
        text.insert_str(0, "ERROR ");
    }
    text
}
