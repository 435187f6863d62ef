//! The time zone of the user, in which times are shown and typed.

use std::env;
use std::sync::OnceLock;

use chrono::{DateTime, TimeDelta, Utc};

use crate::calendar::Tz;
use crate::calendar::zone::Edge;
use crate::domain::{instant, time};
use crate::engine::clock::{Clock as _, SystemClock};

/// The zone in which times are shown: of the variable TZ, else of the machine, else UTC.
#[must_use]
pub fn local() -> Tz {
    known().as_ref().copied().unwrap_or(Tz::UTC)
}

/// The start of something, as typed.
pub fn start(text: &str) -> Result<DateTime<Utc>, String> {
    instant::typed(text, known(), Edge::Start)
}

/// Since when, as typed: an instant, or how long ago it is, as in `1h`, `2d` or `2w`.
pub fn since(text: &str) -> Result<DateTime<Utc>, String> {
    since_at(text, SystemClock.now())
}

fn since_at(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
    let is_short = |text: &str| text.trim().chars().all(|c| c.is_alphanumeric() || c == ' ');
    if let Ok(ago) = time::parse(text.trim()) {
        let begin = TimeDelta::from_std(ago).ok().and_then(|ago| now.checked_sub_signed(ago));
        return begin.ok_or_else(|| format!("{text:?} is too long ago"));
    }
    start(text).map_err(|why| {
        let ago = "; or say how long ago it is, as in \"1h\", \"2d\" or \"2w\"";
        if is_short(text) { format!("{text:?} is not a time{ago}") } else { format!("{why}{ago}") }
    })
}

/// The end of something, as typed.
pub fn end(text: &str) -> Result<DateTime<Utc>, String> {
    instant::typed(text, known(), Edge::End)
}

/// The zone of the user, or why it cannot be told.
fn known() -> &'static Result<Tz, String> {
    static KNOWN: OnceLock<Result<Tz, String>> = OnceLock::new();
    KNOWN.get_or_init(|| of(env::var("TZ").ok().as_deref()))
}

/// The zone of this value of TZ: a name, a file, or nothing for UTC. Without a value it is the machine's.
fn of(variable: Option<&str>) -> Result<Tz, String> {
    let machine = || iana_time_zone::get_timezone().ok().and_then(|name| name.parse().ok());
    let Some(text) = variable else { return Ok(machine().unwrap_or(Tz::UTC)) };
    let name = text.strip_prefix(':').unwrap_or(text);
    let name = name.split_once("/zoneinfo/").map_or(name, |(_, name)| name);
    let zone = match name {
        "" => Some(Tz::UTC),
        "/etc/localtime" => machine(),
        name => name.parse().ok(),
    };
    zone.ok_or_else(|| {
        format!(
            "TZ={text:?} names no known zone; set it as in TZ=Europe/Berlin, or add the zone to the time, as in \
             \"2026-12-24 18:00 UTC\""
        )
    })
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::{of, since_at};
    use crate::calendar::Tz;

    #[test]
    fn since_takes_how_long_ago_besides_an_instant() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        for (text, ago) in [
            ("1h", TimeDelta::hours(1)),
            ("90m", TimeDelta::minutes(90)),
            ("2d", TimeDelta::days(2)),
            ("2w", TimeDelta::days(14)),
        ] {
            assert_eq!(since_at(text, now), Ok(now - ago), "{text}");
        }
        let instant = since_at("2026-12-24 18:00 UTC", now).unwrap();
        assert_eq!(instant.to_rfc3339(), "2026-12-24T18:00:00+00:00");
        for text in ["1 hour ago", "yesterday", "1M", "", "-1h", "99999999999999999999d"] {
            let why = since_at(text, now).unwrap_err();
            assert!(why.contains("\"1h\", \"2d\" or \"2w\""), "{text}: {why}");
        }
    }

    #[test]
    fn a_zone_is_known_by_its_name_and_by_its_file() {
        for text in ["Europe/Berlin", ":Europe/Berlin", ":/usr/share/zoneinfo/Europe/Berlin"] {
            assert_eq!(of(Some(text)), Ok(Tz::Europe__Berlin), "{text}");
        }
        assert_eq!(of(Some("")), Ok(Tz::UTC));
        for text in ["CET-1CEST", "Europe/Berln"] {
            assert!(of(Some(text)).unwrap_err().contains("names no known zone"), "{text}");
        }
    }
}
