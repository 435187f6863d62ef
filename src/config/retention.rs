//! `[retention]` of the user file: what the engine keeps, for how long and up to which size.

use std::time::Duration;

use super::user_file::TOP_KEYS;
use crate::settings::{Mistakes, Setting, duration};

const DAY: Duration = Duration::from_hours(24);
const GIB: u64 = 1024 * 1024 * 1024;
/// The units of a size. Powers of 1024, as disks of servers are measured.
const UNITS: [(&str, u64); 3] = [("MiB", 1024 * 1024), ("GiB", GIB), ("TiB", 1024 * GIB)];
/// What is written for no limit.
const NEVER: &str = "never";

/// What is kept. `None` is for ever, and without a limit. What runs or could be rolled back to is kept in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How long the log of a deployment is kept after its end.
    pub logs: Option<Duration>,
    /// How many bytes all logs may take. Beyond that the oldest go first.
    pub logs_size: Option<u64>,
    /// How long the mirror of a repository that is not watched any more is kept, and the checkouts of its services.
    pub unwatched: Option<Duration>,
}

impl Default for Retention {
    fn default() -> Self {
        Self { logs: Some(180 * DAY), logs_size: Some(20 * GIB), unwatched: Some(90 * DAY) }
    }
}

pub(super) fn read(entry: Option<Setting<'_>>, mistakes: &mut Mistakes<'_>) -> Retention {
    let mut kept = Retention::default();
    let Some(mut section) = entry.and_then(|entry| entry.section(mistakes)) else { return kept };
    for (key, limit) in [("logs", &mut kept.logs), ("unwatched", &mut kept.unwatched)] {
        if let Some(entry) = section.take(key) {
            limited(limit, &entry, age, mistakes);
        }
    }
    if let Some(entry) = section.take("logs_size") {
        limited(&mut kept.logs_size, &entry, size, mistakes);
    }
    section.finish_below(&TOP_KEYS, mistakes);
    kept
}

/// Reads a limit, or that there is none.
fn limited<T>(
    limit: &mut Option<T>,
    entry: &Setting<'_>,
    read: impl FnOnce(&str) -> Result<T, String>,
    mistakes: &mut Mistakes<'_>,
) {
    let Some(text) = entry.text(mistakes) else { return };
    if text == NEVER {
        *limit = None;
        return;
    }
    match read(text) {
        Ok(read) => *limit = Some(read),
        Err(why) => entry.reject(mistakes, why),
    }
}

/// At least a day: less would remove what somebody looks at.
fn age(text: &str) -> Result<Duration, String> {
    match duration::parse(text) {
        Ok(age) if age >= DAY => Ok(age),
        Ok(_) => Err(format!("{text:?} is shorter than a day")),
        Err(_) => Err(format!("write it like \"90d\", or {NEVER:?}")),
    }
}

fn size(text: &str) -> Result<u64, String> {
    let bytes = UNITS.iter().find_map(|(unit, bytes)| {
        let number: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
        number.checked_mul(*bytes).filter(|bytes| *bytes > 0)
    });
    bytes.ok_or_else(|| format!("write it like \"500MiB\" or \"20GiB\", or {NEVER:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::user_file::UserFile;

    #[test]
    fn what_is_kept_is_read_with_its_defaults() {
        let read = |text: &str| UserFile::parse(text, "config.toml").unwrap().retention;
        assert_eq!(read(""), Retention::default());
        let kept =
            read("[retention]\nlogs = \"never\"\nlogs_size = \"500 MiB\"\nunwatched = \"30d\"\n");
        let expected =
            Retention { logs: None, logs_size: Some(500 << 20), unwatched: Some(30 * DAY) };
        assert_eq!(kept, expected);
    }

    #[test]
    fn a_mistake_in_what_is_kept_has_its_place_and_the_way_to_write_it() {
        let cases = [
            ("logs = \"1h\"", "shorter than a day"),
            ("logs = \"long\"", "write it like \"90d\""),
            ("logs = 90", "expected a text"),
            ("logs_size = \"20GB\"", "20GiB"),
            ("logs_size = \"0GiB\"", "20GiB"),
            ("logs_size = \"99999999999999TiB\"", "20GiB"),
            ("unwatched = \"0s\"", "shorter than a day"),
            ("log = \"90d\"", "logs"),
        ];
        for (line, wanted) in cases {
            let text = format!("[retention]\n{line}\n");
            let told = UserFile::parse(&text, "config.toml").unwrap_err().to_string();
            assert!(told.contains("config.toml:2:") && told.contains(wanted), "{line}: {told}");
        }
    }
}
