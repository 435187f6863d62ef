//! Local time to instant. A time that the clock skips or shows twice has one answer for a start and one for an end.

use chrono::{DateTime, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _, Utc};
use chrono_tz::{GapInfo, Tz};

/// Whether a local time starts or ends a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    Start,
    End,
}

/// The instant at which the clocks of a zone show `wall`. A skipped time gives the first instant after the gap. A time
/// that is shown twice gives the earlier instant for a start and the later one for an end.
#[must_use]
pub fn instant(zone: Tz, wall: NaiveDateTime, edge: Edge) -> DateTime<Utc> {
    match zone.from_local_datetime(&wall) {
        MappedLocalTime::Single(at) => at.to_utc(),
        MappedLocalTime::Ambiguous(one, other) => match edge {
            Edge::Start => one.min(other).to_utc(),
            Edge::End => one.max(other).to_utc(),
        },
        MappedLocalTime::None => {
            let after = GapInfo::new(&wall, &zone).and_then(|gap| gap.end);
            after.map_or_else(|| wall.and_utc(), |at| at.to_utc())
        }
    }
}

/// The first instant of a day, as the start of it or the end of the day before.
#[must_use]
pub fn midnight(zone: Tz, day: NaiveDate, edge: Edge) -> DateTime<Utc> {
    instant(zone, day.and_time(NaiveTime::MIN), edge)
}
