//! A program that prints numbered lines at a certain speed, for the log to be followed.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

/// As long as the lines of a log are.
const TEXT: &str = "the line that is followed here is as long as the lines of a log are, with its number in \
                    front of it, and says no more than that it is here";

/// The last line, which no other contains.
pub const LAST: &str = "that was all";

/// The line with this number.
pub fn line(number: u64) -> String {
    format!("{number:07} {TEXT}")
}

/// `LINES` lines at `RATE` a second, in bursts of ten milliseconds, and one more.
pub fn print(lines: u64, rate: u64) {
    let mut out = std::io::stdout().lock();
    let began = Instant::now();
    let burst = (rate / 100).max(1);
    for first in (0..lines).step_by(usize::try_from(burst).expect("it is small")) {
        let mut bytes = String::new();
        for n in first..lines.min(first + burst) {
            let _memory = writeln!(bytes, "{}", line(n));
        }
        out.write_all(bytes.as_bytes()).expect("somebody reads");
        let due = began + Duration::from_micros(1_000_000 * (first + burst) / rate);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    writeln!(out, "{LAST}").expect("somebody reads");
}
